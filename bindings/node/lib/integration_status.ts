/** How an integration is doing. */

import type { ErrorKind } from "./errors.js";
import type { NativeIntegrationStatus, NativeSyncFailure } from "./native.js";

/**
 * `off`: it is turned off, or closed; `initializing`: it fetches what the store does not have yet; `healthy`: the store matches
 * the source, and changes are followed as they happen; `failing`: the error says what keeps it from that, and it is tried again
 * and again.
 */
export type IntegrationState = "off" | "initializing" | "healthy" | "failing";

/** Something that went wrong with an integration; holds neither the SDK key nor any context. */
export interface SyncFailure {
  /** What failed, for branching. */
  readonly kind: ErrorKind;
  /** The HTTP status of the upstream's answer, if it gave one. */
  readonly statusCode: number | undefined;
  /** The sentence for a person. */
  readonly message: string;
  /** When it happened first, in Unix milliseconds. */
  readonly since: number;
  /** When it happened last, in Unix milliseconds. */
  readonly timestamp: number;
  /** How often it happened in a row. */
  readonly times: number;
}

/** How far the present filling of the store, or the last one, has come. */
export interface IntegrationProgress {
  /** Patches applied. */
  readonly patches: number;
  /** Operations in them: a context that joins or leaves a list. */
  readonly operations: number;
  /** Operations in a second, on average since it began. */
  readonly operationsPerSecond: number;
}

/** What happened since an integration was last turned on, or its store or its source changed. */
export interface SyncCounters {
  /** Patches applied. */
  readonly patches: number;
  /** Operations in them. */
  readonly operations: number;
  /** Patches that the store had already. */
  readonly repeated: number;
  /** Pages fetched, empty ones included. */
  readonly pages: number;
  /** Streams opened. */
  readonly streams: number;
  /** Times that a patch did not follow the store's cursor, or another writer had moved it. */
  readonly outOfOrder: number;
  /** Times that the store had lost its cursor. */
  readonly dataLosses: number;
}

/** The status of an integration at one moment. */
export interface IntegrationStatus {
  /** How it is doing. */
  readonly state: IntegrationState;
  /** Since when, in Unix milliseconds. */
  readonly since: number;
  /** When the store was last declared synchronised, in Unix milliseconds; `undefined` = never, as far as is known. */
  readonly lastSynchronized: number | undefined;
  /** What keeps the store from matching the source, while the state is `failing`. */
  readonly error: SyncFailure | undefined;
  /** When something last failed, in Unix milliseconds; `undefined` = never, as far as the error log goes. */
  readonly lastError: number | undefined;
  /** How far filling the store has come. */
  readonly progress: IntegrationProgress;
  /** What happened so far. */
  readonly counters: SyncCounters;
}

/** @internal Makes an error of what the native half reports. */
export function syncFailure(error: NativeSyncFailure): SyncFailure {
  const { kind, statusCode, message, since, timestamp, times } = error;
  return Object.freeze({ kind: kind as ErrorKind, statusCode, message, since, timestamp, times });
}

/** @internal Makes a status of what the native half reports. */
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
