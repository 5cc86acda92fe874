/** What an engine says about one context. */

import type { Now } from "./clock.js";
import type { BigSegError } from "./errors.js";
import type { Membership } from "./membership.js";

/** How far an answer can be trusted, as evaluation reasons spell it (`bigSegmentsStatus`). */
export type LookupStatus = "HEALTHY" | "STALE" | "STORE_ERROR" | "NOT_CONFIGURED";

/** The statuses, from best to worst. */
export const LookupStatus = Object.freeze({
  /** The store answered, and it is up to date. */
  HEALTHY: "HEALTHY",
  /** The store answered, but nothing has kept it up to date lately. */
  STALE: "STALE",
  /** The store failed; the membership is the last known one, or empty. */
  STORE_ERROR: "STORE_ERROR",
  /** There is no store, so no membership was looked up. */
  NOT_CONFIGURED: "NOT_CONFIGURED",
  /** Returns the worst of several, which is what several lookups in one evaluation report. */
  worst(...statuses: LookupStatus[]): LookupStatus {
    return statuses.reduce((worst, status) => (order.indexOf(status) > order.indexOf(worst) ? status : worst));
  },
});

const order: readonly LookupStatus[] = ["HEALTHY", "STALE", "STORE_ERROR", "NOT_CONFIGURED"];

/**
 * Where an answer comes from: the `store`, just now; the `cache`, younger than the cache time; `last_known`: the cache, older
 * than that, because the store failed; `nothing`: nowhere, and the membership is empty.
 */
export type Origin = "store" | "cache" | "last_known" | "nothing";

/** An answer; immutable. */
export class Answer {
  /** The segments the context is in and out of; empty when nothing is known. */
  readonly membership: Membership;
  /** How far it can be trusted. */
  readonly status: LookupStatus;
  /** Where the membership comes from. */
  readonly origin: Origin;
  /** Why the store was not heard, when it was not. */
  readonly error: BigSegError | undefined;
  readonly #now: Now;
  readonly #saidAt: number;

  /** @internal `saidAt` is when the store said it, on the clock `now`. */
  constructor(
    membership: Membership,
    status: LookupStatus,
    origin: Origin,
    error: BigSegError | undefined,
    now: Now,
    saidAt: number,
  ) {
    this.membership = membership;
    this.status = status;
    this.origin = origin;
    this.error = error;
    this.#now = now;
    this.#saidAt = saidAt;
  }

  /** Returns `true` when included, `false` when excluded, `undefined` when there is no value; see `Membership.check`. */
  check(segmentRef: string): boolean | undefined {
    return this.membership.check(segmentRef);
  }

  /** How many milliseconds ago, as of now, the store said it; `undefined` unless it was remembered. */
  get age(): number | undefined {
    if (this.origin !== "cache" && this.origin !== "last_known") return undefined;
    return Math.max(0, this.#now() - this.#saidAt);
  }
}
