// What a strict TypeScript program may write, and what it may not; compiled against the installed
// package.
import { Answer, BigSegError, Engine, Import, Integration, LookupStatus, Membership, onLog } from "bigseg";
import type { CustomStore, IntegrationState, LogLine, StoreStatus } from "bigseg";
import { bigSegments, store } from "bigseg/launchdarkly";

const engine: Engine = await Engine.open("memory:", { prefix: "p", contextCacheTime: 1000, staleAfter: null });
const answer: Answer = await engine.membership("alice", { signal: new AbortController().signal, deadline: 5 });
const value: boolean | undefined = answer.check("beta.g1");
const status: LookupStatus = answer.status;
if (status === LookupStatus.HEALTHY) console.log(value);
const now: Answer | undefined = engine.cached("alice");
const unsubscribe: () => void = engine.onStatusChange((status: StoreStatus) => console.log(status.lastError?.kind));
for await (const update of engine.statusUpdates()) console.log(update.available);
const custom: CustomStore = {
  memberships: (hashes) => hashes.map(() => new Membership(["a.g1"])),
  metadata: async () => ({ lastUpToDate: Date.now() }),
};
const users = await Import.open("memory:");
users.add("alice", "beta.g1");
const { contexts }: { contexts: number } = await users.commit((done, memberships) => console.log(done / memberships));
const stopListening: () => void = onLog(({ level, message }: LogLine) => console.log(level, message), "warn");
const integration = await Integration.start("main", { sdkKey: "key" }, "redis://localhost", { engines: [engine], prefix: "p" });
const state: IntegrationState = integration.status().state;
for await (const update of integration.statusUpdates()) console.log(update.error?.statusCode, update.progress.patches, state);
try {
  engine.membershipSync("alice");
} catch (error) {
  if (error instanceof BigSegError && error.kind === "unsupported") console.log(error.code, error.retryable, error.cause);
}
await engine[Symbol.asyncDispose]();
export { bigSegments, contexts, custom, now, stopListening, store, unsubscribe };

// @ts-expect-error a promise is not an answer
engine.membership("alice").check("beta.g1");
// @ts-expect-error a key is a string
engine.cached(5);
// @ts-expect-error it may be undefined
engine.cached("alice").check("beta.g1");
// @ts-expect-error a duration is a number
await Engine.open("memory:", { contextCacheTime: "5s" });
// @ts-expect-error a status has only these values
status === "FINE";
// @ts-expect-error answers are immutable
answer.status = "HEALTHY";
// @ts-expect-error a level is one of four
onLog(() => {}, "loud");
// @ts-expect-error an upstream needs a key
await Integration.start("main", {}, "memory:mirror");
