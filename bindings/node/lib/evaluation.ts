/**
 * Contexts, the results of evaluating flags and segments, and the classification of lists by size.
 */

import type { LookupStatus, Origin } from "./answer.js";
import { guarded, invalidArgument, type BigSegError } from "./errors.js";
import { native, type NativeContext } from "./native.js";

/** The main reason for a value, with the names that the official SDKs use. */
export type ReasonKind = "OFF" | "FALLTHROUGH" | "TARGET_MATCH" | "RULE_MATCH" | "PREREQUISITE_FAILED" | "ERROR";

/**
 * Why a flag or a segment could not be evaluated.
 *
 * - `CLIENT_NOT_READY`: no flags and segments are loaded yet.
 * - `FLAG_NOT_FOUND`, `SEGMENT_NOT_FOUND`: it does not exist. For a flag, a missing segment does
 *   not match.
 * - `MALFORMED_FLAG`: the flag or segment, or one it refers to, is invalid.
 */
export type EvaluationErrorKind = "CLIENT_NOT_READY" | "FLAG_NOT_FOUND" | "SEGMENT_NOT_FOUND" | "MALFORMED_FLAG";

/**
 * What decided whether a context is in a segment.
 *
 * - `included`, `excluded`: the list includes or excludes the context.
 * - `rule`: the store has no value, and a rule of the segment includes the context.
 * - `no_value`: the store has no value or is unavailable, and no rule includes the context.
 * - `not_consulted`: the context has no individual context of the segment's kind.
 * - `not_configured`: the segment has no generation.
 */
export type Decider = "included" | "excluded" | "rule" | "no_value" | "not_consulted" | "not_configured";

/**
 * Why a flag serves its value, with the fields of the official SDKs; a field that does not apply is
 * missing.
 */
export interface Reason {
  /** The main reason. */
  readonly kind: ReasonKind;
  /** The error, if `kind` is `ERROR`. */
  readonly errorKind?: EvaluationErrorKind;
  /** The index of the matching rule, if `kind` is `RULE_MATCH`. */
  readonly ruleIndex?: number;
  /** That rule's identifier, if it has one. */
  readonly ruleId?: string;
  /** The prerequisite that failed, if `kind` is `PREREQUISITE_FAILED`. */
  readonly prerequisiteKey?: string;
  /** `true` if the context takes part in an experiment. */
  readonly inExperiment?: boolean;
  /** The worst status of the attempted or refused lookups, if there were any. */
  readonly bigSegmentsStatus?: LookupStatus;
}

/** The decision of one segment; a field that does not apply is missing. */
export interface Decision {
  /** The segment's key. */
  readonly segmentKey: string;
  /** The segment ref of a big segment with a generation. */
  readonly segmentRef?: string;
  /** What decided. */
  readonly decider: Decider;
  /** The index of the rule that includes the context, if a rule does. */
  readonly ruleIndex?: number;
  /** That rule's identifier, if it has one. */
  readonly ruleId?: string;
  /** The status of the lookup, if one was attempted or refused. */
  readonly status?: LookupStatus;
}

/**
 * The result of evaluating a flag: a value and its reason; deeply immutable, except for the
 * caller's default.
 */
export interface Evaluation {
  /** The value of the variation, or the caller's default. */
  readonly value: unknown;
  /** The index of the variation; missing when the value is the caller's default. */
  readonly variation?: number;
  /** The reason for the value. */
  readonly reason: Reason;
  /** The decision of each big segment that was consulted, in order. */
  readonly decisions: readonly Decision[];
}

/** Whether a context is in a segment, and why; immutable. */
export interface SegmentAnswer {
  /** Whether the context is in the segment. */
  readonly isMatch: boolean;
  /** Why the segment could not be evaluated, in which case `isMatch` is `false`. */
  readonly errorKind?: EvaluationErrorKind;
  /** The worst status of the attempted or refused lookups, if there were any. */
  readonly status?: LookupStatus;
  /** The decision of this segment, then of each big segment that its rules consulted, in order. */
  readonly decisions: readonly Decision[];
}

/** Why a context is or is not in a segment, with every fact that led to the answer. */
export interface Explanation {
  /**
   * The answer. The first decision is that of the segment, the others are of big segments in its
   * rules.
   */
  readonly answer: SegmentAnswer;
  /**
   * The hash of the looked-up context; `null` when no lookup was needed or possible: an ordinary
   * segment, a missing generation, or no individual context of the segment's kind.
   */
  readonly hash: string | null;
  /**
   * The value in the membership: `true` (included), `false` (excluded) or `null` (no value, or no
   * lookup).
   */
  readonly value: boolean | null;
  /** Where the membership comes from; `null` without a lookup. */
  readonly origin: Origin | null;
  /** The age of the store's answer in milliseconds; `null` without a lookup. */
  readonly age: number | null;
  /**
   * Whether the store is part of this process (a memory or embedded store) and needs no network.
   */
  readonly embedded: boolean;
  /** Why the store gave no answer, if it gave none. */
  readonly error: BigSegError | null;
}

/**
 * The kind of segment that a list of contexts becomes.
 *
 * - `small`: an ordinary segment; its members are in the flag payload.
 * - `big`: a big segment; its members are in a store.
 * - `impossible`: too many entries for an ordinary segment, and not exactly one context kind.
 */
export type SegmentKind = "small" | "big" | "impossible";

/**
 * Returns the kind of segment for a list: more than 15,000 entries of one context kind make a big
 * segment.
 */
export function classify(entries: number, contextKinds: number): SegmentKind {
  for (const count of [entries, contextKinds]) {
    if (!Number.isInteger(count) || count < 0) throw invalidArgument("entries and contextKinds are whole numbers from 0");
  }
  return native.classify(entries, contextKinds) as SegmentKind;
}

/** @internal The kind of an evaluation; `evaluation.rs` uses the same numbers. */
export const enum Query {
  Flag = 0,
  Segment = 1,
  Explanation = 2,
}

/**
 * The forms of a context: a parsed one, JSON text, or a plain object with the fields of the
 * official SDKs.
 */
export type ContextLike = Context | string | object;

/**
 * A parsed context, for repeated evaluation; immutable. Inspecting it shows no keys and no
 * attributes.
 */
export class Context {
  readonly #native: NativeContext;

  /**
   * Parses a single-kind context, a multi-kind context, or a legacy user.
   *
   * @throws BigSegError `invalid_context_key` for an empty key, `invalid_argument` for invalid JSON
   * or an invalid context
   */
  constructor(context: ContextLike) {
    this.#native = Context.native(context);
  }

  /** The kinds of the individual contexts, sorted. */
  get kinds(): string[] {
    return native.contextKinds(this.#native);
  }

  /** @internal Returns the native context, and parses other forms. */
  static native(context: ContextLike): NativeContext {
    if (typeof context === "object" && context !== null && #native in context) return context.#native;
    return guarded(() => native.parseContext(typeof context === "string" ? context : toJson(context)));
  }
}

function toJson(context: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(context);
  } catch {
    // The original error may contain the content of the context.
  }
  if (text === undefined) throw invalidArgument("a context is a Context, an object, or JSON text");
  return text;
}
