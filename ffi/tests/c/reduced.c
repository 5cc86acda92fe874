// A library that was built without any feature: what is left out fails with BIGSEG_UNSUPPORTED.
#include "check.h"

#define LEFT_OUT(feature, call) CHECK_FAILS(BIGSEG_UNSUPPORTED, "built without the feature `" feature "`", call)

static void count(void *userdata) { ++*(int *)userdata; }

static void on_evaluation(void *userdata, bigseg_code code, const bigseg_evaluation *evaluation) {
    (void)userdata, (void)code, (void)evaluation;
    CHECK(!"called");
}

static void on_answer(void *userdata, bigseg_code code, const bigseg_segment_answer *answer) {
    (void)userdata, (void)code, (void)answer;
    CHECK(!"called");
}

static void on_change(void *userdata, bigseg_str segment, const bigseg_context_hash *contexts, size_t number) {
    (void)userdata, (void)segment, (void)contexts, (void)number;
    CHECK(!"called");
}

static void stores(void) {
    const char *const left_out[] = {
        "redis://localhost",          "rediss://localhost",         "redis+unix:///socket",
        "redis+cluster://localhost",  "rediss+cluster://localhost", "redis+sentinel://localhost/master",
        "rediss+sentinel://localhost/master", "dynamodb://table",
    };
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        bigseg_config *config = bigseg_config_new();
        CHECK(bigseg_config_set_store(config, bigseg_str_of(left_out[i])) == BIGSEG_UNSUPPORTED);
        bigseg_config_free(config);
        bigseg_import *import = NULL;
        CHECK_FAILS(BIGSEG_UNSUPPORTED, "built without the feature",
                    bigseg_import_new(bigseg_str_of(left_out[i]), &import, &error));
        CHECK(import == NULL);
    }
}

static void evaluation(const bigseg_engine *engine) {
    bigseg_str key = BIGSEG_STR("key");
    int destroyed = 0;
    bool changed = false;
    bigseg_context *context = NULL;
    bigseg_evaluation *evaluation = NULL;
    bigseg_segment_answer *answer = NULL;
    bigseg_explanation *explanation = NULL;
    LEFT_OUT("segment", bigseg_context_new(BIGSEG_STR("{\"kind\": \"user\", \"key\": \"a\"}"), &context, &error));
    LEFT_OUT("segment", bigseg_engine_set_data(engine, BIGSEG_STR("{\"flags\": {}}"), &error));
    LEFT_OUT("segment", bigseg_engine_load_data(engine, BIGSEG_STR("data.json"), &error));
    LEFT_OUT("segment", bigseg_engine_reload_data(engine, &changed, &error));
    LEFT_OUT("segment", bigseg_engine_evaluate(engine, key, context, &evaluation, &error));
    LEFT_OUT("segment", bigseg_engine_evaluate_now(engine, key, context, &evaluation, &error));
    LEFT_OUT("segment", bigseg_engine_evaluate_async(engine, key, context, on_evaluation, &destroyed, count, &error));
    LEFT_OUT("segment", bigseg_engine_segment_contains(engine, key, context, &answer, &error));
    LEFT_OUT("segment", bigseg_engine_segment_contains_now(engine, key, context, &answer, &error));
    LEFT_OUT("segment",
             bigseg_engine_segment_contains_async(engine, key, context, on_answer, &destroyed, count, &error));
    LEFT_OUT("segment", bigseg_engine_explain(engine, key, context, &explanation, &error));
    CHECK(destroyed == 2 && !context && !evaluation && !answer && !explanation);
    CHECK(bigseg_evaluation_variation(evaluation) == -1);
    CHECK(bigseg_classify(20000, 1) == BIGSEG_SEGMENT_BIG);
}

static void integration(const bigseg_engine *engine) {
    bigseg_str text = BIGSEG_STR("text");
    int destroyed = 0;
    bigseg_clock *clock = bigseg_clock_new(0);
    bigseg_integration_config *config = bigseg_integration_config_new();
    CHECK(config != NULL);
    const bigseg_code codes[] = {
        bigseg_integration_config_set_id(config, text),
        bigseg_integration_config_set_name(config, text),
        bigseg_integration_config_set_environment(config, text, text),
        bigseg_integration_config_set_on(config, true),
        bigseg_integration_config_set_sdk_key(config, text),
        bigseg_integration_config_set_base_url(config, text),
        bigseg_integration_config_set_stream_url(config, text),
        bigseg_integration_config_set_proxy(config, text),
        bigseg_integration_config_set_ca_file(config, text),
        bigseg_integration_config_set_store(config, BIGSEG_STR("memory:a")),
        bigseg_integration_config_set_state_directory(config, text),
        bigseg_integration_config_add_engine(config, engine),
        bigseg_integration_config_add_change_listener(config, on_change, &destroyed, count),
        bigseg_integration_config_set_clock(config, clock),
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        CHECK(codes[i] == BIGSEG_UNSUPPORTED);
    }
    CHECK(destroyed == 1);
    bigseg_integration *integration = NULL;
    LEFT_OUT("integration", bigseg_integration_start(config, &integration, &error));
    LEFT_OUT("integration", bigseg_integration_close(integration, &error));
    CHECK(integration == NULL);
    bigseg_integration_free(integration);
    bigseg_integration_config_free(config);
    bigseg_clock_free(clock);
    CHECK(equal(bigseg_integration_state_name(BIGSEG_INTEGRATION_HEALTHY), "healthy"));
}

// The rest works.
static void the_rest(void) {
    bigseg_import *keep = NULL; // A memory store lives as long as its last user.
    CHECK_OK(bigseg_import_new(BIGSEG_STR("memory:rest"), &keep, &error));
    import_user("memory:rest", "user-key");
    bigseg_engine *engine = open_engine(config_of("memory:rest"));
    bigseg_import_free(keep);
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    CHECK_OK(bigseg_engine_membership(engine, BIGSEG_STR("user-key"), &membership, &status, &error));
    CHECK(status == BIGSEG_LOOKUP_HEALTHY);
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED);
    bigseg_membership_free(membership);
    evaluation(engine);
    integration(engine);
    bigseg_engine_free(engine);
}

int main(void) {
    stores();
    the_rest();
    return 0;
}
