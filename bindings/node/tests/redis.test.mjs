// Redis: the official package reads what we write, we read what the Relay Proxy would write; push
// invalidation.
import assert from "node:assert/strict";
import { test } from "node:test";

import { RedisBigSegmentStore } from "@launchdarkly/node-server-sdk-redis";
import { Engine, Import, ManualClock, contextHash } from "bigseg";

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
    users.add("alice", "other.g2", "exclude");
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

test("we read what others write by the schema, and see each change at once", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  const hash = contextHash("alice");
  await redis.command("SADD", `p:big_segment_include:${hash}`, "beta.g1", "both.g1");
  await redis.command("SADD", `p:big_segment_exclude:${hash}`, "other.g2", "both.g1");
  await redis.command("SET", "p:big_segments_synchronized_on", `${Date.now()}`);
  const engine = await Engine.open(redis.store, { prefix: "p", contextCacheTime: 600_000 });
  const answer = await engine.membership("alice");
  assert.deepEqual(["beta.g1", "other.g2", "both.g1", "none.g1"].map((ref) => answer.check(ref)), [true, false, true, undefined]);
  assert.equal(answer.status, "HEALTHY");
  await eventually("push invalidation is active", () => engine.status().pushInvalidation);
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
  await engine.membership("another context");
  const before = await redis.calls("smembers");
  const answers = await Promise.all(Array.from({ length: 1000 }, () => engine.membership("alice")));
  assert.ok(answers.every((answer) => answer.error === undefined));
  assert.equal((await redis.calls("smembers")) - before, 2);
  await engine.close();
});

test("10,000 promises while the server is killed, restarted and frozen: each settles within the deadline", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  // The clock of the engine moves only here, so that a busy machine cannot make a lookup late.
  const clock = new ManualClock(Date.now());
  const lookupDeadline = 1000;
  const engine = await Engine.open(redis.store, { clock, lookupDeadline, responseTimeout: 60_000 });
  await engine.refreshStatus();
  const storm = async (what, act) => {
    let settled = 0;
    const lookups = Array.from({ length: 10_000 }, async (_, i) => {
      const answer = await engine.membership(`${what}-${i}`);
      settled += 1;
      assert.ok((answer.error !== undefined) === (answer.status === "STORE_ERROR"), `${answer.status}`);
    });
    await act();
    // The lookups of one tick start after it.
    await new Promise(setImmediate);
    clock.advance(lookupDeadline);
    await eventually("every promise settles", () => settled === lookups.length);
    await Promise.all(lookups);
  };
  // While the breaker is open, the store is probed after an interval of the engine's clock.
  const isBack = (name) =>
    eventually("the store is back", async () => {
      clock.advance(1000);
      return (await engine.membership(`${name}-${Math.random()}`)).origin === "store";
    });
  await storm("killed", () => redis.kill());
  await eventually("the outage is known", async () => (await engine.membership("x")).status === "STORE_ERROR");
  await redis.restart();
  await isBack("after-kill");
  await storm("frozen", () => redis.freeze());
  redis.thaw();
  await isBack("after-freeze");
  await engine.close();
});
