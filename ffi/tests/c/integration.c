// An integration fills a store that an engine reads: state, error log, listeners, new SDK key. The second argument is
// the URL of the upstream. It accepts only "new-key", and its patches leave the contexts 4 and 5 in "s.g1".
#include "check.h"

#include <stdatomic.h>
#include <unistd.h>

#define STORE "memory:c-integration"

static const char *directory;

typedef struct {
    atomic_int calls, healthy, destroyed;
} Heard;

static void on_status(void *userdata, const bigseg_integration_status *status) {
    Heard *heard = userdata;
    CHECK(atomic_load(&heard->destroyed) == 0);
    atomic_fetch_add(&heard->calls, 1);
    if (bigseg_integration_status_state(status) == BIGSEG_INTEGRATION_HEALTHY) {
        atomic_fetch_add(&heard->healthy, 1);
    }
}

static void on_change(void *userdata, bigseg_str segment_ref, const bigseg_context_hash *contexts, size_t count) {
    Heard *heard = userdata;
    CHECK(equal(segment_ref, "s.g1") && count > 0 && contexts[0].text[BIGSEG_CONTEXT_HASH_LENGTH - 1] == '=');
    atomic_fetch_add(&heard->calls, 1);
}

static void on_destroy(void *userdata) { atomic_fetch_add(&((Heard *)userdata)->destroyed, 1); }

static bigseg_integration_config *config_for(const char *url, const char *sdk_key) {
    bigseg_integration_config *config = bigseg_integration_config_new();
    CHECK(bigseg_integration_config_set_id(config, BIGSEG_STR("main")) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_name(config, BIGSEG_STR("Main")) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_environment(config, BIGSEG_STR("shop"), BIGSEG_STR("test")) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_sdk_key(config, bigseg_str_of(sdk_key)) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_base_url(config, bigseg_str_of(url)) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_stream_url(config, bigseg_str_of(url)) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_proxy(config, BIGSEG_STR("none")) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_store(config, BIGSEG_STR(STORE)) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_state_directory(config, bigseg_str_of(directory)) == BIGSEG_OK);
    return config;
}

static bigseg_integration *start(bigseg_integration_config *config) {
    bigseg_integration *integration = NULL;
    CHECK_OK(bigseg_integration_start(config, &integration, &error));
    CHECK_FAILS(BIGSEG_ALREADY_USED, "already used", bigseg_integration_start(config, &integration, &error));
    bigseg_integration_config_free(config);
    return integration;
}

static bigseg_integration_status *status_now(const bigseg_integration *integration) {
    bigseg_integration_status *status = NULL;
    CHECK_OK(bigseg_integration_get_status(integration, &status, &error));
    return status;
}

// Waits for a state; the limit ends a test that hangs.
static void wait_for(const bigseg_integration *integration, bigseg_integration_state wanted) {
    int64_t limit = now_ms() + 60000;
    for (;;) {
        bigseg_integration_status *status = status_now(integration);
        bigseg_integration_state state = bigseg_integration_status_state(status);
        bigseg_integration_status_free(status);
        if (state == wanted) {
            return;
        }
        CHECK(now_ms() < limit);
        sleep_ms(1);
    }
}

static bigseg_membership_value value_of(const bigseg_engine *engine, const char *key) {
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    CHECK_OK(bigseg_engine_membership(engine, bigseg_str_of(key), &membership, &status, &error));
    bigseg_membership_value value = bigseg_membership_check(membership, BIGSEG_STR("s.g1"));
    bigseg_membership_free(membership);
    return value;
}

static void refused_configs(void) {
    bigseg_integration *integration = NULL;
    bigseg_integration_config *config = bigseg_integration_config_new();
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "sdk_key is missing", bigseg_integration_start(config, &integration, &error));
    CHECK(bigseg_integration_config_set_sdk_key(config, BIGSEG_STR("has space")) == BIGSEG_INVALID_CONFIG);
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "sdk_key: ", bigseg_integration_start(config, &integration, &error));
    CHECK(bigseg_integration_config_set_sdk_key(config, BIGSEG_STR("hunter2")) == BIGSEG_OK);
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "store is missing", bigseg_integration_start(config, &integration, &error));
    CHECK(bigseg_integration_config_set_store(config, BIGSEG_STR("nowhere")) == BIGSEG_INVALID_CONFIG);
    CHECK(bigseg_integration_config_set_store(config, BIGSEG_STR(STORE)) == BIGSEG_OK);
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "id must be", bigseg_integration_start(config, &integration, &error));
    CHECK(bigseg_integration_config_set_id(config, BIGSEG_STR("main")) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_ca_file(config, BIGSEG_STR("/nowhere.pem")) == BIGSEG_OK);
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "/nowhere.pem", bigseg_integration_start(config, &integration, &error));
    CHECK(integration == NULL);
    bigseg_integration_config_free(config);
}

