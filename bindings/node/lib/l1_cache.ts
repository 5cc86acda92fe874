/**
 * A few answers on this side of the boundary, for a call into the native half costs more than the answer itself.
 *
 * It is never wrong, because an answer is given again only while two things hold. The engine's epoch, a word in native memory,
 * is what it was before the answer was asked for: it changes whenever an entry leaves the engine's cache for whatever reason,
 * when the store's state changes, and on close. And the moment has not come that the engine foretold: when the entry expires,
 * or when the data become stale. The order in which contexts are evicted is the engine's, too: uses are noted here, and
 * handed over before the next call that could matter for it.
 */

import type { Answer } from "./answer.js";
import type { Now } from "./clock.js";
import type { HotPath } from "./native.js";

/** How many answers it holds; `hot_path.rs` has the same number. */
const SLOTS = 1024;
/** Longer keys are not kept, so that its memory is bounded. */
const LONGEST_KEY = 256;
/** Where the uses lie in the shared memory, in bytes. */
const USES_OFFSET = 16;

/** The slot of an answer that is not to be kept. */
export const NO_SLOT = SLOTS;

/** The first-level cache of one engine. */
export class FirstLevel {
  readonly #native: HotPath;
  readonly #now: Now;
  readonly #epoch: Uint32Array;
  /** What the epoch was when the oldest answer was asked for. */
  #filledIn = 0;
  readonly #slots = new Map<string, number>();
  readonly #answers: (Answer | undefined)[] = new Array<Answer | undefined>(SLOTS).fill(undefined);
  /** The same answers for those who await them: one promise serves all. */
  readonly #promises: (Promise<Answer> | undefined)[] = new Array<Promise<Answer> | undefined>(SLOTS).fill(undefined);
  readonly #holdsUntil = new Float64Array(SLOTS);
  /** When each slot was last used, counted in uses. */
  readonly #lastUse = new Float64Array(SLOTS);
  #uses = 0;
  /** How many uses the engine has heard of. */
  #noted = 0;
  /** The slots used since then. */
  readonly #usedSlots: number[] = [];
  readonly #sharedUses: Uint32Array;

  constructor(native: HotPath, epoch: ArrayBuffer, now: Now) {
    this.#native = native;
    this.#now = now;
    this.#epoch = new Uint32Array(epoch);
    this.#sharedUses = new Uint32Array(native.shared, USES_OFFSET, SLOTS);
  }

  /** Returns the answer for a key, if it still holds. */
  get(key: string): Answer | undefined {
    const slot = this.#use(key);
    return slot === NO_SLOT ? undefined : this.#answers[slot];
  }

  /** Does the same for whoever awaits it. */
  promise(key: string): Promise<Answer> | undefined {
    const slot = this.#use(key);
    return slot === NO_SLOT ? undefined : (this.#promises[slot] ??= Promise.resolve(this.#answers[slot]!));
  }

  /** Notes a use of the answer for a key, if it still holds, and returns its slot. */
  #use(key: string): number {
    const slot = this.#slots.get(key);
    if (slot === undefined) return NO_SLOT;
    if (Atomics.load(this.#epoch, 0) !== this.#filledIn) return NO_SLOT;
    if (this.#now() >= this.#holdsUntil[slot]!) return NO_SLOT;
    if (this.#lastUse[slot]! <= this.#noted) this.#usedSlots.push(slot);
    this.#lastUse[slot] = ++this.#uses;
    return slot;
  }

  /** Prepares for an answer to be asked for, and returns the slot it is to have. */
  reserve(key: string): number {
    const epoch = Atomics.load(this.#epoch, 0);
    if (epoch !== this.#filledIn) {
      this.#clear();
      this.#filledIn = epoch;
    }
    const slot = this.#slots.get(key);
    if (slot !== undefined) return slot;
    if (key.length > LONGEST_KEY) return NO_SLOT;
    if (this.#slots.size >= SLOTS) this.#clear();
    return this.#slots.size;
  }

  /** Keeps the answer for a key in the slot that was reserved. `askedAt` is from before it was asked for. */
  keep(key: string, slot: number, answer: Answer, askedAt: number, holdsFor: number): void {
    if (slot === NO_SLOT || !(holdsFor > 0)) return;
    // A part of a string may hold on to the whole; this is a copy.
    if (this.#slots.get(key) === undefined) this.#slots.set((" " + key).slice(1), slot);
    this.#answers[slot] = answer;
    this.#promises[slot] = undefined;
    this.#holdsUntil[slot] = askedAt + holdsFor;
    // The engine has seen this use itself.
    this.#lastUse[slot] = this.#noted;
  }

  /** Tells the engine which answers were used meanwhile, in the order of their last use. */
  note(): void {
    if (this.#uses === this.#noted) return;
    const slots = this.#usedSlots;
    if (slots.length > 1) slots.sort((a, b) => this.#lastUse[a]! - this.#lastUse[b]!);
    for (let place = 0; place < slots.length; place++) this.#sharedUses[place] = slots[place]!;
    this.#native.noteRepeats(slots.length, this.#uses - this.#noted);
    this.#noted = this.#uses;
    slots.length = 0;
  }

  #clear(): void {
    this.note();
    this.#slots.clear();
    this.#answers.fill(undefined);
    this.#promises.fill(undefined);
  }
}
