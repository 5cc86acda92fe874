// Runs tests/vectors/evaluation.json in C, on a custom store.
#include "vector.h"

enum { START = 1700000000 };

// The store of a case. Queries do not run concurrently.
typedef struct {
    const json_t *said, *queries;
    size_t asked;
} Store;

static bool is_of(const char *key, const bigseg_context_hash *hash) {
    bigseg_context_hash of_key;
    CHECK(bigseg_context_hash_of(bigseg_str_of(key), &of_key, NULL) == BIGSEG_OK);
    return memcmp(&of_key, hash, sizeof of_key) == 0;
}

static bool is_among(const json_t *keys, const bigseg_context_hash *hash) {
    size_t i;
    json_t *key;
    json_array_foreach((json_t *)keys, i, key) {
        if (is_of(json_string_value(key), hash)) {
            return true;
        }
    }
    return false;
}

static bigseg_code memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                               bigseg_answers *answers, bigseg_error **error) {
    Store *store = userdata;
    for (size_t i = 0; i < count; i++) {
        const json_t *expected = json_array_get(store->queries, store->asked++);
        if (!expected || !is_of(json_string_value(expected), &hashes[i])) {
            complain(store->queries, "another query was made");
        }
        if (is_among(json_object_get(store->said, "failing"), &hashes[i])) {
            CHECK(bigseg_answers_fail(answers, i, BIGSEG_STORE_DATA, BIGSEG_STR("as told"), error) == BIGSEG_OK);
            continue;
        }
        const char *key;
        json_t *membership, *ref;
        size_t j;
        json_object_foreach(json_object_get(store->said, "memberships"), key, membership) {
            if (!is_of(key, &hashes[i])) {
                continue;
            }
            json_array_foreach(json_object_get(membership, "included"), j, ref) {
                CHECK(bigseg_answers_include(answers, i, text_of(ref), error) == BIGSEG_OK);
            }
            json_array_foreach(json_object_get(membership, "excluded"), j, ref) {
                CHECK(bigseg_answers_exclude(answers, i, text_of(ref), error) == BIGSEG_OK);
            }
        }
    }
    return BIGSEG_OK;
}

static bigseg_code metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)error;
    *synchronized_on = json_is_true(json_object_get(((Store *)userdata)->said, "stale")) ? 0 : START;
    return BIGSEG_OK;
}

// Reads the file with whole numbers as integers: a version must be an integer.
static json_t *load_exactly(const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/evaluation.json", directory);
    json_error_t error;
    json_t *file = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!file) {
        fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
        exit(1);
    }
    return file;
}

// Returns the JSON of a value, to be freed.
static char *dump(const json_t *value) { return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT); }

static void expect(const json_t *about, bigseg_str json) {
    json_error_t problem;
    json_t *said = json_loadb(json.data, json.length, JSON_ALLOW_NUL, &problem);
    CHECK(said != NULL);
    json_t *variation = json_object_get(said, "variation"), *value = json_object_get(about, "default");
    // The program applies the default.
    if (json_object_get(about, "flag") && !variation) {
        json_object_set_new(said, "value", value ? json_incref(value) : json_null());
    }
    if (!json_equal(said, json_object_get(about, "expect"))) {
        complain(about, dump(said));
    }
    json_decref(said);
}

static void play(const json_t *about) {
    Store store = {.said = json_object_get(about, "store"), .queries = json_object_get(about, "queries")};
    bigseg_store_vtable vtable = {sizeof vtable, memberships, metadata};
    bigseg_clock *clock = bigseg_clock_new(START);
    bigseg_config *config = bigseg_config_new();
    bigseg_config_set_clock(config, clock);
    bigseg_config_set_breaker_failures(config, 0);
    bigseg_config_set_lookup_deadline(config, 60000);
    bigseg_config_set_status_poll_interval(config, 24 * 3600 * 1000);
    if (!json_is_null(store.said)) {
        bigseg_config_set_custom_store(config, &vtable, &store, NULL);
    }
    bigseg_engine *engine = open_engine(config);
    char *data = dump(json_object_get(about, "data")), *context_json = dump(json_object_get(about, "context"));
    CHECK_OK(bigseg_engine_set_data(engine, bigseg_str_of(data), &error));
    bigseg_context *context = NULL;
    CHECK_OK(bigseg_context_new(bigseg_str_of(context_json), &context, &error));
    if (json_object_get(about, "flag")) {
        bigseg_evaluation *evaluation = NULL;
        CHECK_OK(bigseg_engine_evaluate(engine, text(about, "flag"), context, &evaluation, &error));
        expect(about, bigseg_evaluation_json(evaluation));
        bigseg_evaluation_free(evaluation);
    } else {
        bigseg_segment_answer *answer = NULL;
        CHECK_OK(bigseg_engine_segment_contains(engine, text(about, "segment"), context, &answer, &error));
        expect(about, bigseg_segment_answer_json(answer));
        CHECK(bigseg_segment_answer_is_match(answer) ==
              json_is_true(json_object_get(json_object_get(about, "expect"), "isMatch")));
        bigseg_segment_answer_free(answer);
    }
    if (!json_is_null(store.said) && store.asked != json_array_size(store.queries)) {
        complain(about, "a query was not made");
    }
    bigseg_context_free(context);
    bigseg_engine_free(engine);
    bigseg_clock_free(clock);
    free(data);
    free(context_json);
}

// Returns the `json` of a case as text, to be freed.
static char *json_of(const json_t *about) {
    const json_t *json = json_object_get(about, "json");
    return json_is_string(json) ? strdup(json_string_value(json)) : dump(json);
}

static void context(const json_t *about) {
    char *json = json_of(about);
    bigseg_context *context = NULL;
    if (as_expected(about, bigseg_context_new(bigseg_str_of(json), &context, NULL))) {
        const json_t *kinds = json_object_get(about, "kinds");
        CHECK(bigseg_context_kind_count(context) == json_array_size(kinds));
        for (size_t i = 0; i < json_array_size(kinds); i++) {
            CHECK(same(bigseg_context_kind_at(context, i), text_of(json_array_get(kinds, i))));
        }
    }
    bigseg_context_free(context);
    free(json);
}

static void data(const json_t *about) {
    char *json = json_of(about);
    bigseg_engine *engine = open_engine(bigseg_config_new());
    bigseg_error *error = NULL;
    if (!as_expected(about, bigseg_engine_set_data(engine, bigseg_str_of(json), &error))) {
        bigseg_str message = bigseg_error_message(error);
        CHECK(holds(message, json_string_value(json_object_get(about, "message_has"))) && !holds(message, "secret"));
    }
    bigseg_error_free(error);
    bigseg_engine_free(engine);
    free(json);
}

static void classification(const json_t *about) {
    static const char *const names[] = {"small", "big", "impossible"};
    bigseg_segment_kind kind =
        bigseg_classify(whole(json_object_get(about, "entries")), whole(json_object_get(about, "kinds")));
    CHECK(equal(text(about, "is"), names[kind]));
}

static void each(const json_t *file, const char *name, void (*run)(const json_t *about)) {
    size_t i;
    json_t *about;
    json_array_foreach(cases(file, name), i, about) { run(about); }
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    json_t *file = load_exactly(argv[2]);
    each(file, "cases", play);
    each(file, "contexts", context);
    each(file, "data", data);
    each(file, "classify", classification);
    json_decref(file);
    return 0;
}
