// A flag with one big-segment clause, the membership cached: the official client's `variation`,
// ours awaited, ours at once.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";

import ld from "@launchdarkly/node-server-sdk";
import { RedisBigSegmentStore } from "@launchdarkly/node-server-sdk-redis";
import { Context } from "bigseg";

import { best, head, nanoseconds, row } from "./rounds.mjs";
import { ours } from "./sides.mjs";

const COUNT = 10_000;
const ROUNDS = 20;
const FOR_EVER = 1e9;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const FLAGS = {
  flags: {
    "new-checkout": {
      key: "new-checkout",
      version: 1,
      on: true,
      salt: "salt",
      variations: [false, true],
      offVariation: 0,
      fallthrough: { variation: 0 },
      prerequisites: [],
      targets: [],
      rules: [{ id: "r", variation: 1, clauses: [{ attribute: "", op: "segmentMatch", values: ["s"] }] }],
    },
  },
  segments: { s: { key: "s", version: 1, unbounded: true, generation: 1, salt: "salt", rules: [] } },
};

export async function evaluation(server) {
  const folder = mkdtempSync(path.join(tmpdir(), "bigseg-bench-"));
  const file = path.join(folder, "flags.json");
  writeFileSync(file, JSON.stringify(FLAGS));
  const files = new ld.integrations.FileDataSourceFactory({ paths: [file] });
  const client = ld.init("sdk-key", {
    sendEvents: false,
    diagnosticOptOut: true,
    logger: quiet,
    updateProcessor: files.getFactory(),
    bigSegments: {
      store: RedisBigSegmentStore({ redisOpts: { host: "127.0.0.1", port: server.port } }),
      userCacheTime: FOR_EVER,
      staleAfter: FOR_EVER,
    },
  });
  await client.waitForInitialization({ timeout: 60 });
  const our = await ours(server);
  const { engine } = our;
  await engine.loadData(file);
  const plain = { kind: "user", key: "user-1", email: "user-1@example.org", plan: "gold" };
  const context = new Context(plain);
  const served = [
    await client.variation("new-checkout", plain, false),
    (await engine.evaluate("new-checkout", context, false)).value,
  ];
  if (!served.every((value) => value === true)) throw new Error(`both must serve true, not ${served}`);
  let sum = 0;
  const awaited = (evaluate) => () =>
    nanoseconds(COUNT, async (count) => {
      for (let i = 0; i < count; i++) sum += (await evaluate()) ? 1 : 0;
    });
  const atOnce = (evaluate) => () =>
    nanoseconds(COUNT, (count) => {
      for (let i = 0; i < count; i++) sum += evaluate() ? 1 : 0;
    });
  const figures = await best(
    {
      official: awaited(() => client.variation("new-checkout", plain, false)),
      awaited: awaited(async () => (await engine.evaluate("new-checkout", context, false)).value),
      now: atOnce(() => engine.evaluateNow("new-checkout", context, false).value),
      object: atOnce(() => engine.evaluateNow("new-checkout", plain, false).value),
    },
    ROUNDS,
  );
  head(`A flag with one big-segment clause, the membership cached (${sum >= 0 ? "ns" : ""} each)`);
  const line = (what, name, wanted) => {
    const ratio = `${(figures.official / figures[name]).toFixed(2)}x`;
    row(what, `${figures.official.toFixed(0)} ns`, `${figures[name].toFixed(0)} ns`, ratio, wanted);
  };
  line("a context read before, awaited", "awaited", ">= 5");
  line("a context read before, without a promise", "now", ">= 5");
  line("an object, without a promise", "object", "");
  client.close();
  await our.close();
  rmSync(folder, { recursive: true });
}
