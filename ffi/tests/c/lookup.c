// Every kind of lookup, in a memory store and in an embedded store.
#include "check.h"

static void inspect(const bigseg_membership *membership) {
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED);
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("gamma.g1")) == BIGSEG_MEMBERSHIP_EXCLUDED);
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("beta.g4")) == BIGSEG_MEMBERSHIP_NO_VALUE);
    CHECK(bigseg_membership_check(membership, BIGSEG_STR("\xff")) == BIGSEG_MEMBERSHIP_NO_VALUE);
    CHECK(bigseg_membership_included_count(membership) == 1);
    CHECK(bigseg_membership_excluded_count(membership) == 1);
    CHECK(equal(bigseg_membership_included_at(membership, 0), "beta.g3"));
    CHECK(equal(bigseg_membership_excluded_at(membership, 0), "gamma.g1"));
    CHECK(bigseg_membership_included_at(membership, 1).length == 0);
}

static void one_by_one(const bigseg_engine *engine, const bigseg_context_hash *hash) {
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status = BIGSEG_LOOKUP_NOT_CONFIGURED;
    CHECK_OK(bigseg_engine_cached(engine, BIGSEG_STR("user-key"), &membership, &status, &error));
    CHECK(membership == NULL && status == BIGSEG_LOOKUP_NOT_CONFIGURED);
    CHECK_OK(bigseg_engine_membership(engine, BIGSEG_STR("user-key"), &membership, &status, &error));
    CHECK(status == BIGSEG_LOOKUP_HEALTHY);
    inspect(membership);

    const bigseg_membership *clone = bigseg_membership_clone(membership);
    bigseg_membership_free(membership);
    inspect(clone);
    bigseg_membership_free(clone);

    CHECK_OK(bigseg_engine_cached(engine, BIGSEG_STR("user-key"), &membership, &status, &error));
    inspect(membership);
    bigseg_membership_free(membership);
    CHECK_OK(bigseg_engine_cached_by_hash(engine, hash, &membership, &status, &error));
    inspect(membership);
    bigseg_membership_free(membership);
    CHECK_OK(bigseg_engine_membership_by_hash(engine, hash, &membership, &status, &error));
    inspect(membership);
    bigseg_membership_free(membership);
}

static void in_full(const bigseg_engine *engine, const bigseg_context_hash *hash) {
    bigseg_lookup lookup;
    lookup.struct_size = sizeof lookup;
    CHECK_OK(bigseg_engine_lookup(engine, BIGSEG_STR("user-key"), &lookup, &error));
    inspect(lookup.membership);
    CHECK(lookup.origin == BIGSEG_ORIGIN_CACHE && lookup.status == BIGSEG_LOOKUP_HEALTHY);
    CHECK(lookup.store_code == BIGSEG_OK && lookup.age_ms < 5000 && lookup.struct_size == sizeof lookup);
    bigseg_membership_free(lookup.membership);

    CHECK_OK(bigseg_engine_invalidate(engine, BIGSEG_STR("user-key"), &error));
    CHECK_OK(bigseg_engine_lookup(engine, BIGSEG_STR("user-key"), &lookup, &error));
    CHECK(lookup.origin == BIGSEG_ORIGIN_STORE && lookup.age_ms == 0);
    bigseg_membership_free(lookup.membership);
    CHECK_OK(bigseg_engine_invalidate_by_hash(engine, hash, &error));
    CHECK_OK(bigseg_engine_lookup_by_hash(engine, hash, &lookup, &error));
    CHECK(lookup.origin == BIGSEG_ORIGIN_STORE && lookup.age_ms == 0);
    bigseg_membership_free(lookup.membership);
    // The text of a hash is the key of another context.
    bigseg_str hash_text = {hash->text, BIGSEG_CONTEXT_HASH_LENGTH};
    CHECK_OK(bigseg_engine_invalidate(engine, hash_text, &error));
    CHECK_OK(bigseg_engine_lookup_by_hash(engine, hash, &lookup, &error));
    CHECK(lookup.origin == BIGSEG_ORIGIN_CACHE);
    bigseg_membership_free(lookup.membership);
    CHECK_OK(bigseg_engine_invalidate_all(engine, &error));

    lookup.membership = NULL;
    lookup.struct_size = 4;
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "struct_size is 4", bigseg_engine_lookup_by_hash(engine, hash, &lookup, &error));
    lookup.struct_size = 1 << 30;
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "struct_size", bigseg_engine_lookup_by_hash(engine, hash, &lookup, &error));
    CHECK(lookup.membership == NULL);
}

