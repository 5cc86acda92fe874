// Exits during lookups: leave.mjs exit|throw|end
import { Engine } from "bigseg";

const hanging = { metadata: () => ({ lastUpToDate: 1 }), memberships: () => new Promise(() => {}) };
const engines = [await Engine.open(hanging), await Engine.open("redis://127.0.0.1:1", { lookupDeadline: 60_000 })];
for (const engine of engines) {
  for (let i = 0; i < 1000; i++) engine.membership(`user-${i}`).catch(() => {});
  engine.onStatusChange(() => {});
}
setImmediate(() => {
  if (process.argv[2] === "exit") process.exit(7);
  if (process.argv[2] === "throw") throw new Error("on purpose");
  Promise.all(engines.map((engine) => engine.close())).then(() => process.stdout.write("closed"));
});
