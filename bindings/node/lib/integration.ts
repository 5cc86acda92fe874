/** Integrations, which replicate an upstream into a store. */

import { ManualClock } from "./clock.js";
import { nativeEngine, type Engine } from "./engine.js";
import { guarded, invalidArgument } from "./errors.js";
import { integrationStatus, syncFailure, type IntegrationStatus, type SyncFailure } from "./integration_status.js";
import { native, type NativeDefinition, type NativeIntegration, type NativeIntegrationStatus } from "./native.js";
import { StatusUpdates } from "./status.js";
import { storeConfig, type StoreOptions } from "./store_options.js";

/** The service that an integration replicates. */
export interface Upstream {
  /** The SDK key of the environment, a secret. It is never shown. */
  sdkKey: string;
  /** The base URL for polling. Default: `https://sdk.launchdarkly.com`. */
  baseUrl?: string;
  /** The base URL for streaming. Default: `https://stream.launchdarkly.com`. */
  streamUrl?: string;
  /**
   * The proxy: `none`, `environment`, or the URL of an HTTP proxy, which may contain a user and a
   * password. `environment` reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. Default:
   * `environment`.
   */
  proxy?: string;
  /** PEM file of trusted certificate authorities. Default: those of the operating system. */
  caFile?: string;
}

/** The options of an integration. */
export interface IntegrationOptions {
  /** The display name. Default: the id. */
  name?: string;
  /** The project at the upstream, for display. */
  project?: string;
  /** The environment at the upstream, for display; the SDK key selects it. */
  environment?: string;
  /** Whether the integration is on. Default: `true`. */
  on?: boolean;
  /**
   * Engines of this thread on the same store; each change invalidates the contexts in their caches.
   */
  engines?: Iterable<Engine>;
  /**
   * An existing directory for the error log, in a file `ID.errors.json`. Default: none, the log is
   * not saved.
   */
  stateDirectory?: string;
  /** The clock. Default: the clocks of the system. */
  clock?: ManualClock;
}

type Listener = (status: IntegrationStatus) => void;

/**
 * Replicates an upstream into a store: loads what is missing, then follows the changes. Retries
 * after every failure.
 *
 * It runs on its own threads, and does not keep the process alive. The garbage collector stops an
 * integration without references.
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
   * Starts an integration; waits for neither the upstream nor the store.
   *
   * @param id identifies the integration: 1 to 64 letters, digits, `-`, `_` or `.`, without a
   * leading dot
   * @param store the store string of the target store; a memory store needs a name
   * @throws BigSegError (as a rejection) `invalid_config`, or `internal` when the system refuses to
   * start threads
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
      ...{ id, name, project, environment, on, stateDirectory },
      ...{ sdkKey, baseUrl, streamUrl, proxy, caFile },
    };
    const natives = Array.from(engines, (engine) => nativeEngine(engine));
    const listeners = new Map<number, Listener>();
    const config = storeConfig(store, storeOptions);
    const receiver = new StatusReceiver(listeners);
    const nativeClock = clock && ManualClock.native(clock);
    const started = guarded(() =>
      native.startIntegration(definition as NativeDefinition, config, natives, nativeClock, receiver),
    );
    return new Integration(started, listeners);
  }

  /** Returns the current status; never waits. */
  status(): IntegrationStatus {
    return integrationStatus(this.#native.status());
  }

  /**
   * Returns the last errors, newest first, at most 100.
   *
   * Consecutive occurrences of one error are one entry. With a state directory, the errors of
   * earlier processes are included.
   */
  errorLog(): readonly SyncFailure[] {
    return this.#native.errorLog().map(syncFailure);
  }

  /**
   * Calls back with the current status, and then with every change.
   *
   * A busy thread receives only the latest status. An exception of a listener is an uncaught
   * exception.
   *
   * @returns a function that unsubscribes; after that the listener is not called again
   */
  onStatusChange(listener: (status: IntegrationStatus) => void): () => void {
    if (typeof listener !== "function") throw invalidArgument("a listener is a function");
    const id = guarded(() => this.#native.addStatusListener());
    this.#listeners.set(id, listener);
    return () => {
      if (this.#listeners.delete(id)) this.#native.removeStatusListener(id);
    };
  }

  /** Iterates over the current status, then each change; ends when the integration is closed. */
  statusUpdates(): StatusUpdates<IntegrationStatus> {
    const updates: StatusUpdates<IntegrationStatus> = new StatusUpdates<IntegrationStatus>(
      (listener) => this.onStatusChange(listener),
      () => this.#updates.delete(updates),
    );
    this.#updates.add(updates);
    return updates;
  }

  /**
   * Replaces the SDK key without a restart; does not wait for the upstream.
   *
   * @throws BigSegError `invalid_config`, `closed`
   */
  setSdkKey(sdkKey: string): void {
    guarded(() => this.#native.setSdkKey(sdkKey));
  }

  /**
   * Turns the integration on or off; does not wait.
   *
   * Turning it off lets the transaction in progress finish; the state then becomes `off`.
   *
   * @throws BigSegError `closed`
   */
  setOn(on: boolean): void {
    guarded(() => this.#native.setOn(on));
  }

  /**
   * Changes the display name.
   *
   * @throws BigSegError `invalid_config`, `closed`
   */
  setName(name: string): void {
    guarded(() => this.#native.setName(name));
  }

  /**
   * Changes the store that patches are written to; does not wait. The content of the previous store
   * is kept.
   *
   * @throws BigSegError `invalid_config`, `closed`
   */
  setStore(store: string, options: StoreOptions = {}): void {
    const config = storeConfig(store, options);
    guarded(() => this.#native.setStore(config));
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Stops the integration, and resolves when it no longer writes to the store, or after 20 s.
   *
   * The transaction in progress is finished. A second call has no effect.
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
    // Early versions of Node 18 do not have the symbol.
    const symbol = (Symbol as { asyncDispose?: symbol }).asyncDispose;
    if (symbol !== undefined) Object.defineProperty(this.prototype, symbol, { value: this.prototype.close });
  }
}

/** Calls listeners. Native code keeps it alive, so it holds only a weak reference to them. */
class StatusReceiver {
  readonly #listeners: WeakRef<Map<number, Listener>>;

  constructor(listeners: Map<number, Listener>) {
    this.#listeners = new WeakRef(listeners);
  }

  /** Native code calls this. */
  readonly deliver = (id: number, status: NativeIntegrationStatus): void => {
    const listener = this.#listeners.deref()?.get(id);
    try {
      listener?.(integrationStatus(status));
    } catch (error) {
      // Thrown outside of this delivery, so that it does not affect other listeners.
      queueMicrotask(() => {
        throw error;
      });
    }
  };

  hasRef(): boolean {
    return false;
  }
}
