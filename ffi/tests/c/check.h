// Helpers of the test programs: checks that report their line, and short forms of common calls.
#ifndef CHECK_H
#define CHECK_H

#include <bigseg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

// Checks that a call fails with a code, and with a message that contains some words.
#define CHECK_FAILS(code, words, call)                                                                       \
    do {                                                                                                     \
        bigseg_error *error = NULL;                                                                          \
        bigseg_code got = (call);                                                                            \
        if (got != (code) || bigseg_error_code(error) != (code) || !holds(bigseg_error_message(error), words)) { \
            fprintf(stderr, "%s:%d: got %u (%.*s) from %s\n", __FILE__, __LINE__, (unsigned)got,             \
                    BIGSEG_PRINT(bigseg_error_message(error)), #call);                                       \
            exit(1);                                                                                         \
        }                                                                                                    \
        bigseg_error_free(error);                                                                            \
    } while (0)

// Checks that a call succeeds, and shows its message if not.
#define CHECK_OK(call)                                                                                       \
    do {                                                                                                     \
        bigseg_error *error = NULL;                                                                          \
        if ((call) != BIGSEG_OK) {                                                                           \
            fprintf(stderr, "%s:%d: %.*s from %s\n", __FILE__, __LINE__,                                     \
                    BIGSEG_PRINT(bigseg_error_message(error)), #call);                                       \
            exit(1);                                                                                         \
        }                                                                                                    \
        CHECK(error == NULL);                                                                                \
    } while (0)

static inline bool holds(bigseg_str text, const char *words) {
    size_t length = strlen(words);
    for (size_t i = 0; i + length <= text.length; i++) {
        if (memcmp(text.data + i, words, length) == 0) {
            return true;
        }
    }
    return false;
}

static inline bool equal(bigseg_str text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

static inline int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms) {
    struct timespec pause = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

// Opens an engine and frees the config.
static inline bigseg_engine *open_engine(bigseg_config *config) {
    bigseg_engine *engine = NULL;
    CHECK_OK(bigseg_engine_open(config, &engine, &error));
    CHECK(engine != NULL);
    bigseg_config_free(config);
    return engine;
}

static inline bigseg_config *config_of(const char *store) {
    bigseg_config *config = bigseg_config_new();
    CHECK(bigseg_config_set_store(config, bigseg_str_of(store)) == BIGSEG_OK);
    return config;
}

// Puts one context into "beta.g3" and out of "gamma.g1".
static inline void import_user(const char *store, const char *key) {
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    CHECK_OK(bigseg_import_add(import, bigseg_str_of(key), BIGSEG_STR("beta.g3"), true, &error));
    CHECK_OK(bigseg_import_add(import, bigseg_str_of(key), BIGSEG_STR("gamma.g1"), false, &error));
    CHECK_OK(bigseg_import_commit(import, NULL, NULL, NULL, &error));
    bigseg_import_free(import);
}

// Looks up a key and returns the status; the membership is freed.
static inline bigseg_lookup_status status_of(const bigseg_engine *engine, const char *key) {
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status = BIGSEG_LOOKUP_NOT_CONFIGURED;
    CHECK_OK(bigseg_engine_membership(engine, bigseg_str_of(key), &membership, &status, &error));
    CHECK(membership != NULL);
    bigseg_membership_free(membership);
    return status;
}

#endif
