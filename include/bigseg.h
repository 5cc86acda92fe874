// libbigseg 0.1.0: is this context in that big segment?
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
//   - Strings
//   - Version
//   - Codes
//   - Errors
//   - Context hashes
//   - Memberships
//   - Segment refs
//   - Callbacks
//   - Clocks, for tests
//   - Results of a custom store
//   - Custom stores
//   - Configuration
//   - Engines
//   - Lookups
//   - Asynchronous lookups
//   - Store status
//   - Status listeners
//   - Metrics
//   - Contexts
//   - Flags and segments
//   - Reasons
//   - Evaluations
//   - Is this context in that segment?
//   - Explanations
//   - Imports
//   - Integration configuration
//   - Integrations
//   - Error logs of integrations
//   - Integration status
//   - Integration listeners
//   - Log
//
// Generated from the crate bigseg-ffi by `cargo run -p xtask -- generate`; do not edit.

#ifndef BIGSEG_H
#define BIGSEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The release this header belongs to.
#define BIGSEG_VERSION "0.1.0"

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

// ---- Strings ------------------------------------------------------------------------------------
//
// `BIGSEG_STR("literal")` makes a string, and `printf(BIGSEG_FORMAT, BIGSEG_PRINT(text))` prints
// one.

/// Borrowed UTF-8 text with a length, without a terminating NUL.
///
/// An argument is read during the call only; its `data` may be NULL only when `length` is 0. A
/// result is borrowed from the handle that returned it; its `data` is never NULL.
typedef struct bigseg_str {
    /// The first byte.
    const char *data;
    /// The number of bytes.
    size_t length;
} bigseg_str;

/// Borrows a NUL-terminated text, which must outlive the result; NULL is an empty text.
bigseg_str bigseg_str_of(const char *text);

// ---- Version ------------------------------------------------------------------------------------
//
// The library has a release version and an ABI version. A program works with every release of the
// same ABI version.

/// The ABI version of this header: the number in the name of the shared library, `libbigseg.so.0`.
#define BIGSEG_ABI_VERSION 0

/// Returns the release version of the loaded library, such as "0.1.0". The text is static.
bigseg_str bigseg_version(void);

/// Returns the ABI version of the loaded library. It must equal `BIGSEG_ABI_VERSION`.
uint32_t bigseg_abi_version(void);

// ---- Codes --------------------------------------------------------------------------------------
//
// A call that can fail returns a code. The number of a code never changes and is never reused. New
// codes can be added.

/// Success, or the kind of failure; in blocks of 100.
BIGSEG_ENUM(bigseg_code) {
    /// Success.
    BIGSEG_OK = 0,
    /// An argument is missing, out of range or contradictory.
    BIGSEG_INVALID_ARGUMENT = 100,
    /// A context key is empty or not UTF-8.
    BIGSEG_INVALID_CONTEXT_KEY = 101,
    /// A context hash is not 44 characters of padded standard base64.
    BIGSEG_INVALID_CONTEXT_HASH = 102,
    /// A segment ref is not `{segmentKey}.g{generation}`.
    BIGSEG_INVALID_SEGMENT_REF = 103,
    /// A store string or an option is malformed or out of range.
    BIGSEG_INVALID_CONFIG = 104,
    /// A line, record or patch to be written is malformed.
    BIGSEG_INVALID_INPUT = 105,
    /// An object that can be used only once was used again.
    BIGSEG_ALREADY_USED = 106,
    /// The engine was closed.
    BIGSEG_CLOSED = 200,
    /// The object was created before `fork` and cannot be used in the child process.
    BIGSEG_FORKED = 201,
    /// The store, or this build of the library, does not support the operation.
    BIGSEG_UNSUPPORTED = 202,
    /// The store cannot be reached, or failed during the request.
    BIGSEG_STORE_UNAVAILABLE = 300,
    /// The store did not reply before the deadline.
    BIGSEG_STORE_TIMEOUT = 301,
    /// The store was not queried: it failed repeatedly and is probed in the background.
    BIGSEG_CIRCUIT_OPEN = 302,
    /// The store does not exist yet.
    BIGSEG_STORE_NOT_FOUND = 303,
    /// The store is damaged, or is not a store of this library.
    BIGSEG_STORE_FORMAT = 304,
    /// The store holds a value that the schema does not allow.
    BIGSEG_STORE_DATA = 305,
    /// The store denied access.
    BIGSEG_STORE_PERMISSION = 306,
    /// The store has no space left.
    BIGSEG_STORE_FULL = 307,
    /// The store rejected the request because of its rate limit.
    BIGSEG_STORE_THROTTLED = 308,
    /// The upstream cannot be reached, or failed during the request.
    BIGSEG_UPSTREAM_UNAVAILABLE = 400,
    /// The upstream did not reply in time, or its stream went silent.
    BIGSEG_UPSTREAM_TIMEOUT = 401,
    /// The upstream rejected the SDK key, or does not have the URL.
    BIGSEG_UPSTREAM_REFUSED = 402,
    /// The upstream sent data that its protocol does not allow.
    BIGSEG_UPSTREAM_DATA = 403,
    /// A defect of this library, caught before it caused damage.
    BIGSEG_INTERNAL = 900,
};

/// Returns the stable name of a code in `snake_case`, such as "store_timeout"; "ok" for
/// `BIGSEG_OK`, and empty for an unknown number. The text is static.
bigseg_str bigseg_code_name(bigseg_code code);

/// Returns whether the same call can succeed later without a change by the caller; false for
/// `BIGSEG_OK` and for an unknown number.
bool bigseg_code_retryable(bigseg_code code);

/// Returns the number of codes of the loaded library, including `BIGSEG_OK`.
size_t bigseg_code_count(void);

/// Returns the code at `index`, from 0 to `bigseg_code_count() - 1`, in the order of the numbers;
/// `BIGSEG_OK` beyond that.
bigseg_code bigseg_code_at(size_t index);

// ---- Errors -------------------------------------------------------------------------------------
//
// An error has a code for branching, and a message for a person: what failed, where, and what to
// do. It never contains a context key or a password.

/// An error. It is immutable; any thread may read it.
typedef struct bigseg_error bigseg_error;

/// Makes an error for a custom store to return. `BIGSEG_OK` and unknown numbers become
/// `BIGSEG_STORE_DATA`; invalid UTF-8 in the message is replaced. Free it with `bigseg_error_free`,
/// unless a callback of the store returns it. Returns NULL only for a defect of the library.
bigseg_error *bigseg_error_new(bigseg_code code, bigseg_str message);

/// Returns the code; `BIGSEG_OK` for NULL.
bigseg_code bigseg_error_code(const bigseg_error *error);

/// Returns the message for a person, borrowed from the error; empty for NULL.
bigseg_str bigseg_error_message(const bigseg_error *error);

/// Returns whether the same call can succeed later without a change by the caller; false for NULL.
bool bigseg_error_retryable(const bigseg_error *error);

/// Frees an error.
void bigseg_error_free(bigseg_error *error);

// ---- Context hashes -----------------------------------------------------------------------------
//
// Stores identify a context by the hash of its key, never by the key. A hash has its own type, so
// that a key cannot be mistaken for a hash.

/// The length of a context hash in characters.
#define BIGSEG_CONTEXT_HASH_LENGTH 44

/// The SHA-256 of a context key, in padded standard base64, without a terminating NUL.
typedef struct bigseg_context_hash {
    /// The characters, which can include `+` and `/`.
    char text[BIGSEG_CONTEXT_HASH_LENGTH];
} bigseg_context_hash;

/// Computes the hash of a context key. The UTF-8 bytes are neither trimmed nor normalised.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when the key is empty or not UTF-8.
bigseg_code bigseg_context_hash_of(bigseg_str context_key, bigseg_context_hash *hash, bigseg_error **error);

/// Parses the text of a context hash.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`.
bigseg_code bigseg_context_hash_parse(bigseg_str text, bigseg_context_hash *hash, bigseg_error **error);

// ---- Memberships --------------------------------------------------------------------------------
//
// A membership is the data of the store on one context: the segments that it is included in, and
// those that it is excluded from. It is immutable; any thread may use it.

/// What a membership says about one segment.
BIGSEG_ENUM(bigseg_membership_value) {
    /// The store has no value for the segment: the rules of the segment decide. This differs from
    /// "excluded".
    BIGSEG_MEMBERSHIP_NO_VALUE = 0,
    /// The context is in the segment.
    BIGSEG_MEMBERSHIP_INCLUDED = 1,
    /// The context is not in the segment, even if a rule matches.
    BIGSEG_MEMBERSHIP_EXCLUDED = 2,
};

/// The membership of a context, in all segments.
typedef struct bigseg_membership bigseg_membership;

/// Returns what a membership says about a segment. If the store has both values, it is included.
///
/// Returns `BIGSEG_MEMBERSHIP_NO_VALUE` for NULL, and for a ref that is not UTF-8.
bigseg_membership_value bigseg_membership_check(const bigseg_membership *membership, bigseg_str segment_ref);

/// Returns the number of segments that the context is included in; 0 for NULL.
size_t bigseg_membership_included_count(const bigseg_membership *membership);

/// Returns the number of segments that the context is excluded from; 0 for NULL.
size_t bigseg_membership_excluded_count(const bigseg_membership *membership);

/// Returns the ref of a segment that the context is included in, borrowed from the membership. The
/// refs are sorted by their bytes. Beyond the last one, and for NULL, the text is empty.
bigseg_str bigseg_membership_included_at(const bigseg_membership *membership, size_t index);

