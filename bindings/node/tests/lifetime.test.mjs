// Ends: of processes, worker threads, clusters, contexts, and collected engines.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { Engine } from "bigseg";

import { eventually } from "./fixtures/eventually.mjs";
import { RedisServer } from "./fixtures/redis_server.mjs";

const program = (name) => fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
/** Only guards against a test that hangs. */
const TIMEOUT = 120_000;

async function run(words, { node = [] } = {}) {
  const child = spawn(process.execPath, [...node, ...words], { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (errors += data));
  const [code, signal] = await once(child, "close");
  return { code, signal, output, errors };
}

async function server(t) {
  const started = await RedisServer.start();
  t.after(() => started.stop());
  return started;
}

test("a finished program ends, despite open engines", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  for (const store of ["memory:", redis.store]) {
    const { code, signal, output, errors } = await run([program("idle"), store]);
    assert.deepEqual([code, signal, output, errors], [0, null, "done", ""], store);
  }
});

test("exit during lookups", async () => {
  const left = await run([program("leave"), "exit"]);
  assert.deepEqual([left.code, left.signal, left.errors], [7, null, ""]);
  const thrown = await run([program("leave"), "throw"]);
  assert.deepEqual([thrown.code, thrown.signal], [1, null]);
  assert.match(thrown.errors, /on purpose/);
  const closed = await run([program("leave"), "end"]);
  assert.deepEqual([closed.code, closed.signal, closed.output, closed.errors], [0, null, "closed", ""]);
});

test("worker threads, several at once, terminated during lookups", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  for (const store of [redis.store, "memory:workers", null]) {
    for (let round = 0; round < 3; round++) {
      const workers = Array.from({ length: 4 }, () => new Worker(program("worker"), { workerData: store }));
      await Promise.all(workers.map((worker) => once(worker, "message")));
      assert.deepEqual(await Promise.all(workers.map((worker) => worker.terminate())), [1, 1, 1, 1]);
    }
  }
  await eventually("their connections are gone", async () => (await redis.connections()) === 1);
  // This thread is not affected.
  const engine = await Engine.open(redis.store);
  assert.equal((await engine.membership("alice")).error, undefined);
  await engine.close();
});

test("a cluster", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "bigseg-cluster-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const { code, output, errors } = await run([program("cluster"), `local:${path.join(folder, "store")}`]);
  assert.deepEqual([code, output, errors], [0, "true true true", ""]);
});

test("an engine without references is closed", { skip: RedisServer.missing }, async (t) => {
  const redis = await server(t);
  const words = ["--expose-gc", program("garbage"), redis.store];
  const child = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"], timeout: TIMEOUT });
  const [output] = await once(child.stdout, "data");
  assert.equal(output.toString(), "store\n");
  await eventually("every connection is gone", async () => (await redis.connections()) === 1);
  child.stdin.end();
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("Jest: contexts, and modules that are loaded again; no open handles", async () => {
  const jest = path.join(path.dirname(createRequire(import.meta.url).resolve("jest/package.json")), "bin", "jest.js");
  const folder = fileURLToPath(new URL("./jest", import.meta.url));
  const flags = ["--rootDir", folder, "--runInBand", "--detectOpenHandles", "--ci"];
  const { code, errors } = await run([jest, ...flags]);
  assert.equal(code, 0, errors);
  assert.doesNotMatch(errors, /open handle|did not exit/);
});
