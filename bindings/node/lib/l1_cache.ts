/**
 * The L1 cache: answers on the JavaScript side, because a call into native code costs more than the
 * answer itself. `leased.ts` describes when a kept answer may be returned.
 */

import type { Answer } from "./answer.js";
import type { Now } from "./clock.js";
import { Leased } from "./leased.js";
import type { HotPath } from "./native.js";

/** The number of answers it holds; `engine_state.rs` has the same number. */
const SLOTS = 1024;
/** A longer key is not kept, which bounds the memory of the cache. */
const MAX_KEY_LENGTH = 256;
/** The offset of the used slots in the shared memory, in bytes. */
const HITS_OFFSET = 16;

/** The slot of an answer that is not kept. */
export const NO_SLOT = SLOTS;

/** The L1 cache of one engine. */
export class L1Cache extends Leased {
  readonly #native: HotPath;
  readonly #slots = new Map<string, number>();
  readonly #answers: (Answer | undefined)[] = new Array<Answer | undefined>(SLOTS).fill(undefined);
  /** The answers as promises, each created on first use and shared by all callers. */
  readonly #promises: (Promise<Answer> | undefined)[] = new Array<Promise<Answer> | undefined>(SLOTS).fill(undefined);
  readonly #validUntil = new Float64Array(SLOTS);
  /** The number of the last hit of each slot. */
  readonly #lastUse = new Float64Array(SLOTS);
  /** The slots used since the last report. */
  readonly #usedSlots: number[] = [];
  readonly #sharedHits: Uint32Array;

  constructor(native: HotPath, epoch: ArrayBuffer, now: Now) {
    super(epoch, now);
    this.#native = native;
    this.#sharedHits = new Uint32Array(native.shared, HITS_OFFSET, SLOTS);
  }

  /** Returns the answer for a key, if its lease is valid. */
  get(key: string): Answer | undefined {
    const slot = this.#use(key);
    return slot === NO_SLOT ? undefined : this.#answers[slot];
  }

  /** Returns a promise of the answer for a key, if its lease is valid. */
  promise(key: string): Promise<Answer> | undefined {
    const slot = this.#use(key);
    return slot === NO_SLOT ? undefined : (this.#promises[slot] ??= Promise.resolve(this.#answers[slot]!));
  }

  /** Counts a hit for a key, if its lease is valid, and returns the slot. */
  #use(key: string): number {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.isValid(this.#validUntil[slot]!)) return NO_SLOT;
    if (!this.isUsed(this.#lastUse[slot]!)) this.#usedSlots.push(slot);
    this.#lastUse[slot] = this.countHit();
    return slot;
  }

  /** Returns the slot for an answer that is about to be requested. */
  reserve(key: string): number {
    this.enterEpoch();
    const slot = this.#slots.get(key);
    if (slot !== undefined) return slot;
    if (key.length > MAX_KEY_LENGTH) return NO_SLOT;
    if (this.#slots.size >= SLOTS) this.clear();
    return this.#slots.size;
  }

  /** Keeps an answer in its reserved slot, from `requestedAt` for `validFor` milliseconds. */
  keep(key: string, slot: number, answer: Answer, requestedAt: number, validFor: number): void {
    if (slot === NO_SLOT || !(validFor > 0)) return;
    // A substring may keep its whole parent string alive; this is a copy.
    if (this.#slots.get(key) === undefined) this.#slots.set((" " + key).slice(1), slot);
    this.#answers[slot] = answer;
    this.#promises[slot] = undefined;
    this.#validUntil[slot] = requestedAt + validFor;
    this.#lastUse[slot] = this.reportedUse;
  }

  /** Reports the used slots in the order of their last use. */
  protected override report(hits: number): void {
    const slots = this.#usedSlots;
    if (slots.length > 1) slots.sort((a, b) => this.#lastUse[a]! - this.#lastUse[b]!);
    for (let index = 0; index < slots.length; index++) this.#sharedHits[index] = slots[index]!;
    this.#native.recordL1Hits(slots.length, hits);
    slots.length = 0;
  }

  protected override clear(): void {
    this.recordHits();
    this.#slots.clear();
    this.#answers.fill(undefined);
    this.#promises.fill(undefined);
  }
}
