/** Loads the native half of the package, and declares its types; private to the package. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import * as path from "node:path";

/** An error as a plain object. */
export interface NativeFailure {
  kind: string;
  message: string;
  cause?: string;
}

/** The engine options for the native half; durations are milliseconds. */
export interface NativeOptions {
  contextCacheSize?: number;
  contextCacheTime?: number;
  pushInvalidation?: string;
  pushCacheTime?: number;
  statusPollInterval?: number;
  staleAfter?: number;
  lookupDeadline?: number;
  lastKnownTime?: number;
  batchSize?: number;
  batchesAtOnce?: number;
  breakerFailures?: number;
  breakerProbeInterval?: number;
}

export interface NativeStatus {
  available: boolean;
  stale: boolean;
  lastUpToDate?: number;
  lastError?: { kind: string; message: string; at: number };
  since: number;
  clockSkew: boolean;
  pushInvalidation: boolean;
  limitations: { feature: string; reason: string }[];
}

/** The functions that lookups call; `hot_path.rs` documents them. */
export interface HotPath {
  readonly shared: ArrayBuffer;
  readonly epoch?: ArrayBuffer;
  cached(contextKey: string, slot: number): number;
  cachedByHash(contextHash: string, slot: number): number;
  lookupNow(contextKey: string): number;
  lookupNowByHash(contextHash: string): number;
  recordL1Hits(count: number, hits: number): void;
  startLookups(callId: number, texts: readonly string[], areHashes: number, deadline: number): void;
  evaluateNow(query: number, key: string, context: NativeContext): string;
  recordEvaluationHit(query: number, key: string, context: NativeContext): void;
}

/** Receives every later event; `dispatcher.ts` has the kinds. */
export type Deliver = (
  kind: number,
  id: number,
  failure: NativeFailure | undefined,
  value: unknown,
  more: unknown,
) => void;

/**
 * Receives messages of other threads. It does not keep the process alive; tools read that from
 * `hasRef`.
 */
export interface Receiver<Values extends unknown[]> {
  deliver(...values: Values): void;
  hasRef(): boolean;
}

export interface NativeMembership {
  included: string[];
  excluded: string[];
  failure?: [kind: string, message: string];
}

/** A parsed context. */
export interface NativeContext {
  readonly isNativeContext: unique symbol;
}

/** The configuration of a store. */
export interface NativeStoreConfig {
  readonly isNativeStoreConfig: unique symbol;
}

/** The result of replacing the data of an engine. */
export interface NativeDataChanged {
  failure?: NativeFailure;
  changed: boolean;
}

export interface NativeEngine {
  readonly isEmbedded: boolean;
  hotPath(): HotPath;
  membershipRefs(number: number): { included: string[]; excluded: string[] } | null;
  lastFailure(): NativeFailure | null;
  startEvaluation(callId: number, query: number, key: string, context: NativeContext): void;
  setData(json: string): Promise<NativeDataChanged>;
  loadData(path: string): Promise<NativeDataChanged>;
  reloadData(): Promise<NativeDataChanged>;
  status(): NativeStatus;
  startRefreshStatus(callId: number): void;
  addStatusListener(): number;
  removeStatusListener(listener: number): boolean;
  invalidate(contextKey: string): void;
  invalidateByHash(contextHash: string): void;
  invalidateAll(): void;
  metrics(): [name: string, value: number][];
  startClose(callId: number): void;
  replyMemberships(request: number, memberships: NativeMembership[]): void;
  replyMetadata(request: number, synchronizedOn: number): void;
  replyFailure(request: number, kind: string, message: string): void;
}

export interface NativeManualClock {
  advance(milliseconds: number): void;
  setUnixMillis(unixMillis: number): void;
  now(): number;
}

export interface NativeImportResult {
  failure?: NativeFailure;
  skipped: number;
  memberships: number;
  contexts: number;
  replaced: number;
}

export interface NativeImport {
  add(contextKey: string, segmentRef: string, entry: string): void;
  addByHash(contextHash: string, segmentRef: string, entry: string): void;
  addFile(path: string, format: string, segmentRef: string | undefined, skipBadLines: boolean): Promise<NativeImportResult>;
  commit(receiver: Receiver<[contexts: number, memberships: number]> | undefined): Promise<NativeImportResult>;
  abandon(): void;
}