/// Returns the ref of a segment that the context is excluded from, borrowed from the membership.
/// The refs are sorted by their bytes. Beyond the last one, and for NULL, the text is empty.
bigseg_str bigseg_membership_excluded_at(const bigseg_membership *membership, size_t index);

/// Returns a second handle for the same membership, which must be freed too; NULL for NULL. It does
/// not copy the content.
const bigseg_membership *bigseg_membership_clone(const bigseg_membership *membership);

/// Frees a membership.
void bigseg_membership_free(const bigseg_membership *membership);

// ---- Segment refs -------------------------------------------------------------------------------
//
// A segment ref, `{segmentKey}.g{generation}`, identifies one generation of a segment.

/// The most characters that a segment ref has beyond its segment key, including a terminating NUL.
#define BIGSEG_SEGMENT_REF_EXTRA 23

/// Splits a segment ref at its last `.g`. The resulting key is a part of `segment_ref`, and is
/// valid as long as that is.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF` unless the text is a non-empty key, `.g`, and a decimal
/// generation without sign or leading zeros.
bigseg_code bigseg_segment_ref_split(bigseg_str segment_ref,
                                     bigseg_str *segment_key,
                                     uint64_t *generation,
                                     bigseg_error **error);

/// Writes the segment ref of a key and a generation, and a terminating NUL, to `buffer` of
/// `capacity` bytes. `length` receives the number of characters without the NUL, and may be NULL.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF` when the key is empty; `BIGSEG_INVALID_ARGUMENT` when the
/// buffer is too small. `segment_key.length + BIGSEG_SEGMENT_REF_EXTRA` bytes are always enough.
bigseg_code bigseg_segment_ref_format(bigseg_str segment_key,
                                      uint64_t generation,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *length,
                                      bigseg_error **error);

// ---- Callbacks ----------------------------------------------------------------------------------
//
// A callback that can be called after the registering call has returned comes with `userdata`,
// which each call receives, and `destroy`, which releases it. The library owns `userdata` from the
// moment of the call, even if that call fails. After `bigseg_engine_free` has returned, no
// callback of that engine runs.

/// Releases the `userdata` of a callback; NULL when there is nothing to release.
///
/// Called exactly once, when the callback is not running and will not run again. If the registering
/// call fails, it is called before that call returns. Otherwise it is called on the thread that
/// removes the callback or frees its owner, or on a thread of the library.
typedef void (*bigseg_destroy)(void *userdata);

// ---- Clocks, for tests --------------------------------------------------------------------------
//
// An engine or an integration can read a clock that only the program moves, so that a test does
// not have to sleep.

/// A clock that the program moves.
typedef struct bigseg_clock bigseg_clock;

/// Makes a clock that shows the given time. Free it with `bigseg_clock_free`. Returns NULL only for
/// a defect of the library.
bigseg_clock *bigseg_clock_new(int64_t unix_ms);

/// Moves the clock forward, and wakes everything that waits for it.
bigseg_code bigseg_clock_advance(const bigseg_clock *clock, uint64_t by_ms, bigseg_error **error);

/// Sets only the time of day, as an administrator would. Nothing expires or wakes because of it.
bigseg_code bigseg_clock_set(const bigseg_clock *clock, int64_t unix_ms, bigseg_error **error);

/// Frees a clock. Engines and integrations can still use it.
void bigseg_clock_free(bigseg_clock *clock);

// ---- Results of a custom store ------------------------------------------------------------------
//
// A custom store adds its results, one segment ref at a time, to the `bigseg_answers` that its
// callback receives. A context without results has an empty membership.

/// The results of one query to a custom store; valid on the thread of the callback, until it
/// returns.
typedef struct bigseg_answers bigseg_answers;

/// Adds a segment that a context is included in. `index` is the position of the context in
/// `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range; the whole query then fails with it.
/// `BIGSEG_INVALID_ARGUMENT` when the ref is not UTF-8; the lookup of this context then fails with
/// `BIGSEG_STORE_DATA`.
bigseg_code bigseg_answers_include(bigseg_answers *answers,
                                   size_t index,
                                   bigseg_str segment_ref,
                                   bigseg_error **error);

/// Adds a segment that a context is excluded from. `index` is the position of the context in
/// `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range; the whole query then fails with it.
/// `BIGSEG_INVALID_ARGUMENT` when the ref is not UTF-8; the lookup of this context then fails with
/// `BIGSEG_STORE_DATA`.
bigseg_code bigseg_answers_exclude(bigseg_answers *answers,
                                   size_t index,
                                   bigseg_str segment_ref,
                                   bigseg_error **error);

/// Fails one context, without failing the others. `BIGSEG_OK` and unknown numbers become
/// `BIGSEG_STORE_DATA`. `index` is the position of the context in `hashes`.
///
/// Errors: `BIGSEG_STORE_DATA` when the index is out of range; the whole query then fails with it.
bigseg_code bigseg_answers_fail(bigseg_answers *answers,
                                size_t index,
                                bigseg_code code,
                                bigseg_str message,
                                bigseg_error **error);

// ---- Custom stores ------------------------------------------------------------------------------
//
// A program can provide its own store by two functions. The engine provides the rest, as for every
// store: cache, batching, deadlines, circuit breaker and status.

/// Called to read the memberships of `count` contexts. `hashes` has one entry for each; the results
/// go to `answers`. All arguments are borrowed until the callback returns.
///
/// Returns `BIGSEG_OK`, or a code when the store failed. Then it can set `error` to an object made
/// by `bigseg_error_new`, which the engine frees. An unknown number, or an error beside
/// `BIGSEG_OK`, counts as `BIGSEG_STORE_DATA`.
///
/// Called on threads of the library, up to 8 at once. It may block: lookups stop waiting at their
/// deadline. It must not close or free the engine that calls it, nor look up contexts in that engine:
/// such a lookup waits until this query ends or the lookup deadline has passed, and usually reports
/// `BIGSEG_LOOKUP_STORE_ERROR`. `bigseg_engine_cached` never waits and is allowed.
typedef bigseg_code (*bigseg_store_memberships)(void *userdata,
                                                const bigseg_context_hash *hashes,
                                                size_t count,
                                                bigseg_answers *answers,
                                                bigseg_error **error);

/// Called to read the sync time of the store: the time when it last matched its source, in Unix
/// milliseconds. `synchronized_on_unix_ms` is 0 at first, which means "never". This call is also
/// the health check. It returns and fails as `bigseg_store_memberships` does, and runs on the same
/// threads.
typedef bigseg_code (*bigseg_store_metadata)(void *userdata,
                                             int64_t *synchronized_on_unix_ms,
                                             bigseg_error **error);

/// The functions of a custom store. `bigseg_config_set_custom_store` copies the struct.
typedef struct bigseg_store_vtable {
    /// `sizeof(bigseg_store_vtable)`, set by the caller.
    size_t struct_size;
    /// Reads memberships; required.
    bigseg_store_memberships memberships;
    /// Reads the sync time; required.
    bigseg_store_metadata metadata;
} bigseg_store_vtable;

// ---- Configuration ------------------------------------------------------------------------------
//
// A config has the store of an engine and its other options. Each option has a default.
//
// A setter that fails returns the code, and does not change its option. The config keeps the error
// until the same option is set correctly, and `bigseg_engine_open` fails with it: a program may
// ignore what setters return. Every setter of a time fails with `BIGSEG_INVALID_CONFIG` for more
// than a year.

/// The options of an engine. Two threads must not use it concurrently.
typedef struct bigseg_config bigseg_config;

/// A named option of a store.
typedef struct bigseg_store_option {
    /// The name, in UTF-8.
    bigseg_str name;
    /// The value, in UTF-8: a flag is "true" or "false", a timeout is "500ms" or "2s".
    bigseg_str value;
} bigseg_store_option;

/// Makes a config with every option at its default, and without a store: an engine without a store
/// answers lookups with `BIGSEG_LOOKUP_NOT_CONFIGURED`. Free it with `bigseg_config_free`. Returns
/// NULL only for a defect of the library.
bigseg_config *bigseg_config_new(void);

/// Sets the store by a store string, and replaces a custom store. The forms of a store string:
///
/// - `memory:[NAME]`: memory of this process, shared by every user of that name; without a name,
///   private to the engine.
/// - `local:PATH[?map_size=BYTES]`: an embedded store in one file; `map_size`, such as `16G`,
///   bounds its size.
/// - `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: one Redis server.
/// - `rediss://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: one Redis server, over TLS.
/// - `redis+unix://[USER:PASSWORD@]/PATH`: one Redis server, through a Unix socket. Option: `db`.
/// - `redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…`: a Redis cluster, found through any
///   of these nodes.
/// - `rediss+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…`: a Redis cluster, over TLS.
/// - `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]`: the master that
///   sentinels report.
/// - `rediss+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]`: the same over
///   TLS, sentinels too.
/// - `dynamodb://TABLE`: a DynamoDB table. Options: `region`, `prefix`, `endpoint`, `profile`,
///   `role_arn`, `external_id`, `session_name`, `consistency` (`strong` or `eventual`),
///   `connect_timeout`, `response_timeout` and `write_units_per_second`. AWS credentials come from
///   the environment, never from the store string.
///
/// Options follow as `?NAME=VALUE&NAME=VALUE`. Every Redis form takes `prefix` or `raw_prefix`,
/// `connect_timeout` and `response_timeout`, such as `750ms`. Forms with TLS also take `ca_file`,
/// `cert_file`, `key_file` and `server_name`. Clusters and sentinels also take `read_from`
/// (`master` or `replica`); sentinels also take `sentinel_user` and `sentinel_password`. Reserved
/// characters in a user, a password or an option are written `%XX`.
///
/// Errors: `BIGSEG_INVALID_CONFIG`; `BIGSEG_UNSUPPORTED` for a store that the library was built
/// without.
bigseg_code bigseg_config_set_store(bigseg_config *config, bigseg_str store);

