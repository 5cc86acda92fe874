/** The statuses of an engine, or of an integration, as they come, for `for await`. */

import type { StoreStatus } from "./status.js";

/** The current status first, then each change; the latest value wins. Does not keep the process alive. */
export class StatusUpdates<Status = StoreStatus> implements AsyncIterableIterator<Status> {
  #news: Status | undefined;
  #ended = false;
  readonly #waiting: ((result: IteratorResult<Status>) => void)[] = [];
  readonly #unsubscribe: () => void;
  readonly #forget: () => void;

  /** @internal */
  constructor(subscribe: (listener: (status: Status) => void) => () => void, forget: () => void) {
    this.#forget = forget;
    this.#unsubscribe = subscribe((status) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#news = status;
      else next({ value: status, done: false });
    });
  }

  /** Resolves with the next status, or with `done` once its owner is closed. */
  next(): Promise<IteratorResult<Status>> {
    const news = this.#news;
    this.#news = undefined;
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    if (news !== undefined) return Promise.resolve({ value: news, done: false });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends it; a `for await` that is left does so by itself. */
  return(): Promise<IteratorResult<Status>> {
    this.#unsubscribe();
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @internal */
  end(): void {
    this.#ended = true;
    this.#forget();
    for (const next of this.#waiting.splice(0)) next({ value: undefined, done: true });
  }
}
