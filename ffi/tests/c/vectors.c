// Runs tests/vectors in C: identifiers, memberships and configuration. vectors_engine.c runs those of an engine.
#include "vector.h"

// Returns the key of a case, to be freed: from text, from raw bytes, or from a repetition.
static bigseg_str key_of(const json_t *about, char **memory) {
    const json_t *hex = json_object_get(about, "key_hex"), *repeat = json_object_get(about, "repeat");
    if (hex) {
        size_t length = json_string_length(hex) / 2;
        *memory = malloc(length);
        for (size_t i = 0; i < length; i++) {
            unsigned byte;
            CHECK(sscanf(json_string_value(hex) + 2 * i, "%2x", &byte) == 1);
            (*memory)[i] = (char)byte;
        }
        return (bigseg_str){*memory, length};
    }
    if (repeat) {
        bigseg_str part = text(repeat, "text");
        size_t times = whole(json_object_get(repeat, "times"));
        *memory = malloc(part.length * times);
        for (size_t i = 0; i < times; i++) {
            memcpy(*memory + i * part.length, part.data, part.length);
        }
        return (bigseg_str){*memory, part.length * times};
    }
    *memory = NULL;
    return text(about, "key");
}

static void hash(const char *directory) {
    json_t *file = load(directory, "hash");
    bigseg_context_hash hash;
    size_t i;
    json_t *about;
    json_array_foreach(cases(file, "hash"), i, about) {
        char *memory;
        if (as_expected(about, bigseg_context_hash_of(key_of(about, &memory), &hash, NULL))) {
            CHECK(same((bigseg_str){hash.text, BIGSEG_CONTEXT_HASH_LENGTH}, text(about, "hash")));
        }
        free(memory);
    }
    json_array_foreach(cases(file, "parse"), i, about) {
        if (as_expected(about, bigseg_context_hash_parse(text(about, "text"), &hash, NULL))) {
            CHECK(same((bigseg_str){hash.text, BIGSEG_CONTEXT_HASH_LENGTH}, text(about, "text")));
        }
    }
    json_decref(file);
}

static void segment_ref(const char *directory) {
    json_t *file = load(directory, "segment_ref");
    size_t i;
    json_t *about;
    json_array_foreach(cases(file, "parse"), i, about) {
        bigseg_str key;
        uint64_t generation;
        if (as_expected(about, bigseg_segment_ref_split(text(about, "text"), &key, &generation, NULL))) {
            CHECK(same(key, text(about, "key")));
            CHECK(generation == whole(json_object_get(about, "generation")));
        }
    }
    json_array_foreach(cases(file, "format"), i, about) {
        bigseg_str key = text(about, "key");
        uint64_t generation = whole(json_object_get(about, "generation"));
        size_t capacity = key.length + BIGSEG_SEGMENT_REF_EXTRA, length;
        char *buffer = malloc(capacity);
        if (as_expected(about, bigseg_segment_ref_format(key, generation, buffer, capacity, &length, NULL))) {
            CHECK(same((bigseg_str){buffer, length}, text(about, "text")) && buffer[length] == 0);
        }
        free(buffer);
    }
    json_decref(file);
}

// A custom store in which every context has the membership of the case.
static bigseg_code answer(void *userdata, const bigseg_context_hash *hashes, size_t count,
                          bigseg_answers *answers, bigseg_error **error) {
    const json_t *about = userdata;
    (void)hashes;
    for (size_t context = 0; context < count; context++) {
        size_t i;
        json_t *ref;
        json_array_foreach(json_object_get(about, "included"), i, ref) {
            CHECK(bigseg_answers_include(answers, context, text_of(ref), error) == BIGSEG_OK);
        }
        json_array_foreach(json_object_get(about, "excluded"), i, ref) {
            CHECK(bigseg_answers_exclude(answers, context, text_of(ref), error) == BIGSEG_OK);
        }
    }
    return BIGSEG_OK;
}

static bigseg_code never_synchronised(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)userdata, (void)synchronized_on, (void)error;
    return BIGSEG_OK;
}

static void membership(const char *directory) {
    json_t *file = load(directory, "membership");
    size_t i;
    json_t *about;
    json_array_foreach(cases(file, "memberships"), i, about) {
        bigseg_store_vtable vtable = {sizeof vtable, answer, never_synchronised};
        bigseg_config *config = bigseg_config_new();
        bigseg_config_set_custom_store(config, &vtable, about, NULL);
        bigseg_engine *engine = open_engine(config);
        const bigseg_membership *membership = NULL;
        bigseg_lookup_status status;
        CHECK_OK(bigseg_engine_membership(engine, BIGSEG_STR("a"), &membership, &status, &error));
        const char *ref;
        json_t *expected;
        json_object_foreach(json_object_get(about, "checks"), ref, expected) {
            bigseg_membership_value value = json_is_null(expected)   ? BIGSEG_MEMBERSHIP_NO_VALUE
                                            : json_is_true(expected) ? BIGSEG_MEMBERSHIP_INCLUDED
                                                                     : BIGSEG_MEMBERSHIP_EXCLUDED;
            if (bigseg_membership_check(membership, bigseg_str_of(ref)) != value) {
                complain(about, ref);
            }
        }
        bigseg_membership_free(membership);
        bigseg_engine_free(engine);
    }
    json_decref(file);
}

// Checks that the engine rejects a config with the message of a case.
static void refused(const json_t *about, bigseg_config *config) {
    size_t i;
    json_t *word;
    bigseg_engine *engine = NULL;
    bigseg_error *error = NULL;
    CHECK(bigseg_engine_open(config, &engine, &error) != BIGSEG_OK);
    json_array_foreach(json_object_get(about, "message_has"), i, word) {
        CHECK(holds(bigseg_error_message(error), json_string_value(word)));
    }
    json_array_foreach(json_object_get(about, "message_lacks"), i, word) {
        CHECK(!holds(bigseg_error_message(error), json_string_value(word)));
    }
    bigseg_error_free(error);
}

