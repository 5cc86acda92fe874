// libbigseg 0.1.0: is this context in that Big Segment?
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
#define BIGSEG_VERSION "0.1.0"

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

// ---- Strings ---------------------------------------------------------------------------------------------
//
// `BIGSEG_STR("literal")` makes a string, and `printf(BIGSEG_FORMAT, BIGSEG_PRINT(text))` prints one.

// UTF-8 text of a given length, borrowed.
//
// As an argument it is read during the call only, and `data` may be NULL only when `length` is 0. As a result it
// belongs to the handle it was asked of; `data` is then never NULL. Neither needs, or has, a terminating NUL.
typedef struct bigseg_str {
    // The first byte.
    const char *data;
    // The number of bytes.
    size_t length;
} bigseg_str;

// Borrows a text that ends with a NUL, as long as that lives; NULL is taken as empty.
bigseg_str bigseg_str_of(const char *text);

// ---- Version ---------------------------------------------------------------------------------------------
//
// Two versions: the release, and the ABI. A program may run with any release of the same ABI.

// The ABI this header describes: the number in the name of the shared library, `libbigseg.so.0`.
#define BIGSEG_ABI_VERSION 0

// Returns the release of the loaded library, such as "0.1.0". The text is static.
bigseg_str bigseg_version(void);

// Returns the ABI version of the loaded library; it must equal `BIGSEG_ABI_VERSION`.
uint32_t bigseg_abi_version(void);

// ---- Codes -----------------------------------------------------------------------------------------------
//
// What a call returns. The number of a code never changes and is never reused; new codes may be added.

// Success, or what failed; in blocks of 100.
BIGSEG_ENUM(bigseg_code) {
    // Success.
    BIGSEG_OK = 0,
    // An argument is missing, out of range or contradictory.
    BIGSEG_INVALID_ARGUMENT = 100,
    // A context key is empty or not UTF-8.
    BIGSEG_INVALID_CONTEXT_KEY = 101,
    // A context hash is not 44 characters of padded standard base64.
    BIGSEG_INVALID_CONTEXT_HASH = 102,
    // A segment ref is not `{segmentKey}.g{generation}`.
    BIGSEG_INVALID_SEGMENT_REF = 103,
    // A store string or an option is malformed or out of range.
    BIGSEG_INVALID_CONFIG = 104,
    // A line, record or patch to be written is malformed.
    BIGSEG_INVALID_INPUT = 105,
    // An object that can be used only once was used again.
    BIGSEG_ALREADY_USED = 106,
    // The engine was closed.
    BIGSEG_CLOSED = 200,
    // The object was created before `fork` and cannot be used in the child process.
    BIGSEG_FORKED = 201,
    // The store, or this build of the library, does not support the operation.
    BIGSEG_UNSUPPORTED = 202,
    // The store cannot be reached, or failed during the request.
    BIGSEG_STORE_UNAVAILABLE = 300,
    // The store did not reply before the deadline.
    BIGSEG_STORE_TIMEOUT = 301,
    // The store was not queried: it failed repeatedly and is probed in the background.
    BIGSEG_CIRCUIT_OPEN = 302,
    // The store does not exist yet.
    BIGSEG_STORE_NOT_FOUND = 303,
    // The store is damaged, or is not a store of this library.
    BIGSEG_STORE_FORMAT = 304,
    // The store holds a value that the schema does not allow.
    BIGSEG_STORE_DATA = 305,
    // The store denied access.
    BIGSEG_STORE_PERMISSION = 306,
    // The store has no space left.
    BIGSEG_STORE_FULL = 307,
    // The store rejected the request because of its rate limit.
    BIGSEG_STORE_THROTTLED = 308,
    // The upstream cannot be reached, or failed during the request.
    BIGSEG_UPSTREAM_UNAVAILABLE = 400,
    // The upstream did not reply in time, or its stream went silent.
    BIGSEG_UPSTREAM_TIMEOUT = 401,
    // The upstream rejected the SDK key, or does not have the URL.
    BIGSEG_UPSTREAM_REFUSED = 402,
    // The upstream sent data that its protocol does not allow.
    BIGSEG_UPSTREAM_DATA = 403,
    // A defect of this library, caught before it caused damage.
    BIGSEG_INTERNAL = 900,
};

// Returns the stable name of a code in `snake_case`, such as "store_timeout"; "ok" for `BIGSEG_OK`, and empty for a
// number that is no code. The text is static.
bigseg_str bigseg_code_name(bigseg_code code);

// Returns whether the same call may succeed later without anything being changed by the caller; false for
// `BIGSEG_OK` and for a number that is no code.
bool bigseg_code_retryable(bigseg_code code);

// Returns how many codes the loaded library knows, `BIGSEG_OK` included.
size_t bigseg_code_count(void);

// Returns each code in turn, in the order of their numbers, for `index` from 0 to `bigseg_code_count() - 1`;
// `BIGSEG_OK` beyond that.
bigseg_code bigseg_code_at(size_t index);

// ---- Errors ----------------------------------------------------------------------------------------------
//
// What went wrong, as an object: a code to branch on, and one sentence for a person that says what failed, where,
// and what to do. It never holds a context key or a password.

// A failure. Immutable: it may be read from any thread.
typedef struct bigseg_error bigseg_error;

// Makes an error, for a custom store to report. A number that is no code, or `BIGSEG_OK`, becomes
// `BIGSEG_STORE_DATA`; text that is not UTF-8 is mended. Never returns NULL, except for a defect. Free it with
// `bigseg_error_free`, unless a callback gives it away.
bigseg_error *bigseg_error_new(bigseg_code code,
                               bigseg_str message);

// Returns the code; `BIGSEG_OK` for NULL.
bigseg_code bigseg_error_code(const bigseg_error *error);

// Returns the sentence for a person, borrowed from the error; empty for NULL.
bigseg_str bigseg_error_message(const bigseg_error *error);

// Returns whether trying again may help; see `bigseg_code_retryable`. False for NULL.
bool bigseg_error_retryable(const bigseg_error *error);

// Frees an error.
void bigseg_error_free(bigseg_error *error);

// ---- Context hashes --------------------------------------------------------------------------------------
//
// Stores know a context by the hash of its key, never by the key. A hash is a type of its own here, so that a key
// cannot be taken for one.

// Length of a context hash as text.
#define BIGSEG_CONTEXT_HASH_LENGTH 44

// The SHA-256 of a context key, in padded standard base64; not terminated.
typedef struct bigseg_context_hash {
    // The characters; they may hold `+` and `/`.
    char text[BIGSEG_CONTEXT_HASH_LENGTH];
} bigseg_context_hash;

// Computes the hash of a context key: its UTF-8 bytes as they are, without trimming or normalisation.
//
// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when the key is empty or not UTF-8.
bigseg_code bigseg_context_hash_of(bigseg_str context_key, bigseg_context_hash *hash, bigseg_error **error);

// Checks that a text is a context hash, and takes it as one.
//
// Errors: `BIGSEG_INVALID_CONTEXT_HASH`.
bigseg_code bigseg_context_hash_parse(bigseg_str text, bigseg_context_hash *hash, bigseg_error **error);

// ---- Memberships -----------------------------------------------------------------------------------------
//
// What the store says about one context: the segments it is included in and excluded from. Immutable; any thread may
// use it.

// What a membership says about one segment.
BIGSEG_ENUM(bigseg_membership_value) {
    // The store has no value for the segment: its rules decide. This is not the same as "excluded".
    BIGSEG_MEMBERSHIP_NO_VALUE = 0,
    // The context is in the segment.
    BIGSEG_MEMBERSHIP_INCLUDED = 1,
    // The context is not in the segment, whatever its rules say.
    BIGSEG_MEMBERSHIP_EXCLUDED = 2,
};

// A context's membership of all segments.
typedef struct bigseg_membership bigseg_membership;

// Returns what a membership says about a segment. Included wins where the store says both.
//
// For NULL, and for a ref that is not UTF-8, the result is `BIGSEG_MEMBERSHIP_NO_VALUE`.
bigseg_membership_value bigseg_membership_check(const bigseg_membership *membership, bigseg_str segment_ref);

// Returns in how many segments the context is included; 0 for NULL.
size_t bigseg_membership_included_count(const bigseg_membership *membership);

// Returns from how many segments the context is excluded; 0 for NULL.
size_t bigseg_membership_excluded_count(const bigseg_membership *membership);

// Returns a ref the context is included in, borrowed from the membership. They are sorted by their bytes; beyond the
// last one, and for NULL, the text is empty.
bigseg_str bigseg_membership_included_at(const bigseg_membership *membership,
                                         size_t index);

// Returns a ref the context is excluded from, as `bigseg_membership_included_at` does.
bigseg_str bigseg_membership_excluded_at(const bigseg_membership *membership, size_t index);

// Returns another handle on the same membership, to be freed on its own; NULL for NULL. Copies nothing.
const bigseg_membership *bigseg_membership_clone(const bigseg_membership *membership);

