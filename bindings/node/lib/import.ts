/** Imports: filling a store from lists. */

import { ManualClock } from "./clock.js";
import { BigSegError, failed, guarded, invalidArgument } from "./errors.js";
import { native, type ImportProgress, type NativeImport } from "./native.js";
import { storeString, type StoreOptions } from "./options.js";

/**
 * How a list is written down. `csv`: rows of context, segment, membership. A header row may name and reorder the columns: `key`
 * or `hash`, `segment`, `membership` (`include` or `exclude`; missing or empty = include). Without one, contexts are keys, or
 * hashes in `csv_of_hashes`. `ndjson`: one JSON object a line: a `key` or a `hash`, with `included` and `excluded`.
 */
export type ListFormat = "csv" | "csv_of_hashes" | "ndjson";

/** What an import did. */
export interface ImportReport {
  /** Memberships that were added to the list, repeats included. */
  readonly memberships: number;
  /** Contexts in the list. */
  readonly contexts: number;
  /** Contexts that were in the replaced segment before. */
  readonly replaced: number;
}

/** How an import goes about its work. */
export interface ImportOptions {
  /** The segment whose present members are forgotten first; by default the list is merged into what is there. */
  replace?: string;
  /** Gives the time at which the store is declared synchronised. Default: the machine's clock. */
  clock?: ManualClock;
}

/** How a file is read. */
export interface FileOptions {
  /** How it is written. Default: `csv`. */
  format?: ListFormat;
  /** The segment of lines that name none. */
  segmentRef?: string;
  /** Whether to leave out lines that cannot be understood, instead of failing at the first. Default: no. */
  skipBadLines?: boolean;
}

/** Hears how many contexts, and how many memberships, are written so far. */
export type ProgressListener = (contexts: number, memberships: number) => void;

/**
 * A list being collected, which may be far larger than memory; `commit` writes it and marks the store synchronised. Nothing is
 * written before that. An imported membership takes the place of its opposite; if one list says both, included wins.
 */
export class Import {
  readonly #native: NativeImport;

  private constructor(opened: NativeImport) {
    this.#native = opened;
  }

  /**
   * Begins an import, creating the store where that is possible.
   *
   * @throws BigSegError (as a rejection) `invalid_config`, or whatever keeps the store from being written
   */
  static async open(store: string, options: ImportOptions & StoreOptions = {}): Promise<Import> {
    const { replace, clock, ...storeOptions } = options;
    const text = storeString(store, storeOptions);
    const opened = await guarded(() => native.openImport(text, replace, clock && ManualClock.native(clock)));
    if (opened.import === undefined || opened.import === null) {
      throw opened.failure ? failed(opened.failure) : new BigSegError("internal", "the import was not opened");
    }
    return new Import(opened.import);
  }

  /** Adds a membership: the context is included in the segment, or excluded from it. */
  add(contextKey: string, segmentRef: string, included = true): void {
    guarded(() => this.#native.add(contextKey, segmentRef, included));
  }

  /** Adds a membership by the context's hash. */
  addByHash(contextHash: string, segmentRef: string, included = true): void {
    guarded(() => this.#native.addByHash(contextHash, segmentRef, included));
  }

  /**
   * Adds every line of a file, which may be compressed with gzip. Nothing else may be added meanwhile.
   *
   * @returns how many lines were left out
   * @throws BigSegError (as a rejection) `invalid_input`, naming the line; what was read before stays in the import
   */
  async addFile(path: string, options: FileOptions = {}): Promise<number> {
    const { format = "csv", segmentRef, skipBadLines = false } = options;
    const progress = await guarded(() => this.#native.addFile(path, format, segmentRef, skipBadLines));
    return checked(progress).skipped;
  }

  /**
   * Writes the list and declares the store synchronised; it can be done once, whatever comes of it.
   *
   * @param progress hears how far it is, now and then, and at the end; the latest value wins. What it throws the promise is
   * rejected with, after the list was written, and it is not called again.
   * @throws BigSegError (as a rejection) whatever the store reports: a memory or embedded store is then as it was before, in
   * others part of the list may have been written
   */
  async commit(progress?: ProgressListener): Promise<ImportReport> {
    const audience = progress && new Audience(progress);
    const written = checked(await guarded(() => this.#native.commit(audience)));
    const { memberships, contexts, replaced } = written;
    audience?.conclude(contexts, memberships);
    return { memberships, contexts, replaced };
  }

  /** Gives the list up; nothing is written. */
  abandon(): void {
    this.#native.abandon();
  }
}

/** Passes progress on to its listener. */
class Audience {
  readonly #listener: ProgressListener;
  #thrown: { error: unknown } | undefined;
  #contexts: number | undefined;
  #memberships: number | undefined;

  constructor(listener: ProgressListener) {
    if (typeof listener !== "function") throw invalidArgument("progress is a function");
    this.#listener = listener;
  }

  /** Called by the native half. */
  readonly deliver = (contexts: number, memberships: number): void => {
    if (this.#thrown || (contexts === this.#contexts && memberships === this.#memberships)) return;
    [this.#contexts, this.#memberships] = [contexts, memberships];
    try {
      this.#listener(contexts, memberships);
    } catch (error) {
      this.#thrown = { error };
    }
  };

  hasRef(): boolean {
    return false;
  }

  /** Tells of the end, unless that is known; throws what the listener threw. */
  conclude(contexts: number, memberships: number): void {
    this.deliver(contexts, memberships);
    if (this.#thrown) throw this.#thrown.error;
  }
}

function checked(progress: ImportProgress): ImportProgress {
  if (progress.failure) throw failed(progress.failure);
  return progress;
}
