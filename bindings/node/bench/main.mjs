// Measures the package beside the official SDK, on one Redis server: main.mjs [SECTION]
import { Import } from "bigseg";

import { RedisServer } from "../tests/fixtures/redis_server.mjs";
import { cached } from "./cached.mjs";
import { evaluation } from "./evaluation.mjs";
import { memory } from "./memory.mjs";
import { outage } from "./outage.mjs";
import { herd, storm } from "./storm.mjs";
import { uncached } from "./uncached.mjs";

const CONTEXTS = 100_000;
const sections = { cached, evaluation, uncached, herd, memory, storm, outage };

const server = await RedisServer.start();
try {
  const users = await Import.open(server.store);
  for (let i = 0; i < CONTEXTS; i++) users.add(`user-${i}`, `s-${i % 20}.g1`);
  users.add("user-1", "s.g1");
  await users.commit();
  console.log(`Node ${process.version}, ${CONTEXTS} contexts in Redis`);
  for (const [name, section] of Object.entries(sections)) {
    if (name.includes(process.argv[2] ?? "")) await section(server);
  }
} finally {
  await server.stop();
}
// The official client may still be waiting to connect.
process.exit(0);
