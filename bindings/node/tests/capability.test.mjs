// The gate itself: what is missing is skipped with a reason, or fails where BIGSEG_REQUIRE names
// it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { hasProgram, skipUnless } from "./fixtures/capability.mjs";

test("a missing capability is a reason to skip, unless it is required", (t) => {
  const before = process.env.BIGSEG_REQUIRE;
  t.after(() => (before === undefined ? delete process.env.BIGSEG_REQUIRE : (process.env.BIGSEG_REQUIRE = before)));
  delete process.env.BIGSEG_REQUIRE;
  assert.equal(skipUnless(true, "redis", "redis-server is missing"), false);
  assert.match(skipUnless(false, "redis", "redis-server is missing"), /^redis-server is missing;/);
  process.env.BIGSEG_REQUIRE = "chromium,redis";
  assert.equal(skipUnless(true, "redis", "redis-server is missing"), false);
  assert.throws(() => skipUnless(false, "redis", "redis-server is missing"), /BIGSEG_REQUIRE names redis/);
  assert.match(skipUnless(false, "emulator", "no emulator"), /^no emulator;/);
});

test("programs are looked for on the PATH", () => {
  assert.equal(hasProgram("node") || hasProgram("node.exe"), true);
  assert.equal(hasProgram("no-such-program-of-bigseg"), false);
});
