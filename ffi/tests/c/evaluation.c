// Flags and segments: data, contexts, evaluations with and without waiting, explanations.
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define BETA "\"beta\": {\"key\": \"beta\", \"version\": 1, \"unbounded\": true, \"generation\": 3}"
#define RULE "{\"id\": \"r\", \"variation\": 1, \"clauses\": [{\"attribute\": \"\", \"op\": \"segmentMatch\", \"values\": [\"beta\"]}]}"
#define FLAG(variations)                                                                                     \
    "{\"version\": 1, \"on\": true, \"variations\": " variations                                             \
    ", \"fallthrough\": {\"variation\": 0}, \"rules\": [" RULE "], \"key\": \"k\"}"
#define DATA                                                                                                 \
    "{\"segments\": {" BETA "}, \"flags\": {\"switch\": " FLAG("[false, true]") ", \"text\": " FLAG("[\"no\", \"s\\u00ed\"]") \
    ", \"number\": " FLAG("[0, 2.5]") ", \"object\": " FLAG("[null, {\"a\": [1]}]") "}}"

static bigseg_context *context_of(const char *json) {
    bigseg_context *context = NULL;
    CHECK_OK(bigseg_context_new(bigseg_str_of(json), &context, &error));
    return context;
}

static bigseg_evaluation *evaluate(const bigseg_engine *engine, const char *flag, const bigseg_context *context) {
    bigseg_evaluation *evaluation = NULL;
    CHECK_OK(bigseg_engine_evaluate(engine, bigseg_str_of(flag), context, &evaluation, &error));
    CHECK(evaluation != NULL);
    return evaluation;
}

static bigseg_reason reason_of(const bigseg_evaluation *evaluation) {
    bigseg_reason reason = {.struct_size = sizeof reason};
    CHECK_OK(bigseg_evaluation_reason(evaluation, &reason, &error));
    return reason;
}

static void values(const bigseg_engine *engine, const bigseg_context *alice) {
    bigseg_evaluation *evaluation = evaluate(engine, "switch", alice);
    CHECK(bigseg_evaluation_bool(evaluation, false) && bigseg_evaluation_variation(evaluation) == 1);
    CHECK(equal(bigseg_evaluation_value(evaluation), "true"));
    CHECK(bigseg_evaluation_number(evaluation, 7) == 7);
    CHECK(equal(bigseg_evaluation_text(evaluation, BIGSEG_STR("other")), "other"));
    bigseg_reason reason = reason_of(evaluation);
    CHECK(reason.kind == BIGSEG_REASON_RULE_MATCH && reason.error == BIGSEG_EVALUATION_NO_ERROR);
    CHECK(reason.rule_index == 0 && equal(reason.rule_id, "r") && reason.prerequisite_key.length == 0);
    CHECK(reason.has_big_segments_status && reason.big_segments_status == BIGSEG_LOOKUP_HEALTHY);
    CHECK(holds(bigseg_evaluation_json(evaluation), "\"decider\":\"included\""));
    bigseg_evaluation_free(evaluation);
    evaluation = evaluate(engine, "text", alice);
    CHECK(equal(bigseg_evaluation_text(evaluation, BIGSEG_STR("")), "s\xc3\xad"));
    bigseg_evaluation_free(evaluation);
    evaluation = evaluate(engine, "number", alice);
    CHECK(bigseg_evaluation_number(evaluation, 0) == 2.5);
    bigseg_evaluation_free(evaluation);
    evaluation = evaluate(engine, "object", alice);
    CHECK(equal(bigseg_evaluation_value(evaluation), "{\"a\":[1]}"));
    bigseg_evaluation_free(evaluation);
    evaluation = evaluate(engine, "missing", alice);
    CHECK(bigseg_evaluation_variation(evaluation) == -1 && bigseg_evaluation_value(evaluation).length == 0);
    CHECK(bigseg_evaluation_bool(evaluation, true));
    reason = reason_of(evaluation);
    CHECK(reason.kind == BIGSEG_REASON_ERROR && reason.error == BIGSEG_EVALUATION_FLAG_NOT_FOUND);
    CHECK(reason.rule_index == -1 && !reason.has_big_segments_status && !reason.in_experiment);
    bigseg_evaluation_free(evaluation);
}