static void store_url(const char *directory) {
    json_t *file = load(directory, "store_url");
    size_t i;
    json_t *about;
    json_array_foreach(cases(file, "stores"), i, about) {
        bigseg_config *config = bigseg_config_new();
        if (as_expected(about, bigseg_config_set_store(config, text(about, "text")))) {
            CHECK(same(bigseg_config_store(config), text(about, "display")));
        } else {
            refused(about, config);
        }
        bigseg_config_free(config);
    }
    json_decref(file);
}

// Writes the value of an option as text into `buffer`, unless it is text.
static bigseg_str option_text(const json_t *value, char buffer[32]) {
    if (json_is_string(value)) {
        return text_of(value);
    }
    if (json_is_boolean(value)) {
        return json_is_true(value) ? BIGSEG_STR("true") : BIGSEG_STR("false");
    }
    snprintf(buffer, 32, "%.15g", json_number_value(value));
    return bigseg_str_of(buffer);
}

static void store_options(const char *directory) {
    json_t *file = load(directory, "store_options");
    size_t i;
    json_t *about, *value;
    json_array_foreach(cases(file, "stores"), i, about) {
        // In C all values are text.
        if (json_is_true(json_object_get(about, "typed"))) {
            continue;
        }
        bigseg_store_option options[32];
        char buffers[32][32];
        size_t count = 0;
        const char *name;
        json_object_foreach(json_object_get(about, "options"), name, value) {
            CHECK(count < 32);
            options[count].name = bigseg_str_of(name);
            options[count].value = option_text(value, buffers[count]);
            count++;
        }
        bigseg_config *config = bigseg_config_new();
        bigseg_str store = text(about, "store");
        if (as_expected(about, bigseg_config_set_store_with_options(config, store, options, count))) {
            CHECK(same(bigseg_config_store(config), text(about, "display")));
        } else {
            refused(about, config);
        }
        bigseg_config_free(config);
    }
    json_decref(file);
}

static void error_kinds(const char *directory) {
    json_t *file = load(directory, "error_kinds");
    json_t *kinds = cases(file, "kinds");
    CHECK(json_array_size(kinds) == bigseg_code_count() - 1);
    for (size_t i = 1; i < bigseg_code_count(); i++) {
        const json_t *kind = json_array_get(kinds, i - 1);
        bigseg_code code = bigseg_code_at(i);
        CHECK(same(bigseg_code_name(code), text(kind, "name")));
        CHECK(code == whole(json_object_get(kind, "number")));
        CHECK(bigseg_code_retryable(code) == json_is_true(json_object_get(kind, "retryable")));
    }
    json_decref(file);
}

static void lookup_status(const char *directory) {
    json_t *file = load(directory, "lookup_status");
    json_t *numbers = json_object_get(file, "numbers");
    CHECK(json_object_size(numbers) == BIGSEG_LOOKUP_NOT_CONFIGURED + 1);
    const char *name;
    json_t *number, *about, *status;
    json_object_foreach(numbers, name, number) {
        CHECK(equal(bigseg_lookup_status_name((bigseg_lookup_status)whole(number)), name));
    }
    size_t i, j;
    json_array_foreach(cases(file, "worst"), i, about) {
        uint64_t worst = 0;
        json_array_foreach(json_object_get(about, "statuses"), j, status) {
            uint64_t number_of_it = whole(json_object_get(numbers, json_string_value(status)));
            worst = number_of_it > worst ? number_of_it : worst;
        }
        CHECK(same(bigseg_lookup_status_name((bigseg_lookup_status)worst), text(about, "worst")));
    }
    json_decref(file);
}

// Returns the value of an option in a case, or else a valid value.
static bigseg_str given(const json_t *about, const char *name, const char *otherwise) {
    return json_object_get(about, name) ? text(about, name) : bigseg_str_of(otherwise);
}

static void integration(const char *directory) {
    json_t *file = load(directory, "integration");
    size_t i;
    json_t *about;
    json_array_foreach(cases(file, "states"), i, about) {
        CHECK(same(bigseg_integration_state_name((bigseg_integration_state)i), text_of(about)));
    }
    CHECK(i == BIGSEG_INTEGRATION_FAILING + 1);
    json_array_foreach(cases(file, "refused"), i, about) {
        bigseg_integration_config *config = bigseg_integration_config_new();
        // The start fails with the error of the setter.
        bigseg_integration_config_set_id(config, given(about, "id", "main"));
        bigseg_integration_config_set_name(config, given(about, "name", "Main"));
        bigseg_integration_config_set_environment(config, given(about, "project", ""), given(about, "environment", ""));
        bigseg_integration_config_set_sdk_key(config, given(about, "sdk_key", "key"));
        bigseg_integration_config_set_base_url(config, given(about, "base_url", "https://sdk.example.com"));
        bigseg_integration_config_set_store(config, given(about, "store", "memory:x"));
        bigseg_integration *started = NULL;
        bigseg_error *error = NULL;
        CHECK(!as_expected(about, bigseg_integration_start(config, &started, &error)) && started == NULL);
        CHECK(holds(bigseg_error_message(error), json_string_value(json_object_get(about, "message_has"))));
        bigseg_error_free(error);
        bigseg_integration_config_free(config);
    }
    json_decref(file);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    hash(argv[2]);
    segment_ref(argv[2]);
    membership(argv[2]);
    store_url(argv[2]);
    store_options(argv[2]);
    error_kinds(argv[2]);
    lookup_status(argv[2]);
    integration(argv[2]);
    return 0;
}
