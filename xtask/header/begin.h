// libbigseg {version}: is this context in that Big Segment?
//
// A context key goes in; a membership and an honest status come out. And beside it: lists go in, and a store that
// every SDK can read comes out.
//
//     bigseg_config *config = bigseg_config_new();
//     bigseg_config_set_store(config, BIGSEG_STR("local:/var/lib/segments.bigseg"));
//     bigseg_engine *engine = NULL;
//     bigseg_error *error = NULL;
//     if (bigseg_engine_open(config, &engine, &error) != BIGSEG_OK) {
//         fprintf(stderr, BIGSEG_FORMAT "\n", BIGSEG_PRINT(bigseg_error_message(error)));
//         bigseg_error_free(error);
//         return 1;
//     }
//     const bigseg_membership *membership = NULL;
//     bigseg_lookup_status status;
//     if (bigseg_engine_membership(engine, BIGSEG_STR("user-key"), &membership, &status, NULL) == BIGSEG_OK
//         && bigseg_membership_check(membership, BIGSEG_STR("beta.g3")) == BIGSEG_MEMBERSHIP_INCLUDED) {
//         puts("in beta");
//     }
//     bigseg_membership_free(membership);
//     bigseg_engine_free(engine);
//     bigseg_config_free(config);
//
// What all functions have in common is written in include/README.md of the sources. In short:
//   - A call that can fail returns a bigseg_code, and its last parameter takes an error object, or NULL. On failure no
//     other output is written.
//   - Each handle is freed exactly once by the _free function of its name, which does nothing for NULL.
//   - NULL for any parameter that is not called optional gives BIGSEG_INVALID_ARGUMENT.
//   - Text and arrays that go in are read during the call only; text that comes out is borrowed from its handle.
//   - A call on a const handle may run beside any other on it; one on a plain handle may not.
//   - Calls block only where it is said, and no exception may leave a callback.
//
// Generated from the crate bigseg-ffi by `cargo run -p xtask -- generate`; do not edit.

#ifndef BIGSEG_H
#define BIGSEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The release this header belongs to.
#define BIGSEG_VERSION "{version}"

// Makes a bigseg_str from a string literal.
#ifdef __cplusplus
#define BIGSEG_STR(literal) (bigseg_str{"" literal, sizeof(literal) - 1})
#else
#define BIGSEG_STR(literal) ((bigseg_str){"" literal, sizeof(literal) - 1})
#endif

// Declares an enum that is 32 bits wide in every version of the languages.
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define BIGSEG_ENUM(name) enum name : uint32_t; typedef enum name name; enum name : uint32_t
#else
#define BIGSEG_ENUM(name) typedef uint32_t name; enum name
#endif

// Prints a bigseg_str: printf(BIGSEG_FORMAT, BIGSEG_PRINT(text)). It names its argument twice.
#define BIGSEG_FORMAT "%.*s"
#define BIGSEG_PRINT(text) (int)(text).length, (text).data

#ifdef __cplusplus
extern "C" {
#endif
