// Imports from calls and from files. An import commits once, and writes nothing without a commit.
#include "check.h"

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static bigseg_membership_value check(const char *store, const char *key, const char *ref) {
    bigseg_engine *engine = open_engine(config_of(store));
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    CHECK_OK(bigseg_engine_membership(engine, bigseg_str_of(key), &membership, &status, &error));
    bigseg_membership_value value = bigseg_membership_check(membership, bigseg_str_of(ref));
    bigseg_membership_free(membership);
    bigseg_engine_free(engine);
    return value;
}

static void on_progress(void *userdata, uint64_t contexts) { *(uint64_t *)userdata = contexts; }

static void by_hand(const char *store) {
    bigseg_import *import = NULL;
    bigseg_context_hash hash;
    CHECK_OK(bigseg_context_hash_of(BIGSEG_STR("bob"), &hash, &error));
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    CHECK_OK(bigseg_import_add(import, BIGSEG_STR("ann"), BIGSEG_STR("beta.g1"), true, &error));
    CHECK_OK(bigseg_import_add_hash(import, &hash, BIGSEG_STR("beta.g1"), false, &error));
    CHECK_FAILS(BIGSEG_INVALID_CONTEXT_KEY, "empty", bigseg_import_add(import, BIGSEG_STR(""), BIGSEG_STR("beta.g1"), true, &error));
    CHECK_FAILS(BIGSEG_INVALID_SEGMENT_REF, "segment ref", bigseg_import_add(import, BIGSEG_STR("eve"), BIGSEG_STR("beta"), true, &error));
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "before", bigseg_import_set_replace(import, BIGSEG_STR("beta.g1"), &error));
    uint64_t progress = 0;
    bigseg_import_report report = {.struct_size = sizeof report};
    CHECK_OK(bigseg_import_commit(import, on_progress, &progress, &report, &error));
    CHECK(report.memberships == 2 && report.contexts == 2 && report.replaced == 0 && progress <= 2);
    CHECK_FAILS(BIGSEG_ALREADY_USED, "import", bigseg_import_commit(import, NULL, NULL, NULL, &error));
    CHECK_FAILS(BIGSEG_ALREADY_USED, "import", bigseg_import_add(import, BIGSEG_STR("a"), BIGSEG_STR("b.g1"), true, &error));
    CHECK_FAILS(BIGSEG_ALREADY_USED, "import", bigseg_import_set_replace(import, BIGSEG_STR("b.g1"), &error));
    bigseg_import_free(import);
    CHECK(check(store, "ann", "beta.g1") == BIGSEG_MEMBERSHIP_INCLUDED);
    CHECK(check(store, "bob", "beta.g1") == BIGSEG_MEMBERSHIP_EXCLUDED);
}

static void replacing(const char *store) {
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    CHECK_FAILS(BIGSEG_INVALID_SEGMENT_REF, "segment ref", bigseg_import_set_replace(import, BIGSEG_STR("beta"), &error));
    CHECK_OK(bigseg_import_set_replace(import, BIGSEG_STR("beta.g1"), &error));
    CHECK_OK(bigseg_import_add(import, BIGSEG_STR("cyd"), BIGSEG_STR("beta.g1"), true, &error));
    bigseg_import_report report = {.struct_size = 1};
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "struct_size", bigseg_import_commit(import, NULL, NULL, &report, &error));
    report.struct_size = sizeof report;
    CHECK_OK(bigseg_import_commit(import, NULL, NULL, &report, &error));
    CHECK(report.replaced == 2);
    bigseg_import_free(import);
    CHECK(check(store, "ann", "beta.g1") == BIGSEG_MEMBERSHIP_NO_VALUE);
    CHECK(check(store, "cyd", "beta.g1") == BIGSEG_MEMBERSHIP_INCLUDED);
}

static void nothing_without_commit(const char *store) {
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    CHECK_OK(bigseg_import_add(import, BIGSEG_STR("dan"), BIGSEG_STR("beta.g1"), true, &error));
    bigseg_import_free(import);
    CHECK(check(store, "dan", "beta.g1") == BIGSEG_MEMBERSHIP_NO_VALUE);
}

static void from_files(const char *store, const char *directory) {
    char csv[4096], ndjson[4096];
    snprintf(csv, sizeof csv, "%s/list.csv", directory);
    snprintf(ndjson, sizeof ndjson, "%s/list.ndjson", directory);
    write_file(csv, "fay,vip.g1,include\ngus,vip.g1,exclude\nhal,vip.g1,perhaps\n");
    write_file(ndjson, "{\"key\": \"ida\"}\n");
    bigseg_import *import = NULL;
    CHECK_OK(bigseg_import_new(bigseg_str_of(store), &import, &error));
    uint64_t skipped = 99;
    CHECK_FAILS(BIGSEG_INVALID_INPUT, "line 3",
                bigseg_import_add_file(import, bigseg_str_of(csv), BIGSEG_LIST_CSV, BIGSEG_STR(""), false, &skipped, &error));
    CHECK(skipped == 99);
    CHECK_OK(bigseg_import_add_file(import, bigseg_str_of(csv), BIGSEG_LIST_CSV, BIGSEG_STR(""), true, &skipped, &error));
    CHECK(skipped == 1);
    CHECK_OK(bigseg_import_add_file(import, bigseg_str_of(ndjson), BIGSEG_LIST_NDJSON, BIGSEG_STR("club.g2"), false, NULL, &error));
    CHECK_FAILS(BIGSEG_INVALID_ARGUMENT, "format is 7",
                bigseg_import_add_file(import, bigseg_str_of(csv), (bigseg_list_format)7, BIGSEG_STR(""), true, NULL, &error));
    CHECK_FAILS(BIGSEG_INVALID_INPUT, "nowhere",
                bigseg_import_add_file(import, BIGSEG_STR("/nowhere"), BIGSEG_LIST_CSV, BIGSEG_STR(""), true, NULL, &error));
    // The first column is not a hash.
    CHECK_FAILS(BIGSEG_INVALID_INPUT, "line 1",
                bigseg_import_add_file(import, bigseg_str_of(csv), BIGSEG_LIST_CSV_OF_HASHES, BIGSEG_STR(""), false, NULL, &error));
    CHECK_OK(bigseg_import_commit(import, NULL, NULL, NULL, &error));
    bigseg_import_free(import);
    CHECK(check(store, "fay", "vip.g1") == BIGSEG_MEMBERSHIP_INCLUDED);
    CHECK(check(store, "gus", "vip.g1") == BIGSEG_MEMBERSHIP_EXCLUDED);
    CHECK(check(store, "ida", "club.g2") == BIGSEG_MEMBERSHIP_INCLUDED);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    char store[4096];
    snprintf(store, sizeof store, "local:%s/import?map_size=64M", argv[1]);
    by_hand(store);
    replacing(store);
    nothing_without_commit(store);
    from_files(store, argv[1]);
    bigseg_import *import = NULL;
    CHECK_FAILS(BIGSEG_INVALID_CONFIG, "scheme", bigseg_import_new(BIGSEG_STR("nonsense"), &import, &error));
    CHECK_FAILS(BIGSEG_STORE_NOT_FOUND, "directory", bigseg_import_new(BIGSEG_STR("local:/nowhere/at-all"), &import, &error));
    CHECK(import == NULL);
    return 0;
}
