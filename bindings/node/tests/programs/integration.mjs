// Runs an integration: integration.mjs idle|garbage|busy URL SDK_KEY. Needs --expose-gc for
// garbage.
import { parentPort } from "node:worker_threads";

import { Integration } from "bigseg";

const [what, url, sdkKey] = process.argv.slice(2);
const start = async (name) => {
  const upstream = { sdkKey, baseUrl: url, streamUrl: url, proxy: "none" };
  const integration = await Integration.start("main", upstream, `memory:${name}`);
  integration.onStatusChange(() => {});
  return integration;
};
if (what === "idle") {
  const integration = await start("idle");
  integration.statusUpdates().next();
  process.stdout.write("done");
}
if (what === "garbage") {
  let collected = 0;
  const registry = new FinalizationRegistry(() => (collected += 1));
  const drop = async (name) => registry.register(await start(name), name);
  for (let i = 0; i < 5; i++) await drop(`garbage-${i}`);
  const collecting = setInterval(() => {
    globalThis.gc();
    if (collected < 5) return;
    clearInterval(collecting);
    process.stdout.write("done");
  }, 5);
}
if (what === "busy") {
  const integration = await start("busy");
  setInterval(() => parentPort.postMessage(integration.status().state), 1);
}