// Frees a membership.
void bigseg_membership_free(const bigseg_membership *membership);

// ---- Segment refs ----------------------------------------------------------------------------------------
//
// A segment ref, `{segmentKey}.g{generation}`, names one generation of a segment.

// A buffer that is this much longer than the segment key has room for any ref of it and the terminating NUL.
#define BIGSEG_SEGMENT_REF_EXTRA 23

// Cuts a segment ref at its last `.g`. The key is a part of `segment_ref` and lives as long as that.
//
// Errors: `BIGSEG_INVALID_SEGMENT_REF` unless it is a non-empty key, `.g`, and a decimal generation without sign or
// leading zeros.
bigseg_code bigseg_segment_ref_split(bigseg_str segment_ref,
                                     bigseg_str *segment_key,
                                     uint64_t *generation,
                                     bigseg_error **error);

// Writes the ref of a segment's generation, and a terminating NUL, into `buffer` of `capacity` bytes. `length`
// receives the number of characters without the NUL, and may be NULL.
//
// Errors: `BIGSEG_INVALID_SEGMENT_REF` when the key is empty; `BIGSEG_INVALID_ARGUMENT` when the buffer is too small,
// which one of `segment_key.length + BIGSEG_SEGMENT_REF_EXTRA` bytes never is.
bigseg_code bigseg_segment_ref_format(bigseg_str segment_key,
                                      uint64_t generation,
                                      char *buffer,
                                      size_t capacity,
                                      size_t *length,
                                      bigseg_error **error);

// ---- Clocks, for tests -----------------------------------------------------------------------------------
//
// An engine may be told to read a clock that stands still until the test moves it, so that no test has to sleep.

// A clock that is moved by hand.
typedef struct bigseg_clock bigseg_clock;

// Makes a clock that shows the given time. Free it with `bigseg_clock_free`. Never returns NULL, except for a defect.
bigseg_clock *bigseg_clock_new(int64_t unix_ms);

// Moves the clock forward, and wakes everything that was waiting for it.
bigseg_code bigseg_clock_advance(const bigseg_clock *clock, uint64_t by_ms, bigseg_error **error);

// Sets the time of day alone, as an administrator would; nothing expires or wakes by it.
bigseg_code bigseg_clock_set(const bigseg_clock *clock, int64_t unix_ms, bigseg_error **error);

// Frees a clock. Engines that use it keep their own hold on it.
void bigseg_clock_free(bigseg_clock *clock);

// ---- Callbacks -------------------------------------------------------------------------------------------
//
// A callback that outlives the call comes with `userdata`, which is handed to it each time, and `destroy`, which
// releases that. The library takes `userdata` over at once, whatever the call returns. After `bigseg_engine_free` has
// returned, none of the engine's callbacks runs.

// Releases the `userdata` of a callback; NULL when there is nothing to release.
//
// Called exactly once, when the callback is not running and will not run again: before the call returns that failed
// to register it, on the thread that removes or frees, or on one of the library's.
typedef void (*bigseg_destroy)(void *userdata);

// ---- Answers of a custom store ---------------------------------------------------------------------------
//
// A custom store does not return memberships: it puts them, ref by ref, into a `bigseg_answers` that it is lent for
// the duration of its callback. A context it says nothing about has an empty membership.

// Where a custom store puts its answers; valid on the callback's thread, until the callback returns.
typedef struct bigseg_answers bigseg_answers;

// Says that a context is included in a segment; `index` is its place in the callback's `hashes`.
//
// Errors: `BIGSEG_STORE_DATA` when the index is out of range, and then the whole query fails with it;
// `BIGSEG_INVALID_ARGUMENT` when the ref is not UTF-8, and then this context's lookup fails with `BIGSEG_STORE_DATA`.
bigseg_code bigseg_answers_include(bigseg_answers *answers,
                                   size_t index,
                                   bigseg_str segment_ref,
                                   bigseg_error **error);

// Says that a context is excluded from a segment; like `bigseg_answers_include`.
bigseg_code bigseg_answers_exclude(bigseg_answers *answers,
                                   size_t index,
                                   bigseg_str segment_ref,
                                   bigseg_error **error);

// Says that one context cannot be answered for, without failing the others; the code is the reason, and a number
// that is no error code becomes `BIGSEG_STORE_DATA`.
//
// Errors: `BIGSEG_STORE_DATA` when the index is out of range, and then the whole query fails with it.
bigseg_code bigseg_answers_fail(bigseg_answers *answers,
                                size_t index,
                                bigseg_code code,
                                bigseg_str message,
                                bigseg_error **error);

// ---- Custom stores ---------------------------------------------------------------------------------------
//
// A program may read memberships from wherever it keeps them: it gives the engine two functions, and the engine does
// the rest (cache, batching, deadline, circuit breaker, status) as for any other store.

// Answers for `count` contexts, by filling `answers`; `hashes` has one entry for each.
//
// Returns `BIGSEG_OK`, or a code when the store failed, and may then put an object made by `bigseg_error_new` into
// `error`, which the engine frees. A number that is no code, and an error beside `BIGSEG_OK`, count as
// `BIGSEG_STORE_DATA`.
//
// Called on threads of the library, up to 8 at once. It may block: lookups stop waiting at their deadline. It must not
// close or free the engine that calls it, nor look up contexts in that engine: such a lookup waits for this query,
// until the deadline, and then reports `BIGSEG_LOOKUP_STORE_ERROR`. `bigseg_engine_cached` never waits and is allowed.
typedef bigseg_code (*bigseg_store_memberships)(void *userdata,
                                                const bigseg_context_hash *hashes,
                                                size_t count,
                                                bigseg_answers *answers,
                                                bigseg_error **error);

// Says when the store was last known to match its source, by setting `synchronized_on_unix_ms`; it is 0, which means
// "never", beforehand. Doubles as the health check. Results, errors and threads as for `bigseg_store_memberships`.
typedef bigseg_code (*bigseg_store_metadata)(void *userdata,
                                             int64_t *synchronized_on_unix_ms,
                                             bigseg_error **error);

// The functions of a custom store. Copied when it is given to a config.
typedef struct bigseg_store_vtable {
    // `sizeof(bigseg_store_vtable)`.
    size_t struct_size;
    // Answers for contexts; required.
    bigseg_store_memberships memberships;
    // Tells the sync time; required.
    bigseg_store_metadata metadata;
} bigseg_store_vtable;

// ---- Configuration ---------------------------------------------------------------------------------------
//
// Says which store an engine reads, and how it behaves. Every option has a default, so a store is all that is needed.
//
// A setter that fails returns the code and leaves its option as it was. Its mistake is kept, until the same option is
// set properly, and `bigseg_engine_open` then fails with it: a program may ignore what setters return.

// What an engine is to be told. Not to be used by two threads at once.
typedef struct bigseg_config bigseg_config;

// An option of a store, given by name; both are UTF-8.
typedef struct bigseg_store_option {
    // The name of the option.
    bigseg_str name;
    // Its value. A flag is "true" or "false", a timeout "500ms" or "2s".
    bigseg_str value;
} bigseg_store_option;

// Makes a config with every option at its default and no store: lookups are then answered with
// `BIGSEG_LOOKUP_NOT_CONFIGURED`. Free it with `bigseg_config_free`. Never returns NULL, except for a defect.
bigseg_config *bigseg_config_new(void);

// Sets the store by a store string, and replaces a custom store. The forms of a store string:
//
// - `memory:[NAME]`: memory of this process, shared by every user of that name; without a name, private to the engine.
// - `local:PATH[?map_size=BYTES]`: an embedded store in one file; `map_size`, such as `16G`, bounds its size.
// - `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: one Redis server.
// - `rediss://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: one Redis server, over TLS.
// - `redis+unix://[USER:PASSWORD@]/PATH`: one Redis server, through a Unix socket. Option: `db`.
// - `redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…`: a Redis cluster, found through any of these nodes.
// - `rediss+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…`: a Redis cluster, over TLS.
// - `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]`: the master that sentinels report.
// - `rediss+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]`: the same over TLS, sentinels too.
// - `dynamodb://TABLE`: a DynamoDB table. Options: `region`, `prefix`, `endpoint`, `profile`, `role_arn`,
//   `external_id`, `session_name`, `consistency` (`strong` or `eventual`), `connect_timeout`, `response_timeout` and
//   `write_units_per_second`. AWS credentials come from the environment, never from the store string.
//
// Options follow as `?NAME=VALUE&NAME=VALUE`. Every Redis form takes `prefix` or `raw_prefix`, `connect_timeout` and
// `response_timeout`, such as `750ms`. Forms with TLS also take `ca_file`, `cert_file`, `key_file` and `server_name`.
// Clusters and sentinels also take `read_from` (`master` or `replica`); sentinels also take `sentinel_user` and
// `sentinel_password`. Reserved characters in a user, a password or an option are written `%XX`.
//
// Errors: `BIGSEG_INVALID_CONFIG`.
bigseg_code bigseg_config_set_store(bigseg_config *config,
                                    bigseg_str store);

