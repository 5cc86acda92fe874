// The engine: plain values, promises, exceptions and rejections.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import * as bigseg from "bigseg";
import { Answer, BigSegError, Engine, Import, ManualClock, Membership, contextHash } from "bigseg";

import { eventually, firstPollIsDone } from "./fixtures/eventually.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

const kind = (expected) => (error) => {
  assert.ok(error instanceof BigSegError, error.stack);
  assert.equal(error.kind, expected);
  return true;
};

async function filled(store) {
  const users = await Import.open(store);
  users.add("alice", "beta.g1");
  users.add("bob", "beta.g1", "exclude");
  await users.commit();
  return users;
}

test("the example of the README", async () => {
  const users = await filled("memory:yardstick");
  const engine = await Engine.open("memory:yardstick");
  const answer = await engine.membership("alice");
  assert.ok(answer instanceof Answer && answer.membership instanceof Membership);
  assert.deepEqual([answer.check("beta.g1"), answer.check("other.g1")], [true, undefined]);
  assert.equal((await engine.membership("bob")).check("beta.g1"), false);
  assert.deepEqual([answer.status, answer.origin, answer.error, answer.age], ["HEALTHY", "store", undefined, undefined]);
  const cached = engine.cached("alice");
  assert.deepEqual([cached.origin, cached.status, cached.check("beta.g1")], ["cache", "HEALTHY", true]);
  assert.ok(cached.age >= 0 && cached.age < 60_000);
  await engine.close();
  users.abandon();
});

test("the same module for import and require", () => {
  const required = createRequire(import.meta.url)("bigseg");
  assert.deepEqual(Object.keys(bigseg).sort(), Object.keys(required).sort());
  assert.equal(required.Engine, bigseg.Engine);
});

test("every form of a lookup gives the same answer", async () => {
  const users = await filled("memory:forms");
  const engine = await Engine.open("memory:forms");
  const hash = contextHash("bob");
  const answers = [
    await engine.membership("bob"),
    await engine.membershipByHash(hash),
    ...(await engine.memberships(["bob", "bob"])),
    ...(await engine.membershipsByHash([hash])),
    engine.membershipSync("bob"),
    engine.membershipByHashSync(hash),
    engine.cached("bob"),
    engine.cachedByHash(hash),
  ];
  for (const answer of answers) assert.equal(answer.check("beta.g1"), false);
  assert.equal(engine.cached("carol"), undefined);
  engine.invalidate("bob");
  assert.equal(engine.cached("bob"), undefined);
  engine.membershipSync("bob");
  engine.invalidateByHash(hash);
  assert.equal(engine.cachedByHash(hash), undefined);
  engine.membershipSync("bob");
  // A hash is also a valid key, of another context.
  engine.invalidate(hash);
  assert.notEqual(engine.cached("bob"), undefined);
  assert.throws(() => engine.invalidateByHash("bob"), kind("invalid_context_hash"));
  engine.invalidateAll();
  assert.equal(engine.cached("bob"), undefined);
  await engine.close();
  users.abandon();
});

test("misuse is refused, by exceptions where there is no promise and by rejections where there is", async () => {
  const engine = await Engine.open(new ScriptedStore());
  for (const wrong of [undefined, null, 5, {}, Symbol("key")]) {
    assert.throws(() => engine.cached(wrong), kind("invalid_argument"));
    await assert.rejects(engine.membership(wrong), kind("invalid_argument"));
    await assert.rejects(engine.memberships(["alice", wrong]), kind("invalid_argument"));
  }
  assert.throws(() => engine.cached(""), kind("invalid_context_key"));
  await assert.rejects(engine.membership(""), kind("invalid_context_key"));
  await assert.rejects(engine.memberships(["alice", ""]), kind("invalid_context_key"));
  assert.throws(() => engine.cachedByHash("no hash"), kind("invalid_context_hash"));
  await assert.rejects(engine.membershipByHash("no hash"), kind("invalid_context_hash"));
  assert.throws(() => engine.invalidate(""), kind("invalid_context_key"));
  assert.throws(() => engine.membershipSync("alice"), kind("unsupported"));
  assert.throws(() => engine.onStatusChange("no function"), kind("invalid_argument"));
  await assert.rejects(engine.membership("alice", { deadline: -1 }), kind("invalid_argument"));
  await engine.close();
});

