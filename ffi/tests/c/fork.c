// In a forked child every call on the parent's engine returns BIGSEG_FORKED at once; the parent continues.
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int destroyed, stop;

static void on_status(void *userdata, const bigseg_store_status *status) { (void)userdata, (void)status; }
static void on_lookup(void *userdata, bigseg_code code, const bigseg_lookup *lookup) {
    (void)userdata, (void)code, (void)lookup;
}
static void on_destroy(void *userdata) {
    (void)userdata;
    atomic_fetch_add(&destroyed, 1);
}

// Keeps the engine's locks busy while the process forks.
static void *disturb(void *engine) {
    while (!atomic_load(&stop)) {
        bigseg_store_status *status = NULL;
        CHECK_OK(bigseg_engine_refresh_status(engine, &status, &error));
        bigseg_store_status_free(status);
        CHECK_OK(bigseg_engine_invalidate_all(engine, &error));
        status_of(engine, "user-key");
    }
    return NULL;
}

static void in_child(bigseg_engine *engine) {
    alarm(10); // Ends the child if a call hangs.
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    bigseg_store_status *store_status = NULL;
    bigseg_context_hash hash;
    bigseg_str key = BIGSEG_STR("user-key");
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    CHECK_OK(bigseg_context_hash_of(key, &hash, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_membership(engine, key, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_memberships(engine, &key, 1, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_cached(engine, key, &membership, &status, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_status(engine, &store_status, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_refresh_status(engine, &store_status, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_invalidate(engine, key, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_invalidate_by_hash(engine, &hash, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_invalidate_all(engine, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_metrics(engine, &metrics, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_remove_status_listener(engine, 1, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork", bigseg_engine_close(engine, &error));
    CHECK(destroyed == 0);
    CHECK_FAILS(BIGSEG_FORKED, "fork",
                bigseg_engine_membership_async(engine, key, on_lookup, NULL, on_destroy, &error));
    CHECK_FAILS(BIGSEG_FORKED, "fork",
                bigseg_engine_add_status_listener(engine, on_status, NULL, on_destroy, NULL, &error));
    CHECK(destroyed == 2);
    bigseg_engine_free(engine);
    CHECK(destroyed == 2);
    // An engine that the child opens works.
    bigseg_engine *own = open_engine(config_of("memory:"));
    CHECK(status_of(own, "user-key") == BIGSEG_LOOKUP_STALE);
    bigseg_engine_free(own);
    _exit(0);
}

int main(void) {
    bigseg_engine *engine = open_engine(config_of("memory:fork"));
    import_user("memory:fork", "user-key");
    CHECK_OK(bigseg_engine_add_status_listener(engine, on_status, NULL, on_destroy, NULL, &error));
    CHECK(status_of(engine, "user-key") != BIGSEG_LOOKUP_STORE_ERROR);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, disturb, engine) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            in_child(engine);
        }
        int result = 0;
        CHECK(waitpid(child, &result, 0) == child && WIFEXITED(result) && WEXITSTATUS(result) == 0);
    }
    atomic_store(&stop, 1);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(status_of(engine, "user-key") == BIGSEG_LOOKUP_HEALTHY);
    bigseg_engine_free(engine);
    CHECK(destroyed == 1);
    return 0;
}
