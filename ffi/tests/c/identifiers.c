// Versions, codes, errors, hashes and segment refs: functions without an engine.
#include "check.h"

static void versions(void) {
    CHECK(equal(bigseg_version(), BIGSEG_VERSION));
    CHECK(bigseg_abi_version() == BIGSEG_ABI_VERSION);
}

static void strings(void) {
    CHECK(BIGSEG_STR("beta").length == 4 && BIGSEG_STR("").length == 0);
    CHECK(equal(bigseg_str_of("beta"), "beta") && bigseg_str_of(NULL).length == 0);
    char printed[16];
    snprintf(printed, sizeof printed, "<" BIGSEG_FORMAT ">", BIGSEG_PRINT(BIGSEG_STR("beta")));
    CHECK(strcmp(printed, "<beta>") == 0);
}

static void codes(void) {
    CHECK(bigseg_code_at(0) == BIGSEG_OK && equal(bigseg_code_name(BIGSEG_OK), "ok"));
    for (size_t i = 1; i < bigseg_code_count(); i++) {
        bigseg_code code = bigseg_code_at(i);
        CHECK(code > bigseg_code_at(i - 1));
        CHECK(bigseg_code_name(code).length > 0);
    }
    CHECK(bigseg_code_at(bigseg_code_count()) == BIGSEG_OK);
    CHECK(equal(bigseg_code_name(BIGSEG_STORE_TIMEOUT), "store_timeout"));
    CHECK(bigseg_code_retryable(BIGSEG_STORE_TIMEOUT) && !bigseg_code_retryable(BIGSEG_CLOSED));
    CHECK(bigseg_code_name((bigseg_code)4711).length == 0 && !bigseg_code_retryable((bigseg_code)4711));
    CHECK(equal(bigseg_lookup_status_name(BIGSEG_LOOKUP_STORE_ERROR), "STORE_ERROR"));
    CHECK(bigseg_lookup_status_name((bigseg_lookup_status)4711).length == 0);
}

static void errors(void) {
    bigseg_error *error = bigseg_error_new(BIGSEG_STORE_FULL, BIGSEG_STR("no room"));
    CHECK(bigseg_error_code(error) == BIGSEG_STORE_FULL && equal(bigseg_error_message(error), "no room"));
    CHECK(!bigseg_error_retryable(error));
    bigseg_error_free(error);
    const bigseg_code no_codes[] = {BIGSEG_OK, (bigseg_code)4711};
    for (size_t i = 0; i < 2; i++) {
        error = bigseg_error_new(no_codes[i], BIGSEG_STR("odd \xff"));
        CHECK(bigseg_error_code(error) == BIGSEG_STORE_DATA && holds(bigseg_error_message(error), "odd"));
        bigseg_error_free(error);
    }
}

static void hashes(void) {
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("user-key"), &hash, &error));
    CHECK(memcmp(hash.text, "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=", 44) == 0);
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("\xc3\xa9"), &hash, &error));
    CHECK(memcmp(hash.text, "SplVfkAzw1Od4utlRyAXytX5VX96BiWgnxw/biumnEw=", 44) == 0);
    bigseg_context_hash parsed;
    CHECK_OK(bigseg_context_hash_parse((bigseg_str){hash.text, sizeof hash.text}, &parsed, &error));
    CHECK(memcmp(&hash, &parsed, sizeof hash) == 0);

    memset(&hash, 'x', sizeof hash);
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_KEY, "empty", bigseg_context_hash_of(BIGSEG_STR(""), &hash, &error));
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_KEY, "at byte 2", bigseg_context_hash_of(BIGSEG_STR("ab\xff"), &hash, &error));
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_HASH, "44", bigseg_context_hash_parse(BIGSEG_STR("abc"), &hash, &error));
    CHECK(hash.text[0] == 'x' && hash.text[43] == 'x');
}

static void segment_refs(void) {
    bigseg_str key;
    uint64_t generation;
    bigseg_str ref = BIGSEG_STR("a.g1.b.g18446744073709551615");
    CHECK_OK(bigseg_segment_ref_split(ref, &key, &generation, &error));
    CHECK(key.data == ref.data && equal(key, "a.g1.b") && generation == UINT64_MAX);
    key = BIGSEG_STR("untouched");
    CHECK_FAILS(BIGSEG_INVALID_SEGMENT_REF, "segment ref",
                bigseg_segment_ref_split(BIGSEG_STR("beta.g03"), &key, &generation, &error));
    CHECK_FAILS(BIGSEG_INVALID_SEGMENT_REF, "segment ref", bigseg_segment_ref_split(BIGSEG_STR(""), &key, &generation, &error));
    CHECK_FAILS(BIGSEG_INVALID_SEGMENT_REF, "segment ref", bigseg_segment_ref_split(BIGSEG_STR("x.g"), &key, &generation, &error));
    CHECK(equal(key, "untouched"));

    char buffer[4 + BIGSEG_SEGMENT_REF_EXTRA];
    size_t length = 0;
    CHECK_OK(bigseg_segment_ref_format(BIGSEG_STR("beta"), 3, buffer, sizeof buffer, &length, &error));
    CHECK(length == 7 && strcmp(buffer, "beta.g3") == 0);
    CHECK_OK(bigseg_segment_ref_format(BIGSEG_STR("beta"), UINT64_MAX, buffer, sizeof buffer, NULL, &error));
    CHECK(strlen(buffer) == sizeof buffer - 1);
    char exact[8];
    CHECK_OK(bigseg_segment_ref_format(BIGSEG_STR("beta"), 3, exact, 8, &length, &error));
    length = 99;
    memset(exact, 'x', sizeof exact);
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "8 with its NUL",
                bigseg_segment_ref_format(BIGSEG_STR("beta"), 3, exact, 7, &length, &error));
    CHECK_FAILS(BIGSEG_INVALID_SEGMENT_REF, "empty",
                bigseg_segment_ref_format(BIGSEG_STR(""), 3, exact, 8, &length, &error));
    CHECK(length == 99 && exact[0] == 'x');
}

int main(void) {
    versions();
    strings();
    codes();
    errors();
    hashes();
    segment_refs();
    return 0;
}
