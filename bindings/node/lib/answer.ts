/** Answers to lookups, their statuses, and memberships. */

import type { Now } from "./clock.js";
import type { BigSegError } from "./errors.js";

/** How far an answer can be trusted, spelled as `bigSegmentsStatus` of evaluation reasons. */
export type LookupStatus = "HEALTHY" | "STALE" | "STORE_ERROR" | "NOT_CONFIGURED";

/** The statuses, from best to worst. */
export const LookupStatus = Object.freeze({
  /** The store answered, and it is up to date. */
  HEALTHY: "HEALTHY",
  /** The store answered, but it was not updated within `staleAfter`. */
  STALE: "STALE",
  /** The store failed; the membership is the last known one, or empty. */
  STORE_ERROR: "STORE_ERROR",
  /** The engine has no store, so no membership was looked up. */
  NOT_CONFIGURED: "NOT_CONFIGURED",
  /** Returns the worst of several statuses; an evaluation with several lookups reports that one. */
  worst(...statuses: LookupStatus[]): LookupStatus {
    return statuses.reduce((worst, status) => (order.indexOf(status) > order.indexOf(worst) ? status : worst));
  },
});

const order: readonly LookupStatus[] = ["HEALTHY", "STALE", "STORE_ERROR", "NOT_CONFIGURED"];

/**
 * Where an answer comes from.
 *
 * - `store`: the store, for this lookup.
 * - `cache`: the cache; the answer has not expired.
 * - `last_known`: the cache; the answer has expired, but the store failed.
 * - `nothing`: no store, or it failed and no last known answer exists. The membership is empty.
 */
export type Origin = "store" | "cache" | "last_known" | "nothing";

/** The answer to a lookup of one context; immutable. */
export class Answer {
  /** The segments that include or exclude the context; empty when nothing is known. */
  readonly membership: Membership;
  /** How far the membership can be trusted. */
  readonly status: LookupStatus;
  /** Where the membership comes from. */
  readonly origin: Origin;
  /** Why the store gave no answer, if it gave none. */
  readonly error: BigSegError | undefined;
  readonly #now: Now;
  readonly #readAt: number;

  /** @internal `readAt` is when the store was read, on the clock `now`. */
  constructor(
    membership: Membership,
    status: LookupStatus,
    origin: Origin,
    error: BigSegError | undefined,
    now: Now,
    readAt: number,
  ) {
    this.membership = membership;
    this.status = status;
    this.origin = origin;
    this.error = error;
    this.#now = now;
    this.#readAt = readAt;
  }

  /**
   * Returns `true` when included, `false` when excluded, and `undefined` when the store has no
   * value.
   *
   * With no value, the segment's rules decide.
   */
  check(segmentRef: string): boolean | undefined {
    return this.membership.check(segmentRef);
  }

  /**
   * The current age of the store's answer in milliseconds; `undefined` unless it comes from the
   * cache.
   */
  get age(): number | undefined {
    if (this.origin !== "cache" && this.origin !== "last_known") return undefined;
    return Math.max(0, this.#now() - this.#readAt);
  }
}

/**
 * The segments that include or exclude a context; immutable, and shared by contexts with the same
 * ones.
 */
export class Membership {
  /** The membership of a context that the store does not have. */
  static readonly empty = new Membership([], []);

  /** The refs of the segments that include the context, sorted by their bytes, each once. */
  readonly included: readonly string[];
  /** The refs of the segments that exclude the context, sorted by their bytes, each once. */
  readonly excluded: readonly string[];
  readonly #values = new Map<string, boolean>();

  /** Makes a membership from refs in any order. */
  constructor(included: Iterable<string> = [], excluded: Iterable<string> = []) {
    this.included = sorted(included);
    this.excluded = sorted(excluded);
    for (const ref of this.excluded) this.#values.set(ref, false);
    // Where a context is both included and excluded, included wins (docs/spec.md#membership).
    for (const ref of this.included) this.#values.set(ref, true);
    Object.freeze(this);
  }

  /**
   * Returns `true` when included, `false` when excluded, and `undefined` when the store has no
   * value.
   *
   * With no value, the segment's rules decide.
   */
  check(segmentRef: string): boolean | undefined {
    return this.#values.get(segmentRef);
  }
}

function sorted(refs: Iterable<string>): readonly string[] {
  const list = [...new Set(refs)];
  // The order of UTF-8 bytes differs from that of UTF-16 beyond the basic multilingual plane.
  if (list.length > 1) list.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Object.freeze(list);
}
