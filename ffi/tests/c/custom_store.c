// Custom stores: one that works, some that return nonsense, one that never returns, and one that is re-entrant.
#include "check.h"

#include <stdatomic.h>

typedef struct Store Store;

struct Store {
    bigseg_code (*memberships)(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error);
    atomic_int calls, destroyed, release;
    bigseg_engine *engine;
    const char *inner_key;
    bigseg_code inner_code;
    bool inner_cached;
    atomic_bool inner_done;
};

static bigseg_code memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                               bigseg_answers *answers, bigseg_error **error) {
    Store *store = userdata;
    atomic_fetch_add(&store->calls, 1);
    bigseg_context_hash parsed;
    for (size_t i = 0; i < count; i++) {
        bigseg_str text = {hashes[i].text, BIGSEG_CONTEXT_HASH_LENGTH};
        CHECK(bigseg_context_hash_parse(text, &parsed, NULL) == BIGSEG_OK);
    }
    return store->memberships(store, count, answers, error);
}

static bigseg_code metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)userdata, (void)error;
    CHECK(*synchronized_on == 0);
    *synchronized_on = (int64_t)time(NULL) * 1000;
    return BIGSEG_OK;
}

static void destroy(void *userdata) { atomic_fetch_add(&((Store *)userdata)->destroyed, 1); }

static bigseg_engine *open_store(Store *store, uint64_t deadline_ms) {
    bigseg_store_vtable vtable = {sizeof vtable, memberships, metadata};
    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_lookup_deadline(config, deadline_ms) == BIGSEG_OK);
    CHECK(bigseg_config_set_custom_store(config, &vtable, store, destroy) == BIGSEG_OK);
    memset(&vtable, 0, sizeof vtable); // The engine has a copy.
    store->engine = open_engine(config);
    CHECK(store->destroyed == 0);
    return store->engine;
}

static bigseg_code answers_well(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store;
    for (size_t i = 0; i < count; i++) {
        CHECK(bigseg_answers_include(answers, i, BIGSEG_STR("beta.g3"), error) == BIGSEG_OK);
        CHECK(bigseg_answers_exclude(answers, i, BIGSEG_STR("gamma.g1"), error) == BIGSEG_OK);
        CHECK(bigseg_answers_include(answers, i, BIGSEG_STR("not a ref"), error) == BIGSEG_OK);
    }
    return BIGSEG_OK;
}

static void works(void) {
    Store store = {.memberships = answers_well};
    bigseg_engine *engine = open_store(&store, 1000);
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    CHECK_OK(bigseg_engine_membership(engine, BIGSEG_STR("a"), &membership, &status, &error));
    CHECK(status == BIGSEG_LOOKUP_HEALTHY);
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("gamma.g1")) == BIGSEG_MEMBERSHIP_EXCLUDED);
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("not a ref")) == BIGSEG_MEMBERSHIP_INCLUDED);
    bigseg_membership_free(membership);
    CHECK(status_of(engine, "a") == BIGSEG_LOOKUP_HEALTHY && store.calls == 1);
    bigseg_engine_free(engine);
    CHECK(store.destroyed == 1);
}

static bigseg_code unknown_code(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)count, (void)answers;
    *error = bigseg_error_new(BIGSEG_STORE_FULL, BIGSEG_STR("my words"));
    return (bigseg_code)4711;
}

static bigseg_code code_without_error(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)count, (void)answers, (void)error;
    return BIGSEG_STORE_PERMISSION;
}

static bigseg_code ok_with_error(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)count, (void)answers;
    *error = bigseg_error_new(BIGSEG_OK, BIGSEG_STR("my words"));
    return BIGSEG_OK;
}

static bigseg_code index_too_large(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)error;
    bigseg_answers_include(answers, count, BIGSEG_STR("beta.g3"), NULL);
    bigseg_answers_exclude(answers, (size_t)-1, BIGSEG_STR("beta.g3"), NULL);
    return BIGSEG_OK;
}

static bigseg_code ref_not_utf8(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)count, (void)error;
    bigseg_answers_include(answers, 0, BIGSEG_STR("beta\xff"), NULL);
    return BIGSEG_OK;
}

static bigseg_code ref_null(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)count, (void)error;
    bigseg_answers_include(answers, 0, (bigseg_str){NULL, 3}, NULL);
    return BIGSEG_OK;
}

static bigseg_code one_fails(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    (void)store, (void)count;
    CHECK(bigseg_answers_fail(answers, 0, (bigseg_code)4711, BIGSEG_STR("my words"), error) == BIGSEG_OK);
    return BIGSEG_OK;
}

