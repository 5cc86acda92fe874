// Listeners and iterators of the store's status.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Engine } from "bigseg";

import { eventually } from "./fixtures/eventually.mjs";
import { ScriptedStore } from "./fixtures/scripted_store.mjs";

// Neither listeners nor iterators keep the process alive, so the tests do.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

const options = { statusPollInterval: 86_400_000 };

test("a listener receives the first status and every change, until it unsubscribes", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, options);
  const received = [];
  const unsubscribe = engine.onStatusChange((status) => received.push(status.available));
  await eventually("the first status", () => received.length === 1);
  store.metadataFault = "store_unavailable";
  await engine.refreshStatus();
  await eventually("the change", () => received.length === 2);
  const late = [];
  engine.onStatusChange((status) => late.push(status));
  await eventually("the current status", () => late.length === 1);
  assert.equal(late[0].lastError.kind, "store_unavailable");
  unsubscribe();
  unsubscribe();
  store.metadataFault = undefined;
  await engine.refreshStatus();
  await eventually("the other listener is called", () => late.length === 2);
  assert.deepEqual(received, [true, false]);
  await engine.close();
});

test("the exception of a listener is uncaught, and does not affect other listeners", async () => {
  const engine = await Engine.open(new ScriptedStore(), options);
  const runners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
  engine.onStatusChange(() => {
    throw new Error("mine");
  });
  const others = [];
  engine.onStatusChange((status) => others.push(status));
  assert.equal((await thrown).message, "mine");
  for (const listener of runners) process.on("uncaughtException", listener);
  await eventually("the other one is called", () => others.length === 1);
  await engine.close();
});

test("for await: the current status first, then each change, and an end", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, options);
  const received = [];
  const following = (async () => {
    for await (const status of engine.statusUpdates()) received.push(status.available);
  })();
  await eventually("the first status", () => received.length === 1);
  store.metadataFault = "store_unavailable";
  await engine.refreshStatus();
  await eventually("the change", () => received.length === 2);
  await engine.close();
  await following;
  assert.deepEqual(received, [true, false]);
});

test("leaving the loop unsubscribes", async () => {
  const engine = await Engine.open(new ScriptedStore(), options);
  for await (const status of engine.statusUpdates()) {
    assert.equal(status.available, true);
    break;
  }
  const updates = engine.statusUpdates();
  await updates.next();
  const waiting = updates.next();
  await updates.return();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  assert.deepEqual(await updates.next(), { value: undefined, done: true });
  await engine.close();
});
