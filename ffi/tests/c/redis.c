// A Redis store. The first argument is a store string whose user permits push invalidation; the second, one whose does not.
#include "check.h"

static void import_beta(const char *store, const char *key, bool included) {
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    CHECK_OK(bigseg_import_add(import, bigseg_str_of(key), BIGSEG_STR("beta.g1"), included, &error));
    CHECK_OK(bigseg_import_commit(import, NULL, NULL, NULL, &error));
    bigseg_import_free(import);
}

static bigseg_membership_value beta_of(bigseg_engine *engine, const char *key) {
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    CHECK_OK(bigseg_engine_membership(engine, bigseg_str_of(key), &membership, &status, &error));
    bigseg_membership_value value = bigseg_membership_check(membership, BIGSEG_STR("beta.g1"));
    bigseg_membership_free(membership);
    return value;
}

static bigseg_store_status *status_of_store(bigseg_engine *engine) {
    bigseg_store_status *status = NULL;
    CHECK_OK(bigseg_engine_status(engine, &status, &error));
    return status;
}

// The cache time is an hour, so only a push can have invalidated the answer.
static void a_change_is_pushed(const char *store) {
    bigseg_config *config = config_of(store);
    CHECK(bigseg_config_set_context_cache_time(config, 3600 * 1000) == BIGSEG_OK);
    bigseg_engine *engine = open_engine(config);
    bool pushes = false;
    while (!pushes) {
        bigseg_store_status *status = status_of_store(engine);
        pushes = bigseg_store_status_push_invalidation(status);
        CHECK(bigseg_store_status_limitation_count(status) == 0);
        bigseg_store_status_free(status);
        sleep_ms(1);
    }
    CHECK(beta_of(engine, "ann") == BIGSEG_MEMBERSHIP_NO_VALUE);
    import_beta(store, "ann", true);
    while (beta_of(engine, "ann") != BIGSEG_MEMBERSHIP_INCLUDED) {
        sleep_ms(1);
    }
    import_beta(store, "ann", false);
    while (beta_of(engine, "ann") != BIGSEG_MEMBERSHIP_EXCLUDED) {
        sleep_ms(1);
    }
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    CHECK_OK(bigseg_engine_metrics(engine, &metrics, &error));
    CHECK(metrics.pushed_invalidations >= 2);
    bigseg_engine_free(engine);
}

static void a_refusal_is_told(const char *store) {
    bigseg_engine *engine = open_engine(config_of(store));
    size_t limitations = 0;
    while (limitations == 0) {
        bigseg_store_status *status = status_of_store(engine);
        limitations = bigseg_store_status_limitation_count(status);
        if (limitations > 0) {
            CHECK(limitations == 1 && !bigseg_store_status_push_invalidation(status));
            CHECK(equal(bigseg_store_status_limitation_feature(status, 0), "push_invalidation"));
            CHECK(holds(bigseg_store_status_limitation_reason(status, 0), "+client|tracking"));
        }
        bigseg_store_status_free(status);
        sleep_ms(1);
    }
    CHECK(beta_of(engine, "ann") == BIGSEG_MEMBERSHIP_EXCLUDED);
    bigseg_engine_free(engine);
}

int main(int argument_count, char **arguments) {
    CHECK(argument_count == 3);
    a_change_is_pushed(arguments[1]);
    a_refusal_is_told(arguments[2]);
    return 0;
}
