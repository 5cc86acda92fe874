// Looks up one context and prints its membership, then measures cached lookups.
//
//     cc membership.c $(pkg-config --cflags --libs bigseg) -o membership
//     ./membership STORE [CONTEXT_KEY [SEGMENT_REF]]

#include <bigseg.h>

#include <stdio.h>
#include <time.h>

enum { REPEATS = 1000000 };

static double seconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Shows an error, frees it, and returns the exit code.
static int report(bigseg_error *error) {
    bigseg_str message = bigseg_error_message(error);
    fprintf(stderr, "membership: " BIGSEG_FORMAT "\n", BIGSEG_PRINT(message));
    bigseg_error_free(error);
    return 1;
}

static void show(const bigseg_membership *membership, bigseg_str segment_ref) {
    static const char *const words[] = {"no value: the segment's rules decide", "included", "excluded"};
    for (size_t i = 0; i < bigseg_membership_included_count(membership); i++) {
        printf("  in     " BIGSEG_FORMAT "\n", BIGSEG_PRINT(bigseg_membership_included_at(membership, i)));
    }
    for (size_t i = 0; i < bigseg_membership_excluded_count(membership); i++) {
        printf("  not in " BIGSEG_FORMAT "\n", BIGSEG_PRINT(bigseg_membership_excluded_at(membership, i)));
    }
    printf("  check of " BIGSEG_FORMAT ": %s\n", BIGSEG_PRINT(segment_ref),
           words[bigseg_membership_check(membership, segment_ref)]);
}

// Looks up the same context repeatedly; the cache answers.
static int measure(const bigseg_engine *engine, bigseg_str context_key, bigseg_str segment_ref) {
    size_t included = 0;
    double began = seconds();
    for (int i = 0; i < REPEATS; i++) {
        const bigseg_membership *membership = NULL;
        bigseg_lookup_status status;
        bigseg_error *error = NULL;
        if (bigseg_engine_membership(engine, context_key, &membership, &status, &error) != BIGSEG_OK) {
            return report(error);
        }
        included += bigseg_membership_check(membership, segment_ref) == BIGSEG_MEMBERSHIP_INCLUDED;
        bigseg_membership_free(membership);
    }
    double took = seconds() - began;
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    bigseg_engine_metrics(engine, &metrics, NULL);
    printf("%d lookups, %zu of them \"included\": %.2f million a second, %.0f ns each; the store was asked %llu times\n",
           REPEATS, included, REPEATS / took / 1e6, took / REPEATS * 1e9, (unsigned long long)metrics.store_queries);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: membership STORE [CONTEXT_KEY [SEGMENT_REF]]\n");
        return 2;
    }
    bigseg_str context_key = bigseg_str_of(argc > 2 ? argv[2] : "user-1");
    bigseg_str segment_ref = bigseg_str_of(argc > 3 ? argv[3] : "demo-01.g1");

    bigseg_config *config = bigseg_config_new();
    bigseg_config_set_store(config, bigseg_str_of(argv[1]));
    bigseg_engine *engine = NULL;
    bigseg_error *error = NULL;
    bigseg_code code = bigseg_engine_open(config, &engine, &error);
    bigseg_config_free(config);
    if (code != BIGSEG_OK) {
        return report(error);
    }

    int result = 1;
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    if (bigseg_engine_membership(engine, context_key, &membership, &status, &error) != BIGSEG_OK) {
        report(error);
    } else {
        printf(BIGSEG_FORMAT " (%s, libbigseg " BIGSEG_FORMAT ")\n", BIGSEG_PRINT(bigseg_lookup_status_name(status)),
               argv[1], BIGSEG_PRINT(bigseg_version()));
        show(membership, segment_ref);
        bigseg_membership_free(membership);
        result = measure(engine, context_key, segment_ref);
    }
    bigseg_engine_free(engine);
    return result;
}
