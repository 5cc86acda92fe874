// The same module as for `require`, so that a process has it once.
import bigseg from "../dist/index.js";

export const {
  Answer,
  BigSegError,
  Engine,
  Import,
  Integration,
  LookupStatus,
  ManualClock,
  Membership,
  StatusUpdates,
  contextHash,
  displayStore,
  onLog,
  parseContextHash,
  parseSegmentRef,
  segmentRef,
} = bigseg;
