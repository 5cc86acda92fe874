// Log records of the library.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { Engine, onLog } from "bigseg";

import { eventually } from "./fixtures/eventually.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

const options = { statusPollInterval: 5, contextCacheTime: 0 };

/** Opens an engine whose store has just failed, which is logged once. */
async function failing(store) {
  const engine = await Engine.open(store, options);
  await eventually("it is available", () => engine.status().available);
  store.metadataFault = "store_permission";
  await eventually("it failed", () => !engine.status().available);
  return engine;
}

test("records up to a level, until unsubscribed", async () => {
  const all = [];
  const serious = [];
  const [stop, stopSerious] = [onLog((line) => all.push(line), "debug"), onLog((line) => serious.push(line), "error")];
  const store = new ScriptedStore();
  const engine = await failing(store);
  const line = await eventually("the failure is logged", () => all.find(({ message }) => message.includes("scripted failure")));
  assert.ok(["error", "warn"].includes(line.level), line.level);
  assert.ok(Object.isFrozen(line));
  store.metadataFault = undefined;
  await eventually("the recovery is logged", () => all.some(({ level }) => level === "info"));
  assert.ok(serious.every(({ level }) => level === "error"));
  stop();
  stop();
  const before = all.length;
  store.metadataFault = "store_permission";
  await eventually("it failed again", () => !engine.status().available);
  await eventually("polls went on", () => engine.metrics().statusPollErrors > 2);
  assert.equal(all.length, before);
  stopSerious();
  await engine.close();
});

test("neither keys nor passwords", async () => {
  const lines = [];
  const stop = onLog((line) => lines.push(line), "debug");
  const engine = await Engine.open("redis://:hunter2@127.0.0.1:1", options);
  assert.equal((await engine.membership("a-secret-context")).status, "STORE_ERROR");
  await eventually("the outage is logged", () => lines.length > 0);
  await engine.close();
  assert.doesNotMatch(JSON.stringify(lines), /hunter2|a-secret-context/);
  stop();
});

test("a failing listener causes one warning, and the others are still called", async (t) => {
  const warnings = [];
  const warned = (warning) => warnings.push(warning.message);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));
  const lines = [];
  const linesOfFailing = [];
  const stops = [
    onLog((line) => {
      linesOfFailing.push(line);
      throw new Error("on purpose");
    }, "debug"),
    onLog(() => Promise.reject(new Error("on purpose, later")), "debug"),
    onLog((line) => lines.push(line), "debug"),
  ];
  const store = new ScriptedStore();
  const engine = await failing(store);
  store.metadataFault = undefined;
  await eventually("it is back", () => engine.status().available);
  await eventually("two lines came", () => lines.length >= 2 && linesOfFailing.length >= 2);
  await eventually("both warnings came", () => warnings.length >= 2);
  assert.deepEqual(warnings.filter((text) => text.includes("on purpose")).length, 2);
  for (const stop of stops) stop();
  await engine.close();
});

test("a listener that unsubscribes is not called again, not even for queued records", async () => {
  let calls = 0;
  const stop = onLog(() => {
    calls += 1;
    stop();
  }, "debug");
  const engines = await Promise.all(Array.from({ length: 5 }, () => Engine.open("redis://127.0.0.1:1", options)));
  // This thread is busy until then, so that the records are queued.
  while (engines.some((engine) => engine.metrics().statusPollErrors === 0));
  await eventually("the first line came", () => calls > 0);
  await Promise.all(engines.map((engine) => engine.close()));
  assert.equal(calls, 1);
});

test("misuse", () => {
  assert.throws(() => onLog("console"), { kind: "invalid_argument" });
  assert.throws(() => onLog(() => {}, "loud"), { kind: "invalid_argument" });
  assert.throws(() => onLog(() => {}, 3), { kind: "invalid_argument" });
});

test("worker threads receive the records of the whole process, and are terminated cleanly", async (t) => {
  const worker = new Worker(new URL("./programs/listening_worker.mjs", import.meta.url));
  t.after(() => worker.terminate());
  const messages = [];
  worker.on("message", (message) => messages.push(message));
  await once(worker, "message");
  const engine = await failing(new ScriptedStore());
  await eventually("the worker receives it", () => messages.some((message) => message.includes("scripted failure")));
  assert.equal(await worker.terminate(), 1);
  await engine.close();
  const lines = [];
  const stop = onLog((line) => lines.push(line), "debug");
  const another = await failing(new ScriptedStore());
  await eventually("this thread still receives records", () => lines.length > 0);
  stop();
  await another.close();
});
