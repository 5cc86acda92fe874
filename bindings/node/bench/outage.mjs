// The server is killed, or frozen, under 1,000 promises: how long the slowest waits.
import { setTimeout as sleep } from "node:timers/promises";

import { head, row } from "./rounds.mjs";
import { official, ours } from "./sides.mjs";

/** The maximal wait for a promise, in milliseconds. */
const CAP = 40_000;

async function slowest(side) {
  const began = performance.now();
  const settled = Promise.allSettled(Array.from({ length: 1000 }, (_, i) => side.look(`user-${i}-${began}`)));
  const ended = await Promise.race([settled.then(() => true), sleep(CAP, false, { ref: false })]);
  return ended ? performance.now() - began : Infinity;
}

export async function outage(server) {
  head("The slowest of 1,000 promises (our deadline: 1,000 ms)");
  // Ignores commands of the official client that fail after it was closed.
  process.on("unhandledRejection", () => {});
  for (const [what, begin, end] of [
    ["server frozen", () => server.freeze(), () => server.thaw()],
    ["server killed", () => server.kill(), () => server.restart()],
  ]) {
    const waited = {};
    for (const open of [ours, official]) {
      const side = await open(server);
      await begin();
      waited[side.name] = await slowest(side);
      await end();
      await side.close();
    }
    const words = (time) => (time === Infinity ? `> ${CAP} ms` : `${time.toFixed(0)} ms`);
    row(what, words(waited.official), words(waited.bigseg), "", "the deadline");
  }
}
