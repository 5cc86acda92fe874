// The quick start of the documentation, verbatim: it must compile and leak nothing.
#include <bigseg.h>
#include <stdio.h>

static void report(bigseg_str message) { printf(BIGSEG_FORMAT "\n", BIGSEG_PRINT(message)); }

static int run(bigseg_config *config) {
    bigseg_config_set_store(config, BIGSEG_STR("redis://localhost:6379"));
    bigseg_engine *engine = NULL;  bigseg_error *error = NULL;
    if (bigseg_engine_open(config, &engine, &error) != BIGSEG_OK) { report(bigseg_error_message(error)); bigseg_error_free(error); return 1; }
    const bigseg_membership *m = NULL;  bigseg_lookup_status status;
    if (bigseg_engine_membership(engine, BIGSEG_STR("user-key"), &m, &status, NULL) == BIGSEG_OK
        && bigseg_membership_check(m, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED) { puts("in beta"); }
    bigseg_membership_free(m);
    bigseg_engine_free(engine);
    return 0;
}

int main(void) {
    bigseg_config *config = bigseg_config_new();
    // A library without Redis stores reports that, and no server listens there during a test: both are valid.
    (void)run(config);
    bigseg_config_free(config);
    return 0;
}
