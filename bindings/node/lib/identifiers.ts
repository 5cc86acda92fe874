/** Context hashes and segment refs, as the stores spell them. */

import { guarded } from "./errors.js";
import { native } from "./native.js";

/**
 * Hashes a context key without trimming and without Unicode normalisation; a lone surrogate counts
 * as U+FFFD.
 *
 * @returns the SHA-256 in 44 characters of padded standard base64; the context kind is not part of
 * it
 * @throws BigSegError `invalid_context_key` for an empty key
 */
export function contextHash(contextKey: string): string {
  return guarded(() => native.contextHash(contextKey));
}

/**
 * Returns a valid context hash.
 *
 * @throws BigSegError `invalid_context_hash` for any other text
 */
export function parseContextHash(text: string): string {
  guarded(() => native.checkContextHash(text));
  return text;
}

/** A segment key with a generation. */
export interface SegmentRef {
  /** The segment key, which may contain dots. */
  readonly segmentKey: string;
  /** The generation, a 64-bit whole number. */
  readonly generation: bigint;
}

/**
 * Builds a segment ref as the stores spell it: `{segmentKey}.g{generation}`.
 *
 * @throws BigSegError `invalid_segment_ref` for a key that is empty or has white space at an end.
 * The generation must be a 64-bit whole number.
 */
export function segmentRef(segmentKey: string, generation: number | bigint): string {
  const isWhole = typeof generation === "bigint" || Number.isSafeInteger(generation);
  return guarded(() => native.segmentRef(segmentKey, isWhole ? String(generation) : "invalid"));
}

/**
 * Splits a segment ref; the key ends at the last `.g`.
 *
 * @throws BigSegError `invalid_segment_ref` for any other text
 */
export function parseSegmentRef(text: string): SegmentRef {
  const { segmentKey, generation } = guarded(() => native.parseSegmentRef(text));
  return { segmentKey, generation: BigInt(generation) };
}