/// Sets the store by a store string and by named options, which need no escaping, and replaces a
/// custom store. `bigseg_config_set_store` lists the store strings and their options. Redis stores
/// also take `username`, `password`, `database` and `tls`. An option can be set only once, by name or
/// in the string. `options` may be NULL only when `count` is 0.
///
/// Errors: `BIGSEG_INVALID_CONFIG`.
bigseg_code bigseg_config_set_store_with_options(bigseg_config *config,
                                                 bigseg_str store,
                                                 const bigseg_store_option *options,
                                                 size_t count);

/// Returns the store string without its secrets, borrowed from the config until that changes; empty
/// for a config without a store, with a custom store, or that was used, and for NULL.
bigseg_str bigseg_config_store(const bigseg_config *config);

/// Sets a custom store, and replaces a store string. The functions of the store receive `userdata`,
/// which is destroyed when the engine is freed; for a config that opened no engine, when it is
/// freed or gets another store.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the vtable is incomplete. If this call fails, `userdata`
/// is destroyed.
bigseg_code bigseg_config_set_custom_store(bigseg_config *config,
                                           const bigseg_store_vtable *vtable,
                                           void *userdata,
                                           bigseg_destroy destroy);

/// Sets `context_cache_size`. Contexts that the cache holds, a hard bound; 0 disables the
/// cache. At most 2^30. Default: 1,000.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_context_cache_size(bigseg_config *config, size_t contexts);

/// Sets `context_cache_time`. Time for which an answer is served from the cache; 0 disables the
/// cache. Default: 5 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_context_cache_time(bigseg_config *config, uint64_t time_ms);

/// Sets `push_cache_time`. Time for which an answer is served from the cache while push
/// invalidation works, if that is longer than `context_cache_time`. A disabled cache stays
/// disabled. At most 10 min, in case a message is lost. Default: 60 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_push_cache_time(bigseg_config *config, uint64_t time_ms);

/// Disables push invalidation: cached answers expire. By default it is active if the store supports
/// and permits it; `bigseg_store_status_push_invalidation` returns whether it is.
bigseg_code bigseg_config_disable_push_invalidation(bigseg_config *config);

/// Sets `status_poll_interval`. Interval between reads of the store's sync time. A shorter
/// `stale_after` shortens it. Default: 5 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_status_poll_interval(bigseg_config *config, uint64_t interval_ms);

/// Sets `stale_after`. Age of the sync time from which answers are `STALE`;
/// `bigseg_config_disable_stale_after` disables the check. A store that was never synchronized
/// is stale in any case. Default: 120 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_stale_after(bigseg_config *config, uint64_t time_ms);

/// Disables stale answers by age, for a store that was imported once and is not synchronised. A
/// store without a sync time is still stale.
bigseg_code bigseg_config_disable_stale_after(bigseg_config *config);

/// Sets `lookup_deadline`. Time after which a lookup stops waiting for the store. Default: 1 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_lookup_deadline(bigseg_config *config, uint64_t deadline_ms);

/// Sets `last_known_time`. Greatest age of an answer that is served, as
/// `BIGSEG_LOOKUP_STORE_ERROR`, while the store fails; 0 disables last known answers.
/// Default: 300 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_last_known_time(bigseg_config *config, uint64_t time_ms);

/// Sets `batch_size`. Contexts per query of the store, from 1 to 10,000. Default: 128.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_batch_size(bigseg_config *config, size_t contexts);

/// Sets `batches_at_once`. Queries of the store in flight at the same time, from 1 to 1,024.
/// Default: 4.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_batches_at_once(bigseg_config *config, size_t batches);

/// Sets `breaker_failures`. Failed queries in a row after which the circuit breaker opens:
/// lookups then fail without waiting for the store. 0 disables the breaker. Default: 3.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_breaker_failures(bigseg_config *config, uint32_t failures);

/// Sets `breaker_probe_interval`. Interval between background probes of the store while the
/// circuit breaker is open. Default: 1 s.
///
/// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_breaker_probe_interval(bigseg_config *config, uint64_t interval_ms);

/// Sets a clock that is moved by the program, in place of the clock of the machine. The clock can
/// be freed afterwards.
bigseg_code bigseg_config_set_clock(bigseg_config *config, const bigseg_clock *clock);

/// Frees a config.
void bigseg_config_free(bigseg_config *config);

// ---- Engines ------------------------------------------------------------------------------------
//
// An engine answers in which segments a context is, from its cache or from its store. A process
// usually needs one engine. All calls on it are thread-safe.

/// An open engine.
typedef struct bigseg_engine bigseg_engine;

/// Opens an engine with the options of a config, and empties the config. On failure the config does
/// not change. Free the engine with `bigseg_engine_free`.
///
/// Does not wait for a store outside this process: if it is not reachable, the status says so. The
/// sync time of a memory or embedded store is read before this returns.
///
/// Errors: the errors of the config's setters; `BIGSEG_ALREADY_USED` when the config was used
/// before; `BIGSEG_INTERNAL` when no thread can be created.
bigseg_code bigseg_engine_open(bigseg_config *config, bigseg_engine **engine, bigseg_error **error);

/// Removes a context from the cache, by its key. The result of a query that is in flight is not
/// cached.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_invalidate(const bigseg_engine *engine,
                                     bigseg_str context_key,
                                     bigseg_error **error);

/// Removes a context from the cache, by its hash. The result of a query that is in flight is not
/// cached.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_invalidate_by_hash(const bigseg_engine *engine,
                                             const bigseg_context_hash *hash,
                                             bigseg_error **error);

/// Removes every context from the cache.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_invalidate_all(const bigseg_engine *engine, bigseg_error **error);

/// Stops the engine, while other threads can still use it. Running lookups end, later calls fail
/// with `BIGSEG_CLOSED`, and pending callbacks receive that code. A second close is no error.
///
/// Blocks until all callbacks have ended, up to 5 seconds. From inside a callback of the engine it
/// does not wait.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_close(const bigseg_engine *engine, bigseg_error **error);

/// Closes an engine and frees it. No other call on it may be running. When this returns, no
/// callback of the engine runs, and every `userdata` is destroyed.
///
/// Blocks as `bigseg_engine_close` does. In a forked child it releases nothing, and calls no
/// `destroy`.
void bigseg_engine_free(bigseg_engine *engine);

// ---- Lookups ------------------------------------------------------------------------------------
//
// A lookup returns the membership of a context, and a lookup status that says how reliable it is.
// Each lookup takes a context key or, with `_by_hash`, a context hash. Free the membership with
// `bigseg_membership_free`.
//
// A lookup call fails only on misuse. A failure of the store is reported by the lookup status.

/// How reliable an answer is, from best to worst: a greater number is worse. An evaluation with
/// several lookups reports the worst status.
BIGSEG_ENUM(bigseg_lookup_status) {
    /// The store answered, and it is up to date.
    BIGSEG_LOOKUP_HEALTHY = 0,
    /// The store answered, but its sync time is missing or too old.
    BIGSEG_LOOKUP_STALE = 1,
    /// The store failed. The membership is the last known one, or empty.
    BIGSEG_LOOKUP_STORE_ERROR = 2,
    /// There is no store, or the segment has no generation. The membership is empty.
    BIGSEG_LOOKUP_NOT_CONFIGURED = 3,
};

/// The origin of an answer.
BIGSEG_ENUM(bigseg_origin) {
    /// A query to the store, for this lookup.
    BIGSEG_ORIGIN_STORE = 0,
    /// The cache, within its cache time.
    BIGSEG_ORIGIN_CACHE = 1,
    /// The cache, after its cache time, because the store failed.
    BIGSEG_ORIGIN_LAST_KNOWN = 2,
    /// None: there is no store, or it failed and the cache has no answer. The membership is empty.
    BIGSEG_ORIGIN_NOTHING = 3,
};

/// The full answer of a lookup.
typedef struct bigseg_lookup {
    /// `sizeof(bigseg_lookup)`, set by the caller.
    size_t struct_size;
    /// The membership; never NULL.
    const bigseg_membership *membership;
    /// How reliable the membership is.
    bigseg_lookup_status status;
    /// Where the membership comes from.
    bigseg_origin origin;
    /// The age of the membership: the time since the store was queried for it, in milliseconds.
    uint64_t age_ms;
    /// Why the store did not answer; `BIGSEG_OK` when it did, or was not queried.
    bigseg_code store_code;
} bigseg_lookup;

/// Looks up a context by its key, and writes its membership and lookup status.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_membership(const bigseg_engine *engine,
                                     bigseg_str context_key,
                                     const bigseg_membership **membership,
                                     bigseg_lookup_status *status,
                                     bigseg_error **error);

/// Looks up a context by its hash, and writes its membership and lookup status.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_membership_by_hash(const bigseg_engine *engine,
                                             const bigseg_context_hash *hash,
                                             const bigseg_membership **membership,
                                             bigseg_lookup_status *status,
                                             bigseg_error **error);

/// Looks up many contexts by their keys, in as few queries as possible. `memberships` and
/// `statuses` have room for `count` entries each, in the order of the keys. Either all entries are
/// written, or none.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for cached answers.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_memberships(const bigseg_engine *engine,
                                      const bigseg_str *context_keys,
                                      size_t count,
                                      const bigseg_membership **memberships,
                                      bigseg_lookup_status *statuses,
                                      bigseg_error **error);

