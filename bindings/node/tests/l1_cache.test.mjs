// The L1 cache returns an answer only if the engine itself would return it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { BigSegError, Engine, ManualClock, contextHash } from "bigseg";

import { firstPollIsDone } from "./fixtures/eventually.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

/** Returns a generator of pseudorandom numbers, the same in each run. */
function testRng(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

async function openPolled(store, options) {
  const engine = await Engine.open(store, { statusPollInterval: 86_400_000, breakerFailures: 0, ...options });
  await firstPollIsDone(engine);
  return engine;
}

test("after any sequence of events, lookups by key and by hash agree", async () => {
  let compared = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const random = testRng(seed);
    const clock = new ManualClock(1_700_000_000_000);
    const store = new ScriptedStore();
    store.lastUpToDate = 1_700_000_000_000;
    const engine = await openPolled(store, { clock, contextCacheSize: 3, staleAfter: null });
    const keys = ["a", "b", "c", "d"];
    const acts = [
      () => clock.advance(random(2000)),
      () => store.put(contextHash(keys[random(4)]), [["x.g1"], ["y.g1"], []][random(3)]),
      () => engine.invalidate(keys[random(4)]),
      () => engine.refreshStatus(),
      () => void (store.metadataFault = [undefined, "store_unavailable"][random(2)]),
      () => void (store.lookupFault = [undefined, undefined, "store_unavailable"][random(3)]),
      () => random(10) === 0 && engine.invalidateAll(),
      ...Array.from({ length: 6 }, () => () => engine.membership(keys[random(4)])),
    ];
    for (let step = 0; step < 200; step++) {
      await acts[random(acts.length)]();
      for (const key of keys) {
        engine.cached(key);
        // A lookup by hash does not use the L1 cache.
        const kept = engine.cached(key);
        const asked = engine.cachedByHash(contextHash(key));
        assert.deepEqual(
          [kept?.status, kept?.membership.included],
          [asked?.status, asked?.membership.included],
          `seed ${seed}, step ${step}, ${key}`,
        );
        compared += kept === undefined ? 0 : 1;
      }
    }
    await engine.close();
  }
  assert.ok(compared > 1000, `${compared} answers were compared`);
});

test("a kept answer is the same object, until it is invalidated", async () => {
  const store = new ScriptedStore();
  store.put(contextHash("alice"), ["a.g1"]);
  const engine = await openPolled(store, {});
  await engine.membership("alice");
  const first = engine.cached("alice");
  assert.equal(engine.cached("alice"), first);
  assert.equal(await engine.membership("alice"), first);
  engine.invalidateByHash(contextHash("alice"));
  assert.equal(engine.cached("alice"), undefined);
  store.put(contextHash("alice"), ["b.g1"]);
  assert.equal((await engine.membership("alice")).check("b.g1"), true);
  assert.equal(engine.cached("alice").check("b.g1"), true);
  await engine.close();
});

test("reading a kept answer does not delay its expiry", async () => {
  const clock = new ManualClock(Date.now());
  const engine = await openPolled(new ScriptedStore(), { clock, contextCacheTime: 1000, staleAfter: null });
  await engine.membership("alice");
  for (let i = 0; i < 9; i++) {
    clock.advance(100);
    assert.ok(engine.cached("alice"), `after ${(i + 1) * 100} ms`);
    assert.ok(Math.abs(engine.cached("alice").age - (i + 1) * 100) < 1);
  }
  clock.advance(100);
  assert.equal(engine.cached("alice"), undefined);
  await engine.close();
});

test("it becomes STALE at stale_after, and STORE_ERROR with the next poll", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const store = new ScriptedStore();
  store.lastUpToDate = 1_700_000_000_000;
  const engine = await openPolled(store, { clock, contextCacheTime: 3_600_000, staleAfter: 10_000 });
  await engine.membership("alice");
  const status = () => engine.cached("alice").status;
  assert.equal(status(), "HEALTHY");
  store.hangs = true;
  clock.advance(9_999);
  assert.equal(status(), "HEALTHY");
  clock.advance(1);
  assert.equal(status(), "STALE");
  store.release();
  store.metadataFault = "store_unavailable";
  await engine.refreshStatus();
  assert.equal(status(), "STORE_ERROR");
  store.metadataFault = undefined;
  store.lastUpToDate = 1_700_000_010_000;
  await engine.refreshStatus();
  assert.equal(status(), "HEALTHY");
  await engine.close();
});