static void segments(const bigseg_engine *engine, const bigseg_context *alice) {
    bigseg_segment_answer *answer = NULL;
    bigseg_lookup_status status = BIGSEG_LOOKUP_NOT_CONFIGURED;
    CHECK_OK(bigseg_engine_segment_contains(engine, BIGSEG_STR("beta"), alice, &answer, &error));
    CHECK(bigseg_segment_answer_is_match(answer) && bigseg_segment_answer_error(answer) == BIGSEG_EVALUATION_NO_ERROR);
    CHECK(bigseg_segment_answer_status(answer, &status) && status == BIGSEG_LOOKUP_HEALTHY);
    CHECK(holds(bigseg_segment_answer_json(answer), "\"segmentRef\":\"beta.g3\""));
    bigseg_segment_answer_free(answer);
    CHECK_OK(bigseg_engine_segment_contains_now(engine, BIGSEG_STR("none"), alice, &answer, &error));
    CHECK(!bigseg_segment_answer_is_match(answer) && !bigseg_segment_answer_status(answer, NULL));
    CHECK(bigseg_segment_answer_error(answer) == BIGSEG_EVALUATION_SEGMENT_NOT_FOUND);
    bigseg_segment_answer_free(answer);
}

static void explanations(const bigseg_engine *engine, const bigseg_context *alice) {
    bigseg_explanation *explanation = NULL;
    CHECK_OK(bigseg_engine_explain(engine, BIGSEG_STR("beta"), alice, &explanation, &error));
    CHECK(bigseg_segment_answer_is_match(bigseg_explanation_answer(explanation)));
    bigseg_context_hash hash, expected;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("alice"), &expected, &error));
    CHECK(bigseg_explanation_hash(explanation, &hash) && memcmp(&hash, &expected, sizeof hash) == 0);
    CHECK(bigseg_explanation_value(explanation) == BIGSEG_MEMBERSHIP_INCLUDED);
    bigseg_origin origin;
    uint64_t age_ms;
    CHECK(bigseg_explanation_origin(explanation, &origin, &age_ms) && origin == BIGSEG_ORIGIN_CACHE);
    CHECK(bigseg_explanation_embedded(explanation) && bigseg_explanation_store_code(explanation) == BIGSEG_OK);
    CHECK(bigseg_explanation_store_message(explanation).length == 0);
    bigseg_explanation_free(explanation);
    bigseg_context *acme = context_of("{\"kind\": \"org\", \"key\": \"acme\"}");
    CHECK_OK(bigseg_engine_explain(engine, BIGSEG_STR("beta"), acme, &explanation, &error));
    CHECK(!bigseg_explanation_hash(explanation, &hash) && !bigseg_explanation_origin(explanation, NULL, NULL));
    CHECK(bigseg_explanation_value(explanation) == BIGSEG_MEMBERSHIP_NO_VALUE);
    bigseg_explanation_free(explanation);
    bigseg_context_free(acme);
}

static void contexts(void) {
    bigseg_context *context = context_of("{\"kind\": \"multi\", \"user\": {\"key\": \"a\"}, \"org\": {\"key\": \"b\"}}");
    CHECK(bigseg_context_kind_count(context) == 2 && equal(bigseg_context_kind_at(context, 0), "org"));
    CHECK(equal(bigseg_context_kind_at(context, 1), "user") && bigseg_context_kind_at(context, 2).length == 0);
    bigseg_context_free(context);
    context = NULL;
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "not JSON", bigseg_context_new(BIGSEG_STR("secret"), &context, &error));
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_KEY, "empty",
                bigseg_context_new(BIGSEG_STR("{\"kind\": \"user\", \"key\": \"\"}"), &context, &error));
    CHECK(context == NULL);
}

static void data(const char *directory, const bigseg_context *alice) {
    char path[4096];
    snprintf(path, sizeof path, "%s/data.json", directory);
    bigseg_engine *engine = open_engine(config_of("memory:data"));
    bigseg_evaluation *evaluation = evaluate(engine, "switch", alice);
    CHECK(reason_of(evaluation).error == BIGSEG_EVALUATION_CLIENT_NOT_READY);
    bigseg_evaluation_free(evaluation);
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "neither", bigseg_engine_set_data(engine, BIGSEG_STR("{}"), &error));
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "file", bigseg_engine_reload_data(engine, NULL, &error));
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "data.json", bigseg_engine_load_data(engine, bigseg_str_of(path), &error));
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(DATA, file) >= 0 && fclose(file) == 0);
    CHECK_OK(bigseg_engine_load_data(engine, bigseg_str_of(path), &error));
    bool changed = true;
    CHECK_OK(bigseg_engine_reload_data(engine, &changed, &error));
    CHECK(!changed);
    file = fopen(path, "w");
    CHECK(file && fputs("{\"flags\": {}}", file) >= 0 && fclose(file) == 0);
    CHECK_OK(bigseg_engine_reload_data(engine, &changed, &error));
    CHECK(changed);
    bigseg_engine_free(engine);
}

typedef struct {
    atomic_int evaluations, answers, closed, destroyed;
} Heard;

