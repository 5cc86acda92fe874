/** The front door: an `Engine` answers "which segments is this context in?" from its cache, or else from the store. */

import type { Answer } from "./answer.js";
import { nowOf, type Now, ManualClock } from "./clock.js";
import { isCustomStore, type CustomStore } from "./custom_store.js";
import { Context, type ContextLike } from "./context.js";
import { Decoder } from "./answer_decoder.js";
import { failed, guarded, invalidArgument, raised } from "./errors.js";
import { AnswerReader, explanation, Question, type Evaluation, type Explanation, type SegmentAnswer } from "./evaluation.js";
import { FirstLevel, NO_SLOT } from "./l1_cache.js";
import { Gathering } from "./batcher.js";
import { Inbox, type Owner } from "./dispatcher.js";
import { native, type HotPath, type NativeEngine, type NativeExchanged, type NativeStatus } from "./native.js";
import { invalidConfig, nativeOptions, splitOptions, storeString, type EngineOptions, type StoreOptions } from "./options.js";
import { metrics, storeStatus, type Metrics, type StoreStatus } from "./status.js";
import { Repeats } from "./l1_evaluations.js";
import { StatusUpdates } from "./status_updates.js";

/** What one lookup may be given. */
export interface LookupOptions {
  /** Gives up waiting when it is aborted: the promise is rejected with its reason. The query itself goes on. */
  signal?: AbortSignal;
  /** How many milliseconds to wait at most, if that is shorter than `lookupDeadline`. */
  deadline?: number;
}

/** @internal Returns the native half of an engine. */
export let nativeEngine: (engine: Engine) => NativeEngine;

/**
 * An open engine. One serves a whole thread; a worker thread opens one of its own.
 *
 * A lookup fails only on misuse: a key that is not one (`invalid_context_key`), an engine that was closed (`closed`). Whatever
 * goes wrong with the store is in the answer, because a program has to go on either way. An engine does not keep the process
 * alive, except while a lookup is under way; one that nobody holds any more is closed by the garbage collector.
 */
export class Engine {
  readonly #native: NativeEngine;
  readonly #hot: HotPath;
  readonly #now: Now;
  readonly #inbox: Inbox;
  readonly #owner: Owner;
  readonly #decoder: Decoder;
  readonly #reader = new AnswerReader();
  readonly #repeats: Repeats | undefined;
  readonly #numbers: Float64Array;
  readonly #firstLevel: FirstLevel | undefined;
  readonly #gathering: Gathering;
  readonly #inPlace: boolean;
  readonly #updates = new Set<StatusUpdates>();
  #closing: Promise<void> | undefined;

