// A worker thread whose engine looks up contexts until the thread is terminated.
import { parentPort, workerData } from "node:worker_threads";

import { Engine } from "bigseg";

const hanging = { metadata: () => ({ lastUpToDate: 1 }), memberships: () => new Promise(() => {}) };
const engine = await Engine.open(workerData ?? hanging, { contextCacheSize: 10, statusPollInterval: 5 });
engine.onStatusChange(() => {});
let answered = 0;
const lookUp = async (name) => {
  for (;;) {
    await engine.membership(`${name}-${answered % 50}`);
    engine.cached(name);
    answered += 1;
    if (answered === 100) parentPort.postMessage("busy");
    if (answered % 20 === 0) await new Promise(setImmediate);
  }
};
for (let i = 0; i < 20; i++) void lookUp(`user-${i}`);
if (workerData === null) parentPort.postMessage("busy");
