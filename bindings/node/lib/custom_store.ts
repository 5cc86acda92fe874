/** Custom stores: any object with `memberships` and `metadata`, plain or with promises. */

import { BigSegError } from "./errors.js";
import type { NativeEngine, NativeMembership } from "./native.js";

/**
 * A custom store's answer for one context: a `Membership`, an object with lists of segment refs, or
 * nothing.
 */
export type MembershipLike =
  | { readonly included?: Iterable<string>; readonly excluded?: Iterable<string> }
  | null
  | undefined;

/** The metadata of a custom store. */
export interface StoreMetadata {
  /**
   * When the store last matched its source, in Unix milliseconds; missing, `null` or 0 means never.
   */
  readonly lastUpToDate?: number | null | undefined;
}

/**
 * A store that the program implements. The engine adds cache, batching, deadline, circuit breaker
 * and status.
 *
 * The methods are called on the thread that opened the engine. A lookup stops waiting for a promise
 * at its deadline. An exception means that the store failed; a `BigSegError` gives the failure its
 * kind.
 */
export interface CustomStore {
  /**
   * Returns the memberships of several contexts, in the order of the hashes. An `Error` instead of
   * a membership means that the data of this context alone are invalid.
   */
  memberships(
    contextHashes: readonly string[],
  ): readonly (MembershipLike | Error)[] | Promise<readonly (MembershipLike | Error)[]>;
  /** Returns when the store was last up to date; the engine also uses it as a health check. */
  metadata(): StoreMetadata | null | undefined | Promise<StoreMetadata | null | undefined>;
}

/** @internal Whether a value is a custom store. */
export function isCustomStore(store: unknown): store is CustomStore {
  const methods = store as Partial<CustomStore> | null;
  return typeof store === "object" && typeof methods?.memberships === "function" && typeof methods.metadata === "function";
}

/** @internal Replies to a request for memberships. */
export async function replyMemberships(
  engine: NativeEngine,
  store: CustomStore,
  request: number,
  hashes: string[],
): Promise<void> {
  await replyOrFail(engine, request, async () => {
    const answers = await store.memberships(hashes);
    if (!Array.isArray(answers) || answers.length !== hashes.length) {
      throw invalidData(`memberships() must return an array of ${hashes.length}, one for each context`);
    }
    engine.replyMemberships(request, answers.map(nativeMembership));
  });
}

/** @internal Replies to a request for metadata. */
export async function replyMetadata(engine: NativeEngine, store: CustomStore, request: number): Promise<void> {
  await replyOrFail(engine, request, async () => {
    const lastUpToDate = (await store.metadata())?.lastUpToDate ?? 0;
    if (!Number.isSafeInteger(lastUpToDate)) throw invalidData("lastUpToDate must be a whole number of Unix milliseconds");
    engine.replyMetadata(request, lastUpToDate);
  });
}

/** Fails the request if `reply` throws, so that every request is completed. */
async function replyOrFail(engine: NativeEngine, request: number, reply: () => Promise<void>): Promise<void> {
  try {
    await reply();
  } catch (error) {
    engine.replyFailure(request, ...kindAndMessage(error, "store_unavailable"));
  }
}

function nativeMembership(answer: MembershipLike | Error): NativeMembership {
  if (answer instanceof Error) return { included: [], excluded: [], failure: kindAndMessage(answer, "store_data") };
  return { included: refs(answer?.included), excluded: refs(answer?.excluded) };
}

function refs(list: Iterable<string> | undefined): string[] {
  const refs = typeof list === "string" ? [undefined] : [...(list ?? [])];
  if (refs.every((ref) => typeof ref === "string")) return refs;
  throw invalidData("included and excluded must be lists of segment refs");
}

function invalidData(message: string): BigSegError {
  return new BigSegError("store_data", message);
}

function kindAndMessage(error: unknown, kind: string): [kind: string, message: string] {
  if (error instanceof BigSegError) return [error.kind, error.message];
  return [kind, error instanceof Error ? error.message : String(error)];
}
