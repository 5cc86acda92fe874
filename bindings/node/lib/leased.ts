/**
 * The discipline of a cache on the JavaScript side: a kept value is returned only while its lease
 * is valid.
 *
 * 1. The engine keeps an epoch, a number in native memory. It changes before any cached answer
 *    becomes invalid: when an entry leaves the engine's cache, when the state of the store or the
 *    data change, and on close.
 * 2. With each value the engine returns how long it is valid: until the entry expires or becomes
 *    stale.
 * 3. A value is returned only if the epoch is unchanged since the cache was last empty, and if the
 *    current time is before its `validUntil`.
 * 4. Hits are recorded here, and reported to the engine before a call that may evict an entry. So
 *    the engine evicts in the order of use, and counts every hit.
 */

import type { Now } from "./clock.js";

/** The epoch and the hit counters of one cache. */
export abstract class Leased {
  protected readonly now: Now;
  readonly #epoch: Uint32Array;
  /** The epoch when the cache was last emptied. */
  #filledIn = 0;
  #hits = 0;
  #reportedHits = 0;

  constructor(epoch: ArrayBuffer, now: Now) {
    this.#epoch = new Uint32Array(epoch);
    this.now = now;
  }

  /** Removes every value. */
  protected abstract clear(): void;

  /** Reports the values used since the last report, and the number of hits, to the engine. */
  protected abstract report(hits: number): void;

  /** Whether a value with this end of its lease may be returned. */
  protected isValid(validUntil: number): boolean {
    return Atomics.load(this.#epoch, 0) === this.#filledIn && this.now() < validUntil;
  }

  /** Whether a value was used since the last report. */
  protected isUsed(lastUse: number): boolean {
    return lastUse > this.#reportedHits;
  }

  /** Counts a hit, and returns its number, which orders the uses. */
  protected countHit(): number {
    return ++this.#hits;
  }

  /**
   * The `lastUse` of a value that the engine just returned: the engine itself recorded that use.
   */
  protected get reportedUse(): number {
    return this.#reportedHits;
  }

  /** Empties the cache if its values are of an earlier epoch, before a new value is requested. */
  protected enterEpoch(): void {
    const epoch = Atomics.load(this.#epoch, 0);
    if (epoch === this.#filledIn) return;
    this.clear();
    this.#filledIn = epoch;
  }

  /** Reports hits to the engine, if there are any. */
  recordHits(): void {
    if (this.#hits === this.#reportedHits) return;
    const hits = this.#hits - this.#reportedHits;
    this.#reportedHits = this.#hits;
    this.report(hits);
  }
}
