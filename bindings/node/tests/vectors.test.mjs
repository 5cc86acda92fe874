// Runs the vectors of tests/vectors; their README describes them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import {
  BigSegError,
  Engine,
  LookupStatus,
  ManualClock,
  Membership,
  contextHash,
  displayStore,
  parseContextHash,
  parseSegmentRef,
  segmentRef,
} from "bigseg";

import { firstPollIsDone } from "./fixtures/eventually.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

const { native } = createRequire(import.meta.url)("../dist/native.js");
const read = (name) => JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), "utf8"));

/** Checks a call against a vector with an `error`, or with a value that `check` compares. */
function checkVector(vector, call, check) {
  let value;
  try {
    value = call();
  } catch (error) {
    assert.ok(error instanceof BigSegError, `${error.stack}`);
    assert.equal(error.kind, vector.error, `${JSON.stringify(vector)}: ${error.message}`);
    return error;
  }
  assert.equal(vector.error, undefined, `${JSON.stringify(vector)} succeeded`);
  check(value);
  return undefined;
}

test("hash", () => {
  const file = read("hash");
  for (const vector of file.hash) {
    // Strings of JavaScript have no bytes that are not UTF-8.
    if (vector.key_hex !== undefined) continue;
    const key = vector.repeat ? vector.repeat.text.repeat(vector.repeat.times) : vector.key;
    checkVector(vector, () => contextHash(key), (hash) => assert.equal(hash, vector.hash, vector.why));
  }
  for (const vector of file.parse) {
    checkVector(vector, () => parseContextHash(vector.text), (hash) => assert.equal(hash, vector.text));
  }
  assert.equal(contextHash("\uD800"), contextHash("\uFFFD"), "a lone surrogate");
});

test("segment refs", () => {
  const text = readFileSync(new URL("../../../tests/vectors/segment_ref.json", import.meta.url), "utf8");
  // Generations have 64 bits, which a plain JSON.parse would round.
  const file = JSON.parse(text.replace(/"generation": (\d+)/g, '"generation": "$1"'));
  for (const vector of file.parse) {
    checkVector(vector, () => parseSegmentRef(vector.text), (ref) => {
      assert.deepEqual(ref, { segmentKey: vector.key, generation: BigInt(vector.generation) });
    });
  }
  for (const vector of file.format) {
    checkVector(vector, () => segmentRef(vector.key, BigInt(vector.generation)), (ref) => assert.equal(ref, vector.text));
  }
});

test("membership", () => {
  for (const { included, excluded, checks, why } of read("membership").memberships) {
    const membership = new Membership(included, excluded);
    for (const [ref, expected] of Object.entries(checks)) {
      assert.equal(membership.check(ref), expected ?? undefined, `${ref}: ${why}`);
    }
  }
});

test("store strings", () => {
  for (const vector of read("store_url").stores) {
    const error = checkVector(vector, () => displayStore(vector.text), (display) => assert.equal(display, vector.display));
    for (const word of vector.message_has ?? []) assert.ok(error.message.includes(word), `${error.message} lacks ${word}`);
    for (const word of vector.message_lacks ?? []) assert.ok(!`${error.stack}`.includes(word), `it repeats ${word}`);
  }
});

/** Options of the vectors in camelCase; timeouts have the same unit. */
const camelCase = (options) =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
  );

test("stores with options by name", () => {
  for (const vector of read("store_options").stores) {
    const options = camelCase(vector.options);
    const error = checkVector(vector, () => displayStore(vector.store, options), (display) => {
      assert.equal(display, vector.display, vector.why);
      const [named, parsed] = [native.storeConfig(vector.store, vector.options), native.storeConfig(vector.says, {})];
      assert.ok(native.isSameStore(named, parsed), `${vector.why}: secrets included`);
    });
    for (const word of vector.message_has ?? []) assert.ok(error.message.includes(word), `${error.message} lacks ${word}`);
    for (const word of vector.message_lacks ?? []) assert.ok(!`${error.stack}`.includes(word), `it repeats ${word}`);
  }
});

test("the types have every store option, and nothing else", () => {
  const types = readFileSync(new URL("../dist/store_options.d.ts", import.meta.url), "utf8");
  const declared = /interface StoreOptions \{([^]*?)\n\}/.exec(types)[1].matchAll(/^ {4}(\w+)\?:/gm);
  assert.deepEqual([...declared].map((match) => match[1]), native.storeOptionNames().map((name) => Object.keys(camelCase({ [name]: 1 }))[0]));
});

