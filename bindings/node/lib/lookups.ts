/**
 * The lookups of an engine: from the L1 cache, else from the engine's cache, else from the store.
 */

import type { Answer } from "./answer.js";
import { AnswerDecoder } from "./answer_decoder.js";
import { Batcher } from "./batcher.js";
import type { Now } from "./clock.js";
import type { Dispatcher } from "./dispatcher.js";
import { guarded, invalidArgument, toBigSegError, toError } from "./errors.js";
import { L1Cache, NO_SLOT } from "./l1_cache.js";
import type { HotPath, NativeEngine } from "./native.js";

/** The options of one lookup. */
export interface LookupOptions {
  /**
   * Stops the wait when it is aborted: the promise is rejected with its reason. The query
   * continues.
   */
  signal?: AbortSignal;
  /** The maximal wait in milliseconds, if it is shorter than `lookupDeadline`. */
  deadline?: number;
}

/** @internal The lookups of one engine. */
export class Lookups {
  readonly #native: NativeEngine;
  readonly #hot: HotPath;
  readonly #dispatcher: Dispatcher;
  readonly #now: Now;
  readonly #decoder: AnswerDecoder;
  readonly #batcher: Batcher;
  readonly #l1: L1Cache | undefined;
  readonly #isEmbedded: boolean;
  /** The age of the last answer in milliseconds, and how long it is valid. */
  readonly #numbers: Float64Array;
  readonly #recordHits: () => void;

  constructor(native: NativeEngine, hot: HotPath, dispatcher: Dispatcher, now: Now, recordHits: () => void) {
    this.#native = native;
    this.#hot = hot;
    this.#dispatcher = dispatcher;
    this.#now = now;
    this.#decoder = new AnswerDecoder(native, now);
    this.#batcher = new Batcher((texts, areHashes, deadline) => this.#start(texts, areHashes, deadline));
    this.#l1 = hot.epoch && new L1Cache(hot, hot.epoch, now);
    this.#isEmbedded = native.isEmbedded;
    this.#numbers = new Float64Array(hot.shared, 0, 2);
    this.#recordHits = recordHits;
  }

  /** Reports the hits of the L1 cache to the engine. */
  recordHits(): void {
    this.#l1?.recordHits();
  }

  byKey(contextKey: string, options: LookupOptions | undefined): Promise<Answer> {
    if (options === undefined) {
      const answer = this.#l1?.promise(contextKey);
      if (answer !== undefined) return answer;
    }
    try {
      const answer = this.#cached(contextKey) ?? (this.#isEmbedded ? this.#lookupNow(contextKey) : undefined);
      return this.#promise(contextKey, false, answer, options);
    } catch (error) {
      return Promise.reject(toBigSegError(error));
    }
  }

  byHash(contextHash: string, options: LookupOptions | undefined): Promise<Answer> {
    try {
      const answer = this.#cachedByHash(contextHash) ?? (this.#isEmbedded ? this.#lookupNowByHash(contextHash) : undefined);
      return this.#promise(contextHash, true, answer, options);
    } catch (error) {
      return Promise.reject(toBigSegError(error));
    }
  }

  /** Looks up several keys or several hashes. */
  several(texts: Iterable<string>, areHashes: boolean, options: LookupOptions = {}): Promise<Answer[]> {
    try {
      const deadline = checkedDeadline(options);
      options.signal?.throwIfAborted();
      return abortable(this.#start([...texts], areHashes, deadline), options.signal);
    } catch (error) {
      return Promise.reject(toBigSegError(error));
    }
  }

  byKeySync(contextKey: string): Answer {
    return guarded(() => this.#l1?.get(contextKey) ?? this.#cached(contextKey) ?? this.#lookupNow(contextKey));
  }

  byHashSync(contextHash: string): Answer {
    return guarded(() => this.#cachedByHash(contextHash) ?? this.#lookupNowByHash(contextHash));
  }

  cached(contextKey: string): Answer | undefined {
    return this.#l1?.get(contextKey) ?? guarded(() => this.#cached(contextKey));
  }

  cachedByHash(contextHash: string): Answer | undefined {
    return guarded(() => this.#cachedByHash(contextHash));
  }

  /** Reads the engine's cache, and keeps the answer in the L1 cache. */
  #cached(contextKey: string): Answer | undefined {
    const l1 = this.#l1;
    if (l1 === undefined) return this.#decodeCached(this.#hot.cached(contextKey, NO_SLOT));
    this.#recordHits();
    const slot = typeof contextKey === "string" ? l1.reserve(contextKey) : NO_SLOT;
    const requestedAt = this.#now();
    const answer = this.#decodeCached(this.#hot.cached(contextKey, slot));
    if (answer !== undefined) l1.keep(contextKey, slot, answer, requestedAt, this.#numbers[1]!);
    return answer;
  }

  #cachedByHash(contextHash: string): Answer | undefined {
    this.#recordHits();
    return this.#decodeCached(this.#hot.cachedByHash(contextHash, NO_SLOT));
  }

  #decodeCached(code: number): Answer | undefined {
    return code < 0 ? undefined : this.#decoder.answer(code, this.#numbers[0]!, this.#now(), undefined);
  }

  #lookupNow(contextKey: string): Answer {
    return this.#decodeLookup(this.#hot.lookupNow(contextKey));
  }

  #lookupNowByHash(contextHash: string): Answer {
    return this.#decodeLookup(this.#hot.lookupNowByHash(contextHash));
  }

  #decodeLookup(code: number): Answer {
    const age = this.#numbers[0]!;
    const failure = this.#native.lastFailure();
    return this.#decoder.answer(code, age, this.#now(), failure === null ? undefined : toError(failure));
  }

  /** Resolves with the given answer, or with the store's. */
  #promise(text: string, isHash: boolean, answer: Answer | undefined, options?: LookupOptions): Promise<Answer> {
    if (options === undefined) return answer ? Promise.resolve(answer) : this.#batcher.add(text, isHash, 0);
    const deadline = checkedDeadline(options);
    options.signal?.throwIfAborted();
    if (answer !== undefined) return Promise.resolve(answer);
    return abortable(this.#batcher.add(text, isHash, deadline), options.signal);
  }

  #start(texts: readonly string[], areHashes: boolean, deadline: number): Promise<Answer[]> {
    this.#recordHits();
    return this.#dispatcher
      .start(
        (callId) => this.#hot.startLookups(callId, texts, areHashes ? 1 : 0, deadline),
        (value, more) => this.#decoder.answers(value, more),
      )
      .catch((error: unknown) => {
        throw toBigSegError(error);
      });
  }
}

function checkedDeadline({ deadline }: LookupOptions): number {
  if (deadline === undefined) return 0;
  if (!(deadline > 0)) throw invalidArgument("deadline must be a number of milliseconds greater than 0");
  return deadline;
}

/** Settles like `promise`, unless `signal` is aborted first. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
