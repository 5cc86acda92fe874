/** The status of a store, and the metrics of an engine. */

import type { ErrorKind } from "./errors.js";
import type { NativeStatus } from "./native.js";

/** A failure of the store. */
export interface LastError {
  /** The kind of the error. */
  readonly kind: ErrorKind;
  /** The message for a person. */
  readonly message: string;
  /** When it happened, in Unix milliseconds. */
  readonly at: number;
}

/** A feature that the store disabled, because the server refused it. */
export interface Limitation {
  /** The disabled feature, such as `push_invalidation`. */
  readonly feature: string;
  /** Why, and what to do about it. */
  readonly reason: string;
}

/** The status of the store at one moment. */
export interface StoreStatus {
  /**
   * Whether the last poll, and the last lookup since, succeeded. `false` until the first poll is
   * done.
   */
  readonly available: boolean;
  /** Whether the sync time is older than `staleAfter`; keeps its last value while unavailable. */
  readonly stale: boolean;
  /**
   * When the store was last up to date, in Unix milliseconds; `undefined` means never or unknown.
   */
  readonly lastUpToDate: number | undefined;
  /** The last failure, also after the store recovered. */
  readonly lastError: LastError | undefined;
  /** When `available` or `stale` last changed, in Unix milliseconds. */
  readonly since: number;
  /** Whether `lastUpToDate` is in the future: the clock here or at the writer is wrong. */
  readonly clockSkew: boolean;
  /**
   * Whether push invalidation is active; otherwise the cache relies on expiry. Listeners are not
   * called when only this field or `limitations` changes.
   */
  readonly pushInvalidation: boolean;
  /** The features that the store disabled, because the server refused them. */
  readonly limitations: readonly Limitation[];
}

/** @internal Converts a status of the native half. */
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

/** The counters of an engine since it was opened, and its current sizes. */
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

/** @internal Converts metrics with the names of the core. */
export function metrics(named: [name: string, value: number][]): Metrics {
  return Object.fromEntries(named.map(([name, value]) => [camelCase(name), value])) as unknown as Metrics;
}

/** Turns `cache_hits` into `cacheHits`. */
function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * An iterator over the current status, then each change. A slow consumer receives only the latest.
 *
 * It does not keep the process alive.
 */
export class StatusUpdates<Status = StoreStatus> implements AsyncIterableIterator<Status> {
  #latest: Status | undefined;
  #ended = false;
  readonly #pending: ((result: IteratorResult<Status>) => void)[] = [];
  readonly #unsubscribe: () => void;
  readonly #onEnd: () => void;

  /** @internal */
  constructor(subscribe: (listener: (status: Status) => void) => () => void, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#unsubscribe = subscribe((status) => {
      const resolve = this.#pending.shift();
      if (resolve === undefined) this.#latest = status;
      else resolve({ value: status, done: false });
    });
  }

  /** Resolves with the next status, or with `done` after the engine or integration is closed. */
  next(): Promise<IteratorResult<Status>> {
    const latest = this.#latest;
    this.#latest = undefined;
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    if (latest !== undefined) return Promise.resolve({ value: latest, done: false });
    return new Promise((resolve) => this.#pending.push(resolve));
  }

  /** Ends the iteration; leaving a `for await` loop calls it. */
  return(): Promise<IteratorResult<Status>> {
    this.#unsubscribe();
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @internal */
  end(): void {
    this.#ended = true;
    this.#onEnd();
    for (const resolve of this.#pending.splice(0)) resolve({ value: undefined, done: true });
  }
}
