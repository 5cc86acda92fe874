// Many threads look up contexts in one engine, while others invalidate them and refresh the status.
#include "check.h"

#include <pthread.h>

enum { READERS = 6, ROUNDS = 3000, USERS = 50 };

static void key_of(int user, char key[16]) { snprintf(key, 16, "user-%d", user); }

static void *read_memberships(void *engine) {
    for (int round = 0; round < ROUNDS; round++) {
        char key[16];
        key_of(round % USERS, key);
        const bigseg_membership *membership = NULL;
        bigseg_lookup_status status;
        CHECK_OK(bigseg_engine_membership(engine, bigseg_str_of(key), &membership, &status, &error));
        bigseg_membership_value expected = round % USERS % 2 ? BIGSEG_MEMBERSHIP_EXCLUDED : BIGSEG_MEMBERSHIP_INCLUDED;
        CHECK(bigseg_membership_check(membership, BIGSEG_STR("beta.g3")) == expected);
        bigseg_membership_free(membership);
    }
    return NULL;
}

static void *disturb(void *engine) {
    for (int round = 0; round < ROUNDS / 10; round++) {
        char key[16];
        key_of(round % USERS, key);
        CHECK_OK(bigseg_engine_invalidate(engine, bigseg_str_of(key), &error));
        if (round % 20 == 0) {
            CHECK_OK(bigseg_engine_invalidate_all(engine, &error));
        }
        bigseg_store_status *status = NULL;
        CHECK_OK(bigseg_engine_refresh_status(engine, &status, &error));
        CHECK(bigseg_store_status_available(status));
        bigseg_store_status_free(status);
    }
    return NULL;
}

int main(void) {
    bigseg_engine *engine = open_engine(config_of("memory:threads"));
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(BIGSEG_STR("memory:threads"), &import, &error));
    for (int user = 0; user < USERS; user++) {
        char key[16];
        key_of(user, key);
        CHECK_OK(bigseg_import_add(import, bigseg_str_of(key), BIGSEG_STR("beta.g3"), user % 2 == 0, &error));
    }
    CHECK_OK(bigseg_import_commit(import, NULL, NULL, NULL, &error));
    bigseg_import_free(import);
    pthread_t threads[READERS + 1];
    for (int i = 0; i < READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_memberships, engine) == 0);
    }
    CHECK(pthread_create(&threads[READERS], NULL, disturb, engine) == 0);
    for (int i = 0; i <= READERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    bigseg_engine_free(engine);
    return 0;
}
