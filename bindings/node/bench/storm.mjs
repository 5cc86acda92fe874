// Many concurrent lookups: the commands at the server, and the delay of the event loop.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { best, head, row } from "./rounds.mjs";
import { official, ours } from "./sides.mjs";

const LOOKUPS = 100_000;
const AT_ONCE = 1000;

export async function herd(server) {
  head("A herd of 1,000 on one context (commands at the server)");
  const commands = {};
  for (const open of [official, ours]) {
    const side = await open(server);
    const before = await server.calls("smembers");
    await Promise.all(Array.from({ length: 1000 }, () => side.look("alice")));
    commands[side.name] = (await server.calls("smembers")) - before;
    await side.close();
  }
  const ratio = `${(commands.official / commands.bigseg).toFixed(0)}x`;
  row("", `${commands.official}`, `${commands.bigseg}`, ratio, "2 commands");
}

/**
 * The 99th percentile of the event loop's delay, in milliseconds, while lookups of different
 * contexts go on.
 */
async function delay(side) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  await sleep(20);
  histogram.enable();
  let next = Math.floor(Math.random() * 1e9);
  const last = next + LOOKUPS;
  const caller = async () => {
    while (next < last) await side.look(`user-${(next += 1) % 100_000}`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  histogram.disable();
  // It samples each millisecond, which is not the loop's own delay.
  return Math.max(0, histogram.percentile(99) / 1e6 - 1);
}

export async function storm(server) {
  const [theirs, our] = [await official(server, { cacheSize: 1 }), await ours(server, { cacheSize: 1 })];
  const figures = await best({ official: () => delay(theirs), ours: () => delay(our) }, 3);
  head(`A storm of ${LOOKUPS} lookups, ${AT_ONCE} at a time (event loop delay, 99th percentile)`);
  const ratio = `${(figures.official / figures.ours).toFixed(2)}x`;
  row("", `${figures.official.toFixed(2)} ms`, `${figures.ours.toFixed(2)} ms`, ratio, ">= 3");
  await Promise.all([theirs.close(), our.close()]);
}
