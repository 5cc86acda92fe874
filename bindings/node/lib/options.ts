/** The options of engines and imports: those of the engine, and those that become part of the store string. */

import type { ManualClock } from "./clock.js";
import { BigSegError } from "./errors.js";
import type { NativeOptions } from "./native.js";

/** How an engine behaves. Durations are milliseconds. */
export interface EngineOptions {
  /** How many contexts are remembered, a hard bound; 0 = none. Default: 1,000. */
  contextCacheSize?: number;
  /** How long an answer is served without asking again; 0 = not at all. Default: 5,000. */
  contextCacheTime?: number;
  /** Whether to have the store tell of changes as they happen, where it can. Default: `auto`. */
  pushInvalidation?: "auto" | "off";
  /**
   * How long an answer is served without asking again while the store tells of changes as they happen, if that is longer than
   * `contextCacheTime`; at most 600,000. Default: 60,000.
   */
  pushCacheTime?: number;
  /** How often the store's sync time is read; never more than `staleAfter` apart. Default: 5,000. */
  statusPollInterval?: number;
  /**
   * How old the sync time may grow before answers are called stale; `null` = however old. A store that was never synchronised
   * is stale all the same. Default: 120,000.
   */
  staleAfter?: number | null;
  /** How long a caller waits at most. Default: 1,000. */
  lookupDeadline?: number;
  /** How old an answer may be that is served, as `STORE_ERROR`, while the store fails; 0 = none is. Default: 300,000. */
  lastKnownTime?: number;
  /** How many contexts one query may ask for. Default: 128. */
  batchSize?: number;
  /** How many queries may be under way at once. Default: 4. */
  batchesAtOnce?: number;
  /** After how many failed queries in a row callers stop waiting for the store; 0 = never. Default: 3. */
  breakerFailures?: number;
  /** How often a store that callers do not wait for is probed in the background. Default: 1,000. */
  breakerProbeInterval?: number;
  /** What time it is. Default: the machine's clocks. */
  clock?: ManualClock;
}

const engineOptions: Readonly<Record<keyof EngineOptions, true>> = {
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
