// The two packages that are compared, each behind the same functions.
import ld from "@launchdarkly/node-server-sdk";
import { RedisBigSegmentStore } from "@launchdarkly/node-server-sdk-redis";
import { Engine } from "bigseg";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const FOR_EVER = 3600;

/**
 * The official SDK: its manager of big segments in front of its Redis store. Connection errors are ignored.
 */
export async function official(server, { cacheSize = 1000, cacheTime = FOR_EVER } = {}) {
  const redisOpts = { host: "127.0.0.1", port: server.port };
  const store = RedisBigSegmentStore({ redisOpts })();
  const options = { store: () => store, userCacheSize: cacheSize, userCacheTime: cacheTime, statusPollInterval: FOR_EVER };
  const client = ld.init("sdk-key", { offline: true, sendEvents: false, diagnosticOptOut: true, logger: quiet, bigSegments: options });
  const manager = client._bigSegmentsManager;
  await manager.getUserMembership("first");
  return {
    name: "official",
    look: (key) => manager.getUserMembership(key),
    manager,
    close: () => client.close(),
  };
}

/** Ours. */
export async function ours(server, { cacheSize = 1000, cacheTime = FOR_EVER, ...options } = {}) {
  const settings = { contextCacheSize: cacheSize, contextCacheTime: cacheTime * 1000, pushInvalidation: "off", ...options };
  const engine = await Engine.open(server.store, settings);
  await engine.membership("first");
  return {
    name: "bigseg",
    look: (key) => engine.membership(key),
    engine,
    close: () => engine.close(),
  };
}
