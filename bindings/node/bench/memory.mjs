// The memory of a cached context, by the growth of a process: memory.mjs SIDE PORT CONTEXTS
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { head, row } from "./rounds.mjs";
import * as sides from "./sides.mjs";

const CONTEXTS = 100_000;

export async function memory(server) {
  const measure = (side) => {
    const words = ["--expose-gc", fileURLToPath(import.meta.url), side, `${server.port}`, `${CONTEXTS}`];
    return Number(execFileSync(process.execPath, words, { encoding: "utf8" }));
  };
  const [theirs, our] = [measure("official"), measure("ours")];
  head(`Memory of a cached context, among ${CONTEXTS} (growth of the heap and of the resident memory beside it)`);
  row("", `${theirs.toFixed(0)} bytes`, `${our.toFixed(0)} bytes`, `${(theirs / our).toFixed(2)}x`, ">= 2");
}

async function used() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
  return process.memoryUsage();
}

/** Fills a cache and measures; unused memory of V8 is not counted. */
async function child([side, port, contexts]) {
  const server = { port: Number(port), store: `redis://127.0.0.1:${port}` };
  const look = async (opened, from, to) => {
    for (let i = from; i < to; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => opened.look(`user-${i + j}`)));
    }
  };
  // Allocates what a process allocates once, such as buffers.
  const small = await sides[side](server);
  await look(small, 200_000, 220_000);
  const before = await used();
  const opened = await sides[side](server, { cacheSize: Number(contexts) });
  await look(opened, 0, Number(contexts));
  const after = await used();
  const beside = (usage) => usage.rss - usage.heapTotal;
  const grown = after.heapUsed - before.heapUsed + Math.max(0, beside(after) - beside(before));
  console.log(grown / Number(contexts));
  process.exit(0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await child(process.argv.slice(2));
