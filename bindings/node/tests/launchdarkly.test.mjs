// The official SDK with our store: a real client evaluates a flag that targets a big segment.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Engine, Import, ManualClock, contextHash } from "bigseg";
import { bigSegments, store } from "bigseg/launchdarkly";

import { DynamoDbServer } from "./fixtures/dynamodb_server.mjs";
import { eventually } from "./fixtures/eventually.mjs";
import { evaluate, openClient } from "./fixtures/flag.mjs";
import { RedisServer } from "./fixtures/redis_server.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

/** Starts a server that ends with the test. */
const server = (Kind) => async (t) => {
  const started = await Kind.start();
  t.after(() => started.stop());
  return started;
};

/** The stores for a client, and why one is missing. */
const stores = {
  memory: { make: async () => ({ store: "memory:sdk" }), missing: false },
  redis: { make: server(RedisServer), missing: RedisServer.missing },
  dynamodb: { make: server(DynamoDbServer), missing: DynamoDbServer.missing },
};

async function fill(store, options) {
  const users = await Import.open(store, options);
  users.add("alice", "beta.g3");
  users.add("bob", "beta.g3", "exclude");
  users.add("carol", "beta.g2");
  await users.commit();
}

for (const [name, { make, missing }] of Object.entries(stores)) {
  test(`included, excluded and neither, in ${name}`, { skip: missing }, async (t) => {
    const { store } = await make(t);
    // Keeps the named memory store alive.
    const holder = await Engine.open(store);
    await fill(store);
    const client = await openClient(bigSegments(store, { lookupDeadline: 30_000 }));
    assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
    assert.deepEqual(await evaluate(client, "bob"), [false, "HEALTHY"]);
    assert.deepEqual(await evaluate(client, "carol"), [false, "HEALTHY"]);
    assert.deepEqual(await evaluate(client, "nobody"), [false, "HEALTHY"]);
    client.close();
    await holder.close();
  });
}

for (const name of ["redis", "dynamodb"]) {
  const { make, missing } = stores[name];
  test(`healthy, then stale, then gone: ${name}`, { skip: missing }, async (t) => {
    const running = await make(t);
    await fill(running.store);
    const engine = await Engine.open(running.store, { contextCacheTime: 0, statusPollInterval: 20, lookupDeadline: 30_000 });
    const client = await openClient({ ...bigSegments(engine), statusPollInterval: 0.02 });
    assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
    const becomes = (expected) =>
      eventually(`${expected}`, async () => `${await evaluate(client, "alice")}` === `${expected}`);
    await fill(running.store, { clock: new ManualClock(Date.now() - 3_600_000) });
    await becomes([true, "STALE"]);
    await fill(running.store);
    await becomes([true, "HEALTHY"]);
    await running.kill();
    await becomes([true, "STORE_ERROR"]);
    client.close();
    await engine.close();
  });
}

test("all four statuses", async () => {
  const scripted = new ScriptedStore();
  scripted.put(contextHash("alice"), ["beta.g3"]);
  const engine = await Engine.open(scripted, { contextCacheTime: 0, breakerFailures: 0 });
  const client = await openClient({ ...bigSegments(engine), statusPollInterval: 0.01 });
  assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
  const becomes = (expected) =>
    eventually(JSON.stringify(expected), async () => {
      return JSON.stringify(await evaluate(client, "alice")) === JSON.stringify(expected);
    });
  scripted.lastUpToDate = Date.now() - 121_000;
  await becomes([true, "STALE"]);
  scripted.lastUpToDate = Date.now();
  await becomes([true, "HEALTHY"]);
  scripted.lookupFault = scripted.metadataFault = "store_unavailable";
  // The last known membership, and never as healthy.
  await becomes([true, "STORE_ERROR"]);
  scripted.lookupFault = scripted.metadataFault = undefined;
  await becomes([true, "HEALTHY"]);
  client.close();
  assert.equal(engine.closed, false, "an engine that was passed in stays open");
  await engine.close();
  const without = await openClient(undefined);
  assert.deepEqual(await evaluate(without, "alice"), [false, "NOT_CONFIGURED"]);
  without.close();
});

test("an outage is never healthy, not even before the SDK has polled it", async () => {
  const scripted = new ScriptedStore();
  scripted.put(contextHash("alice"), ["beta.g3"]);
  const clock = new ManualClock(Date.now());
  const engine = await Engine.open(scripted, { clock, breakerFailures: 0 });
  const client = await openClient({ ...bigSegments(engine), statusPollInterval: 3600 });
  assert.deepEqual(await evaluate(client, "alice"), [true, "HEALTHY"]);
  scripted.lookupFault = "store_unavailable";
  clock.advance(6000);
  await eventually("the SDK's own cache of a millisecond has forgotten", async () => {
    const [, status] = await evaluate(client, "alice");
    return status === "STORE_ERROR";
  });
  client.close();
  await engine.close();
});

test("the recommended settings hide no invalidation", async () => {
  const scripted = new ScriptedStore();
  const engine = await Engine.open(scripted);
  const settings = bigSegments(engine, { staleAfter: 60_000, statusPollInterval: 2000 });
  const { userCacheSize, userCacheTime, staleAfter, statusPollInterval } = settings;
  // In seconds. The SDK takes 0 for its default, which is 5 s.
  assert.deepEqual([userCacheSize, userCacheTime, staleAfter, statusPollInterval], [1, 0.001, 60, 2]);
  const client = await openClient(settings);
  assert.deepEqual(await evaluate(client, "alice"), [false, "HEALTHY"]);
  scripted.put(contextHash("alice"), ["beta.g3"]);
  engine.invalidate("alice");
  await eventually("the change is seen", async () => (await evaluate(client, "alice"))[0]);
  client.close();
  await engine.close();
});

test("the store closes the engine it opened, and reports an invalid store string", async () => {
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
