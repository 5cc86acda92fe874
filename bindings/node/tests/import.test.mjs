// Imports of lists into stores.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { Engine, Import, ManualClock, contextHash } from "bigseg";

const kind = (expected) => (error) => error.kind === expected;

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "bigseg-import-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

test("into an embedded store, merged and replacing", async (t) => {
  const store = `local:${path.join(folder(t), "store")}`;
  const first = await Import.open(store, { clock: new ManualClock(Date.now()), mapSize: "16M" });
  first.add("alice", "beta.g1");
  first.addByHash(contextHash("bob"), "beta.g1", "exclude");
  assert.deepEqual(await first.commit(), { memberships: 2, contexts: 2, replaced: 0 });
  const second = await Import.open(store, { replace: "beta.g1" });
  second.add("carol", "beta.g1");
  assert.deepEqual(await second.commit(), { memberships: 1, contexts: 1, replaced: 2 });
  const engine = await Engine.open(store);
  const answers = await engine.memberships(["alice", "bob", "carol"]);
  assert.deepEqual(answers.map((answer) => answer.check("beta.g1")), [undefined, undefined, true]);
  assert.equal(engine.membershipSync("carol").status, "HEALTHY");
  await engine.close();
});

test("from files, and what is wrong with them", async (t) => {
  const home = folder(t);
  const [csv, zipped, ndjson, bad] = ["a.csv", "a.csv.gz", "a.ndjson", "bad.csv"].map((name) => path.join(home, name));
  writeFileSync(csv, "alice,beta.g1\nbob,beta.g1,exclude\n");
  writeFileSync(zipped, gzipSync("carol\n"));
  writeFileSync(ndjson, '{"key":"dave","included":["beta.g1"]}\n');
  writeFileSync(bad, "erin,beta.g1\nfrank,beta.g1,perhaps\n");
  const users = await Import.open("memory:files");
  assert.equal(await users.addFile(csv), 0);
  assert.equal(await users.addFile(zipped, { segmentRef: "beta.g1" }), 0);
  assert.equal(await users.addFile(ndjson, { format: "ndjson" }), 0);
  assert.equal(await users.addFile(bad, { skipBadLines: true }), 1);
  await assert.rejects(users.addFile(bad), (error) => kind("invalid_input")(error) && /line 2|:2/.test(error.message));
  await assert.rejects(users.addFile(path.join(home, "nowhere")), kind("invalid_input"));
  assert.throws(() => users.add("", "beta.g1"), kind("invalid_context_key"));
  assert.throws(() => users.add("x", "beta"), kind("invalid_segment_ref"));
  for (const entry of [true, false, "excluded"]) assert.throws(() => users.add("x", "beta.g1", entry), kind("invalid_argument"));
  await assert.rejects(users.addFile(csv, { format: "xml" }), kind("invalid_argument"));
  await users.commit();
  await assert.rejects(users.commit(), kind("already_used"));
  assert.throws(() => users.add("x", "beta.g1"), kind("already_used"));
  const engine = await Engine.open("memory:files");
  const answers = await engine.memberships(["alice", "bob", "carol", "dave", "erin"]);
  assert.deepEqual(answers.map((answer) => answer.check("beta.g1")), [true, false, true, true, true]);
  await engine.close();
});

test("no other entries while a file is added, none after abandon", async (t) => {
  const csv = path.join(folder(t), "a.csv");
  writeFileSync(csv, "alice,beta.g1\n".repeat(10_000));
  const users = await Import.open("memory:busy");
  const adding = users.addFile(csv);
  assert.throws(() => users.add("x", "beta.g1"), kind("invalid_argument"));
  await adding;
  users.add("x", "beta.g1");
  users.abandon();
  await assert.rejects(users.commit(), kind("already_used"));
});

test("progress is reported, the end last and once", async (t) => {
  const store = `local:${path.join(folder(t), "store")}`;
  const users = await Import.open(store, { mapSize: "64M" });
  for (let i = 0; i < 30_000; i++) users.add(`user-${i}`, "beta.g1");
  const reported = [];
  const report = await users.commit((contexts, memberships) => reported.push([contexts, memberships]));
  assert.equal(report.contexts, 30_000);
  assert.deepEqual(reported.at(-1), [30_000, 30_000]);
  assert.ok(reported.every(([contexts], place) => place === 0 || contexts > reported[place - 1][0]), JSON.stringify(reported));
  const length = reported.length;
  await new Promise(setImmediate);
  assert.equal(reported.length, length, "nothing comes after the end");
});

test("progress that throws does so at the end, and does not stop the import", async () => {
  const users = await Import.open("memory:progress");
  const holder = await Engine.open("memory:progress");
  users.add("alice", "beta.g1");
  users.add("alice", "beta.g1");
  let calls = 0;
  const progress = () => {
    calls += 1;
    throw new RangeError("on purpose");
  };
  await assert.rejects(users.commit(progress), RangeError);
  assert.equal(calls, 1);
  assert.equal(holder.membershipSync("alice").check("beta.g1"), true);
  await holder.close();
  const other = await Import.open("memory:");
  await assert.rejects(other.commit("loudly"), kind("invalid_argument"));
  assert.equal((await other.commit()).contexts, 0, "what was misused can still be used");
});

test("a store that cannot be written", async () => {
  await assert.rejects(Import.open("redis:/nowhere"), kind("invalid_config"));
  await assert.rejects(Import.open("memory:", { replace: "beta" }), kind("invalid_segment_ref"));
  await assert.rejects(Import.open("local:/nowhere/at/all"), (error) => typeof error.kind === "string");
});
