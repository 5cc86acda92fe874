/** The engine, the main class of the package. */

import type { Answer } from "./answer.js";
import { ManualClock, nowOf, type Now } from "./clock.js";
import { isCustomStore, type CustomStore } from "./custom_store.js";
import { Dispatcher, type Owner } from "./dispatcher.js";
import { guarded, invalidArgument, invalidConfig, toError } from "./errors.js";
import { Query, type ContextLike, type Evaluation, type Explanation, type SegmentAnswer } from "./evaluation.js";
import { Evaluator } from "./evaluator.js";
import { Lookups, type LookupOptions } from "./lookups.js";
import { native, type NativeDataChanged, type NativeEngine, type NativeStatus } from "./native.js";
import { nativeOptions, splitOptions, type EngineOptions } from "./options.js";
import { metrics, StatusUpdates, storeStatus, type Metrics, type StoreStatus } from "./status.js";
import { storeConfig, type StoreOptions } from "./store_options.js";

/** @internal Returns the native half of an engine. */
export let nativeEngine: (engine: Engine) => NativeEngine;

/**
 * An open engine. One engine serves a whole thread; each worker thread opens its own.
 *
 * A lookup fails only on misuse: an invalid key (`invalid_context_key`) or a closed engine
 * (`closed`). A failure of the store is in the answer, because the program has to continue with a
 * default.
 *
 * An engine does not keep the process alive, except while a lookup is in progress. The garbage
 * collector closes an engine without references.
 */
export class Engine {
  readonly #native: NativeEngine;
  readonly #dispatcher: Dispatcher;
  readonly #owner: Owner;
  readonly #lookups: Lookups;
  readonly #evaluator: Evaluator;
  readonly #updates = new Set<StatusUpdates>();
  #closing: Promise<void> | undefined;