static void many(const bigseg_engine *engine, const bigseg_context_hash *hash) {
    const bigseg_str keys[] = {BIGSEG_STR("nobody"), BIGSEG_STR("user-key"), BIGSEG_STR("user-key")};
    const bigseg_membership *memberships[3] = {NULL, NULL, NULL};
    bigseg_lookup_status statuses[3];
    CHECK_OK(bigseg_engine_memberships(engine, keys, 3, memberships, statuses, &error));
    CHECK(bigseg_membership_included_count(memberships[0]) == 0 && statuses[0] == BIGSEG_LOOKUP_HEALTHY);
    for (size_t i = 0; i < 3; i++) {
        if (i > 0) {
            inspect(memberships[i]);
        }
        bigseg_membership_free(memberships[i]);
        memberships[i] = NULL;
    }
    const bigseg_str bad[] = {BIGSEG_STR("nobody"), BIGSEG_STR("")};
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_KEY, "empty",
                bigseg_engine_memberships(engine, bad, 2, memberships, statuses, &error));
    CHECK(memberships[0] == NULL);
    CHECK_OK(bigseg_engine_memberships(engine, NULL, 0, NULL, NULL, &error));
    CHECK_OK(bigseg_engine_memberships_by_hash(engine, hash, 1, memberships, statuses, &error));
    inspect(memberships[0]);
    bigseg_membership_free(memberships[0]);
}

static void figures(const bigseg_engine *engine) {
    bigseg_metrics metrics;
    memset(&metrics, 0xff, sizeof metrics);
    metrics.struct_size = sizeof metrics;
    CHECK_OK(bigseg_engine_metrics(engine, &metrics, &error));
    CHECK(metrics.cache_hits >= 4 && metrics.store_queries > 0 && metrics.store_errors == 0);
    CHECK(metrics.cached_contexts == 2 && metrics.circuit_open == 0);

    // A caller with a newer header: fields that this library does not have are 0.
    struct {
        bigseg_metrics known;
        uint64_t unknown;
    } larger;
    memset(&larger, 0xff, sizeof larger);
    larger.known.struct_size = sizeof larger;
    CHECK_OK(bigseg_engine_metrics(engine, &larger.known, &error));
    CHECK(larger.unknown == 0 && larger.known.cache_hits == metrics.cache_hits);
}

static void bad_arguments(const bigseg_engine *engine) {
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    bigseg_context_hash hash;
    memset(&hash, 0, sizeof hash);
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_HASH, "44",
                bigseg_engine_membership_by_hash(engine, &hash, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_KEY, "UTF-8",
                bigseg_engine_membership(engine, BIGSEG_STR("\xed\xa0\x80"), &membership, &status, &error));
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "cannot have",
                bigseg_engine_membership(engine, (bigseg_str){"x", (size_t)-1}, &membership, &status, &error));
    CHECK(membership == NULL);
}

static void in_store(const char *store) {
    bigseg_import *keep = NULL; // A memory store lives as long as its last user.
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &keep, &error));
    import_user(store, "user-key");
    bigseg_engine *engine = open_engine(config_of(store));
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("user-key"), &hash, &error));
    one_by_one(engine, &hash);
    in_full(engine, &hash);
    many(engine, &hash);
    figures(engine);
    bad_arguments(engine);
    bigseg_engine_free(engine);
    bigseg_import_free(keep);
}

// A large membership has a reference count, so that the sanitizer sees a lost or freed handle.
static void large(const char *store) {
    enum { REFS = 100 };
    bigseg_engine *engine = open_engine(config_of(store));
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    for (int i = 0; i < REFS; i++) {
        char ref[16];
        snprintf(ref, sizeof ref, "large.g%d", i);
        CHECK_OK(bigseg_import_add(import, BIGSEG_STR("someone"), bigseg_str_of(ref), i % 2 == 0, &error));
    }
    CHECK_OK(bigseg_import_commit(import, NULL, NULL, NULL, &error));
    bigseg_import_free(import);
    bigseg_str key = BIGSEG_STR("someone");
    const bigseg_membership *memberships[4];
    bigseg_lookup_status status;
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    CHECK_OK(bigseg_engine_membership(engine, key, &memberships[0], &status, &error));
    CHECK_OK(bigseg_engine_cached(engine, key, &memberships[1], &status, &error));
    CHECK_OK(bigseg_engine_memberships(engine, &key, 1, &memberships[2], &status, &error));
    CHECK_OK(bigseg_engine_lookup(engine, key, &lookup, &error));
    memberships[3] = lookup.membership;
    CHECK_OK(bigseg_engine_invalidate_all(engine, &error));
    bigseg_engine_free(engine);
    // Memberships outlive the engine.
    for (int i = 0; i < 4; i++) {
        const bigseg_membership *clone = bigseg_membership_clone(memberships[i]);
        bigseg_membership_free(memberships[i]);
        CHECK(bigseg_membership_included_count(clone) == REFS / 2);
        CHECK(bigseg_membership_check(clone, BIGSEG_STR("large.g97")) == BIGSEG_MEMBERSHIP_EXCLUDED);
        bigseg_membership_free(clone);
    }
}

static void without_store(void) {
    bigseg_engine *engine = open_engine(bigseg_config_new());
    CHECK(status_of(engine, "user-key") == BIGSEG_LOOKUP_NOT_CONFIGURED);
    bigseg_engine_free(engine);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    in_store("memory:lookup");
    char store[4096];
    snprintf(store, sizeof store, "local:%s/lookup?map_size=64M", argv[1]);
    in_store(store);
    large("memory:large");
    without_store();
    return 0;
}
