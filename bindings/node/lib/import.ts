/** Imports of lists into a store. */

import { ManualClock } from "./clock.js";
import { BigSegError, guarded, invalidArgument, toError } from "./errors.js";
import { native, type NativeImport, type NativeImportResult } from "./native.js";
import { storeConfig, type StoreOptions } from "./store_options.js";

/**
 * The format of a list.
 *
 * - `csv`: rows of context, segment, membership. A header row may name and reorder the columns:
 *   `key` or `hash`, `segment`, `membership` (`include` or `exclude`; missing or empty means
 *   `include`). Without a header, contexts are keys.
 * - `csv_of_hashes`: like `csv`, but contexts are hashes.
 * - `ndjson`: one JSON object per line, with a `key` or a `hash`, and with `included` and
 *   `excluded`.
 */
export type ListFormat = "csv" | "csv_of_hashes" | "ndjson";

/** Whether an entry of a list includes the context in the segment or excludes it. */
export type Entry = "include" | "exclude";

/** The counts of an import. */
export interface ImportReport {
  /** Memberships added to the list, including repeated ones. */
  readonly memberships: number;
  /** Contexts in the list. */
  readonly contexts: number;
  /** Contexts that the replaced segment had before. */
  readonly replaced: number;
}

/** The options of an import. */
export interface ImportOptions {
  /**
   * A segment whose current members are removed first. Default: the list is merged into the store.
   */
  replace?: string;
  /** The clock for the sync time of the store. Default: the clock of the system. */
  clock?: ManualClock;
}

/** The options of adding a file. */
export interface FileOptions {
  /** The format. Default: `csv`. */
  format?: ListFormat;
  /** The segment of lines that name none. */
  segmentRef?: string;
  /** Whether to skip invalid lines instead of failing at the first. Default: `false`. */
  skipBadLines?: boolean;
}

/** Called with the numbers of contexts and memberships written so far. */
export type ProgressListener = (contexts: number, memberships: number) => void;

/**
 * Collects a list, which may be larger than memory; `commit` writes it to the store.
 *
 * `commit` also marks the store as synchronised; nothing is written before. An entry replaces the
 * opposite entry in the store; if one list has both, `include` wins.
 */
export class Import {
  readonly #native: NativeImport;

  private constructor(opened: NativeImport) {
    this.#native = opened;
  }

  /**
   * Begins an import; creates the store where the backend supports that.
   *
   * @throws BigSegError (as a rejection) `invalid_config`, or the error of opening the store for
   * writing
   */
  static async open(store: string, options: ImportOptions & StoreOptions = {}): Promise<Import> {
    const { replace, clock, ...storeOptions } = options;
    const config = storeConfig(store, storeOptions);
    const opened = await guarded(() => native.openImport(config, replace, clock && ManualClock.native(clock)));
    if (opened.import === undefined || opened.import === null) {
      throw opened.failure ? toError(opened.failure) : new BigSegError("internal", "the import was not opened");
    }
    return new Import(opened.import);
  }

  /** Adds an entry by the context's key: the segment includes or excludes the context. */
  add(contextKey: string, segmentRef: string, entry: Entry = "include"): void {
    guarded(() => this.#native.add(contextKey, segmentRef, entry));
  }

  /** Adds an entry by the context's hash: the segment includes or excludes the context. */
  addByHash(contextHash: string, segmentRef: string, entry: Entry = "include"): void {
    guarded(() => this.#native.addByHash(contextHash, segmentRef, entry));
  }

  /**
   * Adds every line of a file, which may be compressed with gzip. No other call may add entries
   * meanwhile.
   *
   * @returns the number of skipped lines
   * @throws BigSegError (as a rejection) `invalid_input` with the line number; the lines before it
   * stay in the import
   */
  async addFile(path: string, options: FileOptions = {}): Promise<number> {
    const { format = "csv", segmentRef, skipBadLines = false } = options;
    return checked(await guarded(() => this.#native.addFile(path, format, segmentRef, skipBadLines))).skipped;
  }

  /**
   * Writes the list and marks the store as synchronised; possible once, even if it fails.
   *
   * @param progress called from time to time and at the end; a busy thread receives only the latest
   * numbers. Its exception rejects the promise after the whole list is written, and it is not
   * called again.
   * @throws BigSegError (as a rejection) the error of the store. A memory or embedded store is then
   * unchanged; other stores may contain part of the list.
   */
  async commit(progress?: ProgressListener): Promise<ImportReport> {
    const receiver = progress && new ProgressReceiver(progress);
    const { memberships, contexts, replaced } = checked(await guarded(() => this.#native.commit(receiver)));
    receiver?.finish(contexts, memberships);
    return { memberships, contexts, replaced };
  }

  /** Discards the list; nothing is written. */
  abandon(): void {
    this.#native.abandon();
  }
}

/** Forwards progress to a listener, each pair of numbers once. */
class ProgressReceiver {
  readonly #listener: ProgressListener;
  #thrown: { error: unknown } | undefined;
  #contexts: number | undefined;
  #memberships: number | undefined;

  constructor(listener: ProgressListener) {
    if (typeof listener !== "function") throw invalidArgument("progress is a function");
    this.#listener = listener;
  }

  /** Native code calls this. */
  readonly deliver = (contexts: number, memberships: number): void => {
    if (this.#thrown || (contexts === this.#contexts && memberships === this.#memberships)) return;
    this.#contexts = contexts;
    this.#memberships = memberships;
    try {
      this.#listener(contexts, memberships);
    } catch (error) {
      this.#thrown = { error };
    }
  };

  hasRef(): boolean {
    return false;
  }

  /** Forwards the final numbers, and throws the exception of the listener, if any. */
  finish(contexts: number, memberships: number): void {
    this.deliver(contexts, memberships);
    if (this.#thrown) throw this.#thrown.error;
  }
}

function checked(result: NativeImportResult): NativeImportResult {
  if (result.failure) throw toError(result.failure);
  return result;
}
