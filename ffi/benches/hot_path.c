// Looks up one cached context COUNT times: hot_path COUNT. `scripts/test_hot_path.sh` counts its instructions.

#include <stdio.h>
#include <stdlib.h>

#include <bigseg.h>

int main(int argc, char **argv) {
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    bigseg_config *config = bigseg_config_new();
    bigseg_config_set_store(config, BIGSEG_STR("memory:"));
    bigseg_config_set_context_cache_time(config, 3600 * 1000);
    bigseg_engine *engine = NULL;
    bigseg_context_hash hash;
    const bigseg_membership *membership = NULL;
    bigseg_lookup_status status;
    if (bigseg_engine_open(config, &engine, NULL) != BIGSEG_OK
        || bigseg_context_hash_of(BIGSEG_STR("user-key"), &hash, NULL) != BIGSEG_OK
        || bigseg_engine_membership_by_hash(engine, &hash, &membership, &status, NULL) != BIGSEG_OK) {
        return 1;
    }
    bigseg_membership_free(membership);
    for (long i = 0; i < count; i++) {
        if (bigseg_engine_cached_by_hash(engine, &hash, &membership, &status, NULL) != BIGSEG_OK || membership == NULL) {
            return 1;
        }
        bigseg_membership_free(membership);
    }
    bigseg_engine_free(engine);
    bigseg_config_free(config);
    return 0;
}
