/**
 * Dispatches deliveries of native code: outcomes of calls, status changes, requests to a custom
 * store.
 */

import { replyMemberships, replyMetadata, type CustomStore } from "./custom_store.js";
import { toError } from "./errors.js";
import type { Deliver, NativeEngine, NativeFailure, NativeStatus } from "./native.js";
import { storeStatus, type StoreStatus } from "./status.js";

/** The kind of a delivery; `engine_consumer.rs` uses the same numbers. */
const enum Delivery {
  Answers = 0,
  Refreshed = 1,
  Closed = 2,
  Status = 3,
  Memberships = 4,
  Metadata = 5,
  Json = 6,
}

/** A call in progress. */
interface PendingCall {
  resolve(value: unknown, more: unknown): void;
  reject(error: unknown): void;
}

/** The targets of deliveries. Only the engine refers to it, so both are collected together. */
export interface Owner {
  readonly native: NativeEngine;
  readonly store: CustomStore | undefined;
  readonly listeners: Map<number, (status: StoreStatus) => void>;
}

/**
 * The dispatcher of one engine.
 *
 * Native code keeps it alive, so it holds strong references to pending calls only.
 */
export class Dispatcher {
  readonly #pending = new Map<number, PendingCall>();
  #lastCallId = 0;
  #owner: WeakRef<Owner> | undefined;

  /** Sets the targets of deliveries. */
  setOwner(owner: Owner): void {
    this.#owner = new WeakRef(owner);
  }

  /**
   * Starts a call with a new id, and resolves with its converted outcome.
   *
   * What `convert` refers to stays alive while the call is pending.
   */
  start<T>(call: (callId: number) => void, convert: (value: unknown, more: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#lastCallId = (this.#lastCallId + 1) >>> 0;
      const callId = this.#lastCallId;
      this.#pending.set(callId, { resolve: (value, more) => resolve(convert(value, more)), reject });
      try {
        call(callId);
      } catch (error) {
        this.#pending.delete(callId);
        reject(error);
      }
    });
  }

  /** Whether the dispatcher keeps the process alive; tools that look for open handles call this. */
  hasRef(): boolean {
    return this.#pending.size > 0;
  }

  /** Receives a delivery; native code calls this. */
  readonly deliver: Deliver = (kind, id, failure, value, more) => {
    switch (kind as Delivery) {
      case Delivery.Answers:
      case Delivery.Refreshed:
      case Delivery.Closed:
      case Delivery.Json:
        this.#complete(id, failure, value, more);
        return;
      case Delivery.Status:
        this.#callListener(id, value as NativeStatus);
        return;
      case Delivery.Memberships:
      case Delivery.Metadata:
        this.#forwardRequest(kind, id, value);
    }
  };

  #complete(callId: number, failure: NativeFailure | undefined, value: unknown, more: unknown): void {
    const pending = this.#pending.get(callId);
    if (pending === undefined) return;
    this.#pending.delete(callId);
    if (failure) pending.reject(toError(failure));
    else pending.resolve(value, more);
  }

  #callListener(id: number, status: NativeStatus): void {
    const listener = this.#owner?.deref()?.listeners.get(id);
    if (listener === undefined) return;
    try {
      listener(storeStatus(status));
    } catch (error) {
      // Thrown outside of this delivery, so that it does not affect other listeners.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #forwardRequest(kind: Delivery, request: number, value: unknown): void {
    const owner = this.#owner?.deref();
    if (owner?.store === undefined) return;
    if (kind === Delivery.Metadata) void replyMetadata(owner.native, owner.store, request);
    else void replyMemberships(owner.native, owner.store, request, value as string[]);
  }
}
