/** Stores written in JavaScript, plain or with promises. */

import { BigSegError } from "./errors.js";
import type { NativeEngine, NativeMembership } from "./native.js";

/** What a custom store says about one context: a `Membership`, or any object with lists of segment refs; nothing = no rows. */
export type MembershipLike =
  | { readonly included?: Iterable<string>; readonly excluded?: Iterable<string> }
  | null
  | undefined;

/** What a custom store says about itself. */
export interface StoreMetadata {
  /** When the store was last known to match its source, in Unix milliseconds; absent, `null` or 0 = never. */
  readonly lastUpToDate?: number | null | undefined;
}

/**
 * A store of the program's own. The engine does the rest: cache, batching, deadline, circuit breaker, status.
 *
 * The methods are called on the thread that opened the engine. Lookups give up waiting for a promise at their deadline. An
 * exception means that the store failed; a `BigSegError` also says how.
 */
export interface CustomStore {
  /**
   * Answers for many contexts at once, in their order. An `Error` in the place of an answer means that this context alone has
   * data that cannot be understood.
   */
  memberships(
    contextHashes: readonly string[],
  ): readonly (MembershipLike | Error)[] | Promise<readonly (MembershipLike | Error)[]>;
  /** Says when the store was last up to date; doubles as the health check. */
  metadata(): StoreMetadata | null | undefined | Promise<StoreMetadata | null | undefined>;
}

/** @internal Whether something is a custom store. */
export function isCustomStore(store: unknown): store is CustomStore {
  const methods = store as Partial<CustomStore> | null;
  return typeof store === "object" && typeof methods?.memberships === "function" && typeof methods.metadata === "function";
}

/** @internal Answers the native half's questions for memberships. */
export async function answerMemberships(
  engine: NativeEngine,
  store: CustomStore,
  question: number,
  hashes: string[],
): Promise<void> {
  await answered(engine, question, async () => {
    const answers = await store.memberships(hashes);
    if (!Array.isArray(answers) || answers.length !== hashes.length) {
      throw spoilt(`memberships() must answer with an array of ${hashes.length}, one for each context`);
    }
    engine.replyMemberships(question, answers.map(nativeMembership));
  });
}

/** @internal Answers the native half's questions for metadata. */
export async function answerMetadata(engine: NativeEngine, store: CustomStore, question: number): Promise<void> {
  await answered(engine, question, async () => {
    const lastUpToDate = (await store.metadata())?.lastUpToDate ?? 0;
    if (!Number.isSafeInteger(lastUpToDate)) throw spoilt("lastUpToDate must be a whole number of Unix milliseconds");
    engine.replyMetadata(question, lastUpToDate);
  });
}

/** Whatever goes wrong, the question is answered. */
async function answered(engine: NativeEngine, question: number, answer: () => Promise<void>): Promise<void> {
  try {
    await answer();
  } catch (error) {
    engine.replyFailure(question, ...words(error, "store_unavailable"));
  }
}

function nativeMembership(answer: MembershipLike | Error): NativeMembership {
  if (answer instanceof Error) return { included: [], excluded: [], failure: words(answer, "store_data") };
  return { included: refs(answer?.included), excluded: refs(answer?.excluded) };
}

function refs(given: Iterable<string> | undefined): string[] {
  const refs = typeof given === "string" ? [undefined] : [...(given ?? [])];
  if (refs.every((ref) => typeof ref === "string")) return refs;
  throw spoilt("included and excluded must be lists of segment refs");
}

function spoilt(message: string): BigSegError {
  return new BigSegError("store_data", message);
}

function words(error: unknown, kind: string): [kind: string, message: string] {
  if (error instanceof BigSegError) return [error.kind, error.message];
  return [kind, error instanceof Error ? error.message : String(error)];
}
