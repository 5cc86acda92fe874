/**
 * The evaluations of an engine: kept ones, others without waiting, or with a query to the store.
 */

import type { Now } from "./clock.js";
import type { Dispatcher } from "./dispatcher.js";
import { BigSegError, guarded } from "./errors.js";
import { Context, Query, type ContextLike, type Explanation } from "./evaluation.js";
import { L1Evaluations } from "./l1_evaluations.js";
import type { HotPath, NativeEngine, NativeFailure } from "./native.js";

/** @internal The evaluations of one engine. */
export class Evaluator {
  readonly #native: NativeEngine;
  readonly #hot: HotPath;
  readonly #dispatcher: Dispatcher;
  readonly #parser = new ResultParser();
  readonly #l1: L1Evaluations | undefined;
  readonly #recordHits: () => void;

  constructor(native: NativeEngine, hot: HotPath, dispatcher: Dispatcher, now: Now, recordHits: () => void) {
    this.#native = native;
    this.#hot = hot;
    this.#dispatcher = dispatcher;
    this.#l1 = hot.epoch && new L1Evaluations(hot, hot.epoch, now);
    this.#recordHits = recordHits;
  }

  /** Reports the hits of the kept evaluations to the engine. */
  recordHits(): void {
    this.#l1?.recordHits();
  }

  /** Returns a kept result whose lease is valid. */
  kept(query: Query, key: string, context: ContextLike): object | undefined {
    return this.#l1?.get(query, key, context);
  }

  /** Evaluates without a promise; `undefined` if the store would have to be queried. */
  now(query: Query, key: string, context: ContextLike): object | undefined {
    return this.kept(query, key, context) ?? this.#evaluateNow(query, key, context);
  }

  /** Evaluates without a promise if possible, otherwise with one; does not return kept results. */
  evaluate(query: Query, key: string, context: ContextLike): object | Promise<object> {
    const parsed = context instanceof Context ? context : new Context(context);
    return (
      this.#evaluateNow(query, key, parsed) ??
      this.#start(query, key, parsed).then((json) => this.#parser.parse(json))
    );
  }

  async explain(segmentKey: string, context: ContextLike): Promise<Explanation> {
    return parseExplanation(await this.#start(Query.Explanation, segmentKey, new Context(context)));
  }

  #evaluateNow(query: Query, key: string, context: ContextLike): object | undefined {
    this.#recordHits();
    const native = Context.native(context);
    const evaluate = () => {
      const json = guarded(() => this.#hot.evaluateNow(query, key, native));
      return json === "" ? undefined : this.#parser.parse(json);
    };
    // A context that was parsed for this call cannot be used again, so its result is not kept.
    if (this.#l1 === undefined || !(context instanceof Context)) return evaluate();
    return this.#l1.keep(query, key, context, evaluate);
  }

  #start(query: Query, key: string, context: Context): Promise<string> {
    this.#recordHits();
    return this.#dispatcher.start(
      (callId) => guarded(() => this.#native.startEvaluation(callId, query, key, Context.native(context))),
      // Refers to `this`, so that the engine is not collected while the call is pending.
      (json) => (void this, json as string),
    );
  }
}

/** The number of distinct texts whose parsed result is kept. */
const MAX_TEXTS = 1024;

/** Parses results, each distinct text once. A population has few distinct results. */
class ResultParser {
  readonly #results = new Map<string, object>();

  /** Returns the result, frozen. */
  parse<T extends object>(json: string): T {
    const known = this.#results.get(json);
    if (known !== undefined) return known as T;
    const result = deepFreeze(JSON.parse(json) as T);
    if (this.#results.size >= MAX_TEXTS) this.#results.clear();
    this.#results.set(json, result);
    return result;
  }
}

function parseExplanation(json: string): Explanation {
  const parsed = JSON.parse(json) as Omit<Explanation, "error"> & { error: NativeFailure | null };
  const error = parsed.error && new BigSegError(parsed.error.kind as BigSegError["kind"], parsed.error.message);
  return deepFreeze({ ...parsed, error });
}

/** Freezes a value of JSON with everything in it. */
function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null && !(inner instanceof Error)) deepFreeze(inner as object);
  }
  return Object.freeze(value);
}
