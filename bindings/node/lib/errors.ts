/** Errors: every one is a `BigSegError`. */

import { native, type NativeFailure } from "./native.js";

/** The kind of an error, for branching; every language uses these names. */
export type ErrorKind =
  // <generated kinds from core/src/error.rs>
  /** An argument is missing, out of range or contradictory. */
  | "invalid_argument"
  /** A context key is empty or not UTF-8. */
  | "invalid_context_key"
  /** A context hash is not 44 characters of padded standard base64. */
  | "invalid_context_hash"
  /** A segment ref is not `{segmentKey}.g{generation}`. */
  | "invalid_segment_ref"
  /** A store string or an option is malformed or out of range. */
  | "invalid_config"
  /** A line, record or patch to be written is malformed. */
  | "invalid_input"
  /** An object that can be used only once was used again. */
  | "already_used"
  /** The engine was closed. */
  | "closed"
  /** The object was created before `fork` and cannot be used in the child process. */
  | "forked"
  /** The store, or this build of the library, does not support the operation. */
  | "unsupported"
  /** The store cannot be reached, or failed during the request. */
  | "store_unavailable"
  /** The store did not reply before the deadline. */
  | "store_timeout"
  /** The store was not queried: it failed repeatedly and is probed in the background. */
  | "circuit_open"
  /** The store does not exist yet. */
  | "store_not_found"
  /** The store is damaged, or is not a store of this library. */
  | "store_format"
  /** The store holds a value that the schema does not allow. */
  | "store_data"
  /** The store denied access. */
  | "store_permission"
  /** The store has no space left. */
  | "store_full"
  /** The store rejected the request because of its rate limit. */
  | "store_throttled"
  /** The upstream cannot be reached, or failed during the request. */
  | "upstream_unavailable"
  /** The upstream did not reply in time, or its stream went silent. */
  | "upstream_timeout"
  /** The upstream rejected the SDK key, or does not have the URL. */
  | "upstream_refused"
  /** The upstream sent data that its protocol does not allow. */
  | "upstream_data"
  /** A defect of this library, caught before it caused damage. */
  | "internal";
  // </generated>

const kinds = new Map(native.errorKinds().map((kind) => [kind.name, kind]));

/**
 * An error. Its message is for a person, without context keys and passwords.
 *
 * Lookups fail only on misuse. A failure of the store is in the answer, because the program has to
 * continue with a default.
 */
export class BigSegError extends Error {
  /** The kind in capitals, like the codes of Node's own errors: `BIGSEG_STORE_TIMEOUT`. */
  readonly code: string;
  /** The kind, for branching. */
  readonly kind: ErrorKind;
  /** The number of the kind in the C ABI. */
  readonly number: number;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    const row = kinds.get(kind);
    if (row === undefined) throw new TypeError(`${String(kind)} is not an error kind`);
    this.name = "BigSegError";
    this.code = `BIGSEG_${kind.toUpperCase()}`;
    this.kind = kind;
    this.number = row.number;
    this.retryable = row.retryable;
  }
}

/** @internal Converts a failure that native code returned. */
export function toError(failure: NativeFailure): BigSegError {
  const options = failure.cause === undefined ? undefined : { cause: new Error(failure.cause) };
  return new BigSegError(failure.kind as ErrorKind, failure.message, options);
}

/** @internal Converts an exception of a native function. */
export function toBigSegError(thrown: unknown): unknown {
  const { code, message, cause } = thrown as { code?: unknown; message: string; cause?: unknown };
  if (typeof code !== "string") return thrown;
  if (kinds.has(code)) return new BigSegError(code as ErrorKind, message, cause === undefined ? undefined : { cause });
  // napi throws these codes for an argument of the wrong type.
  return /(Expected|InvalidArg)$/.test(code) ? new BigSegError("invalid_argument", message) : thrown;
}

/** @internal Calls a native function; its exception becomes a `BigSegError`. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw toBigSegError(thrown);
  }
}

/** @internal Makes the error for an invalid argument. */
export function invalidArgument(message: string): BigSegError {
  return new BigSegError("invalid_argument", message);
}

/** @internal Makes the error for an invalid store string or option. */
export function invalidConfig(message: string): BigSegError {
  return new BigSegError("invalid_config", message);
}
