// libbigseg {version}: is this context in that big segment?
//
// The library looks up the memberships of a context in a store, and reports how reliable each
// answer is. It also evaluates flags and segments, and fills stores that every SDK can read.
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
// include/README.md of the sources has the conventions of all functions. In short:
//   - A call that can fail returns a bigseg_code. Its last parameter receives an error object, and
//     may be NULL. On failure no other output is written.
//   - Each handle is freed exactly once, by the _free function of its name, which does nothing for
//     NULL.
//   - NULL gives BIGSEG_INVALID_ARGUMENT, unless the comment of the function permits it.
//   - Arguments are read during the call only. A text that a function returns is borrowed from its
//     handle.
//   - Calls on a const handle can run concurrently; a call on a plain handle must be the only one
//     on it.
//   - A call blocks only if its comment says so. No exception may leave a callback.
//
// Contents:
{contents}//
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

// Declares an enum that is 32 bits wide in every version of C and C++.
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define BIGSEG_ENUM(name) enum name : uint32_t; typedef enum name name; enum name : uint32_t
#else
#define BIGSEG_ENUM(name) typedef uint32_t name; enum name
#endif

// Prints a bigseg_str: printf(BIGSEG_FORMAT, BIGSEG_PRINT(text)). BIGSEG_PRINT evaluates its
// argument twice.
#define BIGSEG_FORMAT "%.*s"
#define BIGSEG_PRINT(text) (int)(text).length, (text).data

#ifdef __cplusplus
extern "C" {
#endif
