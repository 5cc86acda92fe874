/** What evaluating flags and segments comes to, and what kind of segment a list makes. */

import type { LookupStatus, Origin } from "./answer.js";
import { BigSegError, invalidArgument } from "./errors.js";
import { native, type NativeFailure } from "./native.js";

/** The main thing that decided an evaluation, in the words of the SDKs. */
export type ReasonKind = "OFF" | "FALLTHROUGH" | "TARGET_MATCH" | "RULE_MATCH" | "PREREQUISITE_FAILED" | "ERROR";

/**
 * What kept an evaluation from being one: there are no data yet; there is no such flag, or no such segment; or it, or one it
 * refers to, contradicts itself.
 */
export type EvaluationErrorKind = "CLIENT_NOT_READY" | "FLAG_NOT_FOUND" | "SEGMENT_NOT_FOUND" | "MALFORMED_FLAG";

/**
 * What decided whether a context is in a segment: the list, which includes or excludes it; a `rule`, which includes it; neither
 * (`no_value`); nobody was asked, as the context has none of the segment's kind (`not_consulted`), or could be, as the segment's
 * generation is missing (`not_configured`).
 */
export type Decider = "included" | "excluded" | "rule" | "no_value" | "not_consulted" | "not_configured";

/** Why a flag serves what it serves, as the SDKs write it; what does not apply is not there. */
export interface Reason {
  /** The main thing that decided. */
  readonly kind: ReasonKind;
  /** What went wrong, if `kind` is `ERROR`. */
  readonly errorKind?: EvaluationErrorKind;
  /** The index of the flag's rule, if `kind` is `RULE_MATCH`. */
  readonly ruleIndex?: number;
  /** That rule's identifier, if it has one. */
  readonly ruleId?: string;
  /** The flag that failed, if `kind` is `PREREQUISITE_FAILED`. */
  readonly prerequisiteKey?: string;
  /** `true` if the context takes part in an experiment. */
  readonly inExperiment?: boolean;
  /** The worst status of the lookups that were attempted or refused, if there were any. */
  readonly bigSegmentsStatus?: LookupStatus;
}

/** How one segment decided; what does not apply is not there. */
export interface Decision {
  /** The segment's key. */
  readonly segmentKey: string;
  /** Its ref, if it is a big one whose generation is known. */
  readonly segmentRef?: string;
  /** What decided. */
  readonly decider: Decider;
  /** The index of the rule that includes the context, if a rule does. */
  readonly ruleIndex?: number;
  /** That rule's identifier, if it has one. */
  readonly ruleId?: string;
  /** How far the lookup can be trusted, if one was attempted or refused. */
  readonly status?: LookupStatus;
}

/** What a flag serves a context, and why; immutable, and so is what it holds but for the caller's own default. */
export interface Evaluation {
  /** What it serves, or the caller's default. */
  readonly value: unknown;
  /** The index of the variation; not there when the value is the caller's default. */
  readonly variation?: number;
  /** Why. */
  readonly reason: Reason;
  /** What each big segment decided that was asked for, in order. */
  readonly decisions: readonly Decision[];
}

/** Whether a context is in a segment, and why; immutable. */
export interface SegmentAnswer {
  /** Whether it is. */
  readonly isMatch: boolean;
  /** Why there is no real answer, which is "no" then. */
  readonly errorKind?: EvaluationErrorKind;
  /** The worst status of the lookups that were attempted or refused, if there were any. */
  readonly status?: LookupStatus;
  /** What this segment decided, then each big segment that its rules ask for, in order. */
  readonly decisions: readonly Decision[];
}

/** Why a context is in a segment, or is not: everything that is known on the way. */
export interface Explanation {
  /** The answer. Its first decision is the segment's own; the others are of big segments that its rules ask for. */
  readonly answer: SegmentAnswer;
  /**
   * Under which hash the context was looked up; `null` when it was not: the segment is no big one, its generation is missing, or
   * the context has no individual context of its kind.
   */
  readonly hash: string | null;
  /** What the membership says: `true` = included, `false` = excluded, `null` = no value, or none was looked up. */
  readonly value: boolean | null;
  /** Where the membership comes from; `null` when none was looked up. */
  readonly origin: Origin | null;
  /** How many milliseconds ago the store said it; `null` when none was looked up. */
  readonly age: number | null;
  /** Whether the store is part of this process (a memory or embedded store), so that no network was asked. */
  readonly embedded: boolean;
  /** Why the store was not heard, when it was not. */
  readonly error: BigSegError | null;
}

/** How a list of contexts becomes a segment; `impossible`: too many entries for a small one, and a big one has one kind. */
export type SegmentKind = "small" | "big" | "impossible";

/** Returns what a list makes: more than 15,000 entries of exactly one context kind make a big segment. */
export function classify(entries: number, contextKinds: number): SegmentKind {
  for (const count of [entries, contextKinds]) {
    if (!Number.isInteger(count) || count < 0) throw invalidArgument("entries and kinds are counted from 0");
  }
  return native.classify(entries, contextKinds) as SegmentKind;
}

/** @internal What is asked about a context; `evaluation.rs` has the same numbers. */
export const enum Question {
  Flag = 0,
  Segment = 1,
  Explanation = 2,
}

/** How many distinct texts are remembered. A population has few distinct answers, however large it is. */
const REMEMBERED = 1024;

/** @internal Reads answers, each distinct text once. */
export class AnswerReader {
  readonly #known = new Map<string, object>();

  /** Returns what a text says, frozen. */
  read<T extends object>(text: string): T {
    const known = this.#known.get(text);
    if (known !== undefined) return known as T;
    const answer = frozen(JSON.parse(text) as T);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(text, answer);
    return answer;
  }
}

/** @internal Reads an explanation. */
export function explanation(text: string): Explanation {
  const said = JSON.parse(text) as Omit<Explanation, "error"> & { error: NativeFailure | null };
  const error = said.error && new BigSegError(said.error.kind as BigSegError["kind"], said.error.message);
  return frozen({ ...said, error });
}

/** Freezes what JSON can say, as deep as it goes. */
function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null && !(inner instanceof Error)) frozen(inner as object);
  }
  return Object.freeze(value);
}
