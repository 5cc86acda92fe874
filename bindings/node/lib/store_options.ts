/** The options of stores. */

import { guarded, invalidConfig } from "./errors.js";
import { native, type NativeStoreConfig } from "./native.js";

/**
 * The options of a store, by name instead of in the store string; the backend decides which it
 * supports.
 */
export interface StoreOptions {
  // <generated store_options from core/src/store/options.rs>
  /** The prefix of all keys. Default: `launchdarkly` in Redis, none in DynamoDB. */
  prefix?: string;
  /** The first bytes of all keys in Redis, for layouts without a prefix. */
  rawPrefix?: string;
  /** The user to log in to Redis as. Default: the default user. */
  username?: string;
  /** The password for Redis; any characters. It is never shown. */
  password?: string;
  /** The number of the Redis database. Default: 0. */
  database?: number;
  /** Encrypts the connection to Redis: `redis` in the scheme becomes `rediss`. Default: false. */
  tls?: boolean;
  /** A PEM file of the authorities to trust. Default: those of the operating system. */
  caFile?: string;
  /** A PEM file with the client's certificate, for servers that require one. */
  certFile?: string;
  /** A PEM file with the private key of `certFile`. */
  keyFile?: string;
  /** The name that the server's certificate must have. Default: the host. */
  serverName?: string;
  /**
   * The limit for connecting and logging in. Default: 750 ms in Redis, 500 ms in DynamoDB. In
   * milliseconds.
   */
  connectTimeout?: number;
  /**
   * The limit for a reader's reply. Default: 500 ms in Redis, 900 ms in DynamoDB. In milliseconds.
   */
  responseTimeout?: number;
  /** The servers that a cluster or a sentinel store is read from. Default: `master`. */
  readFrom?: "master" | "replica";
  /** The user to log in to sentinels as. Default: the default user. */
  sentinelUser?: string;
  /** The password for sentinels. It is never shown. */
  sentinelPassword?: string;
  /**
   * The region of the DynamoDB table. Default: that of the environment, the profile or the
   * instance.
   */
  region?: string;
  /** The URL of DynamoDB, such as `http://localhost:8000`. Default: that of the region. */
  endpoint?: string;
  /** The consistency of reads from DynamoDB. Default: `strong`. */
  consistency?: "strong" | "eventual";
  /** The profile of the AWS configuration files. Default: `AWS_PROFILE`. */
  profile?: string;
  /** The ARN of a role to assume before the DynamoDB table is read or written. */
  roleArn?: string;
  /** The external id that the role's trust policy requires. It is never shown. */
  externalId?: string;
  /** The name of the session in the logs of the role's account. Default: `bigseg`. */
  sessionName?: string;
  /** The write units that an import into DynamoDB may use. Default: no limit. */
  writeUnitsPerSecond?: number;
  /**
   * The largest size of an embedded store's file. Default: 16 GiB. In bytes, or a text such as
   * `16G`.
   */
  mapSize?: number | string;
  // </generated>
}

/**
 * Formats a store string without secrets and without options that have their default, for logs.
 *
 * @throws BigSegError `invalid_config` for an invalid store string or option
 */
export function displayStore(store: string, options: StoreOptions = {}): string {
  return native.displayStore(storeConfig(store, options));
}

/** @internal Makes the configuration of a store. */
export function storeConfig(store: string, options: StoreOptions): NativeStoreConfig {
  const named: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (name.includes("_")) throw invalidConfig(`${name}: not an option`);
    named[snakeCase(name)] = value;
  }
  return guarded(() => native.storeConfig(store, named));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
