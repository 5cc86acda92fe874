// A cluster of two, each with its own engine on one embedded store: cluster.mjs STORE
import cluster from "node:cluster";

import { Engine, Import } from "bigseg";

const store = process.argv[2];
if (cluster.isPrimary) {
  const users = await Import.open(store);
  users.add("alice", "beta.g1");
  await users.commit();
  const engine = await Engine.open(store);
  const workers = [cluster.fork(), cluster.fork()];
  const replies = workers.map((worker) => new Promise((resolve) => worker.once("message", resolve)));
  const answers = [engine.membershipSync("alice").check("beta.g1"), ...(await Promise.all(replies))];
  for (const worker of workers) worker.disconnect();
  process.stdout.write(answers.join(" "));
} else {
  const engine = await Engine.open(store);
  process.send((await engine.membership("alice")).check("beta.g1"));
}
