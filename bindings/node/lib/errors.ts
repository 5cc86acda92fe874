/** What can go wrong: every failure is a `BigSegError`. */

import { native, type NativeFailure } from "./native.js";

/** What failed, as something a program can branch on; every language uses these names. */
export type ErrorKind =
  | "invalid_argument"
  | "invalid_context_key"
  | "invalid_context_hash"
  | "invalid_segment_ref"
  | "invalid_config"
  | "invalid_input"
  | "already_used"
  | "closed"
  | "forked"
  | "unsupported"
  | "store_unavailable"
  | "store_timeout"
  | "circuit_open"
  | "store_not_found"
  | "store_format"
  | "store_data"
  | "store_permission"
  | "store_full"
  | "store_throttled"
  | "upstream_unavailable"
  | "upstream_timeout"
  | "upstream_refused"
  | "upstream_data"
  | "internal";

const kinds = new Map(native.errorKinds().map((kind) => [kind.name, kind]));

/**
 * A failure. Its message is one sentence for a person, and holds neither context keys nor passwords.
 *
 * Lookups fail only on misuse. Whatever goes wrong with the store is in the answer, because a program has to go on either way.
 */
export class BigSegError extends Error {
  /** What failed, in capitals, as Node's own errors have it: `BIGSEG_STORE_TIMEOUT`. */
  readonly code: string;
  /** What failed, for branching. */
  readonly kind: ErrorKind;
  /** The number that C knows the kind by. */
  readonly number: number;
  /** Whether the same call may succeed later without anything being changed by the caller. */
  readonly retryable: boolean;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    const row = kinds.get(kind);
    if (row === undefined) throw new TypeError(`${String(kind)} is no kind of error`);
    this.name = "BigSegError";
    this.code = `BIGSEG_${kind.toUpperCase()}`;
    this.kind = kind;
    this.number = row.number;
    this.retryable = row.retryable;
  }
}

/** @internal Makes an error of what the native half reports. */
export function failed(failure: NativeFailure): BigSegError {
  const options = failure.cause === undefined ? undefined : { cause: new Error(failure.cause) };
  return new BigSegError(failure.kind as ErrorKind, failure.message, options);
}

/** @internal Makes an error of what a native function threw. */
export function raised(thrown: unknown): unknown {
  const { code, message, cause } = thrown as { code?: unknown; message: string; cause?: unknown };
  if (typeof code !== "string") return thrown;
  if (kinds.has(code)) return new BigSegError(code as ErrorKind, message, cause === undefined ? undefined : { cause });
  // The native half refuses a value that is not of the type it expects.
  return /(Expected|InvalidArg)$/.test(code) ? new BigSegError("invalid_argument", message) : thrown;
}

/** @internal Calls a native function; what it throws becomes a `BigSegError`. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw raised(thrown);
  }
}

/** @internal Makes the error for an argument that is not what it should be. */
export function invalidArgument(message: string): BigSegError {
  return new BigSegError("invalid_argument", message);
}
