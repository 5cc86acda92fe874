/** The options of engines and imports: those of the engine, and those that become part of the store string. */

import type { ManualClock } from "./clock.js";
import { BigSegError } from "./errors.js";
import type { NativeOptions } from "./native.js";

/** The options of an engine. Durations are in milliseconds. */
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

/**
 * Parts of the store string that are easier given by name; the README's table of stores says which store has which.
 * Timeouts are milliseconds. Others than these become options of the store string in `snake_case`.
 */
export interface StoreOptions {
  /** What the store's keys begin with. */
  prefix?: string;
  /** The very first bytes of the store's keys. */
  rawPrefix?: string;
  /** The user to log in as. */
  username?: string;
  /** The password to log in with; it is never shown again. */
  password?: string;
  /** The number of the database. */
  database?: number;
  /** Whether to encrypt the connection: `rediss://` instead of `redis://`. */
  tls?: boolean;
  /** PEM file of the authorities that may vouch for the server. */
  caFile?: string;
  /** PEM file of the client's certificate. */
  certFile?: string;
  /** PEM file of the client's private key. */
  keyFile?: string;
  /** The name that the server's certificate must bear. */
  serverName?: string;
  /** How long connecting and logging in may take. */
  connectTimeout?: number;
  /** How long a reader waits for a reply. */
  responseTimeout?: number;
  /** The most bytes an embedded store may ever take, or a text such as `16G`. */
  mapSize?: number | string;
  /** Others. */
  [option: string]: unknown;
}

const timeouts = new Set(["connectTimeout", "responseTimeout"]);

/** @internal Takes options apart: the engine's, and the store's. */
export function splitOptions(options: EngineOptions & StoreOptions): [EngineOptions, StoreOptions] {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const isOfEngine = ([name]: [string, unknown]) => Object.hasOwn(engineOptions, name);
  const ofEngine = Object.fromEntries(given.filter(isOfEngine)) as EngineOptions;
  return [ofEngine, Object.fromEntries(given.filter((option) => !isOfEngine(option)))];
}

/** @internal Makes them what the native half takes. */
export function nativeOptions({ clock: _, staleAfter, ...options }: EngineOptions): NativeOptions {
  if (staleAfter === undefined) return options;
  return { ...options, staleAfter: staleAfter ?? Infinity };
}

/** @internal Puts options into a store string. */
export function storeString(store: string, options: StoreOptions): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  if (given.length === 0) return store;
  const { username, password, database, tls, ...rest } = Object.fromEntries(given) as StoreOptions;
  const colon = store.indexOf(":");
  let scheme = store.slice(0, colon);
  const [place, ...query] = store.slice(colon + 1).split("?");
  let target = place ?? "";
  if (tls === true && scheme === "redis") scheme = "rediss";
  if (username !== undefined || password !== undefined) {
    if (!target.startsWith("//") || target.includes("@")) {
      throw invalidConfig(`${scheme}: username and password need a store string with // and without a login`);
    }
    const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    target = `//${encodeURIComponent(username ?? "")}${secret}@${target.slice(2)}`;
  }
  if (database !== undefined && scheme === "redis+unix") {
    rest["db"] = database;
  } else if (database !== undefined) {
    const host = target.slice(target.lastIndexOf("@") + 1).replace(/^\/\//, "").replace(/\/$/, "");
    if (host.includes("/")) throw invalidConfig(`${scheme}: the database is given twice`);
    target = `${target.replace(/\/$/, "")}/${database}`;
  }
  const added = Object.entries(rest).map(([name, value]) => `${snakeCase(name)}=${encodeURIComponent(text(name, value))}`);
  const all = [...query, ...added].filter((part) => part !== "").join("&");
  return `${scheme}:${target}${all === "" ? "" : `?${all}`}`;
}

function text(name: string, value: unknown): string {
  return timeouts.has(name) ? `${String(value)}ms` : String(value);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** @internal */
export function invalidConfig(message: string): BigSegError {
  return new BigSegError("invalid_config", message);
}
