/**
 * Looks up big segments (is this context in that segment?) in a cache, an embedded store, Redis or
 * DynamoDB.
 *
 * @module
 */

export { Answer, LookupStatus, Membership, type Origin } from "./answer.js";
export { ManualClock } from "./clock.js";
export type { CustomStore, MembershipLike, StoreMetadata } from "./custom_store.js";
export { Engine } from "./engine.js";
export { BigSegError, type ErrorKind } from "./errors.js";
export {
  classify,
  Context,
  type ContextLike,
  type Decider,
  type Decision,
  type Evaluation,
  type EvaluationErrorKind,
  type Explanation,
  type Reason,
  type ReasonKind,
  type SegmentAnswer,
  type SegmentKind,
} from "./evaluation.js";
export { contextHash, parseContextHash, parseSegmentRef, segmentRef, type SegmentRef } from "./identifiers.js";
export {
  Import,
  type Entry,
  type FileOptions,
  type ImportOptions,
  type ImportReport,
  type ListFormat,
  type ProgressListener,
} from "./import.js";
export { Integration, type IntegrationOptions, type Upstream } from "./integration.js";
export type {
  IntegrationProgress,
  IntegrationState,
  IntegrationStatus,
  SyncCounters,
  SyncFailure,
} from "./integration_status.js";
export { onLog, type LogLevel, type LogLine } from "./log.js";
export type { LookupOptions } from "./lookups.js";
export type { EngineOptions } from "./options.js";
export { StatusUpdates, type Limitation, type Metrics, type LastError, type StoreStatus } from "./status.js";
export { displayStore, type StoreOptions } from "./store_options.js";