/// Looks up many contexts by their hashes, in as few queries as possible. `memberships` and
/// `statuses` have room for `count` entries each, in the order of the hashes. Either all entries
/// are written, or none.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for cached answers.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_memberships_by_hash(const bigseg_engine *engine,
                                              const bigseg_context_hash *hashes,
                                              size_t count,
                                              const bigseg_membership **memberships,
                                              bigseg_lookup_status *statuses,
                                              bigseg_error **error);

/// Looks up a context by its key in the cache only, and writes its membership and lookup status. If
/// the cache has no valid answer, it returns `BIGSEG_OK`, sets the membership to NULL, and does not
/// write the status.
///
/// Never blocks. A cached answer needs neither an allocation nor a lock.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_cached(const bigseg_engine *engine,
                                 bigseg_str context_key,
                                 const bigseg_membership **membership,
                                 bigseg_lookup_status *status,
                                 bigseg_error **error);

/// Looks up a context by its hash in the cache only, and writes its membership and lookup status.
/// If the cache has no valid answer, it returns `BIGSEG_OK`, sets the membership to NULL, and does
/// not write the status.
///
/// Never blocks. A cached answer needs neither an allocation nor a lock.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_cached_by_hash(const bigseg_engine *engine,
                                         const bigseg_context_hash *hash,
                                         const bigseg_membership **membership,
                                         bigseg_lookup_status *status,
                                         bigseg_error **error);

/// Looks up a context by its key, and writes the full answer, including its origin. Set
/// `lookup->struct_size` first, and free `lookup->membership` afterwards.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_lookup(const bigseg_engine *engine,
                                 bigseg_str context_key,
                                 bigseg_lookup *lookup,
                                 bigseg_error **error);

/// Looks up a context by its hash, and writes the full answer, including its origin. Set
/// `lookup->struct_size` first, and free `lookup->membership` afterwards.
///
/// Blocks up to the lookup deadline if the store must answer. Does not block for a cached answer.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_lookup_by_hash(const bigseg_engine *engine,
                                         const bigseg_context_hash *hash,
                                         bigseg_lookup *lookup,
                                         bigseg_error **error);

/// Returns the name that the SDKs use as `bigSegmentsStatus` in an evaluation reason, such as
/// "STORE_ERROR"; empty for an unknown number. The text is static.
bigseg_str bigseg_lookup_status_name(bigseg_lookup_status status);

// ---- Asynchronous lookups -----------------------------------------------------------------------
//
// For programs that must not block: the call returns at once, and a callback is called with the
// answer.

/// Called when a lookup is complete. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine was
/// closed first, and then `lookup` is NULL. `lookup` and its membership are borrowed until the
/// callback returns: do not free them, and keep the membership with `bigseg_membership_clone`.
///
/// Called exactly once if the registering call returned `BIGSEG_OK`, and never otherwise. It runs
/// on a thread of the library that may block, possibly before the registering call has returned.
typedef void (*bigseg_lookup_callback)(void *userdata, bigseg_code code, const bigseg_lookup *lookup);

/// Looks up a context by its key, and calls `callback` with the answer. Does not block.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`. If this call fails,
/// `callback` is not called, and `userdata` is destroyed.
bigseg_code bigseg_engine_membership_async(const bigseg_engine *engine,
                                           bigseg_str context_key,
                                           bigseg_lookup_callback callback,
                                           void *userdata,
                                           bigseg_destroy destroy,
                                           bigseg_error **error);

/// Looks up a context by its hash, and calls `callback` with the answer. Does not block.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`. If this call fails,
/// `callback` is not called, and `userdata` is destroyed.
bigseg_code bigseg_engine_membership_by_hash_async(const bigseg_engine *engine,
                                                   const bigseg_context_hash *hash,
                                                   bigseg_lookup_callback callback,
                                                   void *userdata,
                                                   bigseg_destroy destroy,
                                                   bigseg_error **error);

// ---- Store status -------------------------------------------------------------------------------
//
// The store status says whether the store answers, and whether it is up to date. A status is a
// snapshot: it does not change.

/// The status of the store of an engine, at one moment.
typedef struct bigseg_store_status bigseg_store_status;

/// Writes the last known status to `status`, without a query. Free it with
/// `bigseg_store_status_free`. It also works on a closed engine. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_status(const bigseg_engine *engine,
                                 bigseg_store_status **status,
                                 bigseg_error **error);

/// Reads the store's sync time now, and writes the new status to `status`. Free it with
/// `bigseg_store_status_free`. A failure of the store is reported by the status, not by this call.
///
/// Blocks up to the lookup deadline.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_refresh_status(const bigseg_engine *engine,
                                         bigseg_store_status **status,
                                         bigseg_error **error);

/// Returns whether the last poll, and the last lookup since then, succeeded; false until the first
/// poll is complete, and for NULL.
bool bigseg_store_status_available(const bigseg_store_status *status);

/// Returns whether the store is stale: its sync time is missing, or older than the stale-after
/// time. While the store is unavailable, this is the last known value. Returns false for NULL.
bool bigseg_store_status_stale(const bigseg_store_status *status);

/// Writes the time when the store was last up to date to `unix_ms`, in Unix milliseconds. Returns
/// false, and writes nothing, when no such time is known, and for NULL.
bool bigseg_store_status_last_up_to_date(const bigseg_store_status *status, int64_t *unix_ms);

/// Returns when "available" or "stale" last changed, in Unix milliseconds; 0 for NULL.
int64_t bigseg_store_status_since(const bigseg_store_status *status);

/// Returns whether the store's sync time is in the future: the clock of this machine or of the
/// writer is wrong. Returns false for NULL.
bool bigseg_store_status_clock_skew(const bigseg_store_status *status);

/// Returns the code of the last error, even if the store has recovered; `BIGSEG_OK` when there was
/// no error, and for NULL.
bigseg_code bigseg_store_status_error_code(const bigseg_store_status *status);

/// Returns the message of the last error, borrowed from the status; empty when there was no error,
/// and for NULL.
bigseg_str bigseg_store_status_error_message(const bigseg_store_status *status);

/// Returns the time of the last error, in Unix milliseconds; 0 when there was no error, and for
/// NULL.
int64_t bigseg_store_status_error_at(const bigseg_store_status *status);

/// Returns whether push invalidation is active: the store announces each change as it happens. If
/// not, cached answers expire; if the store refused, a limitation says why. Returns false for NULL.
bool bigseg_store_status_push_invalidation(const bigseg_store_status *status);

/// Returns the number of limitations: features that are disabled because the store refused them,
/// which is no error. Returns 0 for NULL.
size_t bigseg_store_status_limitation_count(const bigseg_store_status *status);

/// Returns the disabled feature of a limitation, such as `push_invalidation`, borrowed from the
/// status; empty beyond the last limitation, and for NULL.
bigseg_str bigseg_store_status_limitation_feature(const bigseg_store_status *status, size_t index);

/// Returns why a limitation exists and how to remove it, borrowed from the status; empty beyond the
/// last limitation, and for NULL.
bigseg_str bigseg_store_status_limitation_reason(const bigseg_store_status *status, size_t index);

/// Frees a store status.
void bigseg_store_status_free(bigseg_store_status *status);

// ---- Status listeners ---------------------------------------------------------------------------
//
// A status listener is called with the first status of the store, and with each change. A listener
// that is slow is called with the latest status only, and delays no other listener.

/// Called with a status of the store, which is borrowed until the callback returns. It runs on a
/// thread of the library that may block, and never concurrently for the same listener.
typedef void (*bigseg_status_callback)(void *userdata, const bigseg_store_status *status);

/// Adds a status listener. If the status is known already, the listener is called with it soon.
/// `id` receives the number for `bigseg_engine_remove_status_listener`, and may be NULL.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`. If this call fails, `userdata` is destroyed.
bigseg_code bigseg_engine_add_status_listener(const bigseg_engine *engine,
                                              bigseg_status_callback callback,
                                              void *userdata,
                                              bigseg_destroy destroy,
                                              uint64_t *id,
                                              bigseg_error **error);

/// Removes a status listener. When this returns, the callback is not running and will not run
/// again, and its `userdata` is destroyed. An unknown id is no error.
///
/// Blocks while the callback runs. From inside a callback of the same engine it returns at once.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_remove_status_listener(const bigseg_engine *engine,
                                                 uint64_t id,
                                                 bigseg_error **error);

// ---- Metrics ------------------------------------------------------------------------------------
//
// The counters and gauges of an engine since it was opened.

/// The metrics of an engine. Counters only increase.
typedef struct bigseg_metrics {
    /// `sizeof(bigseg_metrics)`, set by the caller.
    size_t struct_size;
    /// Lookups answered from the cache.
    uint64_t cache_hits;
    /// Lookups that the cache could not answer.
    uint64_t cache_misses;
    /// Misses that joined an in-flight query of the same context.
    uint64_t coalesced_lookups;
    /// Queries sent to the store.
    uint64_t store_queries;
    /// Contexts in those queries.
    uint64_t store_contexts;
    /// Queries that failed.
    uint64_t store_errors;
    /// Lookups answered with the last known membership because the store failed.
    uint64_t last_known_answers;
    /// Lookups without an answer because the store failed.
    uint64_t failed_lookups;
    /// Times the circuit breaker opened.
    uint64_t circuit_openings;
    /// Polls of the store's sync time.
    uint64_t status_polls;
    /// Polls that failed.
    uint64_t status_poll_errors;
    /// Contexts evicted from the cache because it was full.
    uint64_t cache_evictions;
    /// Contexts in the cache at present.
    uint64_t cached_contexts;
    /// Whether the circuit breaker is open (0 or 1).
    uint64_t circuit_open;
    /// Contexts invalidated by a push of the store.
    uint64_t pushed_invalidations;
    /// Queries and polls that the store rejected because of its rate limit.
    uint64_t store_throttles;
} bigseg_metrics;

