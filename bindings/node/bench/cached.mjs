// A cached context: the official manager's awaited answer, ours awaited, ours at once.
import { best, head, nanoseconds, row } from "./rounds.mjs";
import { official, ours } from "./sides.mjs";

const COUNT = 50_000;
const ROUNDS = 30;

export async function cached(server) {
  const [theirs, our] = [await official(server), await ours(server)];
  const { manager } = theirs;
  const { engine } = our;
  const keys = Array.from({ length: 900 }, (_, i) => `user-${i}`);
  for (const key of keys) await Promise.all([manager.getUserMembership(key), engine.membership(key)]);
  let sum = 0;
  const works = {
    official: () =>
      nanoseconds(COUNT, async (count) => {
        for (let i = 0; i < count; i++) sum += (await manager.getUserMembership(keys[i % 900]))[0] === null ? 0 : 1;
      }),
    awaited: () =>
      nanoseconds(COUNT, async (count) => {
        for (let i = 0; i < count; i++) sum += (await engine.membership(keys[i % 900])).check("s.g1") ? 1 : 0;
      }),
    sync: () =>
      nanoseconds(COUNT, (count) => {
        for (let i = 0; i < count; i++) sum += engine.cached(keys[i % 900]).check("s.g1") ? 1 : 0;
      }),
  };
  const figures = await best(works, ROUNDS);
  head(`A cached context among ${keys.length} (${sum >= 0 ? "ns" : ""} each)`);
  const line = (what, name, wanted) => {
    const ratio = `${(figures.official / figures[name]).toFixed(2)}x`;
    row(what, `${figures.official.toFixed(0)} ns`, `${figures[name].toFixed(0)} ns`, ratio, wanted);
  };
  line("awaited", "awaited", ">= 1.2");
  line("without a promise", "sync", ">= 2");
  await Promise.all([theirs.close(), our.close()]);
}
