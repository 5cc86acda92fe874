/** The status of an integration. */

import type { ErrorKind } from "./errors.js";
import type { NativeIntegrationStatus, NativeSyncFailure } from "./native.js";

/**
 * The state of an integration.
 *
 * - `off`: turned off or closed.
 * - `initializing`: the initial load is in progress; see `IntegrationStatus.progress`.
 * - `healthy`: the store matches the upstream, and changes are streamed into it.
 * - `failing`: the store does not match the upstream because of `IntegrationStatus.error`; retries
 *   continue.
 */
export type IntegrationState = "off" | "initializing" | "healthy" | "failing";

/** A failure of an integration; contains neither the SDK key nor a context. */
export interface SyncFailure {
  /** The kind of the error, for branching. */
  readonly kind: ErrorKind;
  /** The HTTP status of the upstream's response, if there was one. */
  readonly statusCode: number | undefined;
  /** The message for a person. */
  readonly message: string;
  /** The time of the first occurrence, in Unix milliseconds. */
  readonly since: number;
  /** The time of the last occurrence, in Unix milliseconds. */
  readonly timestamp: number;
  /** The number of consecutive occurrences. */
  readonly times: number;
}

/** The progress of the current or the last initial load. */
export interface IntegrationProgress {
  /** Patches applied. */
  readonly patches: number;
  /** Operations in these patches: one context that joins or leaves a list. */
  readonly operations: number;
  /** Operations per second, on average since the start of the load. */
  readonly operationsPerSecond: number;
}

/** Counters since the integration was turned on, or since its store or upstream changed. */
export interface SyncCounters {
  /** Patches applied. */
  readonly patches: number;
  /** Operations in these patches. */
  readonly operations: number;
  /** Patches that the store already had. */
  readonly repeated: number;
  /** Pages fetched, empty ones included. */
  readonly pages: number;
  /** Streams opened. */
  readonly streams: number;
  /** Patches that did not continue at the store's cursor, or found it moved by another writer. */
  readonly outOfOrder: number;
  /** Losses of the store's cursor. */
  readonly dataLosses: number;
}

/** The status of an integration at one moment. */
export interface IntegrationStatus {
  /** The state. */
  readonly state: IntegrationState;
  /** When the state last changed, in Unix milliseconds. */
  readonly since: number;
  /**
   * When the store was last marked as synchronised, in Unix milliseconds; `undefined` means never.
   */
  readonly lastSynchronized: number | undefined;
  /** The current error, while the state is `failing`. */
  readonly error: SyncFailure | undefined;
  /**
   * When the newest error of the log occurred, in Unix milliseconds; `undefined` if the log is
   * empty.
   */
  readonly lastError: number | undefined;
  /** The progress of the initial load. */
  readonly progress: IntegrationProgress;
  /** The counters. */
  readonly counters: SyncCounters;
}

/** @internal Converts an error of the native half. */
export function syncFailure(error: NativeSyncFailure): SyncFailure {
  const { kind, statusCode, message, since, timestamp, times } = error;
  return Object.freeze({ kind: kind as ErrorKind, statusCode, message, since, timestamp, times });
}

/** @internal Converts a status of the native half. */
export function integrationStatus(status: NativeIntegrationStatus): IntegrationStatus {
  const [patches, operations, operationsPerSecond] = status.progress;
  const [allPatches, allOperations, repeated, pages, streams, outOfOrder, dataLosses] = status.counters as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Object.freeze({
    state: status.state as IntegrationState,
    since: status.since,
    lastSynchronized: status.lastSynchronized,
    error: status.error && syncFailure(status.error),
    lastError: status.lastError,
    progress: Object.freeze({ patches, operations, operationsPerSecond }),
    counters: Object.freeze({
      patches: allPatches,
      operations: allOperations,
      repeated,
      pages,
      streams,
      outOfOrder,
      dataLosses,
    }),
  });
}
