/** The words that stores know contexts and segments by. */

import { guarded } from "./errors.js";
import { native } from "./native.js";

/**
 * Hashes a context key as it is: no trimming, no unicode normalisation; a lone surrogate counts as U+FFFD.
 *
 * @returns the SHA-256 in 44 characters of padded standard base64; the context kind is not part of it
 * @throws BigSegError `invalid_context_key` when it is empty
 */
export function contextHash(contextKey: string): string {
  return guarded(() => native.contextHash(contextKey));
}

/**
 * Takes a text that must be a context hash.
 *
 * @throws BigSegError `invalid_context_hash` otherwise
 */
export function parseContextHash(text: string): string {
  guarded(() => native.checkContextHash(text));
  return text;
}

/** A segment's key and generation. */
export interface SegmentRef {
  /** The segment's key, which may hold dots. */
  readonly segmentKey: string;
  /** The segment's generation, a whole number of 64 bits. */
  readonly generation: bigint;
}

/**
 * Builds the ref of a segment's generation as the stores spell it: `{segmentKey}.g{generation}`.
 *
 * @throws BigSegError `invalid_segment_ref` when the key is empty, or begins or ends with white space, or when the
 * generation is not a whole number of 64 bits
 */
export function segmentRef(segmentKey: string, generation: number | bigint): string {
  const isWhole = typeof generation === "bigint" || Number.isSafeInteger(generation);
  return guarded(() => native.segmentRef(segmentKey, isWhole ? String(generation) : "none"));
}

/**
 * Takes a segment ref apart; the key is cut at the last `.g`.
 *
 * @throws BigSegError `invalid_segment_ref` when it is none
 */
export function parseSegmentRef(text: string): SegmentRef {
  const { segmentKey, generation } = guarded(() => native.parseSegmentRef(text));
  return { segmentKey, generation: BigInt(generation) };
}
