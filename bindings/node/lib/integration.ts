/** Integrations: keeping a store in step with its upstream. */

import { ManualClock } from "./clock.js";
import { nativeEngine, type Engine } from "./engine.js";
import { guarded, invalidArgument } from "./errors.js";
import { integrationStatus, syncFailure, type IntegrationStatus, type SyncFailure } from "./integration_status.js";
import { native, type NativeDefinition, type NativeIntegration, type NativeIntegrationStatus } from "./native.js";
import { storeString, type StoreOptions } from "./options.js";
import { StatusUpdates } from "./status_updates.js";

/** The service that a store is kept in step with. */
export interface Upstream {
  /** The key of the environment, a secret, which is shown nowhere. */
  sdkKey: string;
  /** Where pages are fetched. Default: `https://sdk.launchdarkly.com`. */
  baseUrl?: string;
  /** Where changes are streamed. Default: `https://stream.launchdarkly.com`. */
  streamUrl?: string;
  /**
   * The way there: `none`, the URL of an HTTP proxy, which may hold a user and a password, or `environment`: as `HTTPS_PROXY`,
   * `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, which is the default.
   */
  proxy?: string;
  /** PEM file of the authorities that may vouch for it. Default: those of the operating system. */
  caFile?: string;
}

/** What else may be said of an integration. */
export interface IntegrationOptions {
  /** What people call it. Default: its id. */
  name?: string;
  /** The project at the upstream, for people. */
  project?: string;
  /** The environment at the upstream, for people; the SDK key is what chooses it. */
  environment?: string;
  /** Whether it is on. Default: yes. */
  on?: boolean;
  /** Engines of this thread on the same store, which are to forget changed contexts at once. */
  engines?: Iterable<Engine>;
  /** A directory that exists, in which the error log outlives the process, in a file `ID.errors.json`. Default: none. */
  stateDirectory?: string;
  /** What time it is. Default: the machine's clocks. */
  clock?: ManualClock;
}

type Listener = (status: IntegrationStatus) => void;

/**
 * Keeps a store in step with its upstream: fetches what the store does not have yet, follows the changes as they happen, and
 * tells its state. It never gives up, whatever fails.
 *
 * It runs on threads of its own, and does not keep the process alive. One that nobody holds any more is stopped by the garbage
 * collector.
 */
export class Integration {
  readonly #native: NativeIntegration;
  readonly #listeners: Map<number, Listener>;
  readonly #updates = new Set<StatusUpdates<IntegrationStatus>>();
  #closing: Promise<void> | undefined;

  private constructor(started: NativeIntegration, listeners: Map<number, Listener>) {
    this.#native = started;
    this.#listeners = listeners;
  }

  /**
   * Starts an integration; it waits for neither the upstream nor the store.
   *
   * @param id what programs call it: 1 to 64 letters, digits, `-`, `_` or `.`, not beginning with a dot
   * @param store the store string of the store to be filled; a memory store needs a name
   * @throws BigSegError (as a rejection) `invalid_config`; `internal` when the machine refuses more threads
   */
  static async start(
    id: string,
    upstream: Upstream,
    store: string,
    options: IntegrationOptions & StoreOptions = {},
  ): Promise<Integration> {
    const { name, project, environment, on, engines = [], stateDirectory, clock, ...storeOptions } = options;
    const { sdkKey, baseUrl, streamUrl, proxy, caFile } = upstream;
    const definition: { [Name in keyof NativeDefinition]: NativeDefinition[Name] | undefined } = {
      ...{ id, name, project, environment, on, stateDirectory, store: storeString(store, storeOptions) },
      ...{ sdkKey, baseUrl, streamUrl, proxy, caFile },
    };
    const natives = Array.from(engines, (engine) => nativeEngine(engine));
    const listeners = new Map<number, Listener>();
    const receiver = new Telling(listeners);
    const nativeClock = clock && ManualClock.native(clock);
    const started = guarded(() =>
      native.startIntegration(definition as NativeDefinition, natives, nativeClock, receiver),
    );
    return new Integration(started, listeners);
  }

  /** Returns the status of this moment; never waits. */
  status(): IntegrationStatus {
    return integrationStatus(this.#native.status());
  }

  /**
   * Returns the last errors, newest first, at most 100; the same one in a row is one entry. They are those of earlier processes,
   * too, if there is a directory for the state.
   */
  errorLog(): readonly SyncFailure[] {
    return this.#native.errorLog().map(syncFailure);
  }

  /**
   * Calls back soon with the present status, and then with every change. The latest value wins: what changed to and fro while the
   * thread was busy is not told. What a listener throws is an uncaught exception.
   *
   * @returns a function that unsubscribes; after that the listener is not called again
   */
  onStatusChange(listener: (status: IntegrationStatus) => void): () => void {
    if (typeof listener !== "function") throw invalidArgument("a listener is a function");
    const number = guarded(() => this.#native.addStatusListener());
    this.#listeners.set(number, listener);
    return () => {
      if (this.#listeners.delete(number)) this.#native.removeStatusListener(number);
    };
  }

  /** Follows the status: the present one first, then each change; ends when the integration is closed. */
  statusUpdates(): StatusUpdates<IntegrationStatus> {
    const updates: StatusUpdates<IntegrationStatus> = new StatusUpdates<IntegrationStatus>(
      (listener) => this.onStatusChange(listener),
      () => this.#updates.delete(updates),
    );
    this.#updates.add(updates);
    return updates;
  }

  /**
   * Replaces the SDK key from now on, without a restart; does not wait for the upstream.
   *
   * @throws BigSegError `invalid_config`, `closed`; so do the other changes
   */
  setSdkKey(sdkKey: string): void {
    guarded(() => this.#native.setSdkKey(sdkKey));
  }

  /** Turns it on or off; does not wait. One that is turned off finishes the transaction under way; its state says when. */
  setOn(on: boolean): void {
    guarded(() => this.#native.setOn(on));
  }

  /** Changes what people call it. */
  setName(name: string): void {
    guarded(() => this.#native.setName(name));
  }

  /** Changes where patches go; does not wait. What the former store holds stays there. */
  setStore(store: string, options: StoreOptions = {}): void {
    guarded(() => this.#native.setStore(storeString(store, options)));
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Stops it, and resolves when it no longer touches the store: the transaction under way is finished; or after 20 s. Closing twice
   * is fine.
   */
  close(): Promise<void> {
    this.#closing ??= this.#native.close();
    this.#listeners.clear();
    for (const updates of this.#updates) updates.end();
    return this.#closing;
  }

  /** Closes the integration at the end of an `await using` block. */
  declare [Symbol.asyncDispose]: () => Promise<void>;

  static {
    // Node 18 came to know the symbol late.
    const symbol = (Symbol as { asyncDispose?: symbol }).asyncDispose;
    if (symbol !== undefined) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
  }
}

/** Tells listeners what it is told. The native half keeps it alive, so it keeps alive nothing itself. */
class Telling {
  readonly #listeners: WeakRef<Map<number, Listener>>;

  constructor(listeners: Map<number, Listener>) {
    this.#listeners = new WeakRef(listeners);
  }

  /** Called by the native half. */
  readonly deliver = (number: number, status: NativeIntegrationStatus): void => {
    const listen = this.#listeners.deref()?.get(number);
    try {
      listen?.(integrationStatus(status));
    } catch (error) {
      // The listener's own affair, and nobody else's.
      queueMicrotask(() => {
        throw error;
      });
    }
  };

  hasRef(): boolean {
    return false;
  }
}
