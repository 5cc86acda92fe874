// Runs tests/vectors in C: the scenarios of status.json and the sequences of cache.json, on a custom store.
#include "vector.h"

#include <pthread.h>

// The store of a scenario, controlled by its steps.
typedef struct {
    pthread_mutex_t lock;
    int64_t synchronized_on;
    bigseg_code metadata_fails, lookups_fail;
} Store;

static bigseg_code store_memberships(void *userdata, const bigseg_context_hash *hashes, size_t count,
                                     bigseg_answers *answers, bigseg_error **error) {
    Store *store = userdata;
    (void)hashes;
    pthread_mutex_lock(&store->lock);
    bigseg_code code = store->lookups_fail;
    pthread_mutex_unlock(&store->lock);
    for (size_t i = 0; i < count; i++) {
        CHECK(bigseg_answers_include(answers, i, BIGSEG_STR("a.g1"), error) == BIGSEG_OK);
    }
    return code;
}

static bigseg_code store_metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    Store *store = userdata;
    (void)error;
    pthread_mutex_lock(&store->lock);
    *synchronized_on = store->synchronized_on;
    bigseg_code code = store->metadata_fails;
    pthread_mutex_unlock(&store->lock);
    return code;
}

// A running scenario.
typedef struct {
    const json_t *scenario;
    Store store;
    bigseg_clock *clock;
    bigseg_engine *engine;
} Play;

static uint64_t option(const Play *play, const char *name, uint64_t otherwise) {
    const json_t *value = json_object_get(json_object_get(play->scenario, "options"), name);
    return value ? whole(value) : otherwise;
}

static void open_play(Play *play, bool with_store) {
    bigseg_config *config = bigseg_config_new();
    bigseg_store_vtable vtable = {sizeof vtable, store_memberships, store_metadata};
    if (with_store) {
        bigseg_config_set_custom_store(config, &vtable, &play->store, NULL);
    }
    bigseg_config_set_clock(config, play->clock);
    bigseg_config_set_status_poll_interval(config, 24 * 3600 * 1000);
    bigseg_config_set_breaker_failures(config, 0);
    bigseg_config_set_context_cache_time(config, option(play, "context_cache_ms", 0));
    bigseg_config_set_last_known_time(config, option(play, "last_known_ms", 300000));
    if (json_is_null(json_object_get(json_object_get(play->scenario, "options"), "stale_after_ms"))) {
        bigseg_config_disable_stale_after(config);
    } else {
        bigseg_config_set_stale_after(config, option(play, "stale_after_ms", 120000));
    }
    play->engine = open_engine(config);
    bigseg_metrics metrics = {.struct_size = sizeof metrics};
    for (int64_t end = now_ms() + 60000; with_store && metrics.status_polls == 0; sleep_ms(1)) {
        CHECK_OK(bigseg_engine_metrics(play->engine, &metrics, &error));
        CHECK(now_ms() < end);
    }
}

static void expect_lookup(const Play *play, const json_t *expected) {
    static const char *const origins[] = {"store", "cache", "last_known", "nothing"};
    bigseg_lookup lookup = {.struct_size = sizeof lookup};
    CHECK_OK(bigseg_engine_lookup(play->engine, BIGSEG_STR("someone"), &lookup, &error));
    if (!same(bigseg_lookup_status_name(lookup.status), text(expected, "status"))) {
        complain(play->scenario, bigseg_lookup_status_name(lookup.status).data);
    }
    if (!equal(text(expected, "origin"), origins[lookup.origin])) {
        complain(play->scenario, origins[lookup.origin]);
    }
    const json_t *included = json_object_get(expected, "included");
    if (included) {
        CHECK(json_array_size(included) == bigseg_membership_included_count(lookup.membership));
        for (size_t i = 0; i < json_array_size(included); i++) {
            CHECK(same(bigseg_membership_included_at(lookup.membership, i), text_of(json_array_get(included, i))));
        }
    }
    bigseg_membership_free(lookup.membership);
}

static void expect_flag(const Play *play, const json_t *expected, const char *name, bool value) {
    const json_t *flag = json_object_get(expected, name);
    if (flag && json_is_true(flag) != value) {
        complain(play->scenario, name);
    }
}

static void expect_status(const Play *play, const json_t *expected) {
    bigseg_store_status *status = NULL;
    CHECK_OK(bigseg_engine_status(play->engine, &status, &error));
    expect_flag(play, expected, "available", bigseg_store_status_available(status));
    expect_flag(play, expected, "stale", bigseg_store_status_stale(status));
    expect_flag(play, expected, "clock_skew", bigseg_store_status_clock_skew(status));
    const json_t *last = json_object_get(expected, "last_up_to_date");
    int64_t time = 0;
    if (last && (bigseg_store_status_last_up_to_date(status, &time) == json_is_null(last) ||
                 (double)time != json_number_value(last))) {
        complain(play->scenario, "last_up_to_date");
    }
    const json_t *error = json_object_get(expected, "last_error");
    if (error && bigseg_store_status_error_code(status) != (json_is_null(error) ? BIGSEG_OK : code_of(text_of(error)))) {
        complain(play->scenario, "last_error");
    }
    bigseg_store_status_free(status);
}

static bigseg_code failure(const json_t *kind) { return json_is_null(kind) ? BIGSEG_OK : code_of(text_of(kind)); }

