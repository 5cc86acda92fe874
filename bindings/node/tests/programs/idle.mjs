// Opens everything that could keep a process alive, and comes to its end: idle.mjs STORE
import { Engine, onLog } from "bigseg";

const engine = await Engine.open(process.argv[2], { statusPollInterval: 10 });
engine.onStatusChange(() => {});
engine.statusUpdates().next();
onLog(() => {}, "debug");
await engine.membership("alice");
await engine.memberships(["bob", "carol"]);
await Engine.open({ metadata: () => ({ lastUpToDate: 1 }), memberships: (hashes) => hashes.map(() => null) });
process.stdout.write("done");
