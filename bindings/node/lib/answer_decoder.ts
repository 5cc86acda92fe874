/** Decodes the answers that `answer_codec.rs` encodes as numbers. */

import { Answer, LookupStatus, Membership, type Origin } from "./answer.js";
import type { Now } from "./clock.js";
import { toError, type BigSegError } from "./errors.js";
import { native, type NativeEngine, type NativeFailure } from "./native.js";

const origins: readonly Origin[] = ["store", "cache", "last_known", "nothing"];
const statuses = native.lookupStatuses() as LookupStatus[];
/** Membership numbers from here on are temporary; smaller ones are permanent. */
const FIRST_TEMPORARY = 1 << 20;
/** The numbers of each answer: code, age, and the index of its failure from 1. */
const NUMBERS = 3;

/** Decodes the answers of one engine. */
export class AnswerDecoder {
  readonly #engine: NativeEngine;
  readonly #now: Now;
  readonly #memberships: Membership[] = [];

  constructor(engine: NativeEngine, now: Now) {
    this.#engine = engine;
    this.#now = now;
  }

  /** Decodes one answer, whose age was `age` milliseconds at `asOf`. */
  answer(code: number, age: number, asOf: number, error: BigSegError | undefined): Answer {
    const status = statuses[code & 3] as LookupStatus;
    const origin = origins[(code >> 2) & 3] as Origin;
    return new Answer(this.#membership(Math.floor(code / 16)), status, origin, error, this.#now, asOf - age);
  }

  /** Decodes several delivered answers. */
  answers(value: unknown, more: unknown): Answer[] {
    const numbers = new Float64Array(value as ArrayBuffer);
    const errors = (more as NativeFailure[]).map(toError);
    const asOf = this.#now();
    const answers = new Array<Answer>(numbers.length / NUMBERS);
    for (let index = 0, offset = 0; index < answers.length; index++, offset += NUMBERS) {
      const error = errors[(numbers[offset + 2] as number) - 1];
      answers[index] = this.answer(numbers[offset] as number, numbers[offset + 1] as number, asOf, error);
    }
    return answers;
  }

  #membership(number: number): Membership {
    const known = this.#memberships[number];
    if (known !== undefined) return known;
    const refs = this.#engine.membershipRefs(number);
    const isEmpty = refs === null || refs.included.length + refs.excluded.length === 0;
    const membership = isEmpty ? Membership.empty : new Membership(refs.included, refs.excluded);
    if (number < FIRST_TEMPORARY) this.#memberships[number] = membership;
    return membership;
  }
}
