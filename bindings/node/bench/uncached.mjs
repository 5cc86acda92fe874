// Contexts that are not cached: so many promises at once, each looking up the next context when it
// has an answer.
import { best, head, row } from "./rounds.mjs";
import { official, ours } from "./sides.mjs";

const SECONDS = 0.5;
const ROUNDS = 6;

async function throughput(side, promises) {
  let [count, next] = [0, Math.floor(Math.random() * 1e9)];
  const began = performance.now();
  const until = began + SECONDS * 1000;
  const caller = async () => {
    while (performance.now() < until) {
      await side.look(`user-${(next += 1) % 100_000}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: promises }, caller));
  return (count / (performance.now() - began)) * 1000;
}

export async function uncached(server) {
  head("Uncached contexts (lookups a second)");
  for (const promises of [1, 64, 256]) {
    const [theirs, our] = [await official(server, { cacheSize: 1 }), await ours(server, { cacheSize: 1 })];
    const works = { official: () => throughput(theirs, promises), ours: () => throughput(our, promises) };
    const figures = await best(works, ROUNDS, (a, b) => a > b);
    const ratio = `${(figures.ours / figures.official).toFixed(2)}x`;
    const wanted = promises === 1 ? "" : ">= 4";
    row(`${promises} promises`, figures.official.toFixed(0), figures.ours.toFixed(0), ratio, wanted);
    await Promise.all([theirs.close(), our.close()]);
  }
}
