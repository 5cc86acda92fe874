/** Batches the lookups of one tick: they cross the boundary to native code together. */

import type { Answer } from "./answer.js";
import { toBigSegError } from "./errors.js";

/** Lookups that start together. */
interface Batch {
  readonly texts: string[];
  readonly resolve: ((answer: Answer) => void)[];
  readonly reject: ((error: unknown) => void)[];
}

/** Starts lookups; the answers have the order of the texts. */
export type StartLookups = (texts: readonly string[], areHashes: boolean, deadline: number) => Promise<Answer[]>;

/** The lookups of one engine that have not started. */
export class Batcher {
  readonly #start: StartLookups;
  readonly #batches = new Map<string, Batch>();
  /** The batch of keys with the deadline of the engine, which is the most common one. */
  #defaultBatch: Batch | undefined;

  constructor(start: StartLookups) {
    this.#start = start;
  }

  /** Adds a lookup; a deadline of 0 is that of the engine. */
  add(text: string, isHash: boolean, deadline: number): Promise<Answer> {
    const isDefault = !isHash && deadline === 0;
    const batch = isDefault ? (this.#defaultBatch ??= this.#newBatch(false, 0)) : this.#batch(isHash, deadline);
    return new Promise((resolve, reject) => {
      batch.texts.push(text);
      batch.resolve.push(resolve);
      batch.reject.push(reject);
    });
  }

  #batch(isHash: boolean, deadline: number): Batch {
    const name = `${isHash} ${deadline}`;
    const existing = this.#batches.get(name);
    if (existing !== undefined) return existing;
    const batch = this.#newBatch(isHash, deadline, name);
    this.#batches.set(name, batch);
    return batch;
  }

  #newBatch(areHashes: boolean, deadline: number, name?: string): Batch {
    const batch: Batch = { texts: [], resolve: [], reject: [] };
    const send = () => {
      if (name === undefined) this.#defaultBatch = undefined;
      else this.#batches.delete(name);
      this.#send(batch, areHashes, deadline);
    };
    // Runs after every microtask that is ready now, because those may add further lookups.
    queueMicrotask(() => process.nextTick(send));
    return batch;
  }

  #send(batch: Batch, areHashes: boolean, deadline: number): void {
    this.#start(batch.texts, areHashes, deadline).then(
      (answers) => {
        for (let index = 0; index < answers.length; index++) batch.resolve[index]!(answers[index]!);
      },
      (error: unknown) => {
        const failure = toBigSegError(error);
        for (const reject of batch.reject) reject(failure);
      },
    );
  }
}
