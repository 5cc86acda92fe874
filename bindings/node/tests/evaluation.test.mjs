// Evaluation of flags and segments: the vectors, forms of contexts, results without waiting, data
// from files.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { BigSegError, Context, Engine, Import, ManualClock, classify, contextHash } from "bigseg";

import { firstPollIsDone } from "./fixtures/eventually.mjs";

const vectors = JSON.parse(readFileSync(new URL("../../../tests/vectors/evaluation.json", import.meta.url), "utf8"));
const START = 1_700_000_000_000;
const DATA = JSON.stringify({
  flags: {
    f: {
      key: "f",
      version: 1,
      on: true,
      variations: ["no", { list: [1] }],
      fallthrough: { variation: 0 },
      rules: [{ id: "r", variation: 1, clauses: [{ attribute: "", op: "segmentMatch", values: ["beta"] }] }],
    },
  },
  segments: { beta: { key: "beta", version: 1, unbounded: true, generation: 1 } },
});
const ALICE = { kind: "user", key: "alice" };

/** The store of a case, which records its queries. */
function storeOf({ store }) {
  if (store === null) return undefined;
  const memberships = new Map(Object.entries(store.memberships ?? {}).map(([key, value]) => [contextHash(key), value]));
  const failing = new Set((store.failing ?? []).map(contextHash));
  const queries = [];
  const answer = (hash) => {
    queries.push(hash);
    return failing.has(hash) ? new BigSegError("store_data", "scripted failure") : (memberships.get(hash) ?? null);
  };
  return {
    queries,
    metadata: () => (store.stale ? {} : { lastUpToDate: START }),
    memberships: (hashes) => hashes.map(answer),
  };
}

/** Runs `check` with a new engine, which is closed afterwards. */
async function within(store, check, options = {}) {
  const settings = { breakerFailures: 0, clock: new ManualClock(START), statusPollInterval: 86_400_000, lookupDeadline: 60_000 };
  const engine = await Engine.open(store, { ...settings, ...options });
  try {
    return await check(engine);
  } finally {
    await engine.close();
  }
}

/** A store in which alice is in beta.g1. */
function scriptedStore() {
  return storeOf({ store: { memberships: { alice: { included: ["beta.g1"] } } } });
}

test("cases", async (t) => {
  for (const vector of vectors.cases) {
    await t.test(`${vector.name}: ${vector.why}`, async () => {
      const store = storeOf(vector);
      await within(store, async (engine) => {
        if (store) await firstPollIsDone(engine);
        await engine.setData(JSON.stringify(vector.data));
        const context = new Context(vector.context);
        const evaluate = (form) =>
          vector.flag === undefined
            ? engine.segmentContains(vector.segment, form)
            : engine.evaluate(vector.flag, form, vector.default ?? null);
        const evaluateNow = (form) =>
          vector.flag === undefined
            ? engine.segmentContainsNow(vector.segment, form)
            : engine.evaluateNow(vector.flag, form, vector.default ?? null);
        assert.deepEqual(await evaluate(context), vector.expect);
        if (store) assert.deepEqual(store.queries, vector.queries.map(contextHash), "the queries, in order");
        assert.deepEqual(await evaluate(JSON.stringify(vector.context)), vector.expect, "again, from JSON");
        if (!vector.store?.failing?.length) assert.deepEqual(evaluateNow(vector.context), vector.expect, "now, from an object");
        if (vector.segment !== undefined) {
          assert.deepEqual((await engine.explain(vector.segment, context)).answer, vector.expect, "explained");
        }
      });
    });
  }
});

const textOf = ({ json }) => (typeof json === "string" ? json : JSON.stringify(json));

test("contexts", () => {
  for (const vector of vectors.contexts) {
    const forms = [textOf(vector), ...(typeof vector.json === "object" && vector.json !== null ? [vector.json] : [])];
    for (const form of forms) {
      if (vector.error === undefined) {
        assert.deepEqual(new Context(form).kinds, vector.kinds, vector.why);
        continue;
      }
      assert.throws(() => new Context(form), (error) => {
        assert.ok(error instanceof BigSegError, `${error.stack}`);
        assert.equal(error.kind, vector.error, vector.why);
        return !`${error.stack}`.includes("secret");
      });
    }
  }
  for (const wrong of [undefined, null, 7, () => {}, Symbol("secret")]) {
    assert.throws(() => new Context(wrong), (error) => error.kind === "invalid_argument" && !error.message.includes("secret"));
  }
  const circle = { kind: "user", key: "secret" };
  circle.self = circle;
  assert.throws(() => new Context(circle), (error) => error.kind === "invalid_argument" && !`${error.stack}`.includes("secret"));
});

