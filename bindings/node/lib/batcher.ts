/** Lookups of one tick on their way to the engine: they cross the boundary together, and come back together. */

import type { Answer } from "./answer.js";
import { raised } from "./errors.js";

/** Lookups that go the same way. */
interface Group {
  readonly texts: string[];
  readonly resolve: ((answer: Answer) => void)[];
  readonly reject: ((error: unknown) => void)[];
}

/** Begins lookups; settles with their answers, in their order. */
export type BeginLookups = (texts: readonly string[], areHashes: boolean, deadline: number) => Promise<Answer[]>;

/** The lookups of one engine that have not begun. */
export class Gathering {
  readonly #begin: BeginLookups;
  readonly #groups = new Map<string, Group>();
  #keys: Group | undefined;

  constructor(begin: BeginLookups) {
    this.#begin = begin;
  }

  /** Looks up one context; a deadline of 0 is the engine's. */
  add(text: string, isHash: boolean, deadline: number): Promise<Answer> {
    const group = isHash || deadline !== 0 ? this.#group(isHash, deadline) : (this.#keys ??= this.#newGroup(false, 0));
    return new Promise((resolve, reject) => {
      group.texts.push(text);
      group.resolve.push(resolve);
      group.reject.push(reject);
    });
  }

  #group(isHash: boolean, deadline: number): Group {
    const name = `${isHash} ${deadline}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = this.#newGroup(isHash, deadline, name);
    this.#groups.set(name, group);
    return group;
  }

  #newGroup(areHashes: boolean, deadline: number, name?: string): Group {
    const group: Group = { texts: [], resolve: [], reject: [] };
    const leave = () => {
      if (name === undefined) this.#keys = undefined;
      else this.#groups.delete(name);
      this.#send(group, areHashes, deadline);
    };
    // After everything that is ready to run now, so that all who are woken together ask together.
    queueMicrotask(() => process.nextTick(leave));
    return group;
  }

  #send(group: Group, areHashes: boolean, deadline: number): void {
    this.#begin(group.texts, areHashes, deadline).then(
      (answers) => {
        for (let place = 0; place < answers.length; place++) group.resolve[place]!(answers[place]!);
      },
      (error: unknown) => {
        const failure = raised(error);
        for (const reject of group.reject) reject(failure);
      },
    );
  }
}