static void turned_off(const char *url) {
    bigseg_clock *clock = bigseg_clock_new(1000);
    bigseg_integration_config *config = config_for(url, "old-key");
    CHECK(bigseg_integration_config_set_on(config, false) == BIGSEG_OK);
    CHECK(bigseg_integration_config_set_clock(config, clock) == BIGSEG_OK);
    bigseg_clock_free(clock);
    bigseg_integration *integration = start(config);
    bigseg_integration_status *status = status_now(integration);
    int64_t time = 0;
    bigseg_sync_error found = {.struct_size = sizeof found};
    CHECK(bigseg_integration_status_state(status) == BIGSEG_INTEGRATION_OFF);
    CHECK(bigseg_integration_status_since(status) == 1000);
    CHECK(!bigseg_integration_status_last_synchronized(status, &time));
    CHECK(!bigseg_integration_status_last_error(status, &time));
    CHECK(!bigseg_integration_status_error(status, &found));
    bigseg_integration_status_free(status);
    CHECK_OK(bigseg_integration_set_name(integration, BIGSEG_STR("Another"), &error));
    CHECK_OK(bigseg_integration_set_store(integration, BIGSEG_STR("memory:another"), &error));
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "name", bigseg_integration_set_name(integration, BIGSEG_STR(" "), &error));
    bigseg_integration_free(integration);
}

// The key is rejected until it is replaced.
static void the_refusal(const bigseg_integration *integration) {
    wait_for(integration, BIGSEG_INTEGRATION_FAILING);
    bigseg_integration_status *status = status_now(integration);
    bigseg_sync_error found = {.struct_size = sizeof found};
    CHECK(bigseg_integration_status_error(status, &found));
    CHECK(found.code == BIGSEG_UPSTREAM_REFUSED && found.status_code == 401 && found.times >= 1);
    CHECK(found.timestamp >= found.since && !holds(found.message, "old-key"));
    int64_t last_error = 0;
    CHECK(bigseg_integration_status_last_error(status, &last_error) && last_error >= found.since);
    bigseg_error_log *log = NULL;
    CHECK_OK(bigseg_integration_error_log(integration, &log, &error));
    CHECK(bigseg_error_log_count(log) == 1);
    bigseg_sync_error entry = {.struct_size = sizeof entry};
    CHECK(bigseg_error_log_at(log, 0, &entry) && entry.code == found.code && entry.since == found.since);
    CHECK(!bigseg_error_log_at(log, 1, &entry));
    entry.struct_size = 1;
    CHECK(!bigseg_error_log_at(log, 0, &entry));
    bigseg_error_log_free(log);
    bigseg_integration_status_free(status);
}

static void healthy(const bigseg_integration *integration) {
    wait_for(integration, BIGSEG_INTEGRATION_HEALTHY);
    bigseg_integration_status *status = status_now(integration);
    bigseg_integration_progress progress = {.struct_size = sizeof progress};
    CHECK(bigseg_integration_status_progress(status, &progress));
    CHECK(progress.patches == 5 && progress.total_patches == 5 && progress.operations >= 8);
    CHECK(progress.pages >= 2 && progress.streams >= 1 && progress.data_losses == 0);
    int64_t time = 0;
    CHECK(bigseg_integration_status_last_synchronized(status, &time) && time > 0);
    bigseg_integration_status_free(status);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    directory = argv[1];
    refused_configs();
    turned_off(argv[2]);
    CHECK(equal(bigseg_integration_state_name(BIGSEG_INTEGRATION_FAILING), "failing"));
    CHECK(bigseg_integration_state_name((bigseg_integration_state)99).length == 0);

    static Heard statuses, removed, changes;
    bigseg_engine *engine = open_engine(config_of(STORE));
    // The cache has an empty membership, which is invalidated when the store is filled.
    CHECK(value_of(engine, "4") == BIGSEG_MEMBERSHIP_NO_VALUE);
    bigseg_integration_config *config = config_for(argv[2], "old-key");
    CHECK(bigseg_integration_config_add_engine(config, engine) == BIGSEG_OK);
    CHECK(bigseg_integration_config_add_change_listener(config, on_change, &changes, on_destroy) == BIGSEG_OK);
    bigseg_integration *integration = start(config);
    uint64_t id = 0;
    CHECK_OK(bigseg_integration_add_status_listener(integration, on_status, &statuses, on_destroy, NULL, &error));
    CHECK_OK(bigseg_integration_add_status_listener(integration, on_status, &removed, on_destroy, &id, &error));
    CHECK_OK(bigseg_integration_remove_status_listener(integration, id, &error));
    CHECK(removed.destroyed == 1);
    the_refusal(integration);
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "SDK key", bigseg_integration_set_sdk_key(integration, BIGSEG_STR(""), &error));
    CHECK_OK(bigseg_integration_set_sdk_key(integration, BIGSEG_STR("new-key"), &error));
    healthy(integration);
    CHECK(value_of(engine, "4") == BIGSEG_MEMBERSHIP_INCLUDED && value_of(engine, "3") != BIGSEG_MEMBERSHIP_INCLUDED);
    CHECK(changes.calls > 0);
    while (atomic_load(&statuses.healthy) == 0) {
        sleep_ms(1);
    }
    CHECK_OK(bigseg_integration_set_on(integration, false, &error));
    wait_for(integration, BIGSEG_INTEGRATION_OFF);
    CHECK_OK(bigseg_integration_set_on(integration, true, &error));
    wait_for(integration, BIGSEG_INTEGRATION_HEALTHY);

    CHECK_OK(bigseg_integration_close(integration, &error));
    CHECK_OK(bigseg_integration_close(integration, &error));
    CHECK(statuses.destroyed == 1 && changes.destroyed == 1);
    wait_for(integration, BIGSEG_INTEGRATION_OFF);
    CHECK_FAILS(BIGSEG_CLOSED, "closed", bigseg_integration_set_on(integration, true, &error));
    bigseg_integration_free(integration);
    bigseg_engine_free(engine);
    return 0;
}