test("uses count for eviction, and hits for the metrics", async () => {
  const store = new ScriptedStore();
  const engine = await openPolled(store, { contextCacheSize: 2 });
  await engine.membership("a");
  await engine.membership("b");
  engine.cached("b");
  engine.cached("a");
  const { cacheHits } = engine.metrics();
  for (let i = 0; i < 1000; i++) engine.cached("a");
  assert.equal(engine.metrics().cacheHits, cacheHits + 1000);
  await engine.membership("c");
  assert.ok(engine.cached("a"));
  assert.equal(engine.cached("b"), undefined, "the least recently used one went");
  await engine.close();
});

test("of several uses of one context, the last one counts", async () => {
  const store = new ScriptedStore();
  const engine = await openPolled(store, { contextCacheSize: 3 });
  for (const key of ["a", "b", "c"]) await engine.membership(key);
  for (const key of ["c", "b", "a"]) engine.cached(key);
  for (const key of ["a", "b", "a"]) engine.cached(key);
  await engine.membership("d");
  await engine.membership("e");
  assert.deepEqual(["a", "b", "c"].map((key) => engine.cached(key) !== undefined), [true, false, false]);
  await engine.close();
});

test("more contexts than it holds, and keys too long for it", async () => {
  const store = new ScriptedStore();
  const engine = await openPolled(store, { contextCacheSize: 5000, contextCacheTime: 3_600_000 });
  const keys = Array.from({ length: 3000 }, (_, i) => `user-${i}`).concat("k".repeat(100_000));
  for (const key of keys) store.put(contextHash(key), [`${key.slice(0, 20)}.g1`]);
  await engine.memberships(keys);
  for (let round = 0; round < 3; round++) {
    for (const key of keys) assert.equal(engine.cached(key).check(`${key.slice(0, 20)}.g1`), true);
  }
  assert.equal(engine.metrics().cacheHits, 9003);
  await engine.close();
});

test("keys that look alike are different contexts", async () => {
  const store = new ScriptedStore();
  const engine = await openPolled(store, {});
  const hash = contextHash("alice");
  store.put(hash, ["alice.g1"]);
  store.put(contextHash(hash), ["hash.g1"]);
  const keys = ["alice", hash, "e\u0301", "\u00e9", "\uD800", "\uFFFD", "a\0b", "a"];
  for (const key of keys) await engine.membership(key);
  for (const key of keys) engine.cached(key);
  assert.deepEqual(engine.cached("alice").membership.included, ["alice.g1"]);
  assert.deepEqual(engine.cached(hash).membership.included, ["hash.g1"]);
  assert.deepEqual(engine.cachedByHash(hash).membership.included, ["alice.g1"]);
  assert.equal(engine.metrics().cachedContexts, 7, "a lone surrogate is U+FFFD");
  assert.throws(() => engine.cached(""), BigSegError);
  await engine.close();
});

test("without an epoch buffer there is no L1 cache, and the answers are the same", async () => {
  const { native } = createRequire(import.meta.url)("../dist/native.js");
  const { openEngine } = native;
  native.openEngine = (...given) => {
    const opened = openEngine(...given);
    const { epoch, ...functions } = opened.hotPath();
    assert.ok(epoch);
    opened.hotPath = () => functions;
    return opened;
  };
  const store = new ScriptedStore();
  store.put(contextHash("alice"), ["a.g1"]);
  const engine = await openPolled(store, {}).finally(() => (native.openEngine = openEngine));
  assert.equal((await engine.membership("alice")).check("a.g1"), true);
  assert.notEqual(engine.cached("alice"), engine.cached("alice"));
  assert.equal((await engine.membership("alice")).check("a.g1"), true);
  engine.invalidate("alice");
  assert.equal(engine.cached("alice"), undefined);
  assert.equal(engine.metrics().cacheHits, 3);
  await engine.close();
});
