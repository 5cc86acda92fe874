/** Makes answers of the numbers that `answer_codec.rs` writes. */

import { Answer, LookupStatus, type Origin } from "./answer.js";
import type { Now } from "./clock.js";
import { failed, type BigSegError } from "./errors.js";
import { Membership } from "./membership.js";
import { native, type NativeEngine, type NativeFailure } from "./native.js";

const origins: readonly Origin[] = ["store", "cache", "last_known", "nothing"];
const statuses = native.lookupStatuses() as LookupStatus[];
/** Membership numbers from here on are good for once; smaller ones for ever. */
const FIRST_PASSING = 1 << 20;
/** Numbers for each answer: its code, its age, and the number of its failure, from 1. */
const NUMBERS = 3;

/** Decodes the answers of one engine. */
export class Decoder {
  readonly #engine: NativeEngine;
  readonly #now: Now;
  readonly #memberships: Membership[] = [];

  constructor(engine: NativeEngine, now: Now) {
    this.#engine = engine;
    this.#now = now;
  }

  /** Makes an answer of its code; `age` is in milliseconds, as of `asOf`. */
  answer(code: number, age: number, asOf: number, error: BigSegError | undefined): Answer {
    const status = statuses[code & 3] as LookupStatus;
    const origin = origins[(code >> 2) & 3] as Origin;
    return new Answer(this.#membership(Math.floor(code / 16)), status, origin, error, this.#now, asOf - age);
  }

  /** Makes many answers of what is delivered. */
  answers(value: unknown, more: unknown): Answer[] {
    const numbers = new Float64Array(value as ArrayBuffer);
    const errors = (more as NativeFailure[]).map(failed);
    const asOf = this.#now();
    const answers = new Array<Answer>(numbers.length / NUMBERS);
    for (let place = 0, next = 0; place < answers.length; place++, next += NUMBERS) {
      const error = errors[(numbers[next + 2] as number) - 1];
      answers[place] = this.answer(numbers[next] as number, numbers[next + 1] as number, asOf, error);
    }
    return answers;
  }

  #membership(number: number): Membership {
    const known = this.#memberships[number];
    if (known !== undefined) return known;
    const refs = this.#engine.membershipRefs(number);
    const isEmpty = refs === null || refs.included.length + refs.excluded.length === 0;
    const membership = isEmpty ? Membership.empty : new Membership(refs.included, refs.excluded);
    if (number < FIRST_PASSING) this.#memberships[number] = membership;
    return membership;
  }
}
