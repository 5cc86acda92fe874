// A store written in JavaScript that does as it is told, and writes down what it was asked.
import { BigSegError } from "bigseg";

export class ToldStore {
  lastUpToDate = Date.now();
  rows = new Map();
  queries = [];
  lookupFault;
  metadataFault;
  /** Whether calls wait for `release`. */
  hangs = false;
  #released = [];

  put(hash, included, excluded = []) {
    this.rows.set(hash, { included, excluded });
  }

  release() {
    this.hangs = false;
    for (const go of this.#released.splice(0)) go();
  }

  async memberships(hashes) {
    this.queries.push([...hashes]);
    await this.#hang();
    if (this.lookupFault) throw fault(this.lookupFault);
    return hashes.map((hash) => this.rows.get(hash));
  }

  async metadata() {
    await this.#hang();
    if (this.metadataFault) throw fault(this.metadataFault);
    return { lastUpToDate: this.lastUpToDate };
  }

  #hang() {
    return this.hangs ? new Promise((resolve) => this.#released.push(resolve)) : undefined;
  }
}

function fault(kind) {
  return kind === "plain" ? new Error("the disk is on fire") : new BigSegError(kind, "told to fail");
}