test("data", async () => {
  for (const vector of vectors.data) {
    await within(undefined, async (engine) => {
      const done = engine.setData(textOf(vector));
      if (vector.error === undefined) return done;
      await assert.rejects(done, (error) => {
        assert.equal(error.kind, vector.error, vector.why);
        assert.ok(error.message.includes(vector.message_has), error.message);
        return !`${error.stack}`.includes("secret");
      });
    });
  }
});

test("classification", () => {
  for (const { entries, kinds, is } of vectors.classify) assert.equal(classify(entries, kinds), is);
  for (const wrong of [-1, 0.5, NaN, "7"]) assert.throws(() => classify(wrong, 1), { kind: "invalid_argument" });
});

test("an uncached membership is queried once, and not without waiting", async () => {
  const store = scriptedStore();
  await within(store, async (engine) => {
    await engine.setData(DATA);
    assert.equal(engine.evaluateNow("f", ALICE), undefined);
    assert.equal(engine.segmentContainsNow("beta", ALICE), undefined);
    const all = await Promise.all(Array.from({ length: 50 }, () => engine.evaluate("f", ALICE)));
    assert.ok(all.every((evaluation) => evaluation.variation === 1));
    assert.equal(store.queries.length, 1);
    assert.equal(engine.evaluateNow("f", ALICE).variation, 1);
    assert.equal(engine.segmentContainsNow("beta", ALICE).isMatch, true);
  });
});

test("the default keeps its identity, and shared values are frozen", async () => {
  await within(scriptedStore(), async (engine) => {
    const defaultValue = { mine: [] };
    assert.equal((await engine.evaluate("f", ALICE, defaultValue)).reason.errorKind, "CLIENT_NOT_READY");
    await engine.setData(DATA);
    const missing = await engine.evaluate("g", ALICE, defaultValue);
    assert.equal(missing.value, defaultValue);
    assert.equal(missing.variation, undefined);
    defaultValue.mine.push("still mine");
    const { value, reason } = await engine.evaluate("f", ALICE);
    assert.throws(() => value.list.push(2), TypeError);
    assert.throws(() => void (reason.kind = "OFF"), TypeError);
    assert.equal((await engine.evaluate("g", ALICE)).value, undefined);
  });
});

test("many distinct values", async () => {
  await within(undefined, async (engine) => {
    const flag = (i) => [`f${i}`, { key: `f${i}`, version: 1, on: false, offVariation: 0, variations: [`value ${i}`] }];
    await engine.setData(JSON.stringify({ flags: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => flag(i))) }));
    for (const round of [1, 2]) {
      for (let i = 0; i < 3000; i++) assert.equal(engine.evaluateNow(`f${i}`, ALICE).value, `value ${i}`, `round ${round}`);
    }
  });
});

test("explanations", async () => {
  const store = scriptedStore();
  await within(store, async (engine) => {
    await engine.setData(DATA);
    const first = await engine.explain("beta", ALICE);
    assert.deepEqual(
      [first.answer.isMatch, first.hash, first.value, first.origin, first.age, first.embedded, first.error],
      [true, contextHash("alice"), true, "store", 0, false, null],
    );
    assert.equal((await engine.explain("beta", ALICE)).origin, "cache");
    const other = await engine.explain("beta", { kind: "org", key: "acme" });
    assert.deepEqual([other.hash, other.value, other.origin, other.age], [null, null, null, null]);
  });
  const failing = storeOf({ store: { failing: ["alice"] } });
  await within(failing, async (engine) => {
    await engine.setData(DATA);
    const { answer, error, origin } = await engine.explain("beta", ALICE);
    assert.ok(error instanceof BigSegError && error.kind === "store_data");
    assert.deepEqual([answer.status, origin], ["STORE_ERROR", "nothing"]);
  });
});

test("an embedded store is read without a promise", async () => {
  const name = "memory:evaluated";
  const users = await Import.open(name);
  users.add("alice", "beta.g1");
  await users.commit();
  await within(name, async (engine) => {
    await engine.setData(DATA);
    assert.equal(engine.evaluateNow("f", new Context(ALICE)).variation, 1);
  });
});