/// Writes the metrics of an engine to `metrics`. Set `metrics->struct_size` first. It also works on
/// a closed engine. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_metrics(const bigseg_engine *engine, bigseg_metrics *metrics, bigseg_error **error);

// ---- Contexts -----------------------------------------------------------------------------------
//
// A context is who or what a flag or segment is evaluated for. It can be used for any number of
// evaluations, in any engine. It is immutable; any thread may use it. No message shows its keys.

/// A parsed context.
typedef struct bigseg_context bigseg_context;

/// Parses a context from JSON in the format of the SDKs: `{"kind":"user","key":…}`,
/// `{"kind":"multi","user":{…},"org":{…}}`, or a legacy user,
/// `{"key":…,"custom":{…}}`. Free it with `bigseg_context_free`.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when a key is empty; `BIGSEG_INVALID_ARGUMENT` when the
/// text is not JSON, or not a context; `BIGSEG_UNSUPPORTED` in a library that was built without
/// evaluation.
bigseg_code bigseg_context_new(bigseg_str json, bigseg_context **context, bigseg_error **error);

/// Returns the number of context kinds in the context; 0 for NULL.
size_t bigseg_context_kind_count(const bigseg_context *context);

/// Returns a context kind, borrowed from the context. The kinds are sorted by their bytes. Beyond
/// the last one, and for NULL, the text is empty.
bigseg_str bigseg_context_kind_at(const bigseg_context *context, size_t index);

/// Frees a context.
void bigseg_context_free(bigseg_context *context);

// ---- Flags and segments -------------------------------------------------------------------------
//
// An engine evaluates flags and segments. They are replaced as a whole, without delaying any
// evaluation. An evaluation that has started uses the old data to its end. Invalid data change
// nothing.

/// The kind of segment that a list of contexts becomes.
BIGSEG_ENUM(bigseg_segment_kind) {
    /// An ordinary segment: its members are part of the flag payload.
    BIGSEG_SEGMENT_SMALL = 0,
    /// A big segment: its members are in a store.
    BIGSEG_SEGMENT_BIG = 1,
    /// Neither: an ordinary segment cannot have so many entries, and a big segment has exactly one
    /// context kind.
    BIGSEG_SEGMENT_IMPOSSIBLE = 2,
};

/// Sets the flags and segments from the JSON of the service, `{"flags":{…},"segments":{…}}`, of
/// which one may be missing.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the text is not JSON, or not flags and segments; the
/// message says where and what is wrong. `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in
/// a library that was built without evaluation.
bigseg_code bigseg_engine_set_data(const bigseg_engine *engine, bigseg_str json, bigseg_error **error);

/// Sets the flags and segments from a JSON file, as `bigseg_engine_set_data` does from text.
/// `bigseg_engine_reload_data` can read the file again. Blocks while it reads the file.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the file cannot be read, is not JSON, or does not hold
/// flags and segments. `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in a library that was
/// built without evaluation.
bigseg_code bigseg_engine_load_data(const bigseg_engine *engine, bigseg_str path, bigseg_error **error);

/// Reads the file of `bigseg_engine_load_data` again if it has changed. `changed` receives whether
/// it has, and may be NULL. The library does not watch the file; this call is cheap enough for
/// every second. Blocks while it reads the file.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the data did not come from a file, or the file is
/// invalid; the data do not change, and the next call tries again. `BIGSEG_CLOSED`,
/// `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in a library that was built without evaluation.
bigseg_code bigseg_engine_reload_data(const bigseg_engine *engine, bool *changed, bigseg_error **error);

/// Returns the kind of segment for a list of `entries` entries of `context_kinds` context kinds:
/// more than 15,000 entries of exactly one kind become a big segment.
bigseg_segment_kind bigseg_classify(uint64_t entries, uint64_t context_kinds);

// ---- Reasons ------------------------------------------------------------------------------------
//
// A reason says why a flag serves its value, in the format of the SDKs.

/// The main reason for the result of an evaluation.
BIGSEG_ENUM(bigseg_reason_kind) {
    /// The flag is off.
    BIGSEG_REASON_OFF = 0,
    /// The flag is on, and neither its targets nor its rules match the context.
    BIGSEG_REASON_FALLTHROUGH = 1,
    /// A target of the flag lists the context.
    BIGSEG_REASON_TARGET_MATCH = 2,
    /// A rule of the flag matches.
    BIGSEG_REASON_RULE_MATCH = 3,
    /// A prerequisite flag does not serve the required variation.
    BIGSEG_REASON_PREREQUISITE_FAILED = 4,
    /// The flag does not exist or cannot be evaluated, or there are no data.
    BIGSEG_REASON_ERROR = 5,
};

/// Why an evaluation failed.
BIGSEG_ENUM(bigseg_evaluation_error) {
    /// The evaluation did not fail.
    BIGSEG_EVALUATION_NO_ERROR = 0,
    /// The engine has no flags and segments yet.
    BIGSEG_EVALUATION_CLIENT_NOT_READY = 1,
    /// No flag has that key.
    BIGSEG_EVALUATION_FLAG_NOT_FOUND = 2,
    /// No segment has that key. Only the evaluation of a segment fails with this: in a rule, a
    /// missing segment does not match.
    BIGSEG_EVALUATION_SEGMENT_NOT_FOUND = 3,
    /// The flag or segment, or one that it refers to, is inconsistent: it refers to itself or to a
    /// missing variation, or the chain of references is too long.
    BIGSEG_EVALUATION_MALFORMED_FLAG = 4,
};

/// Why a flag serves its value. Texts are borrowed from the evaluation.
typedef struct bigseg_reason {
    /// `sizeof(bigseg_reason)`, set by the caller.
    size_t struct_size;
    /// The main reason.
    bigseg_reason_kind kind;
    /// Why the evaluation failed, if `kind` is `BIGSEG_REASON_ERROR`.
    bigseg_evaluation_error error;
    /// The index of the rule that matched, if `kind` is `BIGSEG_REASON_RULE_MATCH`; otherwise -1.
    int64_t rule_index;
    /// The identifier of that rule; empty if it has none.
    bigseg_str rule_id;
    /// The key of the prerequisite flag, if `kind` is `BIGSEG_REASON_PREREQUISITE_FAILED`;
    /// otherwise empty.
    bigseg_str prerequisite_key;
    /// Whether the context is part of an experiment.
    bool in_experiment;
    /// Whether a lookup was needed.
    bool has_big_segments_status;
    /// The worst status of all lookups; `BIGSEG_LOOKUP_HEALTHY` if none was needed.
    bigseg_lookup_status big_segments_status;
} bigseg_reason;

// ---- Evaluations --------------------------------------------------------------------------------
//
// An evaluation is the value that a flag serves for a context, and why. Memberships are looked up
// when a rule first needs them, each at most once.
//
// The library never needs the program's default value: an evaluation without a variation means
// that the program uses its default. `bigseg_evaluation_bool`, `bigseg_evaluation_number` and
// `bigseg_evaluation_text` take the default and return it then.
//
// An evaluation call fails only on misuse, with `BIGSEG_CLOSED`, `BIGSEG_FORKED` or an argument
// error, and with `BIGSEG_UNSUPPORTED` in a library that was built without evaluation. Every other
// problem is in the reason. An evaluation is immutable; any thread may use it.

/// The value that a flag serves for a context, and why.
typedef struct bigseg_evaluation bigseg_evaluation;

/// Called when an evaluation is complete. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine
/// was closed first, and then `evaluation` is NULL. The evaluation is borrowed until the callback
/// returns: do not free it.
///
/// Called exactly once if the registering call returned `BIGSEG_OK`, and never otherwise. It runs
/// on a thread of the library that may block, possibly before the registering call has returned.
typedef void (*bigseg_evaluation_callback)(void *userdata,
                                           bigseg_code code,
                                           const bigseg_evaluation *evaluation);

/// Evaluates a flag for a context. Free the evaluation with `bigseg_evaluation_free`.
///
/// Blocks up to the lookup deadline for each membership that the store must answer. Does not block
/// when all memberships are cached, or are in a memory or embedded store.
bigseg_code bigseg_engine_evaluate(const bigseg_engine *engine,
                                   bigseg_str flag_key,
                                   const bigseg_context *context,
                                   bigseg_evaluation **evaluation,
                                   bigseg_error **error);

/// Evaluates a flag for a context, if that needs no waiting. If a store outside this process would
/// have to answer, it returns `BIGSEG_OK` and sets the evaluation to NULL. Free the evaluation with
/// `bigseg_evaluation_free`.
///
/// Does not block, except to read an embedded store.
bigseg_code bigseg_engine_evaluate_now(const bigseg_engine *engine,
                                       bigseg_str flag_key,
                                       const bigseg_context *context,
                                       bigseg_evaluation **evaluation,
                                       bigseg_error **error);

/// Evaluates a flag for a context, and calls `callback` with the evaluation. Does not block. The
/// context can be freed when this returns.
///
/// Errors: if this call fails, `callback` is not called, and `userdata` is destroyed.
bigseg_code bigseg_engine_evaluate_async(const bigseg_engine *engine,
                                         bigseg_str flag_key,
                                         const bigseg_context *context,
                                         bigseg_evaluation_callback callback,
                                         void *userdata,
                                         bigseg_destroy destroy,
                                         bigseg_error **error);