test("options are checked, and named", async () => {
  const names = ["contextCacheTime", "lookupDeadline", "batchSize", "breakerFailures", "staleAfter", "pushCacheTime"];
  for (const name of names) {
    for (const wrong of [-1, NaN, 1e300]) {
      const refused = (error) => kind("invalid_config")(error) && new RegExp(name, "i").test(error.message.replace(/_/g, ""));
      await assert.rejects(Engine.open("memory:", { [name]: wrong }), refused, `${name} = ${wrong}`);
    }
    await assert.rejects(Engine.open("memory:", { [name]: "text" }), kind("invalid_argument"), name);
  }
  await assert.rejects(Engine.open("memory:", { pushInvalidation: "perhaps" }), kind("invalid_config"));
  await assert.rejects(Engine.open("memory:", { contextCacheSise: 5 }), kind("invalid_config"));
  await assert.rejects(Engine.open(undefined, { prefix: "p" }), kind("invalid_config"));
  await assert.rejects(Engine.open("redis:/localhost"), kind("invalid_config"));
  await assert.rejects(Engine.open(42), kind("invalid_argument"));
  for (const staleAfter of [null, Infinity]) await (await Engine.open("memory:", { staleAfter })).close();
});

test("options may be given by name", async () => {
  const display = (...given) => bigseg.displayStore(...given);
  assert.equal(display("redis://localhost", { prefix: "a b" }), display("redis://localhost?prefix=a%20b"));
  assert.equal(display("redis://localhost", { tls: true, database: 3 }), "rediss://localhost/3");
  for (const kind of ["cluster://a,b", "sentinel://a,b/main"]) {
    assert.equal(display(`redis+${kind}`, { tls: true }), `rediss+${kind}`);
  }
  assert.equal(display("redis+sentinel://a,b/main", { database: 3 }), "redis+sentinel://a,b/main/3");
  assert.equal(display("redis+unix:///run/redis", { database: 3 }), display("redis+unix:///run/redis?db=3"));
  const login = display("redis://localhost", { username: "app", password: "p@ss:?/" });
  assert.ok(login.includes("app") && !login.includes("p@ss") && !login.includes("p%40"), login);
  assert.equal(
    display("redis://localhost?prefix=x", { connectTimeout: 300 }),
    display("redis://localhost?prefix=x&connect_timeout=300ms"),
  );
  assert.throws(() => display("redis://localhost/3", { database: 4 }), kind("invalid_config"));
  assert.throws(() => display("redis://localhost", { prefix: 5 }), kind("invalid_config"));
  assert.throws(() => display("redis://localhost", { raw_prefix: "x" }), kind("invalid_config"));
});

test("lookups of one tick are one query, and come back together", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, { batchSize: 1000 });
  await engine.refreshStatus();
  const lookups = Array.from({ length: 300 }, (_, i) => engine.membership(`user-${i}`));
  const herd = Array.from({ length: 300 }, () => engine.membership("one"));
  await Promise.all([...lookups, ...herd]);
  assert.equal(store.queries.length, 1);
  assert.equal(store.queries[0].length, 301);
  await engine.close();
});

test("an aborted lookup is rejected at once, and the query continues", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store);
  await engine.refreshStatus();
  store.hangs = true;
  const aborted = new AbortController();
  const lookup = engine.membership("alice", { signal: aborted.signal });
  const many = engine.memberships(["alice", "bob"], { signal: aborted.signal });
  await eventually("the store is queried", () => store.queries.length > 0);
  aborted.abort(new Error("enough"));
  await assert.rejects(lookup, /enough/);
  await assert.rejects(many, /enough/);
  await assert.rejects(engine.membership("alice", { signal: aborted.signal }), /enough/);
  store.release();
  await eventually("it is cached", () => engine.cached("alice"));
  const { signal } = new AbortController();
  assert.equal((await engine.membership("carol", { signal })).status, "HEALTHY");
  await engine.close();
});

