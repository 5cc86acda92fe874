/** The context that is evaluated: who or what it is about. */

import { guarded, invalidArgument } from "./errors.js";
import { native, type NativeContext } from "./native.js";

/** What a context may be given as: one that was read before, JSON text, or a plain object as the official SDKs take it. */
export type ContextLike = Context | string | object;

/** A context, read once, to be evaluated often; immutable. It shows none of its keys and attributes. */
export class Context {
  readonly #native: NativeContext;

  /**
   * Reads a context of one kind, of several, or a legacy user.
   *
   * @throws BigSegError `invalid_context_key` when a key is empty; `invalid_argument` when it is not JSON, or not a context
   */
  constructor(context: ContextLike) {
    this.#native = Context.native(context);
  }

  /** The kinds of its individual contexts, sorted. */
  get kinds(): string[] {
    return native.contextKinds(this.#native);
  }

  /** @internal Returns what the native half knows a context by, reading it if need be. */
  static native(context: ContextLike): NativeContext {
    if (typeof context === "object" && context !== null && #native in context) return context.#native;
    return guarded(() => native.readContext(typeof context === "string" ? context : written(context)));
  }
}

function written(context: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(context);
  } catch {
    // Its own error may repeat what it found.
  }
  if (text === undefined) throw invalidArgument("a context is a Context, an object, or JSON text");
  return text;
}
