// Waiting for conditions, never for time; a minute is for machines that are very busy.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

export async function eventually(what, condition) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `did not happen within a minute: ${what}`);
    await sleep(1);
  }
}
