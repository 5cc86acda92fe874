// Looks up contexts in every way, and prints the growth of memory: soak.mjs LOOKUPS. Needs
// --expose-gc.
import { Engine, Import } from "bigseg";

const lookups = Number(process.argv[2]);
const users = await Import.open("memory:soak");
for (let i = 0; i < 5000; i++) users.add(`user-${i}`, `segment-${i % 7}.g1`, i % 3 > 0 ? "include" : "exclude");
await users.commit();
const rows = [{ included: ["a.g1"] }, null, new Error("invalid")];
const scripted = {
  metadata: () => ({ lastUpToDate: Date.now() }),
  memberships: async (hashes) => hashes.map((hash) => rows[hash.charCodeAt(0) % 3]),
};
const embedded = await Engine.open("memory:soak");
const custom = await Engine.open(scripted, { breakerFailures: 0 });

async function round(count) {
  for (let done = 0; done < count; done += 100) {
    const names = Array.from({ length: 20 }, (_, i) => `user-${(done * 7 + i * 31) % 6000}`);
    for (const name of names) {
      embedded.membershipSync(name);
      embedded.cached(name);
      await embedded.membership(name);
    }
    const { signal } = new AbortController();
    await Promise.all(names.map((name, i) => custom.membership(name, i % 2 ? { signal, deadline: 500 } : undefined)));
    await custom.memberships(names);
    custom.onStatusChange(() => {})();
    if (done % 1000 === 0) await new Promise(setImmediate);
  }
}

async function memory() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + external + arrayBuffers, rss };
}

await round(lookups / 5);
const before = await memory();
await round(lookups);
const after = await memory();
process.stdout.write(JSON.stringify({ heap: after.heap - before.heap, rss: after.rss - before.rss }));
