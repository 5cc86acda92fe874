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

test("a listener hears of the first status and of every change, until it unsubscribes", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, options);
  const heard = [];
  const unsubscribe = engine.onStatusChange((status) => heard.push(status.available));
  await eventually("the first status", () => heard.length === 1);
  store.metadataFault = "store_unavailable";
  await engine.refreshStatus();
  await eventually("the change", () => heard.length === 2);
  const late = [];
  engine.onStatusChange((status) => late.push(status));
  await eventually("the current status", () => late.length === 1);
  assert.equal(late[0].lastError.kind, "store_unavailable");
  unsubscribe();
  unsubscribe();
  store.metadataFault = undefined;
  await engine.refreshStatus();
  await eventually("the other listener hears", () => late.length === 2);
  assert.deepEqual(heard, [true, false]);
  await engine.close();
});

test("what a listener throws is an uncaught exception, and harms nobody else", async () => {
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
  await eventually("the other one hears", () => others.length === 1);
  await engine.close();
});

test("for await: the current status first, then each change, and an end", async () => {
  const store = new ScriptedStore();
  const engine = await Engine.open(store, options);
  const heard = [];
  const following = (async () => {
    for await (const status of engine.statusUpdates()) heard.push(status.available);
  })();
  await eventually("the first status", () => heard.length === 1);
  store.metadataFault = "store_unavailable";
  await engine.refreshStatus();
  await eventually("the change", () => heard.length === 2);
  await engine.close();
  await following;
  assert.deepEqual(heard, [true, false]);
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