// Names the store by a store string, as `bigseg_config_set_store` does, together with options by name, which need no
// escaping: the options of the store string, and for Redis also "username", "password", "database" and "tls". An
// option is given once. `options` may be NULL only when `count` is 0.
//
// Errors: `BIGSEG_INVALID_CONFIG`.
bigseg_code bigseg_config_set_store_with_options(bigseg_config *config,
                                                 bigseg_str store,
                                                 const bigseg_store_option *options,
                                                 size_t count);

// Returns the store string without its secrets, borrowed from the config until that is changed; empty when there is
// none, for a custom store, for a config already used, and for NULL.
bigseg_str bigseg_config_store(const bigseg_config *config);

// Reads memberships from a store of the program's own, instead of one named by a store string. `userdata` is handed
// to its functions, and destroyed when the engine, or a config that was never opened, is freed or given another store.
//
// Errors: `BIGSEG_INVALID_ARGUMENT` when the vtable is incomplete. `userdata` is destroyed then too.
bigseg_code bigseg_config_set_custom_store(bigseg_config *config,
                                           const bigseg_store_vtable *vtable,
                                           void *userdata,
                                           bigseg_destroy destroy);

// Sets `context_cache_size`. Contexts that the cache holds, a hard bound; 0 disables the
// cache. At most 2^30. Default: 1,000.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_context_cache_size(bigseg_config *config, size_t contexts);

// Sets `context_cache_time`. Time for which an answer is served from the cache; 0 disables the
// cache. Default: 5 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_context_cache_time(bigseg_config *config, uint64_t time_ms);

// Sets `push_cache_time`. Time for which an answer is served from the cache while push
// invalidation works, if that is longer than `context_cache_time`. A disabled cache stays
// disabled. At most 10 min, in case a message is lost. Default: 60 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_push_cache_time(bigseg_config *config, uint64_t time_ms);

// Does not have the store tell of changes as they happen: answers expire. By default a store that can and may does;
// `bigseg_store_status_push_invalidation` says whether.
bigseg_code bigseg_config_disable_push_invalidation(bigseg_config *config);

// Sets `status_poll_interval`. Interval between reads of the store's sync time. A shorter
// `stale_after` shortens it. Default: 5 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_status_poll_interval(bigseg_config *config, uint64_t interval_ms);

// Sets `stale_after`. Age of the sync time from which answers are `STALE`;
// `bigseg_config_disable_stale_after` disables the check. A store that was never synchronized
// is stale in any case. Default: 120 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_stale_after(bigseg_config *config, uint64_t time_ms);

// Trusts the store however old its sync time is, for a list that was imported once and that nothing keeps in sync. A
// store that was never synchronised is stale all the same.
bigseg_code bigseg_config_disable_stale_after(bigseg_config *config);

// Sets `lookup_deadline`. Time after which a lookup stops waiting for the store. Default: 1 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_lookup_deadline(bigseg_config *config, uint64_t deadline_ms);

// Sets `last_known_time`. Greatest age of an answer that is served, as
// `BIGSEG_LOOKUP_STORE_ERROR`, while the store fails; 0 disables last known answers.
// Default: 300 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_last_known_time(bigseg_config *config, uint64_t time_ms);

// Sets `batch_size`. Contexts per query of the store, from 1 to 10,000. Default: 128.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_batch_size(bigseg_config *config, size_t contexts);

// Sets `batches_at_once`. Queries of the store in flight at the same time, from 1 to 1,024.
// Default: 4.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_batches_at_once(bigseg_config *config, size_t batches);

// Sets `breaker_failures`. Failed queries in a row after which the circuit breaker opens:
// lookups then fail without waiting for the store. 0 disables the breaker. Default: 3.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_breaker_failures(bigseg_config *config, uint32_t failures);

// Sets `breaker_probe_interval`. Interval between background probes of the store while the
// circuit breaker is open. Default: 1 s.
//
// Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.
bigseg_code bigseg_config_set_breaker_probe_interval(bigseg_config *config, uint64_t interval_ms);

// Lets the engine read a clock that is moved by hand, instead of the machine's. The clock may be freed afterwards.
bigseg_code bigseg_config_set_clock(bigseg_config *config,
                                    const bigseg_clock *clock);

// Frees a config, whether it was used or not.
void bigseg_config_free(bigseg_config *config);

// ---- Engines ---------------------------------------------------------------------------------------------
//
// An engine answers "which segments is this context in?" from its cache, or else from the store. One engine serves a
// whole process; every call on it may be made from any thread.

// An open engine.
typedef struct bigseg_engine bigseg_engine;

// Opens an engine with what the config says, and empties the config; on failure the config is as it was.
//
// Does not wait for the store: one that cannot be reached shows in the status. A memory or embedded store is read once
// before this returns, others in the background.
//
// Errors: the mistakes kept by the config's setters; `BIGSEG_ALREADY_USED` when the config opened an engine before;
// `BIGSEG_INTERNAL` when the machine refuses more threads.
bigseg_code bigseg_engine_open(bigseg_config *config,
                               bigseg_engine **engine,
                               bigseg_error **error);

// Removes a context from the cache, by its key. A query that is in flight does not bring it back.
//
// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_invalidate(const bigseg_engine *engine,
                                     bigseg_str context_key,
                                     bigseg_error **error);

// Removes a context from the cache, by its hash. A query that is in flight does not bring it back.
//
// Errors: `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_invalidate_by_hash(const bigseg_engine *engine,
                                             const bigseg_context_hash *hash,
                                             bigseg_error **error);

// Removes every context from the cache.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_invalidate_all(const bigseg_engine *engine, bigseg_error **error);

// Stops the engine while others may still use it: lookups under way end, later ones fail with `BIGSEG_CLOSED`, and
// completions still to come report that. Closing twice is fine.
//
// Blocks until no callback runs any more, except from inside one, and for 5 seconds at most.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_close(const bigseg_engine *engine,
                                bigseg_error **error);

// Closes an engine and frees it; no other call on it may be under way. Blocks as `bigseg_engine_close` does. After
// that no callback of the engine runs, and every `userdata` was destroyed.
//
// In a forked child it releases nothing and destroys nothing.
void bigseg_engine_free(bigseg_engine *engine);

// ---- Lookups ---------------------------------------------------------------------------------------------
//
// Every lookup exists for a context key and for its hash. It gives out a membership, to be freed with
// `bigseg_membership_free`, and how far that can be trusted.
//
// A lookup fails only on misuse. Whatever goes wrong with the store is in the lookup status: a program has to go on
// either way.
//
// Errors of all lookups: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_INVALID_CONTEXT_HASH`, `BIGSEG_CLOSED`,
// `BIGSEG_FORKED`.

// How far an answer can be trusted, from best to worst: the greater number is the worse. Several lookups in one
// evaluation report the worst.
BIGSEG_ENUM(bigseg_lookup_status) {
    // The store answered, and it is up to date.
    BIGSEG_LOOKUP_HEALTHY = 0,
    // The store answered, but nothing has kept it up to date lately.
    BIGSEG_LOOKUP_STALE = 1,
    // The store failed; the membership is the last known one, or empty.
    BIGSEG_LOOKUP_STORE_ERROR = 2,
    // There is no store, so no membership was looked up.
    BIGSEG_LOOKUP_NOT_CONFIGURED = 3,
};

// Where an answer comes from.
BIGSEG_ENUM(bigseg_origin) {
    // The store, just now.
    BIGSEG_ORIGIN_STORE = 0,
    // The cache, younger than the cache time.
    BIGSEG_ORIGIN_CACHE = 1,
    // The cache, older than the cache time, because the store failed.
    BIGSEG_ORIGIN_LAST_KNOWN = 2,
    // Nowhere: there is no store, or it failed and nothing is remembered. The membership is empty.
    BIGSEG_ORIGIN_NOTHING = 3,
};

// Everything a lookup found out.
typedef struct bigseg_lookup {
    // `sizeof(bigseg_lookup)`, set by the caller.
    size_t struct_size;
    // The membership, never NULL.
    const bigseg_membership *membership;
    // How far it can be trusted.
    bigseg_lookup_status status;
    // Where it comes from.
    bigseg_origin origin;
    // How long ago the store said it.
    uint64_t age_ms;
    // Why the store was not heard; `BIGSEG_OK` when it was, or was not asked.
    bigseg_code store_code;
} bigseg_lookup;

// Looks up a context by its key.
//
// Blocks until the store has answered, at most for the lookup deadline; not at all for what is cached.
bigseg_code bigseg_engine_membership(const bigseg_engine *engine,
                                     bigseg_str context_key,
                                     const bigseg_membership **membership,
                                     bigseg_lookup_status *status,
                                     bigseg_error **error);

// Looks up a context by its hash, as `bigseg_engine_membership` does by its key.
bigseg_code bigseg_engine_membership_by_hash(const bigseg_engine *engine,
                                             const bigseg_context_hash *hash,
                                             const bigseg_membership **membership,
                                             bigseg_lookup_status *status,
                                             bigseg_error **error);