  private constructor(engine: NativeEngine, dispatcher: Dispatcher, store: CustomStore | undefined, now: Now) {
    const hot = engine.hotPath();
    // Also keeps this engine, and with it the owner, alive while a call is pending.
    const recordHits = () => this.#recordHits();
    this.#native = engine;
    this.#dispatcher = dispatcher;
    this.#owner = { native: engine, store, listeners: new Map() };
    this.#lookups = new Lookups(engine, hot, dispatcher, now, recordHits);
    this.#evaluator = new Evaluator(engine, hot, dispatcher, now, recordHits);
    dispatcher.setOwner(this.#owner);
  }

  /**
   * Opens an engine. Does not wait for the store; the status shows one that is unreachable.
   *
   * @param store a store string, a custom store, or nothing: every lookup then answers
   * `NOT_CONFIGURED`
   * @throws BigSegError (as a rejection) `invalid_config`, or `internal` when the system refuses to
   * start threads
   */
  static async open(
    store: string | CustomStore | null | undefined,
    options: EngineOptions & StoreOptions = {},
  ): Promise<Engine> {
    const [engineOptions, storeOptions] = splitOptions(options);
    const customStore = isCustomStore(store) ? store : undefined;
    if (typeof store !== "string" && customStore === undefined && store !== null && store !== undefined) {
      throw invalidArgument("a store is a store string, or an object with memberships() and metadata()");
    }
    const unused = typeof store === "string" ? [] : Object.keys(storeOptions);
    if (unused.length > 0) {
      throw invalidConfig(`${unused.join(", ")}: not an engine option; store options need a store string`);
    }
    const { clock } = engineOptions;
    const nativeClock = clock && ManualClock.native(clock);
    const config = typeof store === "string" ? storeConfig(store, storeOptions) : undefined;
    const dispatcher = new Dispatcher();
    const opened = guarded(() =>
      native.openEngine(config, customStore !== undefined, nativeOptions(engineOptions), nativeClock, dispatcher),
    );
    return new Engine(opened, dispatcher, customStore, nowOf(clock));
  }

  /** Looks up the membership of the context with this key. */
  membership(contextKey: string, options?: LookupOptions): Promise<Answer> {
    return this.#lookups.byKey(contextKey, options);
  }

  /** Looks up the membership of the context with this hash. */
  membershipByHash(contextHash: string, options?: LookupOptions): Promise<Answer> {
    return this.#lookups.byHash(contextHash, options);
  }

  /**
   * Looks up several contexts in as few queries as possible; the answers have the order of the
   * keys.
   */
  memberships(contextKeys: Iterable<string>, options?: LookupOptions): Promise<Answer[]> {
    return this.#lookups.several(contextKeys, false, options);
  }

  /**
   * Looks up several hashes in as few queries as possible; the answers have the order of the
   * hashes.
   */
  membershipsByHash(contextHashes: Iterable<string>, options?: LookupOptions): Promise<Answer[]> {
    return this.#lookups.several(contextHashes, true, options);
  }

  /**
   * Looks up a context key without a promise, in a memory or embedded store.
   *
   * @throws BigSegError `unsupported` with any other store
   */
  membershipSync(contextKey: string): Answer {
    return this.#lookups.byKeySync(contextKey);
  }

  /**
   * Looks up a context hash without a promise, in a memory or embedded store.
   *
   * @throws BigSegError `unsupported` with any other store
   */
  membershipByHashSync(contextHash: string): Answer {
    return this.#lookups.byHashSync(contextHash);
  }

  /** Returns the cached answer for a context key, or `undefined`: no promise, no I/O. */
  cached(contextKey: string): Answer | undefined {
    return this.#lookups.cached(contextKey);
  }

  /** Returns the cached answer for a context hash, or `undefined`: no promise, no I/O. */
  cachedByHash(contextHash: string): Answer | undefined {
    return this.#lookups.cachedByHash(contextHash);
  }

  /**
   * Replaces the flags and segments by those of a JSON text: `{"flags":{…},"segments":{…}}`.
   *
   * Another thread parses the text. The data are replaced as a whole, and evaluations are not
   * blocked.
   *
   * @throws BigSegError (as a rejection) `invalid_argument` for invalid text, which changes nothing
   */
  async setData(json: string): Promise<void> {
    checkChanged(await guarded(() => this.#native.setData(json)));
  }

  /**
   * Replaces the flags and segments by those of a file, and remembers its path for `reloadData`.
   *
   * @throws BigSegError (as a rejection) `invalid_argument` for an unreadable or invalid file,
   * which changes nothing
   */
  async loadData(path: string): Promise<void> {
    checkChanged(await guarded(() => this.#native.loadData(path)));
  }

  /**
   * Reads the file of `loadData` again if it has changed; resolves with whether it had.
   *
   * The file is not watched. A call once a second is cheap. After a rejection the data are
   * unchanged, and the next call retries.
   */
  async reloadData(): Promise<boolean> {
    return checkChanged(await guarded(() => this.#native.reloadData()));
  }

  /**
   * Evaluates a flag for a context, and resolves with the value and its reason.
   *
   * `defaultValue` is the value when the flag cannot be evaluated; the reason has the error kind.
   * Memberships are looked up when a rule needs them, each at most once. A `Context` is faster than
   * a form that each call has to parse.
   */
  async evaluate(flagKey: string, context: ContextLike, defaultValue?: unknown): Promise<Evaluation> {
    const kept = this.#evaluator.kept(Query.Flag, flagKey, context);
    const evaluation = kept ?? (await this.#evaluator.evaluate(Query.Flag, flagKey, context));
    return withDefault(evaluation as Evaluation, defaultValue);
  }

  /** Evaluates a flag without a promise; `undefined` if the store would have to be queried. */
  evaluateNow(flagKey: string, context: ContextLike, defaultValue?: unknown): Evaluation | undefined {
    const evaluation = this.#evaluator.now(Query.Flag, flagKey, context);
    return evaluation === undefined ? undefined : withDefault(evaluation as Evaluation, defaultValue);
  }

  /**
   * Resolves with whether a context is in a segment, and why; looks up memberships like `evaluate`.
   */
  async segmentContains(segmentKey: string, context: ContextLike): Promise<SegmentAnswer> {
    const kept = this.#evaluator.kept(Query.Segment, segmentKey, context);
    return (kept ?? (await this.#evaluator.evaluate(Query.Segment, segmentKey, context))) as SegmentAnswer;
  }

  /**
   * Returns whether a context is in a segment without a promise; `undefined` if the store would
   * have to be queried.
   */
  segmentContainsNow(segmentKey: string, context: ContextLike): SegmentAnswer | undefined {
    return this.#evaluator.now(Query.Segment, segmentKey, context) as SegmentAnswer | undefined;
  }

  /** Resolves with whether a context is in a segment, with every fact that led to the answer. */
  async explain(segmentKey: string, context: ContextLike): Promise<Explanation> {
    return this.#evaluator.explain(segmentKey, context);
  }

  /** Returns the last known status of the store; does not query the store. */
  status(): StoreStatus {
    return storeStatus(this.#native.status());
  }

  /** Reads the store's sync time now, and resolves with the status after that. */
  refreshStatus(): Promise<StoreStatus> {
    return this.#dispatcher.start(
      (callId) => this.#native.startRefreshStatus(callId),
      // Refers to `this`, so that the engine is not collected while the call is pending.
      (status) => (void this, storeStatus(status as NativeStatus)),
    );
  }

  /**
   * Calls back with the current status once it is known, and then with every change.
   *
   * A busy thread receives only the latest status. An exception of a listener is an uncaught
   * exception.
   *
   * @returns a function that unsubscribes; after that the listener is not called again
   */
  onStatusChange(listener: (status: StoreStatus) => void): () => void {
    if (typeof listener !== "function") throw invalidArgument("a listener is a function");
    const id = guarded(() => this.#native.addStatusListener());
    this.#owner.listeners.set(id, listener);
    return () => {
      if (this.#owner.listeners.delete(id)) this.#native.removeStatusListener(id);
    };
  }

  /** Iterates over the current status, then each change; ends when the engine is closed. */
  statusUpdates(): StatusUpdates {
    const updates: StatusUpdates = new StatusUpdates<StoreStatus>(
      (listener) => this.onStatusChange(listener),
      () => this.#updates.delete(updates),
    );
    this.#updates.add(updates);
    return updates;
  }

  /** Removes a context from the cache by its key; a query in progress does not store it again. */
  invalidate(contextKey: string): void {
    guarded(() => this.#native.invalidate(contextKey));
  }

  /** Removes a context from the cache by its hash; a query in progress does not store it again. */
  invalidateByHash(contextHash: string): void {
    guarded(() => this.#native.invalidateByHash(contextHash));
  }

  /** Empties the cache. */
  invalidateAll(): void {
    this.#native.invalidateAll();
  }

  /** Returns the engine's counters. */
  metrics(): Metrics {
    this.#recordHits();
    return metrics(this.#native.metrics());
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Closes the engine: lookups in progress end, and later ones fail with `closed`.
   *
   * Resolves when no listener and no call into a custom store runs, or after 5 s. A second call has
   * no effect.
   */
  close(): Promise<void> {
    this.#closing ??= this.#dispatcher.start(
      (callId) => this.#native.startClose(callId),
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
    // Early versions of Node 18 do not have the symbol.
    const symbol = (Symbol as { asyncDispose?: symbol }).asyncDispose;
    if (symbol !== undefined) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
  }

  /** Reports the hits of both L1 caches, before a call that may evict entries or read metrics. */
  #recordHits(): void {
    this.#lookups.recordHits();
    this.#evaluator.recordHits();
  }
}

/** Sets the caller's default as the value of an evaluation without a variation. */
function withDefault(evaluation: Evaluation, defaultValue: unknown): Evaluation {
  return evaluation.variation === undefined ? Object.freeze({ ...evaluation, value: defaultValue }) : evaluation;
}

/** Returns whether the data are new, or throws why the change failed. */
function checkChanged({ failure, changed }: NativeDataChanged): boolean {
  if (failure) throw toError(failure);
  return changed;
}
