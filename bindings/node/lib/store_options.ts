/** The options of stores. */

import { guarded, invalidConfig } from "./errors.js";
import { native, type NativeStoreConfig } from "./native.js";

/**
 * The options of a store, by name instead of in the store string; the backend decides which it
 * supports.
 */
export interface StoreOptions {
  /** The prefix of all keys. Default: `launchdarkly` in Redis. */
  prefix?: string;
  /** The first bytes of all keys, without a separator after them. */
  rawPrefix?: string;
  /** The user name for authentication. */
  username?: string;
  /** The password for authentication; any characters. It is never shown. */
  password?: string;
  /** The database number. Default: 0. */
  database?: number;
  /** Whether to use TLS: `redis://` then means `rediss://`, also for clusters and sentinels. */
  tls?: boolean;
  /** PEM file of trusted certificate authorities. Default: those of the operating system. */
  caFile?: string;
  /** PEM file of the client certificate, if the server requires one. */
  certFile?: string;
  /** PEM file of the private key of `certFile`. */
  keyFile?: string;
  /** The name that the server certificate must contain. Default: the host. */
  serverName?: string;
  /** The timeout for connecting and authentication, in milliseconds. Default: 750 in Redis. */
  connectTimeout?: number;
  /** The timeout for a reply, in milliseconds. Default: 500 in Redis. */
  responseTimeout?: number;
  /** Which servers of a cluster or sentinel deployment are read. Default: `master`. */
  readFrom?: "master" | "replica";
  /** The user name for authentication at sentinels. */
  sentinelUser?: string;
  /** The password for authentication at sentinels. It is never shown. */
  sentinelPassword?: string;
  /** The AWS region of a DynamoDB table. Default: the region of the environment. */
  region?: string;
  /** The endpoint URL of DynamoDB, such as `http://localhost:8000`. Default: that of the region. */
  endpoint?: string;
  /** The consistency of DynamoDB reads. Default: `strong`. */
  consistency?: "strong" | "eventual";
  /** The profile of the AWS configuration files. */
  profile?: string;
  /** The ARN of an IAM role to assume. */
  roleArn?: string;
  /** The external id that the role's trust policy requires. It is never shown. */
  externalId?: string;
  /** The session name of the assumed role. Default: `bigseg`. */
  sessionName?: string;
  /** The write capacity units per second that an import may use. Default: no limit. */
  writeUnitsPerSecond?: number;
  /**
   * The maximal size of an embedded store's file: bytes, or text such as `16G`. Default: 16 GiB.
   */
  mapSize?: number | string;
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