static void on_evaluation(void *userdata, bigseg_code code, const bigseg_evaluation *evaluation) {
    Heard *heard = userdata;
    CHECK((code == BIGSEG_OK) == (evaluation != NULL));
    CHECK(code != BIGSEG_OK || bigseg_evaluation_bool(evaluation, false));
    atomic_fetch_add(code == BIGSEG_OK ? &heard->evaluations : &heard->closed, 1);
}

static void on_answer(void *userdata, bigseg_code code, const bigseg_segment_answer *answer) {
    Heard *heard = userdata;
    CHECK((code == BIGSEG_OK) == (answer != NULL));
    CHECK(code != BIGSEG_OK || bigseg_segment_answer_is_match(answer));
    atomic_fetch_add(code == BIGSEG_OK ? &heard->answers : &heard->closed, 1);
}

static void on_destroy(void *userdata) { atomic_fetch_add(&((Heard *)userdata)->destroyed, 1); }

// A store that answers only after it is released.
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
} Gate;

static bigseg_code memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                               bigseg_answers *answers, bigseg_error **error) {
    Gate *gate = userdata;
    (void)hashes;
    pthread_mutex_lock(&gate->lock);
    while (!gate->open) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
    for (size_t i = 0; i < count; i++) {
        CHECK(bigseg_answers_include(answers, i, BIGSEG_STR("beta.g3"), error) == BIGSEG_OK);
    }
    return BIGSEG_OK;
}

static bigseg_code metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)userdata, (void)error;
    *synchronized_on = 1;
    return BIGSEG_OK;
}

static void completions(const bigseg_context *alice) {
    Gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    Heard heard = {0};
    bigseg_store_vtable vtable = {sizeof vtable, memberships, metadata};
    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_custom_store(config, &vtable, &gate, NULL) == BIGSEG_OK);
    CHECK(bigseg_config_set_lookup_deadline(config, 60000) == BIGSEG_OK);
    bigseg_engine *engine = open_engine(config);
    CHECK_OK(bigseg_engine_set_data(engine, BIGSEG_STR(DATA), &error));
    bigseg_evaluation *evaluation = (bigseg_evaluation *)&heard;
    bigseg_segment_answer *answer = (bigseg_segment_answer *)&heard;
    CHECK_OK(bigseg_engine_evaluate_now(engine, BIGSEG_STR("switch"), alice, &evaluation, &error));
    CHECK_OK(bigseg_engine_segment_contains_now(engine, BIGSEG_STR("beta"), alice, &answer, &error));
    CHECK(evaluation == NULL && answer == NULL);
    bigseg_context *passing = context_of("{\"kind\": \"user\", \"key\": \"alice\"}");
    for (int i = 0; i < 20; i++) {
        CHECK_OK(bigseg_engine_evaluate_async(engine, BIGSEG_STR("switch"), passing, on_evaluation, &heard, on_destroy, &error));
        CHECK_OK(bigseg_engine_segment_contains_async(engine, BIGSEG_STR("beta"), passing, on_answer, &heard, on_destroy, &error));
    }
    bigseg_context_free(passing);
    CHECK(heard.evaluations == 0 && heard.answers == 0);
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
    for (int64_t end = now_ms() + 60000; atomic_load(&heard.destroyed) < 40; sleep_ms(2)) {
        CHECK(now_ms() < end);
    }
    CHECK(heard.evaluations == 20 && heard.answers == 20 && heard.closed == 0);
    CHECK_OK(bigseg_engine_evaluate_now(engine, BIGSEG_STR("switch"), alice, &evaluation, &error));
    CHECK(bigseg_evaluation_bool(evaluation, false));
    bigseg_evaluation_free(evaluation);
    CHECK_OK(bigseg_engine_close(engine, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed",
                bigseg_engine_evaluate_async(engine, BIGSEG_STR("switch"), alice, on_evaluation, &heard, on_destroy, &error));
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_engine_evaluate(engine, BIGSEG_STR("switch"), alice, &evaluation, &error));
    CHECK(heard.destroyed == 41 && heard.evaluations == 20);
    bigseg_engine_free(engine);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    // The engine is opened first: a memory store lives as long as its last user.
    bigseg_engine *engine = open_engine(config_of("memory:evaluation"));
    import_user("memory:evaluation", "alice");
    bigseg_store_status *status = NULL;
    CHECK_OK(bigseg_engine_refresh_status(engine, &status, &error));
    bigseg_store_status_free(status);
    CHECK_OK(bigseg_engine_set_data(engine, BIGSEG_STR(DATA), &error));
    bigseg_context *alice = context_of("{\"kind\": \"user\", \"key\": \"alice\"}");
    values(engine, alice);
    segments(engine, alice);
    explanations(engine, alice);
    contexts();
    data(argv[1], alice);
    completions(alice);
    bigseg_context_free(alice);
    bigseg_engine_free(engine);
    return 0;
}