/// Returns the index of the variation; -1 when the program's default applies, and for NULL.
int64_t bigseg_evaluation_variation(const bigseg_evaluation *evaluation);

/// Returns the value as JSON, borrowed from the evaluation; empty when the program's default
/// applies, and for NULL.
bigseg_str bigseg_evaluation_value(const bigseg_evaluation *evaluation);

/// Returns the value if it is a boolean; returns `otherwise` if it is not, when the program's
/// default applies, and for NULL.
bool bigseg_evaluation_bool(const bigseg_evaluation *evaluation, bool otherwise);

/// Returns the value if it is a number; returns `otherwise` if it is not, when the program's
/// default applies, and for NULL.
double bigseg_evaluation_number(const bigseg_evaluation *evaluation, double otherwise);

/// Returns the value if it is text, borrowed from the evaluation; returns `otherwise` if it is not,
/// when the program's default applies, and for NULL.
bigseg_str bigseg_evaluation_text(const bigseg_evaluation *evaluation, bigseg_str otherwise);

/// Writes the reason to `reason`. Set `reason->struct_size` first. Its texts are borrowed from the
/// evaluation.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT`.
bigseg_code bigseg_evaluation_reason(const bigseg_evaluation *evaluation,
                                     bigseg_reason *reason,
                                     bigseg_error **error);

/// Returns the whole evaluation as JSON, borrowed from the evaluation; empty for NULL. The fields
/// are `value` (null when the program's default applies), `variation`, `reason`, and `decisions`:
/// what each big segment decided.
bigseg_str bigseg_evaluation_json(const bigseg_evaluation *evaluation);

/// Frees an evaluation.
void bigseg_evaluation_free(bigseg_evaluation *evaluation);

// ---- Is this context in that segment? -----------------------------------------------------------
//
// A segment answer says whether a context is in a segment, and why. Any segment can be asked for,
// big or ordinary. The calls fail, block and look up memberships as evaluations of flags do. An
// answer is immutable; any thread may use it.

/// Whether a context is in a segment, and why.
typedef struct bigseg_segment_answer bigseg_segment_answer;

/// Called when a segment answer is complete. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the
/// engine was closed first, and then `answer` is NULL. The answer is borrowed until the callback
/// returns: do not free it.
///
/// Called exactly once if the registering call returned `BIGSEG_OK`, and never otherwise. It runs
/// on a thread of the library that may block, possibly before the registering call has returned.
typedef void (*bigseg_segment_answer_callback)(void *userdata,
                                               bigseg_code code,
                                               const bigseg_segment_answer *answer);

/// Answers whether a context is in a segment. Free the answer with `bigseg_segment_answer_free`.
///
/// Blocks up to the lookup deadline for each membership that the store must answer. Does not block
/// when all memberships are cached, or are in a memory or embedded store.
bigseg_code bigseg_engine_segment_contains(const bigseg_engine *engine,
                                           bigseg_str segment_key,
                                           const bigseg_context *context,
                                           bigseg_segment_answer **answer,
                                           bigseg_error **error);

/// Answers whether a context is in a segment, if that needs no waiting. If a store outside this
/// process would have to answer, it returns `BIGSEG_OK` and sets the answer to NULL. Free the
/// answer with `bigseg_segment_answer_free`.
///
/// Does not block, except to read an embedded store.
bigseg_code bigseg_engine_segment_contains_now(const bigseg_engine *engine,
                                               bigseg_str segment_key,
                                               const bigseg_context *context,
                                               bigseg_segment_answer **answer,
                                               bigseg_error **error);

/// Answers whether a context is in a segment, and calls `callback` with the answer. Does not block.
/// The context can be freed when this returns.
///
/// Errors: if this call fails, `callback` is not called, and `userdata` is destroyed.
bigseg_code bigseg_engine_segment_contains_async(const bigseg_engine *engine,
                                                 bigseg_str segment_key,
                                                 const bigseg_context *context,
                                                 bigseg_segment_answer_callback callback,
                                                 void *userdata,
                                                 bigseg_destroy destroy,
                                                 bigseg_error **error);

/// Returns whether the context is in the segment; false when the segment could not be evaluated,
/// and for NULL.
bool bigseg_segment_answer_is_match(const bigseg_segment_answer *answer);

/// Returns why the segment could not be evaluated; `BIGSEG_EVALUATION_NO_ERROR` when it was
/// evaluated, and for NULL.
bigseg_evaluation_error bigseg_segment_answer_error(const bigseg_segment_answer *answer);

/// Returns whether a lookup was needed, and then writes the worst status of all lookups to
/// `status`, which may be NULL. Returns false for NULL.
bool bigseg_segment_answer_status(const bigseg_segment_answer *answer, bigseg_lookup_status *status);

/// Returns the whole answer as JSON, borrowed from the answer; empty for NULL. The fields are
/// `isMatch`, `errorKind`, `status`, and `decisions`: what the segment decided, then each big
/// segment that its rules refer to.
bigseg_str bigseg_segment_answer_json(const bigseg_segment_answer *answer);

/// Frees a segment answer.
void bigseg_segment_answer_free(bigseg_segment_answer *answer);

// ---- Explanations -------------------------------------------------------------------------------
//
// An explanation says why a context is in a segment, or is not, with every fact on the way: the
// hash, the membership, where it came from, and what the rules decided. An explanation is
// immutable; any thread may use it.

/// Why a context is in a segment, or is not.
typedef struct bigseg_explanation bigseg_explanation;

/// Explains whether a context is in a segment. Free the explanation with `bigseg_explanation_free`.
///
/// Blocks up to the lookup deadline for each membership that the store must answer. Does not block
/// when all memberships are cached, or are in a memory or embedded store.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `BIGSEG_UNSUPPORTED` in a library that was built
/// without evaluation.
bigseg_code bigseg_engine_explain(const bigseg_engine *engine,
                                  bigseg_str segment_key,
                                  const bigseg_context *context,
                                  bigseg_explanation **explanation,
                                  bigseg_error **error);

/// Returns the answer, borrowed from the explanation: do not free it. The first of its decisions is
/// that of the segment itself. Returns NULL for NULL.
const bigseg_segment_answer *bigseg_explanation_answer(const bigseg_explanation *explanation);

/// Returns whether the context was looked up, and then writes its hash to `hash`, which may be
/// NULL. A context is not looked up when the segment is not a big segment, when it has no
/// generation, or when the context has no part of the segment's context kind. Returns false for
/// NULL.
bool bigseg_explanation_hash(const bigseg_explanation *explanation, bigseg_context_hash *hash);

/// Returns what the membership says about the segment; `BIGSEG_MEMBERSHIP_NO_VALUE` also when the
/// context was not looked up, and for NULL.
bigseg_membership_value bigseg_explanation_value(const bigseg_explanation *explanation);

/// Returns whether the context was looked up. If so, writes where the membership came from to
/// `origin`, and its age in milliseconds to `age_ms`; both may be NULL. Returns false for NULL.
bool bigseg_explanation_origin(const bigseg_explanation *explanation,
                               bigseg_origin *origin,
                               uint64_t *age_ms);

/// Returns whether the store is a memory or embedded store, so that no network is involved; false
/// for NULL.
bool bigseg_explanation_embedded(const bigseg_explanation *explanation);

/// Returns why the store did not answer; `BIGSEG_OK` when it did or was not queried, and for NULL.
bigseg_code bigseg_explanation_store_code(const bigseg_explanation *explanation);

/// Returns the error message of the store, borrowed from the explanation; empty when the store
/// answered or was not queried, and for NULL.
bigseg_str bigseg_explanation_store_message(const bigseg_explanation *explanation);

/// Frees an explanation.
void bigseg_explanation_free(bigseg_explanation *explanation);

// ---- Imports ------------------------------------------------------------------------------------
//
// An import fills a store from lists. Memberships can be added in any order.
// `bigseg_import_commit` writes all of them; nothing is written before. An import can be larger
// than memory: the rest is in temporary files.

/// The format of a list.
BIGSEG_ENUM(bigseg_list_format) {
    /// CSV with rows of context, segment and membership. A header row can name and reorder the
    /// columns: `key` or `hash`, `segment`, `membership` (`include` or `exclude`; missing or empty
    /// = include). Without a header row, contexts are keys.
    BIGSEG_LIST_CSV = 0,
    /// CSV as `BIGSEG_LIST_CSV`, but without a header row, contexts are hashes.
    BIGSEG_LIST_CSV_OF_HASHES = 1,
    /// One JSON object per line: a "key" or a "hash", with "included" and "excluded" arrays of
    /// segment refs.
    BIGSEG_LIST_NDJSON = 2,
};

/// A list that is being collected. Two threads must not use it concurrently.
typedef struct bigseg_import bigseg_import;

/// Called with the number of contexts written so far. It runs on the thread of
/// `bigseg_import_commit`, during that call only. It must not use the import.
typedef void (*bigseg_progress_callback)(void *userdata, uint64_t contexts);

/// The result of an import.
typedef struct bigseg_import_report {
    /// `sizeof(bigseg_import_report)`, set by the caller.
    size_t struct_size;
    /// Memberships that were added to the list, including duplicates.
    uint64_t memberships;
    /// Contexts in the list.
    uint64_t contexts;
    /// Contexts that were in the replaced segment before the import.
    uint64_t replaced;
} bigseg_import_report;