  private constructor(engine: NativeEngine, inbox: Inbox, store: CustomStore | undefined, now: Now) {
    this.#native = engine;
    this.#hot = engine.hotPath();
    this.#now = now;
    this.#inbox = inbox;
    this.#owner = { native: engine, store, listeners: new Map() };
    this.#decoder = new Decoder(engine, now);
    this.#numbers = new Float64Array(this.#hot.shared, 0, 2);
    this.#firstLevel = this.#hot.epoch && new FirstLevel(this.#hot, this.#hot.epoch, now);
    this.#repeats = this.#hot.epoch && new Repeats(this.#hot, this.#hot.epoch, now);
    this.#gathering = new Gathering((texts, areHashes, deadline) => this.#begin(texts, areHashes, deadline));
    this.#inPlace = engine.inPlace;
    inbox.belongsTo(this.#owner);
  }

  /**
   * Opens an engine. It does not wait for the store; one that cannot be reached shows in the status.
   *
   * @param store a store string, a store of the program's own, or nothing: every lookup then answers `NOT_CONFIGURED`
   * @throws BigSegError (as a rejection) `invalid_config`; `internal` when the machine refuses more threads
   */
  static async open(
    store: string | CustomStore | null | undefined,
    options: EngineOptions & StoreOptions = {},
  ): Promise<Engine> {
    const [engineOptions, storeOptions] = splitOptions(options);
    const custom = isCustomStore(store) ? store : undefined;
    if (typeof store !== "string" && custom === undefined && store !== null && store !== undefined) {
      throw invalidArgument("a store is a store string, or an object with memberships() and metadata()");
    }
    const unused = typeof store === "string" ? [] : Object.keys(storeOptions);
    if (unused.length > 0) {
      throw invalidConfig(`${unused.join(", ")}: no option of an engine, and the store has no store string to be put into`);
    }
    const { clock } = engineOptions;
    const nativeClock = clock && ManualClock.native(clock);
    const text = typeof store === "string" ? storeString(store, storeOptions) : undefined;
    const inbox = new Inbox();
    const opened = guarded(() =>
      native.openEngine(text, custom !== undefined, nativeOptions(engineOptions), nativeClock, inbox),
    );
    return new Engine(opened, inbox, custom, nowOf(clock));
  }

  /** Looks up the membership of the context with that key. */
  membership(contextKey: string, options?: LookupOptions): Promise<Answer> {
    if (options === undefined) {
      const answer = this.#firstLevel?.promise(contextKey);
      if (answer !== undefined) return answer;
    }
    try {
      const answer = this.#cached(contextKey) ?? (this.#inPlace ? this.#lookUpNow(contextKey) : undefined);
      return this.#promise(contextKey, false, answer, options);
    } catch (error) {
      return Promise.reject(raised(error));
    }
  }

  /** Looks up the membership of the context with that hash. */
  membershipByHash(contextHash: string, options?: LookupOptions): Promise<Answer> {
    try {
      const answer = this.#cachedByHash(contextHash) ?? (this.#inPlace ? this.#lookUpNowByHash(contextHash) : undefined);
      return this.#promise(contextHash, true, answer, options);
    } catch (error) {
      return Promise.reject(raised(error));
    }
  }

  /** Looks up many contexts together, in their order; what is not cached is asked for in as few queries as possible. */
  memberships(contextKeys: Iterable<string>, options?: LookupOptions): Promise<Answer[]> {
    return this.#many(contextKeys, false, options);
  }

  /** Looks up many hashes together, in their order. */
  membershipsByHash(contextHashes: Iterable<string>, options?: LookupOptions): Promise<Answer[]> {
    return this.#many(contextHashes, true, options);
  }

  /**
   * Looks up a context without a promise, which only a memory or embedded store allows.
   *
   * @throws BigSegError `unsupported` with any other store
   */
  membershipSync(contextKey: string): Answer {
    return guarded(() => this.#firstLevel?.get(contextKey) ?? this.#cached(contextKey) ?? this.#lookUpNow(contextKey));
  }

  /** Does the same for a hash. */
  membershipByHashSync(contextHash: string): Answer {
    return guarded(() => this.#cachedByHash(contextHash) ?? this.#lookUpNowByHash(contextHash));
  }

  /** Returns an answer if there is one without asking anybody: no promise, no I/O. */
  cached(contextKey: string): Answer | undefined {
    return this.#firstLevel?.get(contextKey) ?? guarded(() => this.#cached(contextKey));
  }

  /** Does the same for a hash. */
  cachedByHash(contextHash: string): Answer | undefined {
    return guarded(() => this.#cachedByHash(contextHash));
  }

  /**
   * Sets the flags and segments, from the JSON of the service: `{"flags":{…},"segments":{…}}`. They are read on another thread
   * and exchanged as a whole, without holding up anybody who evaluates.
   *
   * @throws BigSegError (as a rejection) `invalid_argument` for a text that is refused, which changes nothing
   */
  async setData(json: string): Promise<void> {
    exchanged(await guarded(() => this.#native.setData(json)));
  }

  /** Does the same from a file, and remembers it for `reloadData`. */
  async loadData(path: string): Promise<void> {
    exchanged(await guarded(() => this.#native.loadData(path)));
  }

  /**
   * Reads the file of `loadData` again, if it has changed since; resolves with whether it had. Cheap enough to be called every
   * second: nothing watches the file by itself. When it is rejected, the data stay as they were, and the next call tries again.
   */
  async reloadData(): Promise<boolean> {
    return exchanged(await guarded(() => this.#native.reloadData()));
  }

  /**
   * Evaluates a flag for a context: what it serves, and why. The default is the value when there is nothing to evaluate; the
   * reason says so.
   *
   * Memberships are looked up as rules come to ask for them, each at most once. A `Context` is quicker than what has to be read
   * each time.
   */
  async evaluate(flagKey: string, context: ContextLike, otherwise?: unknown): Promise<Evaluation> {
    const known = this.#repeats?.get(Question.Flag, flagKey, context);
    return withDefault((known ?? (await this.#answer(Question.Flag, flagKey, context))) as Evaluation, otherwise);
  }

  /** Does the same without a promise, if it can be done without I/O; `undefined` if the store would have to be asked. */
  evaluateNow(flagKey: string, context: ContextLike, otherwise?: unknown): Evaluation | undefined {
    const known = this.#repeats?.get(Question.Flag, flagKey, context) ?? this.#answerNow(Question.Flag, flagKey, context);
    return known === undefined ? undefined : withDefault(known as Evaluation, otherwise);
  }

  /** Answers whether a context is in a segment, and why; it looks up as `evaluate` does. */
  async segmentContains(segmentKey: string, context: ContextLike): Promise<SegmentAnswer> {
    const known = this.#repeats?.get(Question.Segment, segmentKey, context);
    return (known ?? (await this.#answer(Question.Segment, segmentKey, context))) as SegmentAnswer;
  }

  /** Does the same without a promise, if it can be done without I/O; `undefined` if the store would have to be asked. */
  segmentContainsNow(segmentKey: string, context: ContextLike): SegmentAnswer | undefined {
    const known = this.#repeats?.get(Question.Segment, segmentKey, context);
    return (known ?? this.#answerNow(Question.Segment, segmentKey, context)) as SegmentAnswer | undefined;
  }

  /** Answers whether a context is in a segment, and explains it; it looks up as `evaluate` does. */
  async explain(segmentKey: string, context: ContextLike): Promise<Explanation> {
    return explanation(await this.#ask(Question.Explanation, segmentKey, new Context(context)));
  }

  /** Returns the store's status as far as it is known now; does not ask the store. */
  status(): StoreStatus {
    return storeStatus(this.#native.status());
  }

  /** Asks the store for its sync time now, and resolves with the status after that. */
  refreshStatus(): Promise<StoreStatus> {
    return this.#inbox.begin(
      (ticket) => this.#native.beginRefreshStatus(ticket),
      (status) => (void this, storeStatus(status as NativeStatus)),
    );
  }

  /**
   * Calls back soon with the current status, once there is one, and then with every change. The latest value wins: what changed
   * to and fro while the thread was busy is not told. What a listener throws is an uncaught exception.
   *
   * @returns a function that unsubscribes; after that the listener is not called again
   */
  onStatusChange(listener: (status: StoreStatus) => void): () => void {
    if (typeof listener !== "function") throw invalidArgument("a listener is a function");
    const number = guarded(() => this.#native.addStatusListener());
    this.#owner.listeners.set(number, listener);
    return () => {
      if (this.#owner.listeners.delete(number)) this.#native.removeStatusListener(number);
    };
  }

  /** Follows the status: the current one first, then each change; ends when the engine is closed. */
  statusUpdates(): StatusUpdates {
    const updates: StatusUpdates = new StatusUpdates<StoreStatus>(
      (listener) => this.onStatusChange(listener),
      () => this.#updates.delete(updates),
    );
    this.#updates.add(updates);
    return updates;
  }

  /** Forgets what is cached of a context; a query under way will not bring it back. */
  invalidate(contextKey: string): void {
    guarded(() => this.#native.invalidate(contextKey));
  }

  /** Does the same for a hash. */
  invalidateByHash(contextHash: string): void {
    guarded(() => this.#native.invalidateByHash(contextHash));
  }

  /** Forgets everything that is cached. */
  invalidateAll(): void {
    this.#native.invalidateAll();
  }

  /** Returns what the engine has done so far. */
  metrics(): Metrics {
    this.#note();
    return metrics(this.#native.metrics());
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Stops everything: lookups under way end, later ones fail with `closed`. Resolves when nothing runs any more, no listener
   * and no call into a custom store, or after 5 s. Closing twice is fine.
   */
  close(): Promise<void> {
    this.#closing ??= this.#inbox.begin(
      (ticket) => this.#native.beginClose(ticket),
      () => {
        this.#owner.listeners.clear();
      },
    );
    for (const updates of this.#updates) updates.end();
    return this.#closing;
  }

  /** Closes the engine at the end of an `await using` block. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  static {
    nativeEngine = (engine) => engine.#native;
    // Node 18 came to know the symbol late.
    const symbol = (Symbol as { asyncDispose?: symbol }).asyncDispose;
    if (symbol !== undefined) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
  }

  /** Tells the engine what was given again on this side. */
  #note(): void {
    this.#firstLevel?.note();
    this.#repeats?.note();
  }

  #answerNow(question: Question, key: string, context: ContextLike): object | undefined {
    this.#note();
    const native = Context.native(context);
    const ask = () => {
      const text = guarded(() => this.#hot.answerNow(question, key, native));
      return text === "" ? undefined : this.#reader.read(text);
    };
    // What was read for this call alone will not be asked about again.
    if (this.#repeats === undefined || !(context instanceof Context)) return ask();
    return this.#repeats.ask(question, key, context, ask);
  }

  /** Answers at once, or else asks; what is answered at once crosses no thread. */
  #answer(question: Question, key: string, context: ContextLike): object | Promise<object> {
    const read = context instanceof Context ? context : new Context(context);
    return this.#answerNow(question, key, read) ?? this.#ask(question, key, read).then((text) => this.#reader.read(text));
  }

  #ask(question: Question, key: string, context: Context): Promise<string> {
    this.#note();
    return this.#inbox.begin(
      (ticket) => guarded(() => this.#native.beginQuestion(ticket, question, key, Context.native(context))),
      (text) => (void this, text as string),
    );
  }

  /** Asks the engine's cache, and keeps its answer in the first level. */
  #cached(contextKey: string): Answer | undefined {
    const firstLevel = this.#firstLevel;
    if (firstLevel === undefined) return this.#recalled(this.#hot.recall(contextKey, NO_SLOT));
    this.#note();
    const slot = typeof contextKey === "string" ? firstLevel.reserve(contextKey) : NO_SLOT;
    const askedAt = this.#now();
    const answer = this.#recalled(this.#hot.recall(contextKey, slot));
    if (answer !== undefined) firstLevel.keep(contextKey, slot, answer, askedAt, this.#numbers[1]!);
    return answer;
  }

  #cachedByHash(contextHash: string): Answer | undefined {
    this.#note();
    return this.#recalled(this.#hot.recallByHash(contextHash, NO_SLOT));
  }

  #recalled(code: number): Answer | undefined {
    return code < 0 ? undefined : this.#decoder.answer(code, this.#numbers[0]!, this.#now(), undefined);
  }

  #lookUpNow(contextKey: string): Answer {
    return this.#lookedUp(this.#hot.lookUpNow(contextKey));
  }

  #lookUpNowByHash(contextHash: string): Answer {
    return this.#lookedUp(this.#hot.lookUpNowByHash(contextHash));
  }

  #lookedUp(code: number): Answer {
    const age = this.#numbers[0]!;
    const failure = this.#native.lastFailure();
    return this.#decoder.answer(code, age, this.#now(), failure === null ? undefined : failed(failure));
  }

  /** Resolves with the answer that is there, or else with the store's. */
  #promise(text: string, isHash: boolean, answer: Answer | undefined, options?: LookupOptions): Promise<Answer> {
    if (options === undefined) return answer ? Promise.resolve(answer) : this.#gathering.add(text, isHash, 0);
    const deadline = checkedDeadline(options);
    options.signal?.throwIfAborted();
    if (answer !== undefined) return Promise.resolve(answer);
    return abortable(this.#gathering.add(text, isHash, deadline), options.signal);
  }

  #many(texts: Iterable<string>, areHashes: boolean, options: LookupOptions = {}): Promise<Answer[]> {
    try {
      const deadline = checkedDeadline(options);
      options.signal?.throwIfAborted();
      return abortable(this.#begin([...texts], areHashes, deadline), options.signal);
    } catch (error) {
      return Promise.reject(raised(error));
    }
  }

  #begin(texts: readonly string[], areHashes: boolean, deadline: number): Promise<Answer[]> {
    this.#note();
    return this.#inbox
      .begin(
        (ticket) => this.#hot.begin(ticket, texts, areHashes ? 1 : 0, deadline),
        (value, more) => this.#decoder.answers(value, more),
      )
      .catch((error: unknown) => {
        throw raised(error);
      });
  }
}

/** Puts the caller's default where that is what is served. */
function withDefault(evaluation: Evaluation, otherwise: unknown): Evaluation {
  return evaluation.variation === undefined ? Object.freeze({ ...evaluation, value: otherwise }) : evaluation;
}

/** Returns whether there are other data now. */
function exchanged({ failure, changed }: NativeExchanged): boolean {
  if (failure) throw failed(failure);
  return changed;
}

function checkedDeadline({ deadline }: LookupOptions): number {
  if (deadline === undefined) return 0;
  if (!(deadline > 0)) throw invalidArgument("deadline must be a number of milliseconds above 0");
  return deadline;
}

/** Settles as `promise` does, unless `signal` is aborted before. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
