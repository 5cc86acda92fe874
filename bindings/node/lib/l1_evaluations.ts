/**
 * Kept evaluations on the JavaScript side. `leased.ts` describes when one may be returned; its
 * lease ends when the first membership that it used expires or becomes stale.
 */

import type { Now } from "./clock.js";
import { Context, type Query } from "./evaluation.js";
import { Leased } from "./leased.js";
import type { HotPath } from "./native.js";

/** The number of results it holds. */
const CAPACITY = 4096;

/** A result for one context. */
interface Kept {
  readonly result: object;
  readonly validUntil: number;
  readonly query: Query;
  readonly key: string;
  readonly context: Context;
  /** The number of its last hit. */
  lastUse: number;
}

/** The kept evaluations of one engine. */
export class L1Evaluations extends Leased {
  readonly #native: HotPath;
  readonly #numbers: Float64Array;
  /** By query and context; a collected context takes its results with it. */
  #kept: WeakMap<Context, Map<string, Kept>>[] = [new WeakMap(), new WeakMap()];
  #count = 0;
  /** The results used since the last report. */
  #used: Kept[] = [];

  constructor(native: HotPath, epoch: ArrayBuffer, now: Now) {
    super(epoch, now);
    this.#native = native;
    this.#numbers = new Float64Array(native.shared, 0, 2);
  }

  /** Returns the result of a query, if its lease is valid. */
  get(query: Query, key: string, context: unknown): object | undefined {
    const kept = this.#kept[query]?.get(context as Context)?.get(key);
    if (kept === undefined || !this.isValid(kept.validUntil)) return undefined;
    if (!this.isUsed(kept.lastUse)) this.#used.push(kept);
    kept.lastUse = this.countHit();
    return kept.result;
  }

  /** Calls `evaluate`, and keeps the result for as long as the engine allows. */
  keep<T extends object>(query: Query, key: string, context: Context, evaluate: () => T | undefined): T | undefined {
    this.enterEpoch();
    if (this.#count >= CAPACITY) this.clear();
    const requestedAt = this.now();
    const result = evaluate();
    const validFor = this.#numbers[1]!;
    if (result === undefined || !(validFor > 0)) return result;
    const ofQuery = this.#kept[query]!;
    let ofContext = ofQuery.get(context);
    if (ofContext === undefined) ofQuery.set(context, (ofContext = new Map()));
    if (!ofContext.has(key)) this.#count++;
    const validUntil = requestedAt + validFor;
    ofContext.set(key, { result, validUntil, query, key, context, lastUse: this.reportedUse });
    return result;
  }

  /** Reports the used results in the order of their last use. */
  protected override report(): void {
    const used = this.#used.sort((a, b) => a.lastUse - b.lastUse);
    this.#used = [];
    for (const { query, key, context } of used) this.#native.recordEvaluationHit(query, key, Context.native(context));
  }

  protected override clear(): void {
    this.#kept = [new WeakMap(), new WeakMap()];
    this.#count = 0;
  }
}