// Looks up many contexts by their keys, in as few queries as possible; `memberships` and `statuses` have room for
// `count` entries each, in the order of the keys. Either all are written, or none.
//
// Blocks as `bigseg_engine_membership` does.
bigseg_code bigseg_engine_memberships(const bigseg_engine *engine,
                                      const bigseg_str *context_keys,
                                      size_t count,
                                      const bigseg_membership **memberships,
                                      bigseg_lookup_status *statuses,
                                      bigseg_error **error);

// Looks up many contexts by their hashes, as `bigseg_engine_memberships` does by their keys.
bigseg_code bigseg_engine_memberships_by_hash(const bigseg_engine *engine,
                                              const bigseg_context_hash *hashes,
                                              size_t count,
                                              const bigseg_membership **memberships,
                                              bigseg_lookup_status *statuses,
                                              bigseg_error **error);

// Gives out an answer if there is one without asking anybody; otherwise returns `BIGSEG_OK` with a NULL membership,
// and the status is not written.
//
// Never blocks; neither allocates nor locks for what is cached.
bigseg_code bigseg_engine_cached(const bigseg_engine *engine,
                                 bigseg_str context_key,
                                 const bigseg_membership **membership,
                                 bigseg_lookup_status *status,
                                 bigseg_error **error);

// Does for a hash what `bigseg_engine_cached` does for a key.
bigseg_code bigseg_engine_cached_by_hash(const bigseg_engine *engine,
                                         const bigseg_context_hash *hash,
                                         const bigseg_membership **membership,
                                         bigseg_lookup_status *status,
                                         bigseg_error **error);

// Looks up a context by its key and tells everything there is to tell, including where the answer comes from. Set
// `lookup->struct_size` first, and free `lookup->membership` afterwards.
//
// Blocks as `bigseg_engine_membership` does.
bigseg_code bigseg_engine_lookup(const bigseg_engine *engine,
                                 bigseg_str context_key,
                                 bigseg_lookup *lookup,
                                 bigseg_error **error);

// Looks up a context by its hash, as `bigseg_engine_lookup` does by its key.
bigseg_code bigseg_engine_lookup_by_hash(const bigseg_engine *engine,
                                         const bigseg_context_hash *hash,
                                         bigseg_lookup *lookup,
                                         bigseg_error **error);

// Returns the name that evaluation reasons use as `bigSegmentsStatus`, such as "STORE_ERROR"; empty for a number that
// is no status. The text is static.
bigseg_str bigseg_lookup_status_name(bigseg_lookup_status status);

// ---- Lookups with a completion callback ------------------------------------------------------------------
//
// For programs that must not wait: the call returns at once, and a callback hears the answer.

// Hears how a lookup ended. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine was closed meanwhile, and then
// `lookup` is NULL. What `lookup` points to is borrowed until the callback returns: keep the membership by
// `bigseg_membership_clone`, and do not free it.
//
// Called exactly once if the call that registered it returned `BIGSEG_OK`, and never otherwise; on a thread of the
// library that may block, possibly before the registering call has returned.
typedef void (*bigseg_lookup_callback)(void *userdata, bigseg_code code, const bigseg_lookup *lookup);

// Looks up a context by its key, and calls back. Does not block.
//
// Errors: as for all lookups, at once; then `callback` is not called, and `userdata` is destroyed.
bigseg_code bigseg_engine_membership_async(const bigseg_engine *engine,
                                           bigseg_str context_key,
                                           bigseg_lookup_callback callback,
                                           void *userdata,
                                           bigseg_destroy destroy,
                                           bigseg_error **error);

// Looks up a context by its hash, and calls back; like `bigseg_engine_membership_async`.
bigseg_code bigseg_engine_membership_by_hash_async(const bigseg_engine *engine,
                                                   const bigseg_context_hash *hash,
                                                   bigseg_lookup_callback callback,
                                                   void *userdata,
                                                   bigseg_destroy destroy,
                                                   bigseg_error **error);

// ---- Store status ----------------------------------------------------------------------------------------
//
// Whether the store can be asked, and whether what it says is up to date. A status is a snapshot: it does not change.

// The state of the store, as an engine knew it at one moment.
typedef struct bigseg_store_status bigseg_store_status;

// Gives out the status as far as it is known now, without asking the store. Free it with `bigseg_store_status_free`.
// Works on a closed engine too. Does not block.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_status(const bigseg_engine *engine,
                                 bigseg_store_status **status,
                                 bigseg_error **error);

// Asks the store for its sync time now, and gives out the status after that, as `bigseg_engine_status` does. A store
// that fails is no error: it is in the status.
//
// Blocks until the store has answered, at most for the lookup deadline.
//
// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_engine_refresh_status(const bigseg_engine *engine,
                                         bigseg_store_status **status,
                                         bigseg_error **error);

// Returns whether the last poll, and the last lookup since, succeeded; false until the first poll is done, and for
// NULL.
bool bigseg_store_status_available(const bigseg_store_status *status);

// Returns whether nothing has kept the store up to date lately. Keeps its last known value while the store is
// unavailable; false for NULL.
bool bigseg_store_status_stale(const bigseg_store_status *status);

// Tells when the store was last up to date. Returns false, and writes nothing, when it never was as far as is known,
// and for NULL.
bool bigseg_store_status_last_up_to_date(const bigseg_store_status *status,
                                         int64_t *unix_ms);

// Returns since when "available" and "stale" have been as they are, in Unix milliseconds; 0 for NULL.
int64_t bigseg_store_status_since(const bigseg_store_status *status);

// Returns whether the store's sync time lies in the future: this machine's clock, or the writer's, is wrong. False for
// NULL.
bool bigseg_store_status_clock_skew(const bigseg_store_status *status);

// Returns the code of the last failure, also when it is over; `BIGSEG_OK` when there was none, and for NULL.
bigseg_code bigseg_store_status_error_code(const bigseg_store_status *status);

// Returns what the last failure said, borrowed from the status; empty when there was none, and for NULL.
bigseg_str bigseg_store_status_error_message(const bigseg_store_status *status);

// Returns when the last failure was, in Unix milliseconds; 0 when there was none, and for NULL.
int64_t bigseg_store_status_error_at(const bigseg_store_status *status);

// Returns whether the store tells of each change as it happens. Otherwise answers are renewed when they expire; if the
// store refused, a limitation says why. False for NULL.
bool bigseg_store_status_push_invalidation(const bigseg_store_status *status);

// Returns how many things the store does without because it was refused; none is an error. 0 for NULL.
size_t bigseg_store_status_limitation_count(const bigseg_store_status *status);

// Returns what the store does without, such as `push_invalidation`, borrowed from the status; empty beyond the last,
// and for NULL.
bigseg_str bigseg_store_status_limitation_feature(const bigseg_store_status *status,
                                                  size_t index);

// Returns why, and what to do about it, borrowed from the status; empty beyond the last, and for NULL.
bigseg_str bigseg_store_status_limitation_reason(const bigseg_store_status *status, size_t index);

// Frees a status.
void bigseg_store_status_free(bigseg_store_status *status);

// ---- Status listeners ------------------------------------------------------------------------------------
//
// A listener hears of the store's first status and of every change. The latest value wins: one that is slow misses
// what lies between, and delays nobody.

// Hears of a status, which is borrowed until the callback returns. Called on a thread of the library that may block;
// never twice at once for one listener.
typedef void (*bigseg_status_callback)(void *userdata, const bigseg_store_status *status);

// Adds a listener, which is called soon with the current status, if that is known. `id` receives a number for removing
// it, and may be NULL.
//
// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`; `userdata` is destroyed then too.
bigseg_code bigseg_engine_add_status_listener(const bigseg_engine *engine,
                                              bigseg_status_callback callback,
                                              void *userdata,
                                              bigseg_destroy destroy,
                                              uint64_t *id,
                                              bigseg_error **error);

// Removes a listener. When this returns, its callback does not run and never will again, and its `userdata` is
// destroyed. An id that is not known, or not any more, is fine.
//
// Blocks while the callback runs; from inside a callback of the same engine it returns at once instead.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_remove_status_listener(const bigseg_engine *engine,
                                                 uint64_t id,
                                                 bigseg_error **error);

// ---- Metrics ---------------------------------------------------------------------------------------------
//
// What an engine has done since it was opened, and what it holds.

