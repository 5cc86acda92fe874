// The same module as for `require`, so that a process has it once.
import bigseg from "../dist/index.js";

export const {
  Answer,
  BigSegError,
  Context,
  Engine,
  Import,
  Integration,
  LookupStatus,
  ManualClock,
  Membership,
  StatusUpdates,
  classify,
  contextHash,
  displayStore,
  onLog,
  parseContextHash,
  parseSegmentRef,
  segmentRef,
} = bigseg;
