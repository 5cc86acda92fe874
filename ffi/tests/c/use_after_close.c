// Every call on a closed engine returns BIGSEG_CLOSED or the last known state. A second close is no error.
#include "check.h"

#include <pthread.h>

static void *look_up_until_closed(void *engine) {
    for (;;) {
        const bigseg_membership *membership = NULL;
        bigseg_lookup_status status;
        bigseg_code code = bigseg_engine_membership(engine, BIGSEG_STR("a"), &membership, &status, NULL);
        bigseg_membership_free(membership);
        if (code != BIGSEG_OK) {
            CHECK(code == BIGSEG_CLOSED);
            return NULL;
        }
    }
}

int main(void) {
    bigseg_engine *engine = open_engine(config_of("memory:"));
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, look_up_until_closed, engine) == 0);
    }
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    // All three threads may have started, and the store was polled.
    while (metrics.cache_hits < 3000 || metrics.status_polls == 0) {
        CHECK_OK(bigseg_engine_metrics(engine, &metrics, &error));
    }
    CHECK_OK(bigseg_engine_close(engine, &error));
    CHECK_OK(bigseg_engine_close(engine, &error));
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }

    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    bigseg_context_hash hash;
    bigseg_str key = BIGSEG_STR("a");
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    bigseg_store_status *store_status = NULL;
    CHECK_OK(bigseg_context_hash_of(key, &hash, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_membership(engine, key, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_membership_by_hash(engine, &hash, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_memberships(engine, &key, 1, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_cached(engine, key, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_lookup(engine, key, &lookup, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_refresh_status(engine, &store_status, &error));
    CHECK(membership == NULL && lookup.membership == NULL && store_status == NULL);

    CHECK_OK(bigseg_engine_invalidate(engine, key, &error));
    CHECK_OK(bigseg_engine_invalidate_by_hash(engine, &hash, &error));
    CHECK_OK(bigseg_engine_invalidate_all(engine, &error));
    CHECK_OK(bigseg_engine_remove_status_listener(engine, 1, &error));
    CHECK_OK(bigseg_engine_status(engine, &store_status, &error));
    CHECK(bigseg_store_status_available(store_status));
    bigseg_store_status_free(store_status);
    CHECK_OK(bigseg_engine_metrics(engine, &metrics, &error));
    CHECK(metrics.status_polls > 0);
    bigseg_engine_free(engine);
    return 0;
}
