/**
 * A big segment store for the official SDK, `@launchdarkly/node-server-sdk`.
 *
 * @module
 */

import type { Answer } from "./answer.js";
import type { CustomStore } from "./custom_store.js";
import { Engine } from "./engine.js";
import { BigSegError } from "./errors.js";
import type { EngineOptions, StoreOptions } from "./options.js";
import type { StoreStatus } from "./status.js";

/** What the SDK asks of a store, in the words of its `BigSegmentStore`. */
export interface BigSegmentStore {
  /** Asks the store when it was last up to date; rejects when it cannot be asked. */
  getMetadata(): Promise<{ lastUpToDate?: number } | undefined>;
  /** Looks up a context; what it resolves with maps segment refs to whether it is included. Rejects when nothing is known. */
  getUserMembership(contextHash: string): Promise<{ [segmentRef: string]: boolean } | undefined>;
  /** Closes the engine, unless it was handed over. */
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

/** The SDK takes 0 for its default of 5 s. */
const SDK_CACHE_TIME = 0.001;
const SDK_POLL_INTERVAL = 5;
const SDK_STALE_AFTER = 120;
/** As good as never, in seconds: a year. */
const NEVER_STALE = 365 * 24 * 3600;

/**
 * Makes a store for the SDK's `bigSegments.store` option: of an engine, or of what `Engine.open` takes.
 *
 * An engine that is handed over is not closed when the SDK closes the store.
 */
export function store(
  place: string | CustomStore | Engine,
  options: EngineOptions & StoreOptions = {},
): () => BigSegmentStore {
  return () => new SdkStore(place, options);
}

/**
 * Makes the whole `bigSegments` option, with the settings that keep answers fresh: the SDK's own cache, which would hide
 * invalidations, remembers one context for a millisecond, and the SDK judges staleness as the engine does.
 */
export function bigSegments(
  place: string | CustomStore | Engine,
  options: EngineOptions & StoreOptions = {},
): BigSegmentsOptions {
  const { statusPollInterval, staleAfter } = options;
  return {
    store: store(place, options),
    userCacheSize: 1,
    userCacheTime: SDK_CACHE_TIME,
    statusPollInterval: statusPollInterval === undefined ? SDK_POLL_INTERVAL : statusPollInterval / 1000,
    staleAfter: staleAfter === undefined ? SDK_STALE_AFTER : staleAfter === null ? NEVER_STALE : staleAfter / 1000,
  };
}

class SdkStore implements BigSegmentStore {
  readonly #engine: Promise<Engine>;
  readonly #isOurs: boolean;
  /**
   * The SDK can hear either a membership or a failure, but not both, and calls a membership `STORE_ERROR` only while it believes
   * the store to be unavailable. So it gets last known ones only once its own poll has heard of the outage.
   */
  #sdkKnowsOfOutage = false;

  constructor(place: string | CustomStore | Engine, options: EngineOptions & StoreOptions) {
    this.#isOurs = !(place instanceof Engine);
    this.#engine = place instanceof Engine ? Promise.resolve(place) : Engine.open(place, options);
    // Whoever asks hears of it.
    this.#engine.catch(() => {});
  }

  async getMetadata(): Promise<{ lastUpToDate?: number }> {
    const status: StoreStatus = await (await this.#engine).refreshStatus();
    this.#sdkKnowsOfOutage = !status.available;
    if (!status.available) {
      throw new BigSegError("store_unavailable", status.lastError?.message ?? "the store has not been heard of yet");
    }
    return status.lastUpToDate === undefined ? {} : { lastUpToDate: status.lastUpToDate };
  }

  async getUserMembership(contextHash: string): Promise<{ [segmentRef: string]: boolean } | undefined> {
    const answer: Answer = await (await this.#engine).membershipByHash(contextHash);
    const isKnown = answer.origin === "store" || answer.origin === "cache";
    if (!isKnown && !(answer.origin === "last_known" && this.#sdkKnowsOfOutage)) {
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
    if (this.#isOurs) this.#engine.then((engine) => engine.close()).catch(() => {});
  }
}
