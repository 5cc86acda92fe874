/**
 * Big segments: is this context in that segment? Answers from a cache, an embedded store, Redis or DynamoDB, with an honest status.
 *
 * @module
 */

export { Answer, LookupStatus, type Origin } from "./answer.js";
export { ManualClock } from "./clock.js";
export { Context, type ContextLike } from "./context.js";
export type { CustomStore, MembershipLike, StoreMetadata } from "./custom_store.js";
export { Engine, type LookupOptions } from "./engine.js";
export { BigSegError, type ErrorKind } from "./errors.js";
export {
  classify,
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
export { Import, type FileOptions, type ImportOptions, type ImportReport, type ListFormat, type ProgressListener } from "./import.js";
export { Integration, type IntegrationOptions, type Upstream } from "./integration.js";
export type {
  IntegrationProgress,
  IntegrationState,
  IntegrationStatus,
  SyncCounters,
  SyncFailure,
} from "./integration_status.js";
export { onLog, type LogLevel, type LogLine } from "./log.js";
export { Membership } from "./membership.js";
export type { EngineOptions, StoreOptions } from "./options.js";
export type { LastError, Limitation, Metrics, StoreStatus } from "./status.js";
export { StatusUpdates } from "./status_updates.js";
export { displayStore } from "./store_options.js";
export { contextHash, parseContextHash, parseSegmentRef, segmentRef, type SegmentRef } from "./identifiers.js";
