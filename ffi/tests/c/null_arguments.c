// NULL for every pointer of every function: a typed error that names the argument, or the documented value.
#include "check.h"

#define REFUSES(name, call) CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, name " is NULL", call)

static const bigseg_str BAD_TEXT = {NULL, 5};

static bigseg_code store_memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                                     bigseg_answers *answers, bigseg_error **error) {
    (void)userdata, (void)hashes, (void)count, (void)answers, (void)error;
    return BIGSEG_OK;
}

static bigseg_code store_metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)userdata, (void)synchronized_on, (void)error;
    return BIGSEG_OK;
}

static void on_lookup(void *userdata, bigseg_code code, const bigseg_lookup *lookup) {
    (void)userdata, (void)code, (void)lookup;
    CHECK(!"called though registering failed");
}

static void on_status(void *userdata, const bigseg_store_status *status) {
    (void)userdata, (void)status;
}

static void on_evaluation(void *userdata, bigseg_code code, const bigseg_evaluation *evaluation) {
    (void)userdata, (void)code, (void)evaluation;
    CHECK(!"called though registering failed");
}

static void on_answer(void *userdata, bigseg_code code, const bigseg_segment_answer *answer) {
    (void)userdata, (void)code, (void)answer;
    CHECK(!"called though registering failed");
}

static void count(void *userdata) { ++*(int *)userdata; }

static void words(void) {
    bigseg_context_hash hash;
    bigseg_str key;
    uint64_t generation;
    char buffer[64];
    size_t length;
    REFUSES("context_key", bigseg_context_hash_of(BAD_TEXT, &hash, &error));
    REFUSES("hash", bigseg_context_hash_of(BIGSEG_STR("a"), NULL, &error));
    REFUSES("text", bigseg_context_hash_parse(BAD_TEXT, &hash, &error));
    REFUSES("hash", bigseg_context_hash_parse(BIGSEG_STR("a"), NULL, &error));
    REFUSES("segment_ref", bigseg_segment_ref_split(BAD_TEXT, &key, &generation, &error));
    REFUSES("segment_key", bigseg_segment_ref_split(BIGSEG_STR("a.g1"), NULL, &generation, &error));
    REFUSES("generation", bigseg_segment_ref_split(BIGSEG_STR("a.g1"), &key, NULL, &error));
    REFUSES("segment_key", bigseg_segment_ref_format(BAD_TEXT, 1, buffer, 64, &length, &error));
    REFUSES("buffer", bigseg_segment_ref_format(BIGSEG_STR("a"), 1, NULL, 64, &length, &error));
    REFUSES("buffer", bigseg_segment_ref_format(BIGSEG_STR("a"), 1, NULL, 0, &length, &error));
    CHECK(bigseg_context_hash_of(BIGSEG_STR(""), &hash, NULL) == BIGSEG_INVALID_CONTEXT_KEY);
}

static void plain_values(void) {
    bigseg_error *error = bigseg_error_new(BIGSEG_CLOSED, BAD_TEXT);
    CHECK(bigseg_error_code(error) == BIGSEG_CLOSED && holds(bigseg_error_message(error), "message is NULL"));
    bigseg_error_free(error);
    CHECK(bigseg_error_code(NULL) == BIGSEG_OK);
    CHECK(bigseg_error_message(NULL).length == 0 && bigseg_error_message(NULL).data != NULL);
    CHECK(!bigseg_error_retryable(NULL));
    CHECK(bigseg_membership_check(NULL, BIGSEG_STR("a.g1")) == BIGSEG_MEMBERSHIP_NO_VALUE);
    CHECK(bigseg_membership_included_count(NULL) == 0 && bigseg_membership_excluded_count(NULL) == 0);
    CHECK(bigseg_membership_included_at(NULL, 0).length == 0);
    CHECK(bigseg_membership_excluded_at(NULL, 0).length == 0);
    CHECK(bigseg_membership_clone(NULL) == NULL);
    int64_t time = 0;
    CHECK(!bigseg_store_status_available(NULL) && !bigseg_store_status_stale(NULL));
    CHECK(!bigseg_store_status_last_up_to_date(NULL, &time) && bigseg_store_status_since(NULL) == 0);
    CHECK(!bigseg_store_status_clock_skew(NULL) && bigseg_store_status_error_code(NULL) == BIGSEG_OK);
    CHECK(bigseg_store_status_error_message(NULL).length == 0 && bigseg_store_status_error_at(NULL) == 0);
    CHECK(!bigseg_store_status_push_invalidation(NULL) && bigseg_store_status_limitation_count(NULL) == 0);
    CHECK(bigseg_store_status_limitation_feature(NULL, 0).length == 0);
    CHECK(bigseg_store_status_limitation_reason(NULL, 0).length == 0);
    bigseg_error_free(NULL);
    bigseg_membership_free(NULL);
    bigseg_store_status_free(NULL);
    bigseg_clock_free(NULL);
    bigseg_config_free(NULL);
    bigseg_engine_free(NULL);
    bigseg_import_free(NULL);
}