test("data from a file", async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "bigseg-")), "data.json");
  await within(undefined, async (engine) => {
    await assert.rejects(engine.loadData(file), (error) => error.kind === "invalid_argument" && error.message.includes(file));
    await assert.rejects(engine.reloadData(), { kind: "invalid_argument" });
    writeFileSync(file, DATA);
    await engine.loadData(file);
    assert.equal(await engine.reloadData(), false);
    writeFileSync(file, '{"flags": {}}');
    assert.equal(await engine.reloadData(), true);
    assert.equal(engine.evaluateNow("f", ALICE).reason.errorKind, "FLAG_NOT_FOUND");
  });
});

test("misuse is an error with a kind", async () => {
  const engine = await Engine.open("memory:");
  await assert.rejects(engine.evaluate("f", { kind: "user", key: "" }), { kind: "invalid_context_key" });
  assert.throws(() => engine.evaluateNow(7, ALICE), { kind: "invalid_argument" });
  await assert.rejects(engine.setData(7), { kind: "invalid_argument" });
  await engine.close();
  await assert.rejects(engine.evaluate("f", ALICE), { kind: "closed" });
  assert.throws(() => engine.segmentContainsNow("beta", ALICE), { kind: "closed" });
  await assert.rejects(engine.setData(DATA), { kind: "closed" });
});

test("a result is kept only while its lease is valid", async () => {
  const store = storeOf({ store: { memberships: { alice: { included: ["beta.g1"] }, bob: { included: ["beta.g1"] } } } });
  const clock = new ManualClock(START);
  await within(
    store,
    async (engine) => {
      await engine.setData(DATA);
      await firstPollIsDone(engine);
      const alice = new Context(ALICE);
      const first = await engine.evaluate("f", alice);
      assert.equal(first.variation, 1);
      for (let i = 0; i < 3; i++) assert.equal(engine.evaluateNow("f", alice), engine.evaluateNow("f", alice));
      assert.equal(engine.segmentContainsNow("beta", alice).isMatch, true);
      // It expires with the membership.
      clock.advance(4_999);
      assert.equal(engine.evaluateNow("f", alice).variation, 1);
      clock.advance(1);
      assert.equal(engine.evaluateNow("f", alice), undefined);
      assert.equal(engine.segmentContainsNow("beta", alice), undefined);
      await engine.evaluate("f", alice);
      // An invalidation removes it.
      assert.equal(engine.evaluateNow("f", alice).variation, 1);
      engine.invalidate("alice");
      assert.equal(engine.evaluateNow("f", alice), undefined);
      await engine.evaluate("f", alice);
      // New data remove it.
      assert.equal(engine.evaluateNow("f", alice).variation, 1);
      await engine.setData('{"flags": {}}');
      assert.equal(engine.evaluateNow("f", alice).reason.errorKind, "FLAG_NOT_FOUND");
      assert.equal(engine.segmentContainsNow("beta", alice).errorKind, "SEGMENT_NOT_FOUND");
      await engine.setData(DATA);
      // It becomes stale with the store.
      assert.equal((await engine.evaluate("f", alice)).reason.bigSegmentsStatus, "HEALTHY");
      clock.advance(120_000);
      assert.equal((await engine.evaluate("f", alice)).reason.bigSegmentsStatus, "STALE");
      await engine.close();
      assert.throws(() => engine.evaluateNow("f", alice), { kind: "closed" });
    },
    { clock },
  );
});

test("hits on kept results count for eviction", async () => {
  const store = storeOf({ store: { memberships: {} } });
  await within(
    store,
    async (engine) => {
      await engine.setData(DATA);
      const [alice, bob, carol] = ["alice", "bob", "carol"].map((key) => new Context({ kind: "user", key }));
      for (const context of [alice, bob]) await engine.evaluate("f", context);
      for (const context of [alice, bob, bob, alice]) engine.evaluateNow("f", context);
      await engine.evaluate("f", carol);
      assert.ok(engine.cached("alice") !== undefined && engine.cached("bob") === undefined);
    },
    { contextCacheSize: 2 },
  );
});

test("one context in two engines", async () => {
  const alice = new Context(ALICE);
  await within(scriptedStore(), async (one) => {
    await within(undefined, async (other) => {
      for (const engine of [one, other]) await engine.setData(DATA);
      for (const _ of [1, 2, 3]) {
        assert.equal((await one.evaluate("f", alice)).variation, 1);
        assert.equal((await other.evaluate("f", alice)).reason.bigSegmentsStatus, "NOT_CONFIGURED");
      }
    });
  });
});