// An engine's figures. Counters only grow.
typedef struct bigseg_metrics {
    // `sizeof(bigseg_metrics)`, set by the caller.
    size_t struct_size;
    // Lookups answered from the cache.
    uint64_t cache_hits;
    // Lookups that the cache could not answer.
    uint64_t cache_misses;
    // Misses that joined an in-flight query of the same context.
    uint64_t coalesced_lookups;
    // Queries sent to the store.
    uint64_t store_queries;
    // Contexts in those queries.
    uint64_t store_contexts;
    // Queries that failed.
    uint64_t store_errors;
    // Lookups answered with the last known membership because the store failed.
    uint64_t last_known_answers;
    // Lookups without an answer because the store failed.
    uint64_t failed_lookups;
    // Times the circuit breaker opened.
    uint64_t circuit_openings;
    // Polls of the store's sync time.
    uint64_t status_polls;
    // Polls that failed.
    uint64_t status_poll_errors;
    // Contexts evicted from the cache because it was full.
    uint64_t cache_evictions;
    // Contexts in the cache at present.
    uint64_t cached_contexts;
    // Whether the circuit breaker is open (0 or 1).
    uint64_t circuit_open;
    // Contexts invalidated by a push of the store.
    uint64_t pushed_invalidations;
    // Queries and polls that the store rejected because of its rate limit.
    uint64_t store_throttles;
} bigseg_metrics;

// Fills in an engine's figures; set `metrics->struct_size` first. Works on a closed engine too. Does not block.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_engine_metrics(const bigseg_engine *engine,
                                  bigseg_metrics *metrics,
                                  bigseg_error **error);

// ---- Contexts --------------------------------------------------------------------------------------------
//
// Who or what is evaluated. A context is read once, and evaluated as often as one likes, in any engine. Immutable; any
// thread may use it. It holds keys, which nothing shows.

// A context that was read.
typedef struct bigseg_context bigseg_context;

// Reads a context from JSON as the SDKs write it: `{"kind":"user","key":…}`, `{"kind":"multi","user":{…},"org":{…}}`, or
// a legacy user. Free it with `bigseg_context_free`.
//
// Errors: `BIGSEG_INVALID_CONTEXT_KEY` when a key is empty; `BIGSEG_INVALID_ARGUMENT` when it is not JSON, or not a
// context.
bigseg_code bigseg_context_new(bigseg_str json,
                               bigseg_context **context,
                               bigseg_error **error);

// Returns how many individual contexts it has; 0 for NULL.
size_t bigseg_context_kind_count(const bigseg_context *context);

// Returns the kind of an individual context, borrowed from the context. They are sorted by their bytes; beyond the last
// one, and for NULL, the text is empty.
bigseg_str bigseg_context_kind_at(const bigseg_context *context,
                                  size_t index);

// Frees a context.
void bigseg_context_free(bigseg_context *context);

// ---- Flags and segments ----------------------------------------------------------------------------------
//
// What an engine evaluates. The data are exchanged as a whole, without holding up anybody who evaluates; an evaluation
// that is under way ends with those it began with. Data that are refused change nothing.
//
// Errors of all: `BIGSEG_INVALID_ARGUMENT` when it is not JSON, or not flags and segments; the message says where and
// what is wrong. `BIGSEG_CLOSED`, `BIGSEG_FORKED`.

// What kind of segment a list of contexts makes.
BIGSEG_ENUM(bigseg_segment_kind) {
    // An ordinary segment: its members travel in the flag payload.
    BIGSEG_SEGMENT_SMALL = 0,
    // A big segment: its members live in a store.
    BIGSEG_SEGMENT_BIG = 1,
    // Neither: too many entries for an ordinary segment, and a big one has exactly one context kind.
    BIGSEG_SEGMENT_IMPOSSIBLE = 2,
};

// Sets the flags and segments from the JSON of the service, `{"flags":{…},"segments":{…}}`, of which one may be missing.
bigseg_code bigseg_engine_set_data(const bigseg_engine *engine,
                                   bigseg_str json,
                                   bigseg_error **error);

// Does the same from a file, and remembers it for `bigseg_engine_reload_data`. Blocks while it reads the file.
//
// Errors: also `BIGSEG_INVALID_ARGUMENT` when the file cannot be read.
bigseg_code bigseg_engine_load_data(const bigseg_engine *engine,
                                    bigseg_str path,
                                    bigseg_error **error);

// Reads the file of `bigseg_engine_load_data` again, if it has changed since; `changed` receives whether it had, and may
// be NULL. Blocks while it reads the file; cheap enough to be called every second, as nothing watches the file by itself.
//
// Errors: also `BIGSEG_INVALID_ARGUMENT` when the data do not come from a file. The data then stay as they were, and
// the next call tries again.
bigseg_code bigseg_engine_reload_data(const bigseg_engine *engine,
                                      bool *changed,
                                      bigseg_error **error);

// Returns what a list of that many entries, of that many context kinds, makes: more than 15,000 entries of exactly one
// kind make a big segment.
bigseg_segment_kind bigseg_classify(uint64_t entries,
                                    uint64_t context_kinds);

// ---- Reasons ---------------------------------------------------------------------------------------------
//
// Why a flag serves what it serves, in the words of the SDKs.

// The main thing that decided an evaluation.
BIGSEG_ENUM(bigseg_reason_kind) {
    // The flag is off.
    BIGSEG_REASON_OFF = 0,
    // The flag is on, and nothing in it is about this context.
    BIGSEG_REASON_FALLTHROUGH = 1,
    // The flag names the context.
    BIGSEG_REASON_TARGET_MATCH = 2,
    // A rule of the flag matches.
    BIGSEG_REASON_RULE_MATCH = 3,
    // A prerequisite flag does not serve what it must.
    BIGSEG_REASON_PREREQUISITE_FAILED = 4,
    // There was nothing to evaluate, or it cannot be evaluated.
    BIGSEG_REASON_ERROR = 5,
};

// What kept an evaluation from being one.
BIGSEG_ENUM(bigseg_evaluation_error) {
    // Nothing did.
    BIGSEG_EVALUATION_NO_ERROR = 0,
    // There are no data yet.
    BIGSEG_EVALUATION_CLIENT_NOT_READY = 1,
    // There is no such flag.
    BIGSEG_EVALUATION_FLAG_NOT_FOUND = 2,
    // There is no such segment (in a question about a segment; flags take it for one that does not match).
    BIGSEG_EVALUATION_SEGMENT_NOT_FOUND = 3,
    // The flag or segment, or one it refers to, contradicts itself: a circle, a variation that is not there.
    BIGSEG_EVALUATION_MALFORMED_FLAG = 4,
};

// Why a flag serves what it serves. Texts are borrowed from the evaluation.
typedef struct bigseg_reason {
    // `sizeof(bigseg_reason)`, set by the caller.
    size_t struct_size;
    // The main thing that decided.
    bigseg_reason_kind kind;
    // What went wrong, if `kind` is `BIGSEG_REASON_ERROR`.
    bigseg_evaluation_error error;
    // The index of the flag's rule, if `kind` is `BIGSEG_REASON_RULE_MATCH`; otherwise -1.
    int64_t rule_index;
    // That rule's identifier; empty if it has none.
    bigseg_str rule_id;
    // The flag that failed, if `kind` is `BIGSEG_REASON_PREREQUISITE_FAILED`; otherwise empty.
    bigseg_str prerequisite_key;
    // Whether the context takes part in an experiment.
    bool in_experiment;
    // Whether any lookup was attempted or refused.
    bool has_big_segments_status;
    // The worst status of these lookups; `BIGSEG_LOOKUP_HEALTHY` if there were none.
    bigseg_lookup_status big_segments_status;
} bigseg_reason;

// ---- Evaluations -----------------------------------------------------------------------------------------
//
// What a flag serves a context, and why. Memberships are looked up one after the other as rules come to ask for them,
// each at most once.
//
// The default that a program serves when there is nothing to evaluate never goes in: it is what the program takes when
// the evaluation has no variation. `bigseg_evaluation_bool` and its kin do so.
//
// An evaluation fails only on misuse: `BIGSEG_CLOSED`, `BIGSEG_FORKED`. Whatever else goes wrong is in its reason. It is
// immutable; any thread may use it.

// What a flag serves a context, and why.
typedef struct bigseg_evaluation bigseg_evaluation;

// Hears how an evaluation ended. `code` is `BIGSEG_OK`; or `BIGSEG_CLOSED` when the engine was closed meanwhile, and then
// `evaluation` is NULL. The evaluation is borrowed until the callback returns: do not free it.
//
// Called exactly once if the call that registered it returned `BIGSEG_OK`, and never otherwise; on a thread of the
// library that may block, possibly before the registering call has returned.
typedef void (*bigseg_evaluation_callback)(void *userdata,
                                           bigseg_code code,
                                           const bigseg_evaluation *evaluation);

// Evaluates a flag for a context. Free the evaluation with `bigseg_evaluation_free`.
//
// Blocks until the store has answered, at most for the lookup deadline each time it is asked; not at all when everything
// is cached, or in a memory or embedded store.
bigseg_code bigseg_engine_evaluate(const bigseg_engine *engine,
                                   bigseg_str flag_key,
                                   const bigseg_context *context,
                                   bigseg_evaluation **evaluation,
                                   bigseg_error **error);

// Does the same if it can be done without waiting; if the store would have to be asked, returns `BIGSEG_OK` with a NULL
// evaluation. Does not block, but for reading an embedded store.
bigseg_code bigseg_engine_evaluate_now(const bigseg_engine *engine,
                                       bigseg_str flag_key,
                                       const bigseg_context *context,
                                       bigseg_evaluation **evaluation,
                                       bigseg_error **error);

