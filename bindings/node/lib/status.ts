/** What an engine knows about its store, and what it has done. */

import type { ErrorKind } from "./errors.js";
import type { NativeStatus } from "./native.js";

/** A failure, as the status remembers it. */
export interface LastError {
  /** What failed. */
  readonly kind: ErrorKind;
  /** The sentence for a person. */
  readonly message: string;
  /** When, in Unix milliseconds. */
  readonly at: number;
}

/** Something the store does without, because it was refused. */
export interface Limitation {
  /** What is missing, such as `push_invalidation`. */
  readonly feature: string;
  /** Why, and what to do about it. */
  readonly reason: string;
}

/** The state of the store as the engine knew it at one moment. */
export interface StoreStatus {
  /** Whether the last poll, and the last lookup since, succeeded. `false` until the first poll is done. */
  readonly available: boolean;
  /** Whether nothing has kept the store up to date lately; keeps its last known value while unavailable. */
  readonly stale: boolean;
  /** When the store was last up to date, in Unix milliseconds; `undefined` = never, as far as is known. */
  readonly lastUpToDate: number | undefined;
  /** The last failure, also when it is over. */
  readonly lastError: LastError | undefined;
  /** Since when `available` and `stale` have been as they are, in Unix milliseconds. */
  readonly since: number;
  /** Whether `lastUpToDate` lies in the future: this machine's clock, or the writer's, is wrong. */
  readonly clockSkew: boolean;
  /**
   * Whether the store tells of each change as it happens. Otherwise answers are renewed when they expire. Listeners are not
   * called when this, or what follows, changes.
   */
  readonly pushInvalidation: boolean;
  /** What the store is doing without, because it was refused. */
  readonly limitations: readonly Limitation[];
}

/** @internal Makes a status of what the native half reports. */
export function storeStatus(status: NativeStatus): StoreStatus {
  return Object.freeze({
    available: status.available,
    stale: status.stale,
    lastUpToDate: status.lastUpToDate,
    lastError: status.lastError as LastError | undefined,
    since: status.since,
    clockSkew: status.clockSkew,
    pushInvalidation: status.pushInvalidation,
    limitations: status.limitations,
  });
}

/** The counters of an engine since it was opened. Counters never decrease. */
export interface Metrics {
  // <generated metrics from core/src/metrics.rs>
  /** Lookups answered from the cache. */
  readonly cacheHits: number;
  /** Lookups that the cache could not answer. */
  readonly cacheMisses: number;
  /** Misses that joined an in-flight query of the same context. */
  readonly coalescedLookups: number;
  /** Queries sent to the store. */
  readonly storeQueries: number;
  /** Contexts in those queries. */
  readonly storeContexts: number;
  /** Queries that failed. */
  readonly storeErrors: number;
  /** Lookups answered with the last known membership because the store failed. */
  readonly lastKnownAnswers: number;
  /** Lookups without an answer because the store failed. */
  readonly failedLookups: number;
  /** Times the circuit breaker opened. */
  readonly circuitOpenings: number;
  /** Polls of the store's sync time. */
  readonly statusPolls: number;
  /** Polls that failed. */
  readonly statusPollErrors: number;
  /** Contexts invalidated by a push of the store. */
  readonly pushedInvalidations: number;
  /** Queries and polls that the store rejected because of its rate limit. */
  readonly storeThrottles: number;
  /** Contexts evicted from the cache because it was full. */
  readonly cacheEvictions: number;
  /** Contexts in the cache at present. */
  readonly cachedContexts: number;
  /** Whether the circuit breaker is open (0 or 1). */
  readonly circuitOpen: number;
  // </generated>
}

/** @internal Makes metrics of figures with the core's names. */
export function metrics(figures: [name: string, figure: number][]): Metrics {
  return Object.fromEntries(figures.map(([name, figure]) => [camelCase(name), figure])) as unknown as Metrics;
}

/** Turns `cache_hits` into `cacheHits`. */
function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