test("error kinds", () => {
  for (const { name, number, retryable } of read("error_kinds").kinds) {
    const error = new BigSegError(name, "a message");
    assert.deepEqual(
      [error.kind, error.number, error.retryable, error.code],
      [name, number, retryable, `BIGSEG_${name.toUpperCase()}`],
    );
  }
});

test("the types name every kind, and nothing else", () => {
  const types = readFileSync(new URL("../dist/errors.d.ts", import.meta.url), "utf8");
  const union = /type ErrorKind = ([^;]*);/.exec(types)[1];
  const kinds = read("error_kinds").kinds.map((kind) => kind.name);
  assert.deepEqual([...union.matchAll(/"(\w+)"/g)].map((match) => match[1]), kinds);
});

test("lookup statuses", () => {
  const file = read("lookup_status");
  const names = Object.keys(file.numbers).sort((a, b) => file.numbers[a] - file.numbers[b]);
  assert.deepEqual(Object.values(LookupStatus).filter((status) => typeof status === "string"), names);
  for (const { statuses, worst } of file.worst) assert.equal(LookupStatus.worst(...statuses), worst);
});

test("statuses", async (t) => {
  const file = read("status");
  for (const scenario of file.scenarios) {
    await t.test(`${scenario.name}: ${scenario.why}`, async () => {
      const clock = new ManualClock(file.start_unix_ms);
      const store = new ScriptedStore();
      store.put(contextHash("user"), ["a.g1"]);
      store.lastUpToDate = undefined;
      const { stale_after_ms = 120_000, context_cache_ms = 0, last_known_ms = 300_000 } = scenario.options;
      const options = {
        clock,
        staleAfter: stale_after_ms,
        contextCacheTime: context_cache_ms,
        lastKnownTime: last_known_ms,
        statusPollInterval: 86_400_000,
        breakerFailures: 0,
      };
      let engine;
      let hasStore;
      const steps = {
        synchronized_on: (value) => void (store.lastUpToDate = value),
        metadata_fails: (kind) => void (store.metadataFault = kind),
        lookups_fail: (kind) => void (store.lookupFault = kind),
        advance_ms: (value) => clock.advance(value),
        set_unix_ms: (value) => clock.setUnixMillis(value),
        poll: () => engine.refreshStatus(),
        async open(withStore) {
          hasStore = withStore;
          engine = await Engine.open(withStore ? store : undefined, options);
          if (withStore) await firstPollIsDone(engine);
        },
        async lookup(expected) {
          const answer = await engine.membership("user");
          assert.deepEqual([answer.status, answer.origin], [expected.status, expected.origin], JSON.stringify(expected));
          if (expected.included) assert.deepEqual(answer.membership.included, expected.included);
          const hasFailed = hasStore && ["last_known", "nothing"].includes(answer.origin);
          assert.equal(answer.error !== undefined, hasFailed);
        },
        status(expected) {
          const status = engine.status();
          const found = {
            available: status.available,
            stale: status.stale,
            clock_skew: status.clockSkew,
            last_up_to_date: status.lastUpToDate ?? null,
            last_error: status.lastError?.kind ?? null,
          };
          for (const field of Object.keys(expected)) assert.equal(found[field], expected[field], field);
        },
      };
      for (const step of scenario.steps) {
        for (const [name, value] of Object.entries(step)) await steps[name](value);
      }
      await engine?.close();
    });
  }
});

test("cache", async () => {
  for (const sequence of read("cache").sequences) {
    for (const ask of ["membership", "membershipByHash"]) {
      const words = (name) => (sequence[name] ?? "").split(" ").filter((word) => word !== "");
      const [unknown, failing] = [words("unknown"), words("failing")];
      const queries = [];
      const names = new Map(words("lookups").map((name) => [contextHash(name), name]));
      const answer = (name) =>
        failing.includes(name) ? new BigSegError("store_data", "scripted failure") : unknown.includes(name) ? null : { included: ["a.g1"] };
      const store = {
        metadata: () => ({ lastUpToDate: 1 }),
        memberships: (hashes) => hashes.map((hash) => (queries.push(names.get(hash)), answer(names.get(hash)))),
      };
      const options = { contextCacheSize: sequence.capacity, breakerFailures: 0, clock: new ManualClock(1) };
      const engine = await Engine.open(store, options);
      for (const name of words("lookups")) {
        await engine[ask](ask === "membership" ? name : contextHash(name));
        // Hits of the L1 cache count as uses, and never cause a query.
        if (ask === "membership" && sequence.capacity > 0) for (let again = 0; again < 3; again++) engine.cached(name);
      }
      assert.deepEqual(queries, words("queries"), `${ask}: ${sequence.why}`);
      await engine.close();
    }
  }
});