test("a lookup with its own deadline", async () => {
  const clock = new ManualClock(Date.now());
  const store = new ScriptedStore();
  const engine = await Engine.open(store, { clock, lookupDeadline: 60_000 });
  await firstPollIsDone(engine);
  store.hangs = true;
  let answer;
  const lookup = engine.membership("alice", { deadline: 250 }).then((value) => (answer = value));
  await eventually("the store is queried", () => store.queries.length === 1);
  clock.advance(249);
  await new Promise(setImmediate);
  assert.equal(answer, undefined);
  await eventually("it times out", () => (clock.advance(1), answer));
  await lookup;
  assert.deepEqual([answer.status, answer.origin, answer.error.kind], ["STORE_ERROR", "nothing", "store_timeout"]);
  assert.match(answer.error.message, /250ms/);
  store.release();
  await engine.close();
});

test("closing ends lookups in progress and refuses later ones", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, { lookupDeadline: 60_000, breakerFailures: 0 });
  await engine.refreshStatus();
  await engine.membership("alice");
  assert.ok(engine.cached("alice"));
  store.hangs = true;
  const lookup = engine.membership("bob");
  await eventually("the store is queried", () => store.queries.length === 2);
  assert.equal(engine.closed, false);
  const closing = engine.close();
  assert.equal(engine.closed, true);
  assert.equal((await lookup).error.kind, "closed");
  store.release();
  await closing;
  await engine.close();
  assert.throws(() => engine.cached("alice"), kind("closed"));
  await assert.rejects(engine.membership("alice"), kind("closed"));
  await assert.rejects(engine.memberships(["alice"]), kind("closed"));
  await assert.rejects(engine.refreshStatus(), kind("closed"));
  assert.throws(() => engine.onStatusChange(() => {}), kind("closed"));
  assert.equal(engine.status().available, true);
});

test("await using", { skip: !Symbol.asyncDispose }, async () => {
  const engine = await Engine.open("memory:");
  await engine[Symbol.asyncDispose]();
  assert.equal(engine.closed, true);
});

test("without a store", async () => {
  const engine = await Engine.open();
  for (const answer of [await engine.membership("alice"), engine.cached("alice"), engine.membershipSync("alice")]) {
    assert.deepEqual([answer.status, answer.origin, answer.error], ["NOT_CONFIGURED", "nothing", undefined]);
  }
  await engine.close();
});

test("nothing prints a context key or a password", async () => {
  const { inspect } = await import("node:util");
  const engine = await Engine.open("redis://127.0.0.1:1", { password: "hunter2", lookupDeadline: 1000 });
  const answer = await engine.membership("secret-person");
  assert.equal(answer.status, "STORE_ERROR");
  const printed = inspect([engine, answer, engine.status(), engine.metrics()], { depth: 9, showHidden: true });
  assert.ok(!printed.includes("secret-person") && !printed.includes("hunter2"), printed);
  await engine.close();
});

test("metrics have every metric of the core", async () => {
  const engine = await Engine.open("memory:");
  await engine.membership("alice");
  for (let i = 0; i < 5; i++) engine.cached("alice");
  const metrics = engine.metrics();
  assert.deepEqual([metrics.cacheMisses, metrics.cacheHits, metrics.cachedContexts], [1, 5, 1]);
  assert.ok(Object.values(metrics).every((value) => Number.isInteger(value)));
  const types = readFileSync(new URL("../dist/status.d.ts", import.meta.url), "utf8");
  const declared = /interface Metrics \{([^]*?)\n\}/.exec(types)[1].matchAll(/readonly (\w+): number/g);
  assert.deepEqual([...declared].map((match) => match[1]).sort(), Object.keys(metrics).sort());
  await engine.close();
});