static void step(Play *play, const char *name, json_t *value) {
    Store *store = &play->store;
    pthread_mutex_lock(&store->lock);
    bool known = true;
    if (strcmp(name, "synchronized_on") == 0) {
        store->synchronized_on = (int64_t)json_number_value(value);
    } else if (strcmp(name, "metadata_fails") == 0) {
        store->metadata_fails = failure(value);
    } else if (strcmp(name, "lookups_fail") == 0) {
        store->lookups_fail = failure(value);
    } else {
        known = false;
    }
    pthread_mutex_unlock(&store->lock);
    if (known) {
        return;
    }
    if (strcmp(name, "open") == 0) {
        open_play(play, json_is_true(value));
    } else if (strcmp(name, "advance_ms") == 0) {
        CHECK_OK(bigseg_clock_advance(play->clock, whole(value), &error));
    } else if (strcmp(name, "set_unix_ms") == 0) {
        CHECK_OK(bigseg_clock_set(play->clock, (int64_t)json_number_value(value), &error));
    } else if (strcmp(name, "poll") == 0) {
        bigseg_store_status *status = NULL;
        CHECK_OK(bigseg_engine_refresh_status(play->engine, &status, &error));
        bigseg_store_status_free(status);
    } else if (strcmp(name, "lookup") == 0) {
        expect_lookup(play, value);
    } else if (strcmp(name, "status") == 0) {
        expect_status(play, value);
    } else {
        complain(play->scenario, name);
    }
}

static void status(const char *directory) {
    json_t *file = load(directory, "status");
    int64_t start = (int64_t)json_number_value(json_object_get(file, "start_unix_ms"));
    size_t i, j;
    json_t *scenario, *steps, *value;
    json_array_foreach(cases(file, "scenarios"), i, scenario) {
        Play play = {.scenario = scenario, .clock = bigseg_clock_new(start)};
        pthread_mutex_init(&play.store.lock, NULL);
        json_array_foreach(json_object_get(scenario, "steps"), j, steps) {
            const char *name;
            json_object_foreach(steps, name, value) { step(&play, name, value); }
        }
        bigseg_engine_free(play.engine);
        bigseg_clock_free(play.clock);
        pthread_mutex_destroy(&play.store.lock);
    }
    json_decref(file);
}

// The store of a sequence: it records the contexts of its queries by name.
typedef struct {
    const json_t *sequence;
    char queries[1024];
} Recorder;

// Reads the next word of a list; returns false at its end.
static bool next_word(const char **rest, char word[64]) {
    int length = 0;
    if (sscanf(*rest, "%63s%n", word, &length) != 1) {
        return false;
    }
    *rest += length;
    return true;
}

// Finds the name with this hash in the lists of the sequence.
static bool find_word(const json_t *list, const bigseg_context_hash *hash, char word[64]) {
    const char *rest = list ? json_string_value(list) : "";
    while (next_word(&rest, word)) {
        bigseg_context_hash of_word;
        CHECK(bigseg_context_hash_of(bigseg_str_of(word), &of_word, NULL) == BIGSEG_OK);
        if (memcmp(&of_word, hash, sizeof of_word) == 0) {
            return true;
        }
    }
    return false;
}

static bigseg_code record(void *userdata, const bigseg_context_hash *hashes, size_t count,
                          bigseg_answers *answers, bigseg_error **error) {
    Recorder *recorder = userdata;
    for (size_t i = 0; i < count; i++) {
        char word[64], ignored[64];
        CHECK(find_word(json_object_get(recorder->sequence, "lookups"), &hashes[i], word));
        if (recorder->queries[0]) {
            strcat(recorder->queries, " ");
        }
        strcat(recorder->queries, word);
        if (find_word(json_object_get(recorder->sequence, "failing"), &hashes[i], ignored)) {
            CHECK(bigseg_answers_fail(answers, i, BIGSEG_STORE_DATA, BIGSEG_STR("as told"), error) == BIGSEG_OK);
        } else if (!find_word(json_object_get(recorder->sequence, "unknown"), &hashes[i], ignored)) {
            CHECK(bigseg_answers_include(answers, i, BIGSEG_STR("a.g1"), error) == BIGSEG_OK);
        }
    }
    return BIGSEG_OK;
}

static bigseg_code no_metadata(void *userdata, int64_t *synchronized_on, bigseg_error **error) {
    (void)userdata, (void)synchronized_on, (void)error;
    return BIGSEG_OK;
}

static void cache(const char *directory) {
    json_t *file = load(directory, "cache");
    size_t i;
    json_t *sequence;
    json_array_foreach(cases(file, "sequences"), i, sequence) {
        Recorder recorder = {.sequence = sequence};
        bigseg_store_vtable vtable = {sizeof vtable, record, no_metadata};
        bigseg_clock *clock = bigseg_clock_new(0);
        bigseg_config *config = bigseg_config_new();
        bigseg_config_set_custom_store(config, &vtable, &recorder, NULL);
        bigseg_config_set_clock(config, clock);
        bigseg_config_set_context_cache_size(config, whole(json_object_get(sequence, "capacity")));
        bigseg_engine *engine = open_engine(config);
        const char *rest = json_string_value(json_object_get(sequence, "lookups"));
        for (char word[64]; next_word(&rest, word);) {
            status_of(engine, word);
        }
        bigseg_engine_free(engine);
        bigseg_clock_free(clock);
        if (!equal(text(sequence, "queries"), recorder.queries)) {
            complain(sequence, recorder.queries);
        }
    }
    json_decref(file);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    status(argv[2]);
    cache(argv[2]);
    return 0;
}
