// Log lines reach the callback, which can be replaced, and contain no key.
#include "check.h"

#include <stdatomic.h>

typedef struct {
    atomic_int lines, destroyed, worst;
    char text[1024];
} Sink;

static void on_line(void *userdata, bigseg_log_level level, bigseg_str message) {
    Sink *sink = userdata;
    CHECK(atomic_load(&sink->destroyed) == 0);
    CHECK(level >= BIGSEG_LOG_ERROR && level <= BIGSEG_LOG_DEBUG);
    if (atomic_load(&sink->worst) == 0 || (int)level < atomic_load(&sink->worst)) {
        atomic_store(&sink->worst, (int)level);
    }
    snprintf(sink->text, sizeof sink->text, BIGSEG_FORMAT, BIGSEG_PRINT(message));
    atomic_fetch_add(&sink->lines, 1);
    // Neither call may hang: lines from inside the callback are dropped, and the log cannot be set here.
    bigseg_engine *engine = open_engine(config_of("memory:"));
    bigseg_engine_free(engine);
    CHECK(bigseg_log_set(BIGSEG_LOG_OFF, NULL, NULL, NULL, NULL) == BIGSEG_INVALID_ARGUMENT);
}

static void on_destroy(void *userdata) { atomic_fetch_add(&((Sink *)userdata)->destroyed, 1); }

static void say_something(void) {
    bigseg_engine *engine = open_engine(config_of("local:/nowhere/at-all"));
    CHECK(status_of(engine, "secret-user-key") == BIGSEG_LOOKUP_STORE_ERROR);
    bigseg_engine_free(engine);
}

int main(void) {
    static Sink first, second, refused;
    say_something();
    CHECK_OK(bigseg_log_set(BIGSEG_LOG_DEBUG, on_line, &first, on_destroy, &error));
    say_something();
    CHECK(first.lines > 0 && first.worst == BIGSEG_LOG_ERROR && second.lines == 0);
    CHECK(strstr(first.text, "/nowhere/at-all") && !strstr(first.text, "secret"));

    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "level is 99",
                bigseg_log_set((bigseg_log_level)99, on_line, &refused, on_destroy, &error));
    CHECK(refused.destroyed == 1 && first.destroyed == 0);

    CHECK_OK(bigseg_log_set(BIGSEG_LOG_ERROR, on_line, &second, on_destroy, &error));
    CHECK(first.destroyed == 1);
    int lines = first.lines;
    say_something();
    CHECK(first.lines == lines && second.lines > 0 && second.worst == BIGSEG_LOG_ERROR);

    CHECK_OK(bigseg_log_set(BIGSEG_LOG_OFF, on_line, &refused, on_destroy, &error));
    CHECK(second.destroyed == 1 && refused.destroyed == 2);
    lines = second.lines;
    say_something();
    CHECK(second.lines == lines && refused.lines == 0);
    return 0;
}
