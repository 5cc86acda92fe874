// Reads tests/vectors, whose README describes the cases.
#ifndef VECTOR_H
#define VECTOR_H

#include "check.h"

#include <jansson.h>

// Reads "DIRECTORY/NAME.json"; to be released with json_decref.
static inline json_t *load(const char *directory, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.json", directory, name);
    json_error_t error;
    // The largest generation does not fit a signed integer, and a key can contain a NUL.
    json_t *file = json_load_file(path, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &error);
    if (!file) {
        fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
        exit(1);
    }
    return file;
}

// Returns a list that is not empty: an empty list would look like success.
static inline json_t *cases(const json_t *file, const char *name) {
    json_t *list = json_object_get(file, name);
    CHECK(json_is_array(list) && json_array_size(list) > 0);
    return list;
}

static inline bigseg_str text_of(const json_t *value) {
    CHECK(json_is_string(value));
    return (bigseg_str){json_string_value(value), json_string_length(value)};
}

static inline bigseg_str text(const json_t *object, const char *name) {
    return text_of(json_object_get(object, name));
}

static inline uint64_t whole(const json_t *value) {
    CHECK(json_is_number(value));
    double number = json_number_value(value);
    return number >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)number;
}

static inline bool same(bigseg_str a, bigseg_str b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

// Returns the code of that name.
static inline bigseg_code code_of(bigseg_str name) {
    for (size_t i = 0; i < bigseg_code_count(); i++) {
        if (same(bigseg_code_name(bigseg_code_at(i)), name)) {
            return bigseg_code_at(i);
        }
    }
    CHECK(!"a known code");
    return BIGSEG_INTERNAL;
}

static inline void complain(const json_t *about, const char *what) {
    char *dump = json_dumps(about, JSON_COMPACT);
    fprintf(stderr, "%s: %.400s\n", what, dump);
    free(dump);
    exit(1);
}

// Compares how a call ended with the case's `error`; returns whether it succeeded, as it should have.
static inline bool as_expected(const json_t *about, bigseg_code code) {
    const json_t *expected = json_object_get(about, "error");
    if (code != (expected ? code_of(text_of(expected)) : BIGSEG_OK)) {
        complain(about, code == BIGSEG_OK ? "succeeded" : bigseg_code_name(code).data);
    }
    return code == BIGSEG_OK;
}

#endif
