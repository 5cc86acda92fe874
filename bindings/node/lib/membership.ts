/** The segments that a context is in and out of. */

/** A membership; immutable, and shared by all contexts that have the same one. */
export class Membership {
  /** The membership of a context that the store has no rows for. */
  static readonly empty = new Membership([], []);

  /** The refs the context is included in, sorted by their bytes, without repeats. */
  readonly included: readonly string[];
  /** The refs the context is excluded from, likewise. */
  readonly excluded: readonly string[];
  readonly #values = new Map<string, boolean>();

  /** Builds a membership from refs in any order. */
  constructor(included: Iterable<string> = [], excluded: Iterable<string> = []) {
    this.included = sorted(included);
    this.excluded = sorted(excluded);
    for (const ref of this.excluded) this.#values.set(ref, false);
    // Where a context is both included and excluded, included wins (docs/spec.md#membership).
    for (const ref of this.included) this.#values.set(ref, true);
    Object.freeze(this);
  }

  /**
   * Returns `true` when included, `false` when excluded, and `undefined` when the store has no value.
   *
   * "No value" is not "false": the segment's rules decide then.
   */
  check(segmentRef: string): boolean | undefined {
    return this.#values.get(segmentRef);
  }
}

function sorted(refs: Iterable<string>): readonly string[] {
  const list = [...new Set(refs)];
  // By bytes is the order of code points, which UTF-16 keeps except beyond the basic plane.
  if (list.length > 1) list.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Object.freeze(list);
}
