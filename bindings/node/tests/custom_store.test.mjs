// Custom stores.
import assert from "node:assert/strict";
import { test } from "node:test";

import { BigSegError, Engine, Membership, contextHash } from "bigseg";

import { eventually } from "./fixtures/eventually.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

test("plain and with promises, in every form of an answer", async () => {
  const forms = [
    { included: ["a.g1"] },
    new Membership(["a.g1"], ["b.g1"]),
    { included: new Set(["a.g1"]), excluded: ["a.g1"] },
  ];
  for (const later of [false, true]) {
    for (const form of forms) {
      const store = {
        memberships: (hashes) => (later ? Promise.resolve(hashes.map(() => form)) : hashes.map(() => form)),
        metadata: () => (later ? Promise.resolve({ lastUpToDate: Date.now() }) : { lastUpToDate: Date.now() }),
      };
      const engine = await Engine.open(store);
      const answer = await engine.membership("alice");
      assert.deepEqual([answer.status, answer.check("a.g1")], ["HEALTHY", true]);
      await engine.close();
    }
  }
});

test("nothing is an empty membership, and no metadata is never synchronised", async () => {
  for (const nothing of [null, undefined, {}]) {
    const engine = await Engine.open({ memberships: (hashes) => hashes.map(() => nothing), metadata: () => nothing });
    const answer = await engine.membership("alice");
    assert.deepEqual([answer.status, answer.membership.included.length], ["STALE", 0]);
    await engine.close();
  }
});

test("a failure becomes the answer's error, with its kind", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, { breakerFailures: 0 });
  await engine.refreshStatus();
  store.lookupFault = "store_permission";
  const refused = await engine.membership("alice");
  assert.deepEqual([refused.status, refused.error.kind], ["STORE_ERROR", "store_permission"]);
  store.lookupFault = "plain";
  const burnt = await engine.membership("alice");
  assert.equal(burnt.error.kind, "store_unavailable");
  assert.match(burnt.error.message, /the disk is on fire/);
  store.metadataFault = "plain";
  assert.match((await engine.refreshStatus()).lastError.message, /the disk is on fire/);
  await engine.close();
});

test("an invalid answer is a failure of the store, never a hanging lookup", async () => {
  const answers = [5, null, "t", [{ included: 5 }], [{ included: [5] }], [{ excluded: "a.g1" }], [], [undefined, undefined]];
  for (const invalid of answers) {
    const engine = await Engine.open(
      { memberships: () => invalid, metadata: () => ({ lastUpToDate: Date.now() }) },
      { lookupDeadline: 60_000, breakerFailures: 0 },
    );
    const answer = await engine.membership("alice");
    assert.equal(answer.status, "STORE_ERROR", JSON.stringify(invalid));
    assert.match(answer.error.kind, /store_data|store_unavailable/);
    await engine.close();
  }
  const engine = await Engine.open({ memberships: () => [], metadata: () => ({ lastUpToDate: "yesterday" }) });
  assert.equal((await engine.refreshStatus()).available, false);
  await engine.close();
});

test("invalid data of one context fail that context only", async () => {
  const invalid = contextHash("bob");
  const store = {
    metadata: () => ({ lastUpToDate: Date.now() }),
    memberships: (hashes) => hashes.map((hash) => (hash === invalid ? new Error("invalid") : { included: ["a.g1"] })),
  };
  const engine = await Engine.open(store);
  const [alice, bob] = await engine.memberships(["alice", "bob"]);
  assert.deepEqual([alice.status, bob.status, bob.error.kind], ["HEALTHY", "STORE_ERROR", "store_data"]);
  assert.equal(engine.status().available, true);
  await engine.close();
});

test("it may look up contexts in the same engine", async () => {
  let engine;
  const store = {
    metadata: () => ({ lastUpToDate: Date.now() }),
    async memberships(hashes) {
      if (!hashes.includes(contextHash("parent"))) await engine.membership("parent");
      return hashes.map(() => ({ included: ["a.g1"] }));
    },
  };
  engine = await Engine.open(store, { batchSize: 1 });
  await engine.refreshStatus();
  await eventually("both are answered", async () => (await engine.membership("child")).status === "HEALTHY");
  await engine.close();
});

test("a store that never answers costs the deadline, then nothing", async () => {
  const engine = await Engine.open(
    { memberships: () => new Promise(() => {}), metadata: () => ({ lastUpToDate: Date.now() }) },
    { lookupDeadline: 50, breakerFailures: 2 },
  );
  const { error } = await engine.membership("alice");
  assert.ok(error instanceof BigSegError);
  assert.deepEqual([error.kind, error.retryable], ["store_timeout", true]);
  let lookups = 0;
  const kind = async () => (await engine.membership(`user-${lookups++}`)).error.kind;
  await eventually("the circuit breaker is open", async () => (await kind()) === "circuit_open");
  await engine.close();
});
