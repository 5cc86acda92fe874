/** What arrives from the engine's threads: the outcomes of calls, changes of status, questions to a custom store. */

import { answerMemberships, answerMetadata, type CustomStore } from "./custom_store.js";
import { failed } from "./errors.js";
import type { Deliver, NativeEngine, NativeFailure, NativeStatus } from "./native.js";
import { storeStatus, type StoreStatus } from "./status.js";

/** What a delivery is; `engine.rs` has the same numbers. */
const enum Delivery {
  Answers = 0,
  Refreshed = 1,
  Closed = 2,
  Status = 3,
  Memberships = 4,
  Metadata = 5,
  Text = 6,
}

/** A call under way. */
interface Waiting {
  settle(value: unknown, more: unknown): void;
  fail(error: unknown): void;
}

/** What the deliveries are for. The engine owns it: when that is garbage, so is this. */
export interface Owner {
  readonly native: NativeEngine;
  readonly store: CustomStore | undefined;
  readonly listeners: Map<number, (status: StoreStatus) => void>;
}

/** The inbox of one engine. The native half keeps it alive, so it keeps alive only what is waited for. */
export class Inbox {
  readonly #waiting = new Map<number, Waiting>();
  #tickets = 0;
  #owner: WeakRef<Owner> | undefined;

  /** Says what the deliveries are for. */
  belongsTo(owner: Owner): void {
    this.#owner = new WeakRef(owner);
  }

  /** Notes a call that is about to begin, and returns its ticket. `settle` and `fail` keep alive what the call needs. */
  wait(waiting: Waiting): number {
    this.#tickets = (this.#tickets + 1) >>> 0;
    this.#waiting.set(this.#tickets, waiting);
    return this.#tickets;
  }

  /** Begins a call that resolves with what `read` makes of its outcome. */
  begin<T>(call: (ticket: number) => void, read: (value: unknown, more: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const ticket = this.wait({ settle: (value, more) => resolve(read(value, more)), fail: reject });
      try {
        call(ticket);
      } catch (error) {
        this.forget(ticket);
        reject(error);
      }
    });
  }

  /** Forgets a call that did not begin after all. */
  forget(ticket: number): void {
    this.#waiting.delete(ticket);
  }

  /** Whether it keeps the process alive, as tools ask that look for open handles. */
  hasRef(): boolean {
    return this.#waiting.size > 0;
  }

  /** Hears of a delivery; called by the native half. */
  readonly deliver: Deliver = (kind, number, failure, value, more) => {
    switch (kind as Delivery) {
      case Delivery.Answers:
      case Delivery.Refreshed:
      case Delivery.Closed:
      case Delivery.Text:
        this.#settle(number, failure, value, more);
        return;
      case Delivery.Status:
        this.#tell(number, value as NativeStatus);
        return;
      case Delivery.Memberships:
      case Delivery.Metadata:
        this.#ask(kind, number, value);
    }
  };

  #settle(ticket: number, failure: NativeFailure | undefined, value: unknown, more: unknown): void {
    const waiting = this.#waiting.get(ticket);
    if (waiting === undefined) return;
    this.#waiting.delete(ticket);
    if (failure) waiting.fail(failed(failure));
    else waiting.settle(value, more);
  }

  #tell(listener: number, status: NativeStatus): void {
    const listen = this.#owner?.deref()?.listeners.get(listener);
    if (listen === undefined) return;
    try {
      listen(storeStatus(status));
    } catch (error) {
      // The listener's own affair, and nobody else's.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #ask(kind: Delivery, question: number, value: unknown): void {
    const owner = this.#owner?.deref();
    if (owner?.store === undefined) return;
    if (kind === Delivery.Metadata) void answerMetadata(owner.native, owner.store, question);
    else void answerMemberships(owner.native, owner.store, question, value as string[]);
  }
}
