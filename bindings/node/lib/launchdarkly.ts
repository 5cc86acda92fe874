/**
 * A big segment store for the official SDK, `@launchdarkly/node-server-sdk`.
 *
 * @module
 */

import type { Answer } from "./answer.js";
import type { CustomStore } from "./custom_store.js";
import { Engine } from "./engine.js";
import { BigSegError } from "./errors.js";
import type { EngineOptions } from "./options.js";
import type { StoreStatus } from "./status.js";
import type { StoreOptions } from "./store_options.js";

/** The `BigSegmentStore` interface of the SDK. */
export interface BigSegmentStore {
  /** Reads when the store was last up to date; rejects when the store is unavailable. */
  getMetadata(): Promise<{ lastUpToDate?: number } | undefined>;
  /**
   * Looks up a context; resolves with a map of segment refs to whether the context is included, or
   * rejects if nothing is known.
   */
  getUserMembership(contextHash: string): Promise<{ [segmentRef: string]: boolean } | undefined>;
  /** Closes the engine, unless it was passed in. */
  close(): void;
}

/** The SDK's `bigSegments` option; durations are seconds. */
export interface BigSegmentsOptions {
  store: () => BigSegmentStore;
  userCacheSize: number;
  userCacheTime: number;
  statusPollInterval: number;
  staleAfter: number;
}

/** The SDK replaces 0 by its default of 5 s. */
const SDK_CACHE_TIME = 0.001;
const SDK_POLL_INTERVAL = 5;
const SDK_STALE_AFTER = 120;
/** A year in seconds, because the SDK has no value for never. */
const NEVER_STALE = 365 * 24 * 3600;

/**
 * Makes a store for the SDK's `bigSegments.store` option, from an engine or from the arguments of
 * `Engine.open`.
 *
 * The SDK's `close` does not close an engine that was passed in.
 */
export function store(
  source: string | CustomStore | Engine,
  options: EngineOptions & StoreOptions = {},
): () => BigSegmentStore {
  return () => new SdkStore(source, options);
}

/**
 * Makes the whole `bigSegments` option, with settings that do not delay invalidations.
 *
 * The SDK's own cache holds one context for a millisecond, and the SDK uses the engine's limits for
 * staleness.
 */
export function bigSegments(
  source: string | CustomStore | Engine,
  options: EngineOptions & StoreOptions = {},
): BigSegmentsOptions {
  const { statusPollInterval, staleAfter } = options;
  return {
    store: store(source, options),
    userCacheSize: 1,
    userCacheTime: SDK_CACHE_TIME,
    statusPollInterval: statusPollInterval === undefined ? SDK_POLL_INTERVAL : statusPollInterval / 1000,
    staleAfter: staleAfter === undefined ? SDK_STALE_AFTER : staleAfter === null ? NEVER_STALE : staleAfter / 1000,
  };
}

class SdkStore implements BigSegmentStore {
  readonly #engine: Promise<Engine>;
  readonly #ownsEngine: boolean;
  /**
   * Whether the last poll of the SDK found the store unavailable.
   *
   * The SDK accepts a membership or an error, not both. It reports a membership as `STORE_ERROR`
   * only after its own poll found the store unavailable. Until then a last known membership would
   * count as healthy, so the SDK gets the error instead.
   */
  #sdkPolledOutage = false;

  constructor(source: string | CustomStore | Engine, options: EngineOptions & StoreOptions) {
    this.#ownsEngine = !(source instanceof Engine);
    this.#engine = source instanceof Engine ? Promise.resolve(source) : Engine.open(source, options);
    // Every later call reports the error.
    this.#engine.catch(() => {});
  }

  async getMetadata(): Promise<{ lastUpToDate?: number }> {
    const status: StoreStatus = await (await this.#engine).refreshStatus();
    this.#sdkPolledOutage = !status.available;
    if (!status.available) {
      throw new BigSegError("store_unavailable", status.lastError?.message ?? "the store was not polled yet");
    }
    return status.lastUpToDate === undefined ? {} : { lastUpToDate: status.lastUpToDate };
  }

  async getUserMembership(contextHash: string): Promise<{ [segmentRef: string]: boolean } | undefined> {
    const answer: Answer = await (await this.#engine).membershipByHash(contextHash);
    const isKnown = answer.origin === "store" || answer.origin === "cache";
    if (!isKnown && !(answer.origin === "last_known" && this.#sdkPolledOutage)) {
      throw answer.error ?? new BigSegError("store_unavailable", "no store is configured");
    }
    const { included, excluded } = answer.membership;
    if (included.length + excluded.length === 0) return undefined;
    const membership: { [segmentRef: string]: boolean } = {};
    for (const ref of excluded) membership[ref] = false;
    for (const ref of included) membership[ref] = true;
    return membership;
  }

  close(): void {
    if (this.#ownsEngine) this.#engine.then((engine) => engine.close()).catch(() => {});
  }
}
