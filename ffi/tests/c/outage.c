// A failing store is not a failed call: last known answers, store errors and staleness, with a manual clock.
#include "check.h"

#include <stdatomic.h>

typedef struct {
    atomic_int broken, calls;
    int64_t synchronized_on;
} Store;

static bigseg_code memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                               bigseg_answers *answers, bigseg_error **error) {
    Store *store = userdata;
    (void)hashes;
    atomic_fetch_add(&store->calls, 1);
    if (atomic_load(&store->broken)) {
        *error = bigseg_error_new(BIGSEG_STORE_UNAVAILABLE, BIGSEG_STR("the lights went out"));
        return BIGSEG_STORE_UNAVAILABLE;
    }
    for (size_t i = 0; i < count; i++) {
        bigseg_answers_include(answers, i, BIGSEG_STR("beta.g3"), NULL);
    }
    return BIGSEG_OK;
}

static bigseg_code metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    Store *store = userdata;
    (void)error;
    if (atomic_load(&store->broken)) {
        return BIGSEG_STORE_UNAVAILABLE;
    }
    *synchronized_on = store->synchronized_on;
    return BIGSEG_OK;
}

static bigseg_lookup look_up(const bigseg_engine *engine, const char *key) {
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    CHECK_OK(bigseg_engine_lookup(engine, bigseg_str_of(key), &lookup, &error));
    return lookup;
}

int main(void) {
    const int64_t start = 1700000000000;
    Store store = {.synchronized_on = start};
    bigseg_clock *clock = bigseg_clock_new(start);
    bigseg_store_vtable vtable = {sizeof vtable, memberships, metadata};
    bigseg_config *config = bigseg_config_new();
    bigseg_config_set_custom_store(config, &vtable, &store, NULL);
    bigseg_config_set_clock(config, clock);
    // The clock moves in large steps, which must not count as a slow store.
    bigseg_config_set_lookup_deadline(config, 3600 * 1000);
    bigseg_config_set_last_known_time(config, 60000);
    bigseg_config_set_breaker_failures(config, 2);
    bigseg_engine *engine = open_engine(config);

    bigseg_lookup lookup = look_up(engine, "user-key");
    CHECK(lookup.status == BIGSEG_LOOKUP_HEALTHY && lookup.origin == BIGSEG_ORIGIN_STORE);
    bigseg_membership_free(lookup.membership);

    atomic_store(&store.broken, 1);
    CHECK_OK(bigseg_clock_advance(clock, 10000, &error));
    lookup = look_up(engine, "user-key");
    CHECK(lookup.status == BIGSEG_LOOKUP_STORE_ERROR && lookup.origin == BIGSEG_ORIGIN_LAST_KNOWN);
    CHECK(lookup.age_ms >= 10000 && lookup.age_ms < 10100 && lookup.store_code == BIGSEG_STORE_UNAVAILABLE);
    CHECK(bigseg_membership_check(lookup.membership, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED);
    bigseg_membership_free(lookup.membership);

    lookup = look_up(engine, "someone else");
    CHECK(lookup.status == BIGSEG_LOOKUP_STORE_ERROR && lookup.origin == BIGSEG_ORIGIN_NOTHING);
    CHECK(bigseg_membership_included_count(lookup.membership) == 0);
    bigseg_membership_free(lookup.membership);

    int calls = atomic_load(&store.calls);
    lookup = look_up(engine, "a third one");
    CHECK(lookup.store_code == BIGSEG_CIRCUIT_OPEN && atomic_load(&store.calls) == calls);
    bigseg_membership_free(lookup.membership);
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    CHECK_OK(bigseg_engine_metrics(engine, &metrics, &error));
    CHECK(metrics.circuit_open == 1 && metrics.last_known_answers == 1 && metrics.failed_lookups == 2);

    bigseg_store_status *status = NULL;
    CHECK_OK(bigseg_engine_refresh_status(engine, &status, &error));
    CHECK(!bigseg_store_status_available(status) && !bigseg_store_status_stale(status));
    CHECK(bigseg_store_status_error_code(status) == BIGSEG_STORE_UNAVAILABLE);
    CHECK(bigseg_store_status_since(status) >= start && bigseg_store_status_error_at(status) >= start);
    int64_t last = 0;
    CHECK(bigseg_store_status_last_up_to_date(status, &last) && last == start);
    bigseg_store_status_free(status);

    // The store recovers, but was not synchronised meanwhile.
    atomic_store(&store.broken, 0);
    CHECK_OK(bigseg_clock_advance(clock, 200000, &error));
    CHECK_OK(bigseg_engine_refresh_status(engine, &status, &error));
    CHECK(bigseg_store_status_available(status) && bigseg_store_status_stale(status));
    CHECK(!bigseg_store_status_clock_skew(status));
    bigseg_store_status_free(status);
    for (int64_t end = now_ms() + 60000; metrics.circuit_open; sleep_ms(5)) {
        CHECK_OK(bigseg_clock_advance(clock, 1000, &error));
        CHECK_OK(bigseg_engine_metrics(engine, &metrics, &error));
        CHECK(now_ms() < end);
    }
    lookup = look_up(engine, "user-key");
    CHECK(lookup.status == BIGSEG_LOOKUP_STALE && lookup.store_code == BIGSEG_OK);
    bigseg_membership_free(lookup.membership);

    bigseg_engine_free(engine);
    bigseg_clock_free(clock);
    return 0;
}
