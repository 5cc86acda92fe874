// Redis: the official package reads what we write, we read what the Relay Proxy would write; push invalidation.
import assert from "node:assert/strict";
import { test } from "node:test";

import { RedisBigSegmentStore } from "@launchdarkly/node-server-sdk-redis";
import { Engine, Import, contextHash } from "bigseg";

import { eventually } from "./fixtures/eventually.mjs";
import { RedisServer } from "./fixtures/redis_server.mjs";

async function server(t) {
  const started = await RedisServer.start();
  t.after(() => started.stop());
  return started;
}

test("the official package reads what we write", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  for (const prefix of [undefined, "mine"]) {
    const before = Date.now();
    const users = await Import.open(redis.store, prefix && { prefix });
    users.add("alice", "beta.g1");
    users.add("alice", "other.g2", false);
    await users.commit();
    const options = { redisOpts: { port: redis.port, host: "127.0.0.1" }, ...(prefix && { prefix }) };
    const official = RedisBigSegmentStore(options)();
    assert.deepEqual(await official.getUserMembership(contextHash("alice")), { "beta.g1": true, "other.g2": false });
    assert.equal(await official.getUserMembership(contextHash("bob")), undefined);
    const { lastUpToDate } = await official.getMetadata();
    assert.ok(lastUpToDate >= before && lastUpToDate <= Date.now());
    official.close();
  }
});

test("we read what others write by the schema, and hear of each change at once", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  const hash = contextHash("alice");
  await redis.command("SADD", `p:big_segment_include:${hash}`, "beta.g1", "both.g1");
  await redis.command("SADD", `p:big_segment_exclude:${hash}`, "other.g2", "both.g1");
  await redis.command("SET", "p:big_segments_synchronized_on", `${Date.now()}`);
  const engine = await Engine.open(redis.store, { prefix: "p", contextCacheTime: 600_000 });
  const answer = await engine.membership("alice");
  assert.deepEqual(["beta.g1", "other.g2", "both.g1", "none.g1"].map((ref) => answer.check(ref)), [true, false, true, undefined]);
  assert.equal(answer.status, "HEALTHY");
  await eventually("the server tells of changes", () => engine.status().pushInvalidation);
  await engine.membership("alice");
  assert.equal(engine.cached("alice").check("new.g1"), undefined);
  await redis.command("SADD", `p:big_segment_include:${hash}`, "new.g1");
  await eventually("the change is seen", async () => (await engine.membership("alice")).check("new.g1"));
  assert.ok(engine.metrics().pushedInvalidations >= 1);
  await engine.close();
});

test("a herd of 1,000 is two commands", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  const engine = await Engine.open(redis.store, { pushInvalidation: "off" });
  await engine.refreshStatus();
  await engine.membership("somebody else");
  const before = await redis.calls("smembers");
  const answers = await Promise.all(Array.from({ length: 1000 }, () => engine.membership("alice")));
  assert.ok(answers.every((answer) => answer.error === undefined));
  assert.equal((await redis.calls("smembers")) - before, 2);
  await engine.close();
});

test("10,000 promises while the server is killed, restarted and frozen: each settles within the deadline", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  const lookupDeadline = 1000;
  const engine = await Engine.open(redis.store, { lookupDeadline });
  await engine.refreshStatus();
  const storm = async (what, act, count) => {
    let [slowest, failed] = [0, 0];
    const began = performance.now();
    const lookups = Array.from({ length: count }, async (_, i) => {
      const answer = await engine.membership(`${what}-${i}`);
      slowest = Math.max(slowest, performance.now() - began);
      failed += answer.status === "STORE_ERROR" ? 1 : 0;
      assert.ok((answer.error !== undefined) === (answer.status === "STORE_ERROR"), `${answer.status}`);
    });
    await act();
    await Promise.all(lookups);
    return { slowest, failed };
  };
  // A busy machine may be late by a lot; the official package waits for longer than this, or for ever.
  const bound = lookupDeadline * 10;
  const killed = await storm("killed", () => redis.kill(), 10_000);
  assert.ok(killed.slowest < bound, `${killed.slowest} ms`);
  await eventually("the outage is known", async () => (await engine.membership("x")).status === "STORE_ERROR");
  await redis.restart();
  await eventually("the store is back", async () => (await engine.membership("y")).origin === "store");
  const frozen = await storm("frozen", () => redis.freeze(), 10_000);
  assert.ok(frozen.slowest < bound, `${frozen.slowest} ms`);
  redis.thaw();
  await eventually("the store is back", async () => (await engine.membership(`z-${Math.random()}`)).origin === "store");
  await engine.close();
});