// Evaluates a flag for a context, and calls back. Does not block; the context may be freed at once.
//
// Errors: at once; then `callback` is not called, and `userdata` is destroyed.
bigseg_code bigseg_engine_evaluate_async(const bigseg_engine *engine,
                                         bigseg_str flag_key,
                                         const bigseg_context *context,
                                         bigseg_evaluation_callback callback,
                                         void *userdata,
                                         bigseg_destroy destroy,
                                         bigseg_error **error);

// Returns the index of the variation; -1 when the program's default is to be served, and for NULL.
int64_t bigseg_evaluation_variation(const bigseg_evaluation *evaluation);

// Returns the value as JSON, borrowed from the evaluation; empty when the program's default is to be served, and for
// NULL.
bigseg_str bigseg_evaluation_value(const bigseg_evaluation *evaluation);

// Returns the value if it is true or false; otherwise, and for NULL, `otherwise`.
bool bigseg_evaluation_bool(const bigseg_evaluation *evaluation, bool otherwise);

// Returns the value if it is a number; otherwise, and for NULL, `otherwise`.
double bigseg_evaluation_number(const bigseg_evaluation *evaluation, double otherwise);

// Returns the value if it is text, borrowed from the evaluation; otherwise, and for NULL, `otherwise`.
bigseg_str bigseg_evaluation_text(const bigseg_evaluation *evaluation, bigseg_str otherwise);

// Gives out why. Set `reason->struct_size` first; its texts are borrowed from the evaluation.
//
// Errors: `BIGSEG_INVALID_ARGUMENT` only.
bigseg_code bigseg_evaluation_reason(const bigseg_evaluation *evaluation,
                                     bigseg_reason *reason,
                                     bigseg_error **error);

// Returns all of it as JSON, borrowed from the evaluation: `value` (null where the program's default is to be served),
// `variation`, `reason`, and `decisions`, which say of each big segment that was asked for by what it decided. Empty for
// NULL.
bigseg_str bigseg_evaluation_json(const bigseg_evaluation *evaluation);

// Frees an evaluation.
void bigseg_evaluation_free(bigseg_evaluation *evaluation);

// ---- Is this context in that segment? --------------------------------------------------------------------
//
// The answer, and why. Lookups, blocking and errors are as for evaluations. An answer is immutable; any thread may use it.

// Whether a context is in a segment, and why.
typedef struct bigseg_segment_answer bigseg_segment_answer;

// Hears an answer, as a `bigseg_evaluation_callback` hears an evaluation; the answer is borrowed.
typedef void (*bigseg_segment_answer_callback)(void *userdata,
                                               bigseg_code code,
                                               const bigseg_segment_answer *answer);

// Answers whether a context is in a segment. Free the answer with `bigseg_segment_answer_free`. Blocks as
// `bigseg_engine_evaluate` does.
bigseg_code bigseg_engine_segment_contains(const bigseg_engine *engine,
                                           bigseg_str segment_key,
                                           const bigseg_context *context,
                                           bigseg_segment_answer **answer,
                                           bigseg_error **error);

// Does the same if it can be done without waiting; if the store would have to be asked, returns `BIGSEG_OK` with a NULL
// answer. Does not block, but for reading an embedded store.
bigseg_code bigseg_engine_segment_contains_now(const bigseg_engine *engine,
                                               bigseg_str segment_key,
                                               const bigseg_context *context,
                                               bigseg_segment_answer **answer,
                                               bigseg_error **error);

// Answers whether a context is in a segment, and calls back, as `bigseg_engine_evaluate_async` does.
bigseg_code bigseg_engine_segment_contains_async(const bigseg_engine *engine,
                                                 bigseg_str segment_key,
                                                 const bigseg_context *context,
                                                 bigseg_segment_answer_callback callback,
                                                 void *userdata,
                                                 bigseg_destroy destroy,
                                                 bigseg_error **error);

// Returns whether the context is in the segment; false for NULL.
bool bigseg_segment_answer_is_match(const bigseg_segment_answer *answer);

// Returns why there is no real answer, which is "no" then; `BIGSEG_EVALUATION_NO_ERROR` if there is one, and for NULL.
bigseg_evaluation_error bigseg_segment_answer_error(const bigseg_segment_answer *answer);

// Returns whether any lookup was attempted or refused, and then writes the worst status of them, which may be NULL if
// nobody wants it. For NULL: false.
bool bigseg_segment_answer_status(const bigseg_segment_answer *answer,
                                  bigseg_lookup_status *status);

// Returns all of it as JSON, borrowed from the answer: `isMatch`, `errorKind`, `status`, and `decisions`, which say by
// what the segment decided, and then each big segment that its rules ask for. Empty for NULL.
bigseg_str bigseg_segment_answer_json(const bigseg_segment_answer *answer);

// Frees an answer.
void bigseg_segment_answer_free(bigseg_segment_answer *answer);

// ---- Why is this context in that segment, or not? --------------------------------------------------------
//
// Everything that is known on the way to the answer. An explanation is immutable; any thread may use it.

// Why a context is in a segment, or is not.
typedef struct bigseg_explanation bigseg_explanation;

// Explains whether a context is in a segment. Free the explanation with `bigseg_explanation_free`. Lookups, blocking and
// errors are as for `bigseg_engine_evaluate`.
bigseg_code bigseg_engine_explain(const bigseg_engine *engine,
                                  bigseg_str segment_key,
                                  const bigseg_context *context,
                                  bigseg_explanation **explanation,
                                  bigseg_error **error);

// Returns the answer, borrowed from the explanation: do not free it. The first of its decisions is the segment's own.
// NULL for NULL.
const bigseg_segment_answer *bigseg_explanation_answer(const bigseg_explanation *explanation);

// Returns whether the context was looked up, and then writes under which hash. It is not if the segment is no big one,
// if its generation is missing, or if the context has no individual context of its kind. For NULL: false.
bool bigseg_explanation_hash(const bigseg_explanation *explanation,
                             bigseg_context_hash *hash);

// Returns what the membership says; `BIGSEG_MEMBERSHIP_NO_VALUE` also if none was looked up, and for NULL.
bigseg_membership_value bigseg_explanation_value(const bigseg_explanation *explanation);

// Returns whether a membership was looked up, and then writes where it comes from, and how many milliseconds ago the
// store said it; each may be NULL. For NULL: false.
bool bigseg_explanation_origin(const bigseg_explanation *explanation,
                               bigseg_origin *origin,
                               uint64_t *age_ms);

// Returns whether the store is part of this process, so that no network was asked; false for NULL.
bool bigseg_explanation_embedded(const bigseg_explanation *explanation);

// Returns why the store was not heard; `BIGSEG_OK` when it was, and for NULL.
bigseg_code bigseg_explanation_store_code(const bigseg_explanation *explanation);

// Returns the sentence that goes with that code, borrowed from the explanation; empty when the store was heard, and for
// NULL.
bigseg_str bigseg_explanation_store_message(const bigseg_explanation *explanation);

// Frees an explanation.
void bigseg_explanation_free(bigseg_explanation *explanation);

// ---- Imports ---------------------------------------------------------------------------------------------
//
// An import fills a store from lists. Memberships are added in any order, and are written together by
// `bigseg_import_commit`; before that nothing is. It may be far larger than memory: what does not fit is kept in
// temporary files.

// How a list is written down.
BIGSEG_ENUM(bigseg_list_format) {
    // Rows of context, segment, membership. A header row may name and reorder the columns: `key` or `hash`,
    // `segment`, `membership` (`include` or `exclude`; missing or empty = include). Without one, contexts are keys.
    BIGSEG_LIST_CSV = 0,
    // The same, but without a header row contexts are hashes.
    BIGSEG_LIST_CSV_OF_HASHES = 1,
    // One JSON object a line: a "key" or a "hash", with "included" and "excluded" arrays of segment refs.
    BIGSEG_LIST_NDJSON = 2,
};

// A list being collected. Not to be used by two threads at once.
typedef struct bigseg_import bigseg_import;

// Hears how many contexts are written so far. Called on the committing thread, during `bigseg_import_commit` only; it
// must not use the import.
typedef void (*bigseg_progress_callback)(void *userdata, uint64_t contexts);

// What an import did.
typedef struct bigseg_import_report {
    // `sizeof(bigseg_import_report)`, set by the caller.
    size_t struct_size;
    // Memberships that were added to the list, repeats included.
    uint64_t memberships;
    // Contexts in the list.
    uint64_t contexts;
    // Contexts that were in the replaced segment before.
    uint64_t replaced;
} bigseg_import_report;

// Begins an import into the store of that store string, creating the store where that is possible.
//
// Errors: `BIGSEG_INVALID_CONFIG`; any store code when the store cannot be written.
bigseg_code bigseg_import_new(bigseg_str store, bigseg_import **import, bigseg_error **error);

