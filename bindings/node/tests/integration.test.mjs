// Integrations: an upstream over HTTP fills a store that an engine reads.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";

import { BigSegError, Engine, Integration, onLog } from "bigseg";

import { eventually } from "./fixtures/eventually.mjs";
import { FakeUpstream } from "./fixtures/fake_upstream.mjs";

const KEY = "sdk-key-of-the-test";
const skip = FakeUpstream.missing;
const program = fileURLToPath(new URL("./programs/integration.mjs", import.meta.url));
const vectors = JSON.parse(readFileSync(new URL("../../../tests/vectors/integration.json", import.meta.url), "utf8"));
// A proxy that does not exist; no upstream here may use it.
process.env.HTTP_PROXY = "http://127.0.0.1:1";
const isHealthy = (integration) => integration.status().state === "healthy";

test("it fills a store, and invalidates caches of engines", { skip }, async (t) => {
  const fake = await FakeUpstream.start(t, KEY, 3);
  const engine = await Engine.open("memory:filled", { contextCacheTime: 3_600_000, staleAfter: 3_600_000 });
  assert.equal(engine.membershipSync("4").check("s.g1"), undefined);
  const integration = await Integration.start("main", fake.upstream(KEY), "memory:filled", { engines: [engine] });
  const statuses = [];
  const unsubscribe = integration.onStatusChange((status) => statuses.push(status));
  await eventually("it is healthy", () => isHealthy(integration));
  const status = integration.status();
  assert.deepEqual([status.counters.patches, status.progress.patches, status.error, status.lastError], [3, 3, undefined, undefined]);
  assert.ok(status.lastSynchronized > 0 && Object.isFrozen(status));
  assert.equal(engine.membershipSync("3").check("s.g1"), true);
  fake.publish();
  await eventually("the change is visible", () => engine.membershipSync("4").check("s.g1"));
  await eventually("the listener was called", () => statuses.at(-1)?.state === "healthy");
  unsubscribe();
  const updates = integration.statusUpdates();
  assert.equal((await updates.next()).value.state, "healthy");
  const next = updates.next();
  await integration.close();
  await integration.close();
  assert.deepEqual([await next, await updates.next()], Array(2).fill({ value: undefined, done: true }));
  assert.ok(integration.closed);
  assert.equal(integration.status().state, "off");
  assert.throws(() => integration.setOn(true), { kind: "closed" });
  await engine.close();
});

test("the key is rotated, and never shown", { skip }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "bigseg-state-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const fake = await FakeUpstream.start(t, KEY, 3);
  const lines = [];
  const stop = onLog((line) => lines.push(line), "debug");
  const integration = await Integration.start("main", fake.upstream("hunter2"), "memory:key", { stateDirectory: folder });
  const states = [];
  for await (const { state, error } of integration.statusUpdates()) {
    states.push(state);
    if (state === "failing") {
      assert.deepEqual([error.kind, error.statusCode], ["upstream_refused", 401]);
      assert.deepEqual(integration.errorLog().map((entry) => entry.message), [error.message]);
      integration.setSdkKey(KEY);
    }
    if (state === "healthy") break;
  }
  assert.ok(states.includes("failing"));
  assert.throws(() => integration.setSdkKey("hunter2 "), (error) => error.kind === "invalid_config" && !/hunter2/.test(error.stack));
  const shown = inspect([integration, integration.status(), integration.errorLog(), lines], { depth: 9, showHidden: true });
  await integration.close();
  const written = readFileSync(path.join(folder, "main.errors.json"), "utf8");
  assert.match(written, /upstream_refused/);
  assert.doesNotMatch(shown + written, new RegExp(`hunter2|${KEY}`));
  stop();
});

test("on, off, name and store", { skip }, async (t) => {
  const fake = await FakeUpstream.start(t, KEY, 3);
  const options = { on: false, name: "Main", project: "shop", environment: "test" };
  const integration = await Integration.start("main", fake.upstream(KEY), "memory:first", options);
  assert.equal(integration.status().state, "off");
  integration.setOn(true);
  await eventually("it is healthy", () => isHealthy(integration));
  integration.setName("Another name");
  const engine = await Engine.open("memory:second", { contextCacheTime: 0 });
  integration.setStore("memory:second");
  await eventually("the other store is filled", () => engine.membershipSync("3").check("s.g1"));
  integration.setOn(false);
  await eventually("it is off", () => integration.status().state === "off");
  await integration.close();
  await engine.close();
});

test("invalid definitions are refused", async () => {
  for (const refused of vectors.refused) {
    const { id = "main", store = "memory:x", name, project, environment } = refused;
    const upstream = { sdkKey: refused.sdk_key ?? "key", baseUrl: refused.base_url };
    const options = { on: false, name, project, environment };
    await assert.rejects(Integration.start(id, upstream, store, options), (error) => {
      assert.ok(error instanceof BigSegError, error.stack);
      assert.equal(error.kind, refused.error);
      assert.ok(error.message.includes(refused.message_has), `${error.message} lacks ${refused.message_has}`);
      return true;
    });
  }
  await assert.rejects(Integration.start(5, { sdkKey: "key" }, "memory:x"), { kind: "invalid_argument" });
  const types = readFileSync(new URL("../dist/integration_status.d.ts", import.meta.url), "utf8");
  const union = /type IntegrationState = ([^;]*);/.exec(types)[1];
  assert.deepEqual([...union.matchAll(/"(\w+)"/g)].map((match) => match[1]), vectors.states);
});

test("it does not keep the process alive, and a collected one is stopped", { skip }, async (t) => {
  const fake = await FakeUpstream.start(t, KEY, 3);
  for (const what of ["idle", "garbage"]) {
    const child = spawn(process.execPath, ["--expose-gc", program, what, fake.url, KEY], { timeout: 120_000 });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    assert.deepEqual([...(await once(child, "close")), output], [0, null, "done"], what);
  }
});

test("worker threads, terminated while it runs", { skip }, async (t) => {
  const fake = await FakeUpstream.start(t, KEY, 3);
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(program, { argv: ["busy", fake.url, KEY] });
    await once(worker, "message");
    assert.equal(await worker.terminate(), 1);
  }
  const integration = await Integration.start("main", fake.upstream(KEY), "memory:after-workers");
  await eventually("it is healthy", () => isHealthy(integration));
  await integration.close();
});