/// Makes an import into a store, by a store string; `bigseg_config_set_store` lists the forms. A
/// memory or embedded store is created if it does not exist. Free the import with
/// `bigseg_import_free`.
///
/// Errors: `BIGSEG_INVALID_CONFIG`; a store code when the store cannot be written.
bigseg_code bigseg_import_new(bigseg_str store, bigseg_import **import, bigseg_error **error);

/// Replaces the content of a segment when the import is committed. Without this call, the list is
/// merged into it. Call it before the first membership is added.
///
/// Errors: `BIGSEG_INVALID_SEGMENT_REF`; `BIGSEG_INVALID_ARGUMENT` after the first membership.
bigseg_code bigseg_import_set_replace(bigseg_import *import, bigseg_str segment_ref, bigseg_error **error);

/// Adds a membership by a context key: the context is included in the segment, or excluded from it.
/// It replaces the opposite value in the store. If one list has both values, the context is
/// included.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_INVALID_SEGMENT_REF`; the import can continue
/// after these. `BIGSEG_STORE_FULL` when there is no space for a temporary file.
bigseg_code bigseg_import_add(bigseg_import *import,
                              bigseg_str context_key,
                              bigseg_str segment_ref,
                              bool included,
                              bigseg_error **error);

/// Adds a membership by a context hash: the context is included in the segment, or excluded from
/// it. It replaces the opposite value in the store. If one list has both values, the context is
/// included.
///
/// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_INVALID_SEGMENT_REF`; the import can continue
/// after these. `BIGSEG_STORE_FULL` when there is no space for a temporary file.
bigseg_code bigseg_import_add_hash(bigseg_import *import,
                                   const bigseg_context_hash *hash,
                                   bigseg_str segment_ref,
                                   bool included,
                                   bigseg_error **error);

/// Adds every line of a file, which can be compressed with gzip. `segment_ref` is the segment of
/// lines without one, and may be empty. A malformed line ends the call, unless `skip_bad_lines` is
/// set. `skipped` receives the number of skipped lines, and may be NULL. After a failure, the lines
/// before it stay in the import.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` for an unknown format; `BIGSEG_INVALID_INPUT`, with the line
/// number, when a line is malformed or the file cannot be read; `BIGSEG_STORE_FULL` when there is
/// no space for a temporary file.
bigseg_code bigseg_import_add_file(bigseg_import *import,
                                   bigseg_str path,
                                   bigseg_list_format format,
                                   bigseg_str segment_ref,
                                   bool skip_bad_lines,
                                   uint64_t *skipped,
                                   bigseg_error **error);

/// Writes the list to the store, and sets the sync time of the store. `progress` and `report` may
/// be NULL; set `report->struct_size` first. Even if this fails, the import cannot be used again,
/// but must be freed.
///
/// Blocks until everything is written.
///
/// Errors: `BIGSEG_ALREADY_USED`; a store code. On failure a memory or embedded store does not
/// change; other stores may have a part of the list.
bigseg_code bigseg_import_commit(bigseg_import *import,
                                 bigseg_progress_callback progress,
                                 void *userdata,
                                 bigseg_import_report *report,
                                 bigseg_error **error);

/// Frees an import. If it was not committed, nothing is written.
void bigseg_import_free(bigseg_import *import);

// ---- Integration configuration ------------------------------------------------------------------
//
// An integration config names the upstream that patches come from and the store that they go to.
//
// A setter that fails returns the code, and does not change its option. The config keeps the error
// until the same option is set correctly, and `bigseg_integration_start` fails with it: a program
// may ignore what setters return.

/// The options of an integration. Two threads must not use it concurrently. It holds the SDK key,
/// which no message shows.
typedef struct bigseg_integration_config bigseg_integration_config;

/// Called with contexts that may have changed in a segment, after the store has the change. The
/// same context can occur twice, and a large patch comes in several calls. All arguments are
/// borrowed until the callback returns.
///
/// It runs on a thread of the library, and never concurrently for the same integration, which waits
/// until it returns.
typedef void (*bigseg_change_callback)(void *userdata,
                                       bigseg_str segment_ref,
                                       const bigseg_context_hash *contexts,
                                       size_t count);

/// Makes a config with every option at its default. An id, an SDK key and a store must be set. Free
/// it with `bigseg_integration_config_free`. Returns NULL only for a defect of the library.
///
/// In a library that was built without integrations, every setter and `bigseg_integration_start`
/// fail with `BIGSEG_UNSUPPORTED`.
bigseg_integration_config *bigseg_integration_config_new(void);

/// Sets the id of the integration: 1 to 64 letters, digits, `-`, `_` or `.`, without a leading dot.
/// It cannot be changed later.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the id is not UTF-8. `bigseg_integration_start` checks
/// the rest.
bigseg_code bigseg_integration_config_set_id(bigseg_integration_config *config, bigseg_str id);

/// Sets the display name. Default: the id.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the name is not UTF-8.
bigseg_code bigseg_integration_config_set_name(bigseg_integration_config *config, bigseg_str name);

/// Sets the project and the environment for display; the SDK key decides which environment is
/// synchronised. Default: both empty.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when a text is not UTF-8.
bigseg_code bigseg_integration_config_set_environment(bigseg_integration_config *config,
                                                      bigseg_str project,
                                                      bigseg_str environment);

/// Sets whether the integration is on when it starts. Default: true.
bigseg_code bigseg_integration_config_set_on(bigseg_integration_config *config, bool on);

/// Sets the SDK key of the environment. It is a secret: the library copies it, and shows it
/// nowhere.
///
/// Errors: `BIGSEG_INVALID_CONFIG` when the key is empty, or has characters that no key has.
bigseg_code bigseg_integration_config_set_sdk_key(bigseg_integration_config *config, bigseg_str sdk_key);

/// Sets the base URL of polls. Default: `https://sdk.launchdarkly.com`.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the URL is not UTF-8.
bigseg_code bigseg_integration_config_set_base_url(bigseg_integration_config *config, bigseg_str url);

/// Sets the base URL of streams. Default: `https://stream.launchdarkly.com`.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the URL is not UTF-8.
bigseg_code bigseg_integration_config_set_stream_url(bigseg_integration_config *config, bigseg_str url);

/// Sets the HTTP proxy for the upstream: "none", a URL that may contain a user and a password, or
/// "environment". The default, "environment", follows the variables `HTTPS_PROXY`, `HTTP_PROXY`,
/// `ALL_PROXY` and `NO_PROXY`.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the text is not UTF-8.
bigseg_code bigseg_integration_config_set_proxy(bigseg_integration_config *config, bigseg_str proxy);

/// Sets a PEM file with the certificate authorities that are trusted for the upstream. Default:
/// those of the operating system.
bigseg_code bigseg_integration_config_set_ca_file(bigseg_integration_config *config, bigseg_str path);

/// Sets the store to fill, by a store string; `bigseg_config_set_store` lists the forms. A memory
/// store needs a name.
///
/// Errors: `BIGSEG_INVALID_CONFIG`.
bigseg_code bigseg_integration_config_set_store(bigseg_integration_config *config, bigseg_str store);

/// Sets an existing directory for the error log, so that it outlives the process. The file is
/// `ID.errors.json`. Default: none.
bigseg_code bigseg_integration_config_set_state_directory(bigseg_integration_config *config, bigseg_str path);

/// Invalidates changed contexts in an engine that reads the same store, as soon as the store has
/// the change. It can be called for several engines. An engine can be freed at any time.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_config_add_engine(bigseg_integration_config *config,
                                                 const bigseg_engine *engine);

/// Adds a listener for every change that is written to the store. `userdata` is destroyed when the
/// integration is freed, or a config that started no integration.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` when the callback is NULL. If this call fails, `userdata` is
/// destroyed.
bigseg_code bigseg_integration_config_add_change_listener(bigseg_integration_config *config,
                                                          bigseg_change_callback callback,
                                                          void *userdata,
                                                          bigseg_destroy destroy);

/// Sets a clock that is moved by the program, in place of the clock of the machine. The clock can
/// be freed afterwards.
bigseg_code bigseg_integration_config_set_clock(bigseg_integration_config *config, const bigseg_clock *clock);

/// Frees an integration config.
void bigseg_integration_config_free(bigseg_integration_config *config);

// ---- Integrations -------------------------------------------------------------------------------
//
// An integration synchronises a store with its upstream: it fetches the patches that the store
// does not have yet, follows changes as they happen, and reports its state. It retries every
// failure. All calls on an integration are thread-safe.

/// A running integration.
typedef struct bigseg_integration bigseg_integration;

/// Starts an integration with the options of a config, and empties the config. On failure the
/// config does not change. Does not wait for the upstream or the store. Free the integration with
/// `bigseg_integration_free`.
///
/// Errors: the errors of the config's setters; `BIGSEG_INVALID_CONFIG` when an option is missing or
/// invalid; `BIGSEG_ALREADY_USED` when the config was used before; `BIGSEG_INTERNAL` when no thread
/// can be created; `BIGSEG_UNSUPPORTED` in a library that was built without integrations.
bigseg_code bigseg_integration_start(bigseg_integration_config *config,
                                     bigseg_integration **integration,
                                     bigseg_error **error);

/// Replaces the SDK key, without a restart. Does not wait for the upstream.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_sdk_key(const bigseg_integration *integration,
                                           bigseg_str sdk_key,
                                           bigseg_error **error);

/// Turns the integration on or off. Does not wait: after it is turned off, it completes the running
/// transaction, and then its state is `BIGSEG_INTEGRATION_OFF`.
///
/// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_on(const bigseg_integration *integration, bool on, bigseg_error **error);

/// Changes the display name.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_name(const bigseg_integration *integration,
                                        bigseg_str name,
                                        bigseg_error **error);

