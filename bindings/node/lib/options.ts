/** The options of engines. */

import type { ManualClock } from "./clock.js";
import type { NativeOptions } from "./native.js";
import type { StoreOptions } from "./store_options.js";

/** The options of an engine. Durations are milliseconds. */
export interface EngineOptions {
  // <generated options from core/src/engine/config.rs>
  /**
   * Contexts that the cache holds, a hard bound; 0 disables the cache. At most 2^30.
   * Default: 1,000.
   */
  contextCacheSize?: number;
  /** Time for which an answer is served from the cache; 0 disables the cache. Default: 5,000. */
  contextCacheTime?: number;
  /**
   * Whether the store pushes invalidations. With `auto`, it does if it supports and permits them.
   * Default: `auto`.
   */
  pushInvalidation?: "auto" | "off";
  /**
   * Time for which an answer is served from the cache while push invalidation works, if that is
   * longer than `contextCacheTime`. A disabled cache stays disabled. At most 10 min, in case a
   * message is lost. Default: 60,000.
   */
  pushCacheTime?: number;
  /**
   * Interval between reads of the store's sync time. A shorter `staleAfter` shortens it.
   * Default: 5,000.
   */
  statusPollInterval?: number;
  /**
   * Age of the sync time from which answers are `STALE`; `null` disables the check. A store that
   * was never synchronized is stale in any case. Default: 120,000.
   */
  staleAfter?: number | null;
  /** Time after which a lookup stops waiting for the store. Default: 1,000. */
  lookupDeadline?: number;
  /**
   * Greatest age of an answer that is served, as `STORE_ERROR`, while the store fails; 0 disables
   * last known answers. Default: 300,000.
   */
  lastKnownTime?: number;
  /** Contexts per query of the store, from 1 to 10,000. Default: 128. */
  batchSize?: number;
  /** Queries of the store in flight at the same time, from 1 to 1,024. Default: 4. */
  batchesAtOnce?: number;
  /**
   * Failed queries in a row after which the circuit breaker opens: lookups then fail without
   * waiting for the store. 0 disables the breaker. Default: 3.
   */
  breakerFailures?: number;
  /**
   * Interval between background probes of the store while the circuit breaker is open.
   * Default: 1,000.
   */
  breakerProbeInterval?: number;
  /** Source of time; a manual clock is for tests. Default: the clocks of the machine. */
  clock?: ManualClock;
  // </generated>
}

const engineOptions: Readonly<Record<keyof EngineOptions, true>> = {
  // <generated names from core/src/engine/config.rs>
  contextCacheSize: true,
  contextCacheTime: true,
  pushInvalidation: true,
  pushCacheTime: true,
  statusPollInterval: true,
  staleAfter: true,
  lookupDeadline: true,
  lastKnownTime: true,
  batchSize: true,
  batchesAtOnce: true,
  breakerFailures: true,
  breakerProbeInterval: true,
  clock: true,
  // </generated>
};

/** @internal Splits options into those of the engine and those of the store. */
export function splitOptions(options: EngineOptions & StoreOptions): [EngineOptions, StoreOptions] {
  const present = Object.entries(options).filter(([, value]) => value !== undefined);
  const isEngineOption = ([name]: [string, unknown]) => Object.hasOwn(engineOptions, name);
  const ofEngine = Object.fromEntries(present.filter(isEngineOption)) as EngineOptions;
  return [ofEngine, Object.fromEntries(present.filter((option) => !isEngineOption(option)))];
}

/** @internal Converts engine options for the native half. */
export function nativeOptions({ clock: _, staleAfter, ...options }: EngineOptions): NativeOptions {
  if (staleAfter === undefined) return options;
  return { ...options, staleAfter: staleAfter ?? Infinity };
}