static void nonsense(void) {
    static const struct {
        bigseg_code (*memberships)(Store *, size_t, bigseg_answers *, bigseg_error **);
        bigseg_code code;
        const char *words;
    } cases[] = {
        {unknown_code, BIGSEG_STORE_DATA, "4711, which is no code: my words"},
        {code_without_error, BIGSEG_STORE_PERMISSION, "no details"},
        {ok_with_error, BIGSEG_STORE_DATA, "BIGSEG_OK together with an error: my words"},
        {index_too_large, BIGSEG_STORE_DATA, "context 1 of 1"},
        {ref_not_utf8, BIGSEG_STORE_DATA, NULL},
        {ref_null, BIGSEG_STORE_DATA, NULL},
        {one_fails, BIGSEG_STORE_DATA, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Store store = {.memberships = cases[i].memberships};
        bigseg_engine *engine = open_store(&store, 1000);
        bigseg_lookup lookup = {.struct_size = sizeof lookup};
        CHECK_OK(bigseg_engine_lookup(engine, BIGSEG_STR("a"), &lookup, &error));
        if (lookup.store_code != cases[i].code) {
            fprintf(stderr, "case %zu: %u\n", i, (unsigned)lookup.store_code);
            exit(1);
        }
        bigseg_membership_free(lookup.membership);
        if (cases[i].words) {
            bigseg_store_status *status = NULL;
            CHECK_OK(bigseg_engine_status(engine, &status, &error));
            CHECK(bigseg_store_status_error_code(status) == cases[i].code);
            CHECK(holds(bigseg_store_status_error_message(status), cases[i].words));
            CHECK(bigseg_store_status_error_at(status) > 0);
            bigseg_store_status_free(status);
        }
        bigseg_engine_free(engine);
        CHECK(store.destroyed == 1);
    }
}

static bigseg_code blocks(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    while (!atomic_load(&store->release)) {
        sleep_ms(5);
    }
    return answers_well(store, count, answers, error);
}

static void one_that_never_returns_costs_a_deadline(void) {
    Store store = {.memberships = blocks};
    bigseg_engine *engine = open_store(&store, 100);
    int64_t began = now_ms();
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    CHECK_OK(bigseg_engine_lookup(engine, BIGSEG_STR("a"), &lookup, &error));
    CHECK(lookup.status == BIGSEG_LOOKUP_STORE_ERROR && lookup.store_code == BIGSEG_STORE_TIMEOUT);
    bigseg_membership_free(lookup.membership);
    int64_t took = now_ms() - began;
    // The store returns only after the release below, so the answer itself proves the deadline.
    CHECK(took >= 90);
    atomic_store(&store.release, 1);
    bigseg_engine_free(engine);
    CHECK(store.destroyed == 1);
}

static bigseg_code is_reentrant(Store *store, size_t count, bigseg_answers *answers, bigseg_error **error) {
    if (store->calls == 1) {
        const bigseg_membership *cached = NULL;
        bigseg_lookup_status status;
        CHECK_OK(bigseg_engine_cached(store->engine, BIGSEG_STR("a"), &cached, &status, &error));
        store->inner_cached = cached != NULL;
        bigseg_lookup lookup = {.struct_size = sizeof lookup};
        CHECK_OK(bigseg_engine_lookup(store->engine, bigseg_str_of(store->inner_key), &lookup, &error));
        bigseg_membership_free(lookup.membership);
        store->inner_code = lookup.store_code;
        atomic_store(&store->inner_done, true);
    }
    return answers_well(store, count, answers, error);
}

// The header forbids a lookup from inside the store. It costs a deadline, and is no deadlock: the same context waits for
// the running query, another context until that query has timed out.
static void a_lookup_from_inside_waits_for_the_deadline(const char *inner_key, bool is_answered_later) {
    Store store = {.memberships = is_reentrant, .inner_key = inner_key};
    bigseg_engine *engine = open_store(&store, 200);
    CHECK(status_of(engine, "a") == BIGSEG_LOOKUP_STORE_ERROR);
    while (!atomic_load(&store.inner_done)) {
        sleep_ms(1);
    }
    bigseg_engine_free(engine);
    CHECK(store.inner_code == BIGSEG_STORE_TIMEOUT || (is_answered_later && store.inner_code == BIGSEG_OK));
    CHECK(!store.inner_cached && store.destroyed == 1);
}

static void is_destroyed_without_an_engine_too(void) {
    Store first = {.memberships = answers_well}, second = {.memberships = answers_well};
    bigseg_store_vtable vtable = {sizeof vtable, memberships, metadata};
    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_custom_store(config, &vtable, &first, destroy) == BIGSEG_OK);
    CHECK(bigseg_config_set_custom_store(config, &vtable, &second, destroy) == BIGSEG_OK);
    CHECK(first.destroyed == 1 && second.destroyed == 0);
    CHECK(bigseg_config_set_lookup_deadline(config, 0) == BIGSEG_INVALID_CONFIG);
    bigseg_engine *engine = NULL;
    CHECK(bigseg_engine_open(config, &engine, NULL) == BIGSEG_INVALID_CONFIG && second.destroyed == 0);
    bigseg_config_free(config);
    CHECK(first.destroyed == 1 && second.destroyed == 1 && first.calls == 0);
}

int main(void) {
    works();
    nonsense();
    one_that_never_returns_costs_a_deadline();
    a_lookup_from_inside_waits_for_the_deadline("a", false);
    a_lookup_from_inside_waits_for_the_deadline("b", true);
    is_destroyed_without_an_engine_too();
    return 0;
}
