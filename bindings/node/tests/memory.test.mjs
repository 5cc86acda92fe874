// A million lookups, and memory as it was before.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const LOOKUPS = 1_000_000;
const MEGABYTE = 1 << 20;

test("heap and resident memory are flat over a million lookups", async () => {
  const program = fileURLToPath(new URL("./programs/soak.mjs", import.meta.url));
  const flags = ["--expose-gc", "--max-semi-space-size=2", program, `${LOOKUPS}`];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  assert.deepEqual(await once(child, "close"), [0, null]);
  const { heap, rss } = JSON.parse(output);
  // A byte for each lookup would be a megabyte.
  assert.ok(heap < MEGABYTE / 2, `the heap has grown by ${heap} bytes`);
  assert.ok(rss < 16 * MEGABYTE, `resident memory has grown by ${rss} bytes`);
});
