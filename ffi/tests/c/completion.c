// A completion callback is called exactly once, even if the engine is closed first, and can free the engine.
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LARGE = 40 };

typedef struct {
    atomic_int healthy, closed, destroyed;
    pthread_t caller;
    bigseg_engine *free_this;
    const bigseg_membership *kept;
} Completions;

static void on_lookup(void *userdata, bigseg_code code, const bigseg_lookup *lookup) {
    Completions *completions = userdata;
    CHECK(!pthread_equal(pthread_self(), completions->caller));
    if (code == BIGSEG_OK) {
        CHECK(lookup->struct_size == sizeof *lookup);
        CHECK(bigseg_membership_check(lookup->membership, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED);
        if (completions->free_this) {
            completions->kept = bigseg_membership_clone(lookup->membership);
            bigseg_engine_free(completions->free_this);
        }
        atomic_fetch_add(&completions->healthy, 1);
    } else {
        CHECK(code == BIGSEG_CLOSED && lookup == NULL);
        atomic_fetch_add(&completions->closed, 1);
    }
}

static void on_destroy(void *userdata) {
    Completions *completions = userdata;
    atomic_fetch_add(&completions->destroyed, 1);
}

static bigseg_code slow_memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                                    bigseg_answers *answers, bigseg_error **error) {
    (void)userdata, (void)hashes, (void)error;
    // The lookups below are still running when the engine is closed.
    sleep_ms(200);
    for (size_t i = 0; i < count; i++) {
        bigseg_answers_include(answers, i, BIGSEG_STR("beta.g3"), NULL);
        // A large membership has a reference count, so that the sanitizer sees a lost or freed handle.
        for (int segment = 0; segment < LARGE; segment++) {
            char ref[16];
            snprintf(ref, sizeof ref, "large.g%d", segment);
            bigseg_answers_include(answers, i, bigseg_str_of(ref), NULL);
        }
    }
    return BIGSEG_OK;
}

static bigseg_code metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)userdata, (void)error;
    *synchronized_on = 1;
    return BIGSEG_OK;
}

static bigseg_engine *open_slow_engine(void) {
    bigseg_store_vtable vtable = {sizeof vtable, slow_memberships, metadata};
    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_custom_store(config, &vtable, NULL, NULL) == BIGSEG_OK);
    // A generous limit for a busy machine.
    CHECK(bigseg_config_set_lookup_deadline(config, 60 * 1000) == BIGSEG_OK);
    return open_engine(config);
}

static void start(const bigseg_engine *engine, Completions *completions, int number) {
    char key[16];
    snprintf(key, sizeof key, "user-%d", number);
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(bigseg_str_of(key), &hash, &error));
    if (number % 2) {
        CHECK_OK(bigseg_engine_membership_async(engine, bigseg_str_of(key), on_lookup, completions, on_destroy, &error));
    } else {
        CHECK_OK(bigseg_engine_membership_by_hash_async(engine, &hash, on_lookup, completions, on_destroy, &error));
    }
}

static void wait_for(atomic_int *number, int expected) {
    for (int64_t end = now_ms() + 60000; atomic_load(number) < expected; sleep_ms(2)) {
        CHECK(now_ms() < end);
    }
}

static void each_completes_once(void) {
    Completions completions = {.caller = pthread_self()};
    bigseg_engine *engine = open_slow_engine();
    for (int i = 0; i < 100; i++) {
        start(engine, &completions, i);
    }
    wait_for(&completions.destroyed, 100);
    bigseg_engine_free(engine);
    CHECK(completions.healthy == 100 && completions.closed == 0 && completions.destroyed == 100);
}

static void closing_completes_what_is_under_way(void) {
    Completions completions = {.caller = pthread_self()};
    bigseg_engine *engine = open_slow_engine();
    for (int i = 0; i < 100; i++) {
        start(engine, &completions, i);
    }
    CHECK_OK(bigseg_engine_close(engine, &error));
    CHECK(completions.healthy + completions.closed == 100 && completions.destroyed == 100);
    CHECK(completions.closed > 0);
    CHECK_FAILS(BIGSEG_CLOSED, "closed",
                bigseg_engine_membership_async(engine, BIGSEG_STR("a"), on_lookup, &completions, on_destroy, &error));
    bigseg_engine_free(engine);
    CHECK(completions.healthy + completions.closed == 100 && completions.destroyed == 101);
}

static void may_free_the_engine(void) {
    Completions completions = {.caller = pthread_self()};
    completions.free_this = open_slow_engine();
    start(completions.free_this, &completions, 1);
    wait_for(&completions.destroyed, 1);
    CHECK(completions.healthy == 1);
    CHECK(bigseg_membership_included_count(completions.kept) == LARGE + 1);
    bigseg_membership_free(completions.kept);
}

int main(void) {
    each_completes_once();
    closing_completes_what_is_under_way();
    may_free_the_engine();
    return 0;
}
