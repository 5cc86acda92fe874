// The official SDK with our store: a real client evaluates a flag that targets a big segment.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Engine, Import, ManualClock, contextHash } from "bigseg";
import { bigSegments, store } from "bigseg/launchdarkly";

import { eventually } from "./stage/eventually.mjs";
import { evaluate, openClient } from "./stage/flag.mjs";
import { RedisServer } from "./stage/redis_server.mjs";
import { ToldStore } from "./stage/told_store.mjs";

/** The stores of ours that a client can be given; a string, once it is filled. */
const stores = {
  memory: async () => "memory:sdk",
  redis: async (t) => {
    const server = await RedisServer.start();
    t.after(() => server.stop());
    return server.store;
  },
};

for (const [name, make] of Object.entries(stores)) {
  test(`included, excluded and neither, in ${name}`, async (t) => {
    const place = await make(t);
    const users = await Import.open(place);
    users.add("alice", "beta.g3");
    users.add("bob", "beta.g3", false);
    users.add("carol", "beta.g2");
    await users.commit();
    const client = await openClient(bigSegments(place));
    assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
    assert.deepEqual(await evaluate(client, "bob"), [false, "HEALTHY"]);
    assert.deepEqual(await evaluate(client, "carol"), [false, "HEALTHY"]);
    assert.deepEqual(await evaluate(client, "nobody"), [false, "HEALTHY"]);
    client.close();
  });
}

test("all four statuses", async () => {
  const told = new ToldStore();
  told.put(contextHash("alice"), ["beta.g3"]);
  const engine = await Engine.open(told, { contextCacheTime: 0, breakerFailures: 0 });
  const client = await openClient({ ...bigSegments(engine), statusPollInterval: 0.01 });
  assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
  const becomes = (expected) =>
    eventually(JSON.stringify(expected), async () => {
      return JSON.stringify(await evaluate(client, "alice")) === JSON.stringify(expected);
    });
  told.lastUpToDate = Date.now() - 121_000;
  await becomes([true, "STALE"]);
  told.lastUpToDate = Date.now();
  await becomes([true, "HEALTHY"]);
  told.lookupFault = told.metadataFault = "store_unavailable";
  // The last known membership, and never as healthy.
  await becomes([true, "STORE_ERROR"]);
  told.lookupFault = told.metadataFault = undefined;
  await becomes([true, "HEALTHY"]);
  client.close();
  assert.equal(engine.closed, false, "an engine that was handed over stays open");
  await engine.close();
  const without = await openClient(undefined);
  assert.deepEqual(await evaluate(without, "alice"), [false, "NOT_CONFIGURED"]);
  without.close();
});

test("an outage is never healthy, not even before the SDK has heard of it", async () => {
  const told = new ToldStore();
  told.put(contextHash("alice"), ["beta.g3"]);
  const clock = new ManualClock(Date.now());
  const engine = await Engine.open(told, { clock, breakerFailures: 0 });
  const client = await openClient({ ...bigSegments(engine), statusPollInterval: 3600 });
  assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
  told.lookupFault = "store_unavailable";
  clock.advance(6000);
  await eventually("the SDK's own cache of a millisecond has forgotten", async () => {
    const [, status] = await evaluate(client, "alice");
    return status === "STORE_ERROR";
  });
  client.close();
  await engine.close();
});

test("the recommended settings hide no invalidation", async () => {
  const told = new ToldStore();
  const engine = await Engine.open(told);
  const settings = bigSegments(engine, { staleAfter: 60_000, statusPollInterval: 2000 });
  const { userCacheSize, userCacheTime, staleAfter, statusPollInterval } = settings;
  // In seconds. The SDK takes 0 for its default, which is 5 s.
  assert.deepEqual([userCacheSize, userCacheTime, staleAfter, statusPollInterval], [1, 0.001, 60, 2]);
  const client = await openClient(settings);
  assert.deepEqual(await evaluate(client, "alice"), [false, "HEALTHY"]);
  told.put(contextHash("alice"), ["beta.g3"]);
  engine.invalidate("alice");
  await eventually("the change is seen", async () => (await evaluate(client, "alice"))[0]);
  client.close();
  await engine.close();
});

test("the store closes the engine it opened, and reports a store string that is none", async () => {
  const sdkStore = store("memory:")();
  assert.deepEqual(await sdkStore.getMetadata(), {});
  assert.equal(await sdkStore.getUserMembership(contextHash("alice")), undefined);
  sdkStore.close();
  await eventually("it is closed", () => sdkStore.getMetadata().then(() => false, (error) => error.kind === "closed"));
  const errors = [];
  const logger = { debug() {}, info() {}, warn() {}, error: (line) => errors.push(line) };
  const client = await openClient(bigSegments("redis:/oops"), {}, logger);
  assert.deepEqual(await evaluate(client, "alice"), [false, "STORE_ERROR"]);
  assert.match(errors.join("\n"), /redis:\/\//);
  client.close();
});
