// Drops engines without closing them, on a Redis server: garbage.mjs STORE. Needs --expose-gc.
import { Engine, contextHash } from "bigseg";

const names = [];
async function drop() {
  const engine = await Engine.open(process.argv[2]);
  engine.onStatusChange((status) => names.push(status.available));
  await engine.membership("alice");
  engine.cached("alice");
  // The store refers to the engine, and the engine to the store; both can be collected.
  const store = { metadata: () => ({ lastUpToDate: 1 }), memberships: (hashes) => hashes.map(() => null) };
  store.engine = await Engine.open(store);
  await store.engine.membership("alice");
  registry.register(store.engine, "custom");
}
let collected = 0;
const registry = new FinalizationRegistry(() => (collected += 1));
for (let i = 0; i < 20; i++) await drop();
// An engine that only its own lookup refers to must still answer.
const orphan = await (async () => (await Engine.open(process.argv[2])).membershipByHash(contextHash("bob")))();
const alive = setInterval(() => {
  globalThis.gc();
  if (collected === 20) {
    process.stdout.write(`${orphan.origin}\n`);
    clearInterval(alive);
    process.stdin.resume();
    process.stdin.on("end", () => process.exit(0));
    setInterval(() => globalThis.gc(), 50);
  }
}, 20);