static void clocks_and_configs(void) {
    REFUSES("clock", bigseg_clock_advance(NULL, 1, &error));
    REFUSES("clock", bigseg_clock_set(NULL, 1, &error));
    bigseg_clock *clock = bigseg_clock_new(0);
    int destroyed = 0;
    bigseg_store_vtable vtable = {sizeof vtable, store_memberships, store_metadata};
    CHECK(bigseg_config_set_store(NULL, BIGSEG_STR("memory:")) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_store_with_options(NULL, BIGSEG_STR("memory:"), NULL, 0) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_custom_store(NULL, &vtable, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_context_cache_size(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_context_cache_time(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_push_cache_time(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_disable_push_invalidation(NULL) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_status_poll_interval(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_stale_after(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_disable_stale_after(NULL) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_lookup_deadline(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_last_known_time(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_batch_size(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_batches_at_once(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_breaker_failures(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_breaker_probe_interval(NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_clock(NULL, clock) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_store(NULL).length == 0);

    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_clock(config, NULL) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_clock(config, clock) == BIGSEG_OK);
    bigseg_store_option bad_option = {BIGSEG_STR("map_size"), BAD_TEXT};
    CHECK(bigseg_config_set_store_with_options(config, BIGSEG_STR("memory:"), NULL, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_store_with_options(config, BAD_TEXT, NULL, 0) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_store_with_options(config, BIGSEG_STR("local:p"), &bad_option, 1) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_config_set_store(config, BAD_TEXT) == BIGSEG_INVALID_ARGUMENT);
    bigseg_engine *engine = NULL;
    REFUSES("store", bigseg_engine_open(config, &engine, &error));
    CHECK(bigseg_config_set_custom_store(config, NULL, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    REFUSES("vtable", bigseg_engine_open(config, &engine, &error));
    vtable.metadata = NULL;
    CHECK(bigseg_config_set_custom_store(config, &vtable, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    REFUSES("metadata", bigseg_engine_open(config, &engine, &error));
    vtable.memberships = NULL;
    CHECK(bigseg_config_set_custom_store(config, &vtable, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    REFUSES("memberships", bigseg_engine_open(config, &engine, &error));
    vtable.struct_size = 8;
    CHECK(bigseg_config_set_custom_store(config, &vtable, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    CHECK(destroyed == 5);
    REFUSES("config", bigseg_engine_open(NULL, &engine, &error));
    REFUSES("engine", bigseg_engine_open(config, NULL, &error));
    CHECK(engine == NULL);
    bigseg_config_free(config);
    bigseg_clock_free(clock);
}

static void without_engine(void) {
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status = BIGSEG_LOOKUP_HEALTHY;
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("a"), &hash, &error));
    bigseg_str key = BIGSEG_STR("a");
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    bigseg_store_status *store_status = NULL;
    int destroyed = 0;
    REFUSES("engine", bigseg_engine_membership(NULL, key, &membership, &status, &error));
    REFUSES("engine", bigseg_engine_membership_by_hash(NULL, &hash, &membership, &status, &error));
    REFUSES("engine", bigseg_engine_memberships(NULL, &key, 1, &membership, &status, &error));
    REFUSES("engine", bigseg_engine_memberships_by_hash(NULL, &hash, 1, &membership, &status, &error));
    REFUSES("engine", bigseg_engine_cached(NULL, key, &membership, &status, &error));
    REFUSES("engine", bigseg_engine_cached_by_hash(NULL, &hash, &membership, &status, &error));
    REFUSES("engine", bigseg_engine_lookup(NULL, key, &lookup, &error));
    REFUSES("engine", bigseg_engine_lookup_by_hash(NULL, &hash, &lookup, &error));
    REFUSES("engine", bigseg_engine_membership_async(NULL, key, on_lookup, &destroyed, count, &error));
    REFUSES("engine", bigseg_engine_membership_by_hash_async(NULL, &hash, on_lookup, &destroyed, count, &error));
    REFUSES("engine", bigseg_engine_add_status_listener(NULL, on_status, &destroyed, count, NULL, &error));
    CHECK(destroyed == 3);
    REFUSES("engine", bigseg_engine_remove_status_listener(NULL, 1, &error));
    REFUSES("engine", bigseg_engine_status(NULL, &store_status, &error));
    REFUSES("engine", bigseg_engine_refresh_status(NULL, &store_status, &error));
    REFUSES("engine", bigseg_engine_invalidate(NULL, key, &error));
    REFUSES("engine", bigseg_engine_invalidate_by_hash(NULL, &hash, &error));
    REFUSES("engine", bigseg_engine_invalidate_all(NULL, &error));
    REFUSES("engine", bigseg_engine_metrics(NULL, &metrics, &error));
    REFUSES("engine", bigseg_engine_close(NULL, &error));
}

static void with_engine(void) {
    bigseg_engine *engine = open_engine(config_of("memory:"));
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status = BIGSEG_LOOKUP_HEALTHY;
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("a"), &hash, &error));
    bigseg_str key = BIGSEG_STR("a");
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    int destroyed = 0;
    REFUSES("context_key", bigseg_engine_membership(engine, BAD_TEXT, &membership, &status, &error));
    REFUSES("membership", bigseg_engine_membership(engine, key, NULL, &status, &error));
    REFUSES("status", bigseg_engine_membership(engine, key, &membership, NULL, &error));
    REFUSES("hash", bigseg_engine_membership_by_hash(engine, NULL, &membership, &status, &error));
    REFUSES("membership", bigseg_engine_membership_by_hash(engine, &hash, NULL, &status, &error));
    REFUSES("status", bigseg_engine_membership_by_hash(engine, &hash, &membership, NULL, &error));
    REFUSES("context_keys", bigseg_engine_memberships(engine, NULL, 1, &membership, &status, &error));
    REFUSES("memberships", bigseg_engine_memberships(engine, &key, 1, NULL, &status, &error));
    REFUSES("statuses", bigseg_engine_memberships(engine, &key, 1, &membership, NULL, &error));
    REFUSES("hashes", bigseg_engine_memberships_by_hash(engine, NULL, 1, &membership, &status, &error));
    REFUSES("memberships", bigseg_engine_memberships_by_hash(engine, &hash, 1, NULL, &status, &error));
    REFUSES("statuses", bigseg_engine_memberships_by_hash(engine, &hash, 1, &membership, NULL, &error));
    REFUSES("context_key", bigseg_engine_cached(engine, BAD_TEXT, &membership, &status, &error));
    REFUSES("membership", bigseg_engine_cached(engine, key, NULL, &status, &error));
    REFUSES("status", bigseg_engine_cached(engine, key, &membership, NULL, &error));
    REFUSES("hash", bigseg_engine_cached_by_hash(engine, NULL, &membership, &status, &error));
    REFUSES("membership", bigseg_engine_cached_by_hash(engine, &hash, NULL, &status, &error));
    REFUSES("status", bigseg_engine_cached_by_hash(engine, &hash, &membership, NULL, &error));
    REFUSES("context_key", bigseg_engine_lookup(engine, BAD_TEXT, &lookup, &error));
    REFUSES("lookup", bigseg_engine_lookup(engine, key, NULL, &error));
    REFUSES("hash", bigseg_engine_lookup_by_hash(engine, NULL, &lookup, &error));
    REFUSES("lookup", bigseg_engine_lookup_by_hash(engine, &hash, NULL, &error));
    REFUSES("context_key", bigseg_engine_membership_async(engine, BAD_TEXT, on_lookup, &destroyed, count, &error));
    REFUSES("callback", bigseg_engine_membership_async(engine, key, NULL, &destroyed, count, &error));
    REFUSES("hash", bigseg_engine_membership_by_hash_async(engine, NULL, on_lookup, &destroyed, count, &error));
    REFUSES("callback", bigseg_engine_membership_by_hash_async(engine, &hash, NULL, &destroyed, count, &error));
    REFUSES("callback", bigseg_engine_add_status_listener(engine, NULL, &destroyed, count, NULL, &error));
    CHECK(destroyed == 5);
    REFUSES("status", bigseg_engine_status(engine, NULL, &error));
    REFUSES("status", bigseg_engine_refresh_status(engine, NULL, &error));
    REFUSES("context_key", bigseg_engine_invalidate(engine, BAD_TEXT, &error));
    REFUSES("hash", bigseg_engine_invalidate_by_hash(engine, NULL, &error));
    REFUSES("metrics", bigseg_engine_metrics(engine, NULL, &error));
    CHECK(bigseg_engine_membership(engine, BIGSEG_STR(""), &membership, &status, NULL) == BIGSEG_INVALID_CONTEXT_KEY);
    CHECK(membership == NULL);
    CHECK(bigseg_engine_invalidate(engine, BIGSEG_STR(""), NULL) == BIGSEG_INVALID_CONTEXT_KEY);
    bigseg_store_status *store_status = NULL;
    CHECK_OK(bigseg_engine_status(engine, &store_status, &error));
    CHECK(!bigseg_store_status_last_up_to_date(store_status, NULL));
    CHECK(bigseg_store_status_limitation_feature(store_status, 0).length == 0);
    CHECK(bigseg_store_status_limitation_reason(store_status, 0).length == 0);
    bigseg_store_status_free(store_status);
    bigseg_engine_free(engine);
}

static void imports_and_answers(void) {
    bigseg_import *import = NULL;
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("a"), &hash, &error));
    bigseg_str key = BIGSEG_STR("a"), ref = BIGSEG_STR("a.g1");
    REFUSES("store", bigseg_import_new(BAD_TEXT, &import, &error));
    REFUSES("import", bigseg_import_new(BIGSEG_STR("memory:"), NULL, &error));
    REFUSES("import", bigseg_import_set_replace(NULL, ref, &error));
    REFUSES("import", bigseg_import_add(NULL, key, ref, true, &error));
    REFUSES("import", bigseg_import_add_hash(NULL, &hash, ref, true, &error));
    REFUSES("import", bigseg_import_add_file(NULL, key, BIGSEG_LIST_CSV, ref, true, NULL, &error));
    REFUSES("import", bigseg_import_commit(NULL, NULL, NULL, NULL, &error));
    CHECK_OK(bigseg_import_new(BIGSEG_STR("memory:"), &import, &error));
    REFUSES("segment_ref", bigseg_import_set_replace(import, BAD_TEXT, &error));
    REFUSES("context_key", bigseg_import_add(import, BAD_TEXT, ref, true, &error));
    REFUSES("segment_ref", bigseg_import_add(import, key, BAD_TEXT, true, &error));
    REFUSES("hash", bigseg_import_add_hash(import, NULL, ref, true, &error));
    REFUSES("segment_ref", bigseg_import_add_hash(import, &hash, BAD_TEXT, true, &error));
    REFUSES("path", bigseg_import_add_file(import, BAD_TEXT, BIGSEG_LIST_CSV, ref, true, NULL, &error));
    REFUSES("segment_ref", bigseg_import_add_file(import, key, BIGSEG_LIST_CSV, BAD_TEXT, true, NULL, &error));
    bigseg_import_free(import);
    REFUSES("answers", bigseg_answers_include(NULL, 0, ref, &error));
    REFUSES("answers", bigseg_answers_exclude(NULL, 0, ref, &error));
    REFUSES("answers", bigseg_answers_fail(NULL, 0, BIGSEG_STORE_DATA, ref, &error));
}

static void on_integration_status(void *userdata, const bigseg_integration_status *status) {
    (void)userdata;
    (void)status;
}

static void integrations(void) {
    bigseg_integration *integration = NULL;
    bigseg_integration_status *status = NULL;
    bigseg_error_log *log = NULL;
    bigseg_str text = BIGSEG_STR("a");
    int destroyed = 0;
    CHECK(bigseg_integration_config_set_id(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_name(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_environment(NULL, text, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_on(NULL, true) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_sdk_key(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_base_url(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_stream_url(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_proxy(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_ca_file(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_store(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_state_directory(NULL, text) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_add_engine(NULL, NULL) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_add_change_listener(NULL, NULL, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_clock(NULL, NULL) == BIGSEG_INVALID_ARGUMENT);
    bigseg_integration_config *config = bigseg_integration_config_new();
    CHECK(bigseg_integration_config_set_id(config, BAD_TEXT) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_sdk_key(config, BAD_TEXT) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_set_clock(config, NULL) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_add_engine(config, NULL) == BIGSEG_INVALID_ARGUMENT);
    CHECK(bigseg_integration_config_add_change_listener(config, NULL, &destroyed, count) == BIGSEG_INVALID_ARGUMENT);
    CHECK(destroyed == 2);
    REFUSES("config", bigseg_integration_start(NULL, &integration, &error));
    REFUSES("integration", bigseg_integration_start(config, NULL, &error));
    bigseg_integration_config_free(config);
    REFUSES("integration", bigseg_integration_set_sdk_key(NULL, text, &error));
    REFUSES("integration", bigseg_integration_set_on(NULL, true, &error));
    REFUSES("integration", bigseg_integration_set_name(NULL, text, &error));
    REFUSES("integration", bigseg_integration_set_store(NULL, text, &error));
    REFUSES("integration", bigseg_integration_get_status(NULL, &status, &error));
    REFUSES("integration", bigseg_integration_error_log(NULL, &log, &error));
    REFUSES("integration", bigseg_integration_add_status_listener(NULL, on_integration_status, &destroyed, count, NULL, &error));
    REFUSES("integration", bigseg_integration_remove_status_listener(NULL, 1, &error));
    REFUSES("integration", bigseg_integration_close(NULL, &error));
    CHECK(destroyed == 3);
    int64_t time = 0;
    bigseg_sync_error found = {.struct_size = sizeof found};
    bigseg_integration_progress progress = {.struct_size = sizeof progress};
    CHECK(bigseg_integration_status_state(NULL) == BIGSEG_INTEGRATION_OFF);
    CHECK(bigseg_integration_status_since(NULL) == 0);
    CHECK(!bigseg_integration_status_last_synchronized(NULL, &time));
    CHECK(!bigseg_integration_status_last_error(NULL, &time));
    CHECK(!bigseg_integration_status_error(NULL, &found));
    CHECK(!bigseg_integration_status_progress(NULL, &progress));
    CHECK(bigseg_error_log_count(NULL) == 0 && !bigseg_error_log_at(NULL, 0, &found));
    bigseg_integration_config_free(NULL);
    bigseg_integration_free(NULL);
    bigseg_integration_status_free(NULL);
    bigseg_error_log_free(NULL);
}

static void evaluations(void) {
    bigseg_engine *engine = open_engine(config_of("memory:"));
    bigseg_context *context = NULL;
    bigseg_evaluation *evaluation = NULL;
    bigseg_segment_answer *answer = NULL;
    bigseg_explanation *explanation = NULL;
    bigseg_reason reason = {.struct_size = sizeof reason};
    bigseg_str key = BIGSEG_STR("a");
    bool changed;
    int destroyed = 0;
    REFUSES("json", bigseg_context_new(BAD_TEXT, &context, &error));
    REFUSES("context", bigseg_context_new(BIGSEG_STR("{\"key\": \"a\"}"), NULL, &error));
    CHECK_OK(bigseg_context_new(BIGSEG_STR("{\"key\": \"a\"}"), &context, &error));
    REFUSES("engine", bigseg_engine_set_data(NULL, key, &error));
    REFUSES("json", bigseg_engine_set_data(engine, BAD_TEXT, &error));
    REFUSES("engine", bigseg_engine_load_data(NULL, key, &error));
    REFUSES("path", bigseg_engine_load_data(engine, BAD_TEXT, &error));
    REFUSES("engine", bigseg_engine_reload_data(NULL, &changed, &error));
    REFUSES("engine", bigseg_engine_evaluate(NULL, key, context, &evaluation, &error));
    REFUSES("flag_key", bigseg_engine_evaluate(engine, BAD_TEXT, context, &evaluation, &error));
    REFUSES("context", bigseg_engine_evaluate(engine, key, NULL, &evaluation, &error));
    REFUSES("evaluation", bigseg_engine_evaluate(engine, key, context, NULL, &error));
    REFUSES("engine", bigseg_engine_evaluate_now(NULL, key, context, &evaluation, &error));
    REFUSES("flag_key", bigseg_engine_evaluate_now(engine, BAD_TEXT, context, &evaluation, &error));
    REFUSES("context", bigseg_engine_evaluate_now(engine, key, NULL, &evaluation, &error));
    REFUSES("evaluation", bigseg_engine_evaluate_now(engine, key, context, NULL, &error));
    REFUSES("engine", bigseg_engine_evaluate_async(NULL, key, context, on_evaluation, &destroyed, count, &error));
    REFUSES("flag_key", bigseg_engine_evaluate_async(engine, BAD_TEXT, context, on_evaluation, &destroyed, count, &error));
    REFUSES("context", bigseg_engine_evaluate_async(engine, key, NULL, on_evaluation, &destroyed, count, &error));
    REFUSES("callback", bigseg_engine_evaluate_async(engine, key, context, NULL, &destroyed, count, &error));
    REFUSES("engine", bigseg_engine_segment_contains(NULL, key, context, &answer, &error));
    REFUSES("segment_key", bigseg_engine_segment_contains(engine, BAD_TEXT, context, &answer, &error));
    REFUSES("context", bigseg_engine_segment_contains(engine, key, NULL, &answer, &error));
    REFUSES("answer", bigseg_engine_segment_contains(engine, key, context, NULL, &error));
    REFUSES("engine", bigseg_engine_segment_contains_now(NULL, key, context, &answer, &error));
    REFUSES("segment_key", bigseg_engine_segment_contains_now(engine, BAD_TEXT, context, &answer, &error));
    REFUSES("context", bigseg_engine_segment_contains_now(engine, key, NULL, &answer, &error));
    REFUSES("answer", bigseg_engine_segment_contains_now(engine, key, context, NULL, &error));
    REFUSES("engine", bigseg_engine_segment_contains_async(NULL, key, context, on_answer, &destroyed, count, &error));
    REFUSES("segment_key",
            bigseg_engine_segment_contains_async(engine, BAD_TEXT, context, on_answer, &destroyed, count, &error));
    REFUSES("context", bigseg_engine_segment_contains_async(engine, key, NULL, on_answer, &destroyed, count, &error));
    REFUSES("callback", bigseg_engine_segment_contains_async(engine, key, context, NULL, &destroyed, count, &error));
    CHECK(destroyed == 8);
    REFUSES("engine", bigseg_engine_explain(NULL, key, context, &explanation, &error));
    REFUSES("segment_key", bigseg_engine_explain(engine, BAD_TEXT, context, &explanation, &error));
    REFUSES("context", bigseg_engine_explain(engine, key, NULL, &explanation, &error));
    REFUSES("explanation", bigseg_engine_explain(engine, key, context, NULL, &error));
    CHECK(evaluation == NULL && answer == NULL && explanation == NULL);
    REFUSES("evaluation", bigseg_evaluation_reason(NULL, &reason, &error));
    CHECK_OK(bigseg_engine_evaluate(engine, key, context, &evaluation, &error));
    REFUSES("reason", bigseg_evaluation_reason(evaluation, NULL, &error));
    reason.struct_size = 8;
    CHECK(bigseg_evaluation_reason(evaluation, &reason, NULL) == BIGSEG_INVALID_ARGUMENT);
    bigseg_evaluation_free(evaluation);
    bigseg_context_free(context);
    bigseg_engine_free(engine);
}

static void results_of_evaluations(void) {
    CHECK(bigseg_context_kind_count(NULL) == 0 && bigseg_context_kind_at(NULL, 0).length == 0);
    CHECK(bigseg_evaluation_variation(NULL) == -1 && bigseg_evaluation_value(NULL).length == 0);
    CHECK(bigseg_evaluation_bool(NULL, true) && bigseg_evaluation_number(NULL, 7) == 7);
    CHECK(equal(bigseg_evaluation_text(NULL, BIGSEG_STR("a")), "a") && bigseg_evaluation_json(NULL).length == 0);
    CHECK(!bigseg_segment_answer_is_match(NULL) && !bigseg_segment_answer_status(NULL, NULL));
    CHECK(bigseg_segment_answer_error(NULL) == BIGSEG_EVALUATION_NO_ERROR);
    CHECK(bigseg_segment_answer_json(NULL).length == 0);
    CHECK(bigseg_explanation_answer(NULL) == NULL && !bigseg_explanation_hash(NULL, NULL));
    CHECK(bigseg_explanation_value(NULL) == BIGSEG_MEMBERSHIP_NO_VALUE);
    CHECK(!bigseg_explanation_origin(NULL, NULL, NULL) && !bigseg_explanation_embedded(NULL));
    CHECK(bigseg_explanation_store_code(NULL) == BIGSEG_OK && bigseg_explanation_store_message(NULL).length == 0);
    bigseg_context_free(NULL);
    bigseg_evaluation_free(NULL);
    bigseg_segment_answer_free(NULL);
    bigseg_explanation_free(NULL);
}

int main(void) {
    words();
    plain_values();
    clocks_and_configs();
    without_engine();
    with_engine();
    imports_and_answers();
    integrations();
    evaluations();
    results_of_evaluations();
    CHECK_OK(bigseg_log_set(BIGSEG_LOG_INFO, NULL, NULL, NULL, &error));
    return 0;
}
