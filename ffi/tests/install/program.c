// A program of a user's, built against the installed library.
#include <bigseg.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    bigseg_str version = bigseg_version();
    if (bigseg_abi_version() != BIGSEG_ABI_VERSION || version.length != strlen(BIGSEG_VERSION) ||
        memcmp(version.data, BIGSEG_VERSION, version.length) != 0) {
        fprintf(stderr, "header and library do not belong together\n");
        return 1;
    }
    bigseg_config *config = bigseg_config_new();
    bigseg_config_set_store(config, BIGSEG_STR("memory:"));
    bigseg_engine *engine = NULL;
    bigseg_error *error = NULL;
    if (bigseg_engine_open(config, &engine, &error) != BIGSEG_OK) {
        fprintf(stderr, BIGSEG_FORMAT "\n", BIGSEG_PRINT(bigseg_error_message(error)));
        bigseg_error_free(error);
        return 1;
    }
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status = BIGSEG_LOOKUP_NOT_CONFIGURED;
    bigseg_code code = bigseg_engine_membership(engine, BIGSEG_STR("user-key"), &membership, &status, NULL);
    bigseg_membership_value value = bigseg_membership_check(membership, BIGSEG_STR("beta.g3"));
    bigseg_membership_free(membership);
    bigseg_engine_free(engine);
    bigseg_config_free(config);
    // The store is empty.
    return code == BIGSEG_OK && status == BIGSEG_LOOKUP_STALE && value == BIGSEG_MEMBERSHIP_NO_VALUE ? 0 : 1;
}
