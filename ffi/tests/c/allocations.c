// A cached answer needs no allocation. The program replaces the allocator, so it is built without the sanitizer.
#include "check.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static __thread size_t allocations;

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    allocations++;
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    allocations++;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}

int main(void) {
    bigseg_config *config = config_of("memory:allocations");
    bigseg_config_set_context_cache_time(config, 3600 * 1000);
    bigseg_engine *engine = open_engine(config);
    import_user("memory:allocations", "user-key");
    CHECK(status_of(engine, "user-key") != BIGSEG_LOOKUP_STORE_ERROR);
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("user-key"), &hash, &error));

    size_t before = allocations;
    for (int i = 0; i < 1000; i++) {
        const bigseg_membership *by_key = NULL, *by_hash = NULL, *blocking = NULL;
        bigseg_lookup_status status;
        CHECK(bigseg_engine_cached(engine, BIGSEG_STR("user-key"), &by_key, &status, NULL) == BIGSEG_OK);
        CHECK(bigseg_engine_cached_by_hash(engine, &hash, &by_hash, &status, NULL) == BIGSEG_OK);
        CHECK(bigseg_engine_membership(engine, BIGSEG_STR("user-key"), &blocking, &status, NULL) == BIGSEG_OK);
        CHECK(bigseg_membership_check(by_key, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED);
        CHECK(by_hash != NULL && blocking != NULL);
        bigseg_membership_free(by_key);
        bigseg_membership_free(by_hash);
        bigseg_membership_free(blocking);
    }
    CHECK(allocations == before);

    // Checks that allocations are counted.
    bigseg_error_free(bigseg_error_new(BIGSEG_CLOSED, BIGSEG_STR("text")));
    CHECK(allocations > before);
    bigseg_engine_free(engine);
    return 0;
}