export interface NativeDefinition {
  id: string;
  name?: string;
  project?: string;
  environment?: string;
  on?: boolean;
  sdkKey: string;
  baseUrl?: string;
  streamUrl?: string;
  proxy?: string;
  caFile?: string;
  stateDirectory?: string;
}

export interface NativeSyncFailure {
  kind: string;
  statusCode?: number;
  message: string;
  since: number;
  timestamp: number;
  times: number;
}

export interface NativeIntegrationStatus {
  state: string;
  since: number;
  lastSynchronized?: number;
  error?: NativeSyncFailure;
  lastError?: number;
  progress: [patches: number, operations: number, operationsPerSecond: number];
  counters: number[];
}

export interface NativeIntegration {
  status(): NativeIntegrationStatus;
  errorLog(): NativeSyncFailure[];
  addStatusListener(): number;
  removeStatusListener(listener: number): boolean;
  setSdkKey(sdkKey: string): void;
  setOn(on: boolean): void;
  setName(name: string): void;
  setStore(store: NativeStoreConfig): void;
  close(): Promise<void>;
}

/** The native module. */
export interface Native {
  openEngine(
    store: NativeStoreConfig | undefined,
    hasCustomStore: boolean,
    options: NativeOptions,
    clock: NativeManualClock | undefined,
    dispatcher: { readonly deliver: Deliver; hasRef(): boolean },
  ): NativeEngine;
  openImport(
    store: NativeStoreConfig,
    replace: string | undefined,
    clock: NativeManualClock | undefined,
  ): Promise<{ failure?: NativeFailure; import?: NativeImport }>;
  startIntegration(
    definition: NativeDefinition,
    store: NativeStoreConfig,
    engines: NativeEngine[],
    clock: NativeManualClock | undefined,
    receiver: Receiver<[listener: number, status: NativeIntegrationStatus]>,
  ): NativeIntegration;
  addLogListener(level: string, receiver: Receiver<[level: string, message: string]>): number;
  removeLogListener(listener: number): void;
  ManualClock: new (unixMillis: number) => NativeManualClock;
  parseContext(json: string): NativeContext;
  contextKinds(context: NativeContext): string[];
  classify(entries: number, contextKinds: number): string;
  contextHash(contextKey: string): string;
  checkContextHash(text: string): void;
  parseSegmentRef(text: string): { segmentKey: string; generation: string };
  segmentRef(segmentKey: string, generation: string): string;
  storeConfig(store: string, options: Record<string, string | number | boolean>): NativeStoreConfig;
  displayStore(store: NativeStoreConfig): string;
  isSameStore(one: NativeStoreConfig, other: NativeStoreConfig): boolean;
  storeOptionNames(): string[];
  errorKinds(): { name: string; number: number; retryable: boolean }[];
  lookupStatuses(): string[];
}

/** Returns the platform part of the name of the package with the binary. */
export function platformName(platform: string, architecture: string, isMusl: boolean): string {
  const libc = platform === "linux" ? (isMusl ? "-musl" : "-gnu") : platform === "win32" ? "-msvc" : "";
  return `${platform}-${architecture}${libc}`;
}

function isMusl(): boolean {
  if (process.platform !== "linux") return false;
  const report = process.report?.getReport() as unknown as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime === undefined;
}

function load(): Native {
  const require = createRequire(__filename);
  const chosen = process.env["BIGSEG_NODE_BINARY"];
  if (chosen) return require(path.resolve(chosen)) as Native;
  const name = platformName(process.platform, process.arch, isMusl());
  const built = path.join(__dirname, "..", "npm", name, `bigseg.${name}.node`);
  if (existsSync(built)) return require(built) as Native;
  try {
    return require(`bigseg-${name}`) as Native;
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND";
    const advice = isMissing
      ? `there is no package bigseg-${name}. If the README lists your platform, install without ` +
        `--omit=optional (and delete a lock file made elsewhere); otherwise build from source: clone the repository, run ` +
        `\`npm ci && npm run build\` in bindings/node, and set BIGSEG_NODE_BINARY to the .node file in bindings/node/npm/${name}`
      : `the binary of bigseg-${name} cannot be loaded: ${(cause as Error).message}`;
    const error = new Error(`bigseg: ${advice}`, { cause });
    throw Object.assign(error, { code: "BIGSEG_NO_BINARY" });
  }
}

/** The native half. */
export const native: Native = load();
