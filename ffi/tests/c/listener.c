// A listener is called with the first status and each change, is destroyed exactly once, and is not called afterwards.
#include "check.h"

#include <stdatomic.h>

typedef struct {
    atomic_int calls, destroyed, last_stale, running, gone;
    const bigseg_engine *engine;
    uint64_t id;
    int remove_itself, slow;
} Listener;

static void on_status(void *userdata, const bigseg_store_status *status) {
    Listener *listener = userdata;
    CHECK(!atomic_load(&listener->gone) && atomic_load(&listener->destroyed) == 0);
    CHECK(atomic_fetch_add(&listener->running, 1) == 0);
    atomic_store(&listener->last_stale, bigseg_store_status_stale(status));
    atomic_fetch_add(&listener->calls, 1);
    if (listener->slow) {
        sleep_ms(100);
    }
    if (listener->remove_itself) {
        CHECK_OK(bigseg_engine_remove_status_listener(listener->engine, listener->id, &error));
    }
    atomic_fetch_sub(&listener->running, 1);
}

static void on_destroy(void *userdata) {
    Listener *listener = userdata;
    CHECK(atomic_load(&listener->running) == 0);
    atomic_fetch_add(&listener->destroyed, 1);
}

static void wait_until(atomic_int *number, int expected) {
    for (int64_t end = now_ms() + 60000; atomic_load(number) < expected; sleep_ms(2)) {
        CHECK(now_ms() < end);
    }
}

static void add(bigseg_engine *engine, Listener *listener) {
    listener->engine = engine;
    CHECK_OK(bigseg_engine_add_status_listener(engine, on_status, listener, on_destroy, &listener->id, &error));
}

static void receives_changes_until_removed(void) {
    bigseg_engine *engine = open_engine(config_of("memory:listener"));
    Listener early = {.engine = NULL}, late = {.engine = NULL};
    add(engine, &early);
    wait_until(&early.calls, 1);
    CHECK(atomic_load(&early.last_stale) == 1);

    import_user("memory:listener", "user-key");
    bigseg_store_status *status = NULL;
    CHECK_OK(bigseg_engine_refresh_status(engine, &status, &error));
    CHECK(bigseg_store_status_available(status) && !bigseg_store_status_stale(status));
    bigseg_store_status_free(status);
    wait_until(&early.calls, 2);
    CHECK(atomic_load(&early.last_stale) == 0);

    add(engine, &late);
    wait_until(&late.calls, 1);
    CHECK_OK(bigseg_engine_remove_status_listener(engine, early.id, &error));
    CHECK(atomic_load(&early.destroyed) == 1);
    CHECK_OK(bigseg_engine_remove_status_listener(engine, early.id, &error));
    CHECK_OK(bigseg_engine_remove_status_listener(engine, 4711, &error));

    bigseg_engine_free(engine);
    atomic_store(&late.gone, 1);
    CHECK(atomic_load(&late.destroyed) == 1 && atomic_load(&early.destroyed) == 1);
}

static void removes_itself(void) {
    bigseg_engine *engine = open_engine(config_of("memory:"));
    Listener first = {.engine = NULL}, second = {.engine = NULL};
    add(engine, &first);
    wait_until(&first.calls, 1);
    second.remove_itself = 1;
    second.id = first.id + 1;
    add(engine, &second);
    wait_until(&second.destroyed, 1);
    bigseg_engine_free(engine);
    CHECK(atomic_load(&second.calls) == 1 && atomic_load(&second.destroyed) == 1);
}

static void freeing_waits_for_a_slow_one(void) {
    bigseg_engine *engine = open_engine(config_of("memory:"));
    Listener listener = {.slow = 1};
    add(engine, &listener);
    wait_until(&listener.calls, 1);
    bigseg_engine_free(engine);
    atomic_store(&listener.gone, 1);
    CHECK(atomic_load(&listener.running) == 0 && atomic_load(&listener.destroyed) == 1);
}

static void is_destroyed_when_adding_fails(void) {
    bigseg_engine *engine = open_engine(config_of("memory:"));
    CHECK_OK(bigseg_engine_close(engine, &error));
    Listener listener = {.engine = NULL};
    CHECK_FAILS(BIGSEG_CLOSED, "closed",
                bigseg_engine_add_status_listener(engine, on_status, &listener, on_destroy, NULL, &error));
    CHECK(atomic_load(&listener.destroyed) == 1 && atomic_load(&listener.calls) == 0);
    bigseg_engine_free(engine);
}

int main(void) {
    receives_changes_until_removed();
    removes_itself();
    freeing_waits_for_a_slow_one();
    is_destroyed_when_adding_fails();
    return 0;
}
