// Setters reject values out of bounds, opening reports their errors, and a config opens one engine.
#include "check.h"

static void bounds(void) {
    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_context_cache_size(config, 0) == BIGSEG_OK);
    CHECK(bigseg_config_set_context_cache_size(config, (size_t)1 << 40) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_context_cache_time(config, 0) == BIGSEG_OK);
    CHECK(bigseg_config_set_context_cache_time(config, UINT64_MAX) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_push_cache_time(config, 600000) == BIGSEG_OK);
    CHECK(bigseg_config_set_push_cache_time(config, 600001) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_status_poll_interval(config, 0) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_stale_after(config, 0) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_lookup_deadline(config, 0) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_last_known_time(config, 0) == BIGSEG_OK);
    CHECK(bigseg_config_set_batch_size(config, 0) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_batches_at_once(config, 100000) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_breaker_failures(config, 0) == BIGSEG_OK);
    CHECK(bigseg_config_set_breaker_probe_interval(config, 0) == BIGSEG_INVALID_CONFIG);
    bigseg_config_free(config);
}

static void mistakes_are_kept_until_mended(void) {
    bigseg_config *config = bigseg_config_new();
    bigseg_engine *engine = NULL;
    CHECK(bigseg_config_set_store(config, BIGSEG_STR("redsi://password@somewhere")) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_config_set_lookup_deadline(config, 0) == BIGSEG_INVALID_CONFIG);
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "lookup_deadline", bigseg_engine_open(config, &engine, &error));
    CHECK(bigseg_config_set_lookup_deadline(config, 500) == BIGSEG_OK);
    bigseg_error *error = NULL;
    CHECK(bigseg_engine_open(config, &engine, &error) == BIGSEG_INVALID_CONFIG && engine == NULL);
    CHECK(holds(bigseg_error_message(error), "redsi") && !holds(bigseg_error_message(error), "password"));
    bigseg_error_free(error);
    CHECK(bigseg_config_set_store(config, BIGSEG_STR("memory:")) == BIGSEG_OK);
    CHECK(equal(bigseg_config_store(config), "memory:"));
    engine = open_engine(config);
    bigseg_engine_free(engine);
}

static void one_config_opens_one_engine(void) {
    bigseg_config *config = config_of("local:/nowhere/at-all");
    CHECK(equal(bigseg_config_store(config), "local:/nowhere/at-all"));
    bigseg_engine *engine = NULL;
    CHECK_OK(bigseg_engine_open(config, &engine, &error));
    bigseg_engine *second = NULL;
    CHECK_FAILS(BIGSEG_ALREADY_USED, "config", bigseg_engine_open(config, &second, &error));
    CHECK(second == NULL);
    CHECK(bigseg_config_set_batch_size(config, 3) == BIGSEG_ALREADY_USED);
    CHECK(bigseg_config_store(config).length == 0);
    bigseg_config_free(config);
    bigseg_engine_free(engine);
}

static void every_option_at_once(void) {
    bigseg_clock *clock = bigseg_clock_new(1700000000000);
    bigseg_config *config = config_of("memory:");
    CHECK(bigseg_config_set_context_cache_size(config, 10) == BIGSEG_OK);
    CHECK(bigseg_config_set_context_cache_time(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_set_push_cache_time(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_disable_push_invalidation(config) == BIGSEG_OK);
    CHECK(bigseg_config_set_status_poll_interval(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_set_stale_after(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_disable_stale_after(config) == BIGSEG_OK);
    CHECK(bigseg_config_set_lookup_deadline(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_set_last_known_time(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_set_batch_size(config, 10) == BIGSEG_OK);
    CHECK(bigseg_config_set_batches_at_once(config, 2) == BIGSEG_OK);
    CHECK(bigseg_config_set_breaker_failures(config, 2) == BIGSEG_OK);
    CHECK(bigseg_config_set_breaker_probe_interval(config, 1000) == BIGSEG_OK);
    CHECK(bigseg_config_set_clock(config, clock) == BIGSEG_OK);
    bigseg_engine *engine = open_engine(config);
    CHECK_OK(bigseg_clock_advance(clock, 5, &error));
    CHECK_OK(bigseg_clock_set(clock, 5, &error));
    bigseg_clock_free(clock);
    CHECK(status_of(engine, "anyone") == BIGSEG_LOOKUP_STALE);
    bigseg_engine_free(engine);
}

int main(void) {
    bounds();
    mistakes_are_kept_until_mended();
    one_config_opens_one_engine();
    every_option_at_once();
    return 0;
}