// Forgets, when the import is committed, who is in that segment now. Otherwise the list is merged into what is there.
// To be called before anything is added.
//
// Errors: `BIGSEG_INVALID_SEGMENT_REF`; `BIGSEG_INVALID_ARGUMENT` when something was added before.
bigseg_code bigseg_import_set_replace(bigseg_import *import,
                                      bigseg_str segment_ref,
                                      bigseg_error **error);

// Adds a membership: the context is included in the segment, or excluded from it. It takes the place of its opposite
// in the store; if one list says both, included wins.
//
// Errors: `BIGSEG_INVALID_CONTEXT_KEY`, `BIGSEG_INVALID_SEGMENT_REF`, after which the import can go on;
// `BIGSEG_STORE_FULL` when there is no room for a temporary file.
bigseg_code bigseg_import_add(bigseg_import *import,
                              bigseg_str context_key,
                              bigseg_str segment_ref,
                              bool included,
                              bigseg_error **error);

// Adds a membership by the context's hash, as `bigseg_import_add` does by its key.
bigseg_code bigseg_import_add_hash(bigseg_import *import,
                                   const bigseg_context_hash *hash,
                                   bigseg_str segment_ref,
                                   bool included,
                                   bigseg_error **error);

// Adds every line of a file, which may be compressed with gzip. `segment_ref` is the segment of lines that name none,
// and may be empty. A line that cannot be understood ends the reading, unless `skip_bad_lines`; `skipped` receives how
// many were left out, and may be NULL. What was read before a failure stays in the import.
//
// Errors: `BIGSEG_INVALID_ARGUMENT` when the format is none; `BIGSEG_INVALID_INPUT`, naming the line, when a line or
// the file cannot be read; `BIGSEG_STORE_FULL` when there is no room for a temporary file.
bigseg_code bigseg_import_add_file(bigseg_import *import,
                                   bigseg_str path,
                                   bigseg_list_format format,
                                   bigseg_str segment_ref,
                                   bool skip_bad_lines,
                                   uint64_t *skipped,
                                   bigseg_error **error);

// Writes the list and declares the store synchronised. `progress` and `report` may be NULL; set
// `report->struct_size` first. The import cannot be used again, whatever this returns, but must be freed.
//
// Blocks until everything is written.
//
// Errors: `BIGSEG_ALREADY_USED`; any store code. A memory or embedded store is then as it was before.
bigseg_code bigseg_import_commit(bigseg_import *import,
                                 bigseg_progress_callback progress,
                                 void *userdata,
                                 bigseg_import_report *report,
                                 bigseg_error **error);

// Frees an import. One that was not committed leaves nothing behind.
void bigseg_import_free(bigseg_import *import);

// ---- Integration configuration ---------------------------------------------------------------------------
//
// Says what an integration is: where its patches come from, and which store they go to.
//
// As in an engine's config, a setter that fails returns the code, leaves its option as it was, and its mistake is kept:
// `bigseg_integration_start` then fails with it, unless the same option is set properly before.

// What an integration is to be told. Not to be used by two threads at once. It holds the SDK key, and never shows it.
typedef struct bigseg_integration_config bigseg_integration_config;

// Hears which contexts may have changed in a segment, after the store has the change; a context may be named twice, and a
// large patch comes in several calls. All is borrowed until the callback returns.
//
// Called on a thread of the library, never twice at once for one integration, which waits until it returns.
typedef void (*bigseg_change_callback)(void *userdata,
                                       bigseg_str segment_ref,
                                       const bigseg_context_hash *contexts,
                                       size_t count);

// Makes a config with every option at its default. An id, an SDK key and a store must be set; the rest may be. Free it with
// `bigseg_integration_config_free`. Never returns NULL, except for a defect.
bigseg_integration_config *bigseg_integration_config_new(void);

// Sets what programs call it: 1 to 64 letters, digits, `-`, `_` or `.`, not beginning with a dot. It never changes.
//
// Errors: `BIGSEG_INVALID_ARGUMENT` when it is not UTF-8, here and for every other text; what makes no sense is found by
// `bigseg_integration_start`.
bigseg_code bigseg_integration_config_set_id(bigseg_integration_config *config,
                                             bigseg_str id);

// Sets what people call it. Default: the id.
bigseg_code bigseg_integration_config_set_name(bigseg_integration_config *config, bigseg_str name);

// Sets the project and the environment at the upstream, for people; the SDK key is what chooses it. Default: both empty.
bigseg_code bigseg_integration_config_set_environment(bigseg_integration_config *config,
                                                      bigseg_str project,
                                                      bigseg_str environment);

// Sets whether it is on when it starts. Default: true.
bigseg_code bigseg_integration_config_set_on(bigseg_integration_config *config, bool on);

// Sets the environment's SDK key, a secret, which is copied and shown nowhere.
//
// Errors: `BIGSEG_INVALID_CONFIG` when it is empty, or holds what no key holds.
bigseg_code bigseg_integration_config_set_sdk_key(bigseg_integration_config *config, bigseg_str sdk_key);

// Sets where pages are fetched. Default: `https://sdk.launchdarkly.com`.
bigseg_code bigseg_integration_config_set_base_url(bigseg_integration_config *config, bigseg_str url);

// Sets where changes are streamed. Default: `https://stream.launchdarkly.com`.
bigseg_code bigseg_integration_config_set_stream_url(bigseg_integration_config *config, bigseg_str url);

// Sets the HTTP proxy on the way to the upstream: "none", a URL that may hold a user and a password, or "environment": as
// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, which is the default.
bigseg_code bigseg_integration_config_set_proxy(bigseg_integration_config *config,
                                                bigseg_str proxy);

// Sets a PEM file of the authorities that may vouch for the upstream. Default: those of the operating system.
bigseg_code bigseg_integration_config_set_ca_file(bigseg_integration_config *config, bigseg_str path);

// Names the store to be filled by a store string, prefix included. A memory store needs a name.
//
// Errors: `BIGSEG_INVALID_CONFIG`.
bigseg_code bigseg_integration_config_set_store(bigseg_integration_config *config, bigseg_str store);

// Names a directory that exists, in which the error log outlives the process, in a file `ID.errors.json`. Default: none.
bigseg_code bigseg_integration_config_set_state_directory(bigseg_integration_config *config,
                                                          bigseg_str path);

// Has an engine on the same store forget changed contexts at once. May be called for several; the engine may be freed at any
// time.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_config_add_engine(bigseg_integration_config *config,
                                                 const bigseg_engine *engine);

// Adds a listener that hears of every change that is written. `userdata` is destroyed when the integration, or a config that
// started none, is freed.
//
// Errors: `BIGSEG_INVALID_ARGUMENT` when the callback is NULL. `userdata` is destroyed then too.
bigseg_code bigseg_integration_config_add_change_listener(bigseg_integration_config *config,
                                                          bigseg_change_callback callback,
                                                          void *userdata,
                                                          bigseg_destroy destroy);

// Lets the integration read a clock that is moved by hand, instead of the machine's. The clock may be freed afterwards.
bigseg_code bigseg_integration_config_set_clock(bigseg_integration_config *config,
                                                const bigseg_clock *clock);

// Frees a config, whether it was used or not.
void bigseg_integration_config_free(bigseg_integration_config *config);

// ---- Integrations ----------------------------------------------------------------------------------------
//
// An integration keeps a store in step with its upstream: it fetches what the store does not have yet, follows the changes
// as they happen, and tells its state. It never gives up, whatever fails. Every call on it may be made from any thread.

// A running integration.
typedef struct bigseg_integration bigseg_integration;

// Starts an integration with what the config says, and empties the config; on failure the config is as it was. It waits for
// neither the upstream nor the store.
//
// Errors: the mistakes kept by the config's setters; `BIGSEG_INVALID_CONFIG` when something is missing or makes no sense;
// `BIGSEG_ALREADY_USED` when the config started an integration before; `BIGSEG_INTERNAL` when the machine refuses more
// threads.
bigseg_code bigseg_integration_start(bigseg_integration_config *config,
                                     bigseg_integration **integration,
                                     bigseg_error **error);

// Replaces the SDK key from now on, without a restart. Does not wait for the upstream.
//
// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_sdk_key(const bigseg_integration *integration,
                                           bigseg_str sdk_key,
                                           bigseg_error **error);

// Turns it on or off. Does not wait: one that is turned off finishes the transaction under way, and its state says when.
//
// Errors: `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_on(const bigseg_integration *integration,
                                      bool on,
                                      bigseg_error **error);

// Changes what people call it.
//
// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_name(const bigseg_integration *integration,
                                        bigseg_str name,
                                        bigseg_error **error);

// Changes where patches go, by a store string. Does not wait. What the former store holds stays there.
//
// Errors: `BIGSEG_INVALID_CONFIG`, `BIGSEG_CLOSED`, `BIGSEG_FORKED`.
bigseg_code bigseg_integration_set_store(const bigseg_integration *integration,
                                         bigseg_str store,
                                         bigseg_error **error);

