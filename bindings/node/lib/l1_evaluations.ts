/**
 * Evaluations that are given again on this side of the boundary, as `l1_cache.ts` gives lookups again, and under the same two
 * conditions: the engine's epoch is what it was, which also changes with the flags and segments; and the moment has not come that
 * the engine foretold, when the first of the memberships that it took expires or turns stale.
 */

import type { Now } from "./clock.js";
import { Context } from "./context.js";
import type { HotPath } from "./native.js";

/** How many answers it holds. */
const CAPACITY = 4096;

/** An answer about one context. */
interface Kept {
  readonly answer: object;
  readonly holdsUntil: number;
  readonly question: number;
  readonly key: string;
  readonly context: Context;
  /** When it was last used, counted in uses. */
  lastUse: number;
}

/** The evaluations of one engine that hold. */
export class Repeats {
  readonly #native: HotPath;
  readonly #now: Now;
  readonly #epoch: Uint32Array;
  readonly #numbers: Float64Array;
  /** What the epoch was when the oldest answer was asked for. */
  #filledIn = 0;
  /** By question and context; a context that nobody holds any more takes its answers along. */
  #kept: WeakMap<Context, Map<string, Kept>>[] = [];
  #count = CAPACITY;
  #uses = 0;
  /** How many uses the engine has heard of. */
  #noted = 0;
  /** The answers used since then. */
  #used: Kept[] = [];

  constructor(native: HotPath, epoch: ArrayBuffer, now: Now) {
    this.#native = native;
    this.#now = now;
    this.#epoch = new Uint32Array(epoch);
    this.#numbers = new Float64Array(native.shared, 0, 2);
  }

  /** Returns the answer to a question, if it still holds. */
  get(question: number, key: string, context: unknown): object | undefined {
    const kept = this.#kept[question]?.get(context as Context)?.get(key);
    if (kept === undefined) return undefined;
    if (Atomics.load(this.#epoch, 0) !== this.#filledIn || this.#now() >= kept.holdsUntil) return undefined;
    if (kept.lastUse <= this.#noted) this.#used.push(kept);
    kept.lastUse = ++this.#uses;
    return kept.answer;
  }

  /** Asks by `ask`, and keeps the answer for as long as the engine says. */
  ask<T extends object>(question: number, key: string, context: Context, ask: () => T | undefined): T | undefined {
    const epoch = Atomics.load(this.#epoch, 0);
    if (epoch !== this.#filledIn || this.#count >= CAPACITY) this.#clear(epoch);
    const askedAt = this.#now();
    const answer = ask();
    const holdsFor = this.#numbers[1]!;
    if (answer === undefined || !(holdsFor > 0)) return answer;
    const answers = this.#kept[question]!;
    let ofContext = answers.get(context);
    if (ofContext === undefined) answers.set(context, (ofContext = new Map()));
    if (!ofContext.has(key)) this.#count++;
    // The engine has seen this use itself.
    ofContext.set(key, { answer, holdsUntil: askedAt + holdsFor, question, key, context, lastUse: this.#noted });
    return answer;
  }

  /** Has the engine see which answers were given again meanwhile, in the order of their last use. */
  note(): void {
    if (this.#uses === this.#noted) return;
    const used = this.#used.sort((a, b) => a.lastUse - b.lastUse);
    this.#used = [];
    this.#noted = this.#uses;
    for (const { question, key, context } of used) this.#native.noteAnswer(question, key, Context.native(context));
  }

  #clear(epoch: number): void {
    this.#kept = [new WeakMap(), new WeakMap()];
    this.#count = 0;
    this.#filledIn = epoch;
  }
}