/// Changes the store, by a store string; `bigseg_config_set_store` lists the forms. The content of
/// the previous store stays there. Does not wait.
///
/// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_store(const bigseg_integration *integration,
                                         bigseg_str store,
                                         bigseg_error **error);

/// Stops the integration, while other threads can still use it: it completes the running
/// transaction, and then does not write to the store any more. A second close is no error.
///
/// Blocks until all work and all callbacks have ended, up to 20 seconds. From inside a callback of
/// the integration it does not wait for callbacks.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_close(const bigseg_integration *integration, bigseg_error **error);

/// Closes an integration and frees it. No other call on it may be running. When this returns, no
/// callback of the integration runs, and every `userdata` is destroyed.
///
/// Blocks as `bigseg_integration_close` does. In a forked child it releases nothing, and calls no
/// `destroy`.
void bigseg_integration_free(bigseg_integration *integration);

// ---- Error logs of integrations -----------------------------------------------------------------
//
// The latest errors of an integration, newest first, including errors that are over.

/// The last errors of an integration, newest first. Equal errors in a row are one entry. It is a
/// snapshot: it does not change.
typedef struct bigseg_error_log bigseg_error_log;

/// An error of an integration.
typedef struct bigseg_sync_error {
    /// `sizeof(bigseg_sync_error)`, set by the caller.
    size_t struct_size;
    /// The code, for branching.
    bigseg_code code;
    /// The HTTP status of the upstream's response; 0 = there was no response.
    uint32_t status_code;
    /// The message for a person, borrowed from the error log or the status. It contains neither the
    /// SDK key nor any context.
    bigseg_str message;
    /// The time of the first occurrence, in Unix milliseconds.
    int64_t since;
    /// The time of the last occurrence, in Unix milliseconds.
    int64_t timestamp;
    /// The number of occurrences in a row.
    uint64_t times;
} bigseg_sync_error;

/// Writes the current error log of an integration to `log`. With a state directory, it includes
/// errors of earlier processes. Free it with `bigseg_error_log_free`. It also works on a closed
/// integration. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_error_log(const bigseg_integration *integration,
                                         bigseg_error_log **log,
                                         bigseg_error **error);

/// Returns the number of entries, up to 100; 0 for NULL.
size_t bigseg_error_log_count(const bigseg_error_log *log);

/// Writes the entry at `index`, from 0 for the newest, to `found`. Set `found->struct_size` first.
/// The message is borrowed from the log. Returns false, and writes nothing, beyond the last entry,
/// when `struct_size` is invalid, and for NULL.
bool bigseg_error_log_at(const bigseg_error_log *log, size_t index, bigseg_sync_error *found);

/// Frees an error log.
void bigseg_error_log_free(bigseg_error_log *log);

// ---- Integration status -------------------------------------------------------------------------
//
// The status of an integration: its state, its progress and its error. A status is a snapshot: it
// does not change.

/// The state of an integration.
BIGSEG_ENUM(bigseg_integration_state) {
    /// The integration is turned off, or closed.
    BIGSEG_INTEGRATION_OFF = 0,
    /// The integration fetches the patches that the store does not have yet; see its progress.
    BIGSEG_INTEGRATION_INITIALIZING = 1,
    /// The store matches the upstream, and changes are followed as they happen.
    BIGSEG_INTEGRATION_HEALTHY = 2,
    /// The store does not match the upstream; the error says why. The integration retries.
    BIGSEG_INTEGRATION_FAILING = 3,
};

/// The status of an integration at one moment.
typedef struct bigseg_integration_status bigseg_integration_status;

/// What an integration has done. Counters start at 0 again when it is turned on, and when its store
/// or its upstream changes.
typedef struct bigseg_integration_progress {
    /// `sizeof(bigseg_integration_progress)`, set by the caller.
    size_t struct_size;
    /// Patches applied in the current catch-up of the store, or in the last one.
    uint64_t patches;
    /// Operations in these patches. An operation adds a context to a list, or removes it.
    uint64_t operations;
    /// Operations per second, on average since the catch-up began.
    uint64_t operations_per_second;
    /// Patches applied in total.
    uint64_t total_patches;
    /// Operations applied in total.
    uint64_t total_operations;
    /// Patches that the store already had.
    uint64_t repeated;
    /// Pages fetched, including empty ones.
    uint64_t pages;
    /// Streams opened.
    uint64_t streams;
    /// How often a patch did not match the cursor of the store, or another writer had moved the
    /// cursor.
    uint64_t out_of_order;
    /// How often the store had lost its cursor.
    uint64_t data_losses;
} bigseg_integration_progress;

/// Returns the stable name of a state in `snake_case`, such as "healthy"; empty for an unknown
/// number. The text is static.
bigseg_str bigseg_integration_state_name(bigseg_integration_state state);

/// Writes the current status of an integration to `status`. Free it with
/// `bigseg_integration_status_free`. It also works on a closed integration. Does not block.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_get_status(const bigseg_integration *integration,
                                          bigseg_integration_status **status,
                                          bigseg_error **error);

/// Returns the state; `BIGSEG_INTEGRATION_OFF` for NULL.
bigseg_integration_state bigseg_integration_status_state(const bigseg_integration_status *status);

/// Returns since when the state has not changed, in Unix milliseconds; 0 for NULL.
int64_t bigseg_integration_status_since(const bigseg_integration_status *status);

/// Writes the time when the store was last synchronised to `unix_ms`. Returns false, and writes
/// nothing, when no such time is known, and for NULL.
bool bigseg_integration_status_last_synchronized(const bigseg_integration_status *status, int64_t *unix_ms);

/// Writes the time of the last error to `unix_ms`. Returns false, and writes nothing, when the
/// error log is empty, and for NULL.
bool bigseg_integration_status_last_error(const bigseg_integration_status *status, int64_t *unix_ms);

/// Writes why the store does not match the upstream, while the state is
/// `BIGSEG_INTEGRATION_FAILING`. Set `found->struct_size` first. The message is borrowed from the
/// status. Returns false, and writes nothing, when there is no error, when `struct_size` is
/// invalid, and for NULL.
bool bigseg_integration_status_error(const bigseg_integration_status *status, bigseg_sync_error *found);

/// Writes what the integration has done to `progress`. Set `progress->struct_size` first. Returns
/// false, and writes nothing, when `struct_size` is invalid, and for NULL.
bool bigseg_integration_status_progress(const bigseg_integration_status *status,
                                        bigseg_integration_progress *progress);

/// Frees an integration status.
void bigseg_integration_status_free(bigseg_integration_status *status);

// ---- Integration listeners ----------------------------------------------------------------------
//
// An integration listener is called with the current status of an integration, and with each
// change. A listener that is slow is called with the latest status only, and delays no other
// listener.

/// Called with a status of an integration, which is borrowed until the callback returns. It runs on
/// a thread of the library that may block, and never concurrently for the same listener.
typedef void (*bigseg_integration_callback)(void *userdata, const bigseg_integration_status *status);

/// Adds a status listener to an integration. It is called with the current status soon. `id`
/// receives the number for `bigseg_integration_remove_status_listener`, and may be NULL.
///
/// Errors: `BIGSEG_FORKED`. If this call fails, `userdata` is destroyed.
bigseg_code bigseg_integration_add_status_listener(const bigseg_integration *integration,
                                                   bigseg_integration_callback callback,
                                                   void *userdata,
                                                   bigseg_destroy destroy,
                                                   uint64_t *id,
                                                   bigseg_error **error);

/// Removes a status listener from an integration. When this returns, the callback is not running
/// and will not run again, and its `userdata` is destroyed. An unknown id is no error.
///
/// Blocks while the callback runs. From inside a callback of the same integration it returns at
/// once.
///
/// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_remove_status_listener(const bigseg_integration *integration,
                                                      uint64_t id,
                                                      bigseg_error **error);

// ---- Log ----------------------------------------------------------------------------------------
//
// The library logs state changes for an operator: each change once, not each retry, and never a
// context key or a password. By default it logs nothing.

/// The level of a log line. As a limit, it includes all more severe levels.
BIGSEG_ENUM(bigseg_log_level) {
    /// Logs nothing; only valid as a limit.
    BIGSEG_LOG_OFF = 0,
    /// A problem that a person must act on.
    BIGSEG_LOG_ERROR = 1,
    /// An event that may become a problem.
    BIGSEG_LOG_WARN = 2,
    /// A change of state.
    BIGSEG_LOG_INFO = 3,
    /// Details for finding a defect.
    BIGSEG_LOG_DEBUG = 4,
};

/// Called with a log line, which is borrowed until the callback returns.
///
/// It runs on the thread that logs, which can be any thread of the program or the library, and
/// concurrently on several threads. It must be fast, and must not call `bigseg_log_set`. Lines that
/// are logged from inside the callback are dropped.
typedef void (*bigseg_log_callback)(void *userdata, bigseg_log_level level, bigseg_str message);

/// Sets the log callback of the whole process, and the limit of the level. When this returns, the
/// previous callback is not running and will not run again, and its `userdata` is destroyed. A NULL
/// callback, or `BIGSEG_LOG_OFF`, disables logging.
///
/// Blocks while the previous callback runs.
///
/// Errors: `BIGSEG_INVALID_ARGUMENT` for an unknown level, and from inside a log callback. If this
/// call fails, `userdata` is destroyed.
bigseg_code bigseg_log_set(bigseg_log_level level,
                           bigseg_log_callback callback,
                           void *userdata,
                           bigseg_destroy destroy,
                           bigseg_error **error);

#ifdef __cplusplus
}
#endif

#endif