// Stops the integration while others may still look at it: the transaction under way is finished, and the store is touched
// no more. Closing twice is fine.
//
// Blocks until nothing of it runs any more, callbacks included, except from inside one, and for 20 seconds at most.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_close(const bigseg_integration *integration,
                                     bigseg_error **error);

// Closes an integration and frees it; no other call on it may be under way. Blocks as `bigseg_integration_close` does. After
// that no callback of the integration runs, and every `userdata` was destroyed.
//
// In a forked child it releases nothing and destroys nothing.
void bigseg_integration_free(bigseg_integration *integration);

// ---- Error logs of integrations --------------------------------------------------------------------------
//
// What went wrong with an integration lately, newest first, whether it is over or not.

// The last errors of an integration, newest first; the same one in a row is one entry. It is a snapshot.
typedef struct bigseg_error_log bigseg_error_log;

// Something that went wrong with an integration.
typedef struct bigseg_sync_error {
    // `sizeof(bigseg_sync_error)`, set by the caller.
    size_t struct_size;
    // What failed, for branching.
    bigseg_code code;
    // The HTTP status of the upstream's answer; 0 = it gave none.
    uint32_t status_code;
    // The sentence for a person, borrowed from where the error was asked of; holds neither the SDK key nor any context.
    bigseg_str message;
    // When it happened first, in Unix milliseconds.
    int64_t since;
    // When it happened last, in Unix milliseconds.
    int64_t timestamp;
    // How often it happened in a row.
    uint64_t times;
} bigseg_sync_error;

// Gives out the error log of this moment; with a state directory, errors of earlier processes included. Free it with
// `bigseg_error_log_free`. Works on a closed integration too. Does not block.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_error_log(const bigseg_integration *integration,
                                         bigseg_error_log **log,
                                         bigseg_error **error);

// Returns how many entries there are, at most 100; 0 for NULL.
size_t bigseg_error_log_count(const bigseg_error_log *log);

// Tells an entry, 0 being the newest; set `found->struct_size` first. Returns false, and writes nothing, beyond the last, when
// the struct's size cannot be, and for NULL. The message is borrowed from the log.
bool bigseg_error_log_at(const bigseg_error_log *log,
                         size_t index,
                         bigseg_sync_error *found);

// Frees an error log.
void bigseg_error_log_free(bigseg_error_log *log);

// ---- Integration status ----------------------------------------------------------------------------------
//
// How an integration is doing, how far it has come, and what went wrong. A status is a snapshot: it does not change.

// How an integration is doing.
BIGSEG_ENUM(bigseg_integration_state) {
    // It is turned off, or closed.
    BIGSEG_INTEGRATION_OFF = 0,
    // It fetches what the store does not have yet; the progress says how far it is.
    BIGSEG_INTEGRATION_INITIALIZING = 1,
    // The store matches the source, and changes are followed as they happen.
    BIGSEG_INTEGRATION_HEALTHY = 2,
    // The error says what keeps the store from matching the source; it is tried again and again.
    BIGSEG_INTEGRATION_FAILING = 3,
};

// The status of an integration, as it was at one moment.
typedef struct bigseg_integration_status bigseg_integration_status;

// What an integration has done. Counters only grow, until it is turned on again, or its store or its source changes.
typedef struct bigseg_integration_progress {
    // `sizeof(bigseg_integration_progress)`, set by the caller.
    size_t struct_size;
    // Patches applied in the present filling of the store, or in the last one.
    uint64_t patches;
    // Operations in them: a context that joins or leaves a list.
    uint64_t operations;
    // Operations in a second, on average since it began.
    uint64_t operations_per_second;
    // Patches applied, all in all.
    uint64_t total_patches;
    // Operations in them.
    uint64_t total_operations;
    // Patches that the store had already.
    uint64_t repeated;
    // Pages fetched, empty ones included.
    uint64_t pages;
    // Streams opened.
    uint64_t streams;
    // Times that a patch did not follow the store's cursor, or another writer had moved it.
    uint64_t out_of_order;
    // Times that the store had lost its cursor.
    uint64_t data_losses;
} bigseg_integration_progress;

// Returns the stable name of a state in `snake_case`, such as "healthy"; empty for a number that is none. The text is
// static.
bigseg_str bigseg_integration_state_name(bigseg_integration_state state);

// Gives out the status of this moment. Free it with `bigseg_integration_status_free`. Works on a closed integration too.
// Does not block.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_get_status(const bigseg_integration *integration,
                                          bigseg_integration_status **status,
                                          bigseg_error **error);

// Returns how it is doing; `BIGSEG_INTEGRATION_OFF` for NULL.
bigseg_integration_state bigseg_integration_status_state(const bigseg_integration_status *status);

// Returns since when, in Unix milliseconds; 0 for NULL.
int64_t bigseg_integration_status_since(const bigseg_integration_status *status);

// Tells when the store was last declared synchronised. Returns false, and writes nothing, when it never was as far as is
// known, and for NULL.
bool bigseg_integration_status_last_synchronized(const bigseg_integration_status *status,
                                                 int64_t *unix_ms);

// Tells when something last failed. Returns false, and writes nothing, when nothing did as far as the error log goes, and
// for NULL.
bool bigseg_integration_status_last_error(const bigseg_integration_status *status,
                                          int64_t *unix_ms);

// Tells what keeps the store from matching the source, while the state is `BIGSEG_INTEGRATION_FAILING`; set
// `found->struct_size` first. Returns false, and writes nothing, when there is nothing, when the struct's size cannot be, and
// for NULL. The message is borrowed from the status.
bool bigseg_integration_status_error(const bigseg_integration_status *status,
                                     bigseg_sync_error *found);

// Tells what the integration has done; set `progress->struct_size` first. Returns false, and writes nothing, when the
// struct's size cannot be, and for NULL.
bool bigseg_integration_status_progress(const bigseg_integration_status *status,
                                        bigseg_integration_progress *progress);

// Frees a status.
void bigseg_integration_status_free(bigseg_integration_status *status);

// ---- Integration listeners -------------------------------------------------------------------------------
//
// A listener hears of an integration's present status and of every change. The latest value wins: one that is slow misses
// what lies between, and delays nobody.

// Hears of a status, which is borrowed until the callback returns. Called on a thread of the library that may block;
// never twice at once for one listener.
typedef void (*bigseg_integration_callback)(void *userdata, const bigseg_integration_status *status);

// Adds a listener, which is called soon with the present status. `id` receives a number for removing it, and may be NULL.
//
// Errors: `BIGSEG_FORKED`; `userdata` is destroyed then too.
bigseg_code bigseg_integration_add_status_listener(const bigseg_integration *integration,
                                                   bigseg_integration_callback callback,
                                                   void *userdata,
                                                   bigseg_destroy destroy,
                                                   uint64_t *id,
                                                   bigseg_error **error);

// Removes a listener. When this returns, its callback does not run and never will again, and its `userdata` is
// destroyed. An id that is not known, or not any more, is fine.
//
// Blocks while the callback runs; from inside a callback of the same integration it returns at once instead.
//
// Errors: `BIGSEG_FORKED`.
bigseg_code bigseg_integration_remove_status_listener(const bigseg_integration *integration,
                                                      uint64_t id,
                                                      bigseg_error **error);

// ---- Log -------------------------------------------------------------------------------------------------
//
// What the library has to say to an operator: changes of state once, not each retry, and never a context key or a
// password. By default nothing is said.

// How serious a line is; as a limit, what is at least as serious is logged.
BIGSEG_ENUM(bigseg_log_level) {
    // Nothing; a limit only.
    BIGSEG_LOG_OFF = 0,
    // Something a person must act on.
    BIGSEG_LOG_ERROR = 1,
    // Something that may become a problem.
    BIGSEG_LOG_WARN = 2,
    // A change of state.
    BIGSEG_LOG_INFO = 3,
    // What helps to find a fault.
    BIGSEG_LOG_DEBUG = 4,
};

// Hears a line, which is borrowed until the callback returns.
//
// Called on whichever thread has something to say, the program's own or one of the library's, several at once. It
// must be quick, and must not call `bigseg_log_set`; what is said while it runs, on the same thread, is dropped.
typedef void (*bigseg_log_callback)(void *userdata, bigseg_log_level level, bigseg_str message);

// Says where the lines of the whole process go, and how serious they must be. Takes the place of what was set before,
// whose callback does not run any more when this returns, and whose `userdata` is destroyed. A NULL callback, or
// `BIGSEG_LOG_OFF`, turns the log off.
//
// Blocks while the callback that was set before runs.
//
// Errors: `BIGSEG_INVALID_ARGUMENT` for a number that is no level, and from inside a log callback. `userdata` is
// destroyed then too.
bigseg_code bigseg_log_set(bigseg_log_level level,
                           bigseg_log_callback callback,
                           void *userdata,
                           bigseg_destroy destroy,
                           bigseg_error **error);

#ifdef __cplusplus
}
#endif

#endif
