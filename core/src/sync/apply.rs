//! Applies the patches of a page or an event to the store while they arrive; blocks.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::config::SyncObserver;
use super::patch_buffer::{BufferedChanges, MAX_CHUNK_OPERATIONS, SpilledChanges};
use super::patch_parser::{ParseError, ParsedPatch, parse_patches};
use super::retry::AttemptError;
use super::status::SyncTracker;
use crate::context_key::ContextHash;
use crate::error::{Error, Result};
use crate::patch::{Changes, Patch, PatchOutcome};
use crate::store::{Cursor, StoreWriter};

/// The most patches that are applied in one call to the store.
const MAX_BATCH_PATCHES: usize = 1000;

/// Applies patches; used by one thread of a worker at a time.
pub(super) struct Applier {
    pub(super) writer: Arc<dyn StoreWriter>,
    pub(super) observers: Vec<Arc<dyn SyncObserver>>,
    pub(super) tracker: Arc<SyncTracker>,
    pub(super) token: CancellationToken,
}

/// The result of applying a page or an event.
#[derive(Debug)]
pub(super) struct ApplyReport {
    /// The number of patches that were handed to the store.
    pub(super) patches: u64,
    /// The cursor after the last patch that the store has.
    pub(super) cursor: Option<String>,
    pub(super) end: ApplyEnd,
}

/// How applying a page or an event ended.
#[derive(Debug)]
pub(super) enum ApplyEnd {
    /// The store has all patches.
    Complete,
    /// A patch does not follow the store's cursor.
    OutOfOrder,
    /// The store has no cursor, but a patch needs one.
    DataLost,
    /// The input failed; its sender has the reason.
    InputFailed,
    /// The input was malformed, or the store failed.
    Failed(AttemptError),
    /// The worker is to stop.
    Stopped,
}

impl From<Error> for ApplyEnd {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ParseError> for ApplyEnd {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Stopped => Self::Stopped,
            ParseError::InputFailed => Self::InputFailed,
            ParseError::Malformed(e) | ParseError::DiskFull(e) => e.into(),
        }
    }
}

impl Applier {
    /// Applies the patches in `input` up to its end or to the first failure. Patches that are
    /// complete before a failure of the input are applied.
    pub(super) fn apply(&self, input: impl Read) -> ApplyReport {
        let mut batch =
            PatchBatch { applier: self, pending: Vec::new(), operations: 0, patches: 0, cursor: None };
        let end = match batch.apply_input(input) {
            Ok(()) => ApplyEnd::Complete,
            Err(end) => end,
        };
        ApplyReport { patches: batch.patches, cursor: batch.cursor, end }
    }

    fn check_cancelled(&self) -> Result<(), ApplyEnd> {
        if self.token.is_cancelled() { Err(ApplyEnd::Stopped) } else { Ok(()) }
    }

    /// Reports to the observers which contexts a patch may have changed.
    fn notify_observers(&self, patch: &Patch) {
        if self.observers.is_empty() {
            return;
        }
        let Ok(segment) = patch.segment_ref() else { return };
        let Changes { included, excluded } = &patch.changes;
        let lists = [&included.add, &included.remove, &excluded.add, &excluded.remove];
        let contexts: Vec<ContextHash> = lists.into_iter().flatten().copied().collect();
        if !contexts.is_empty() {
            self.observers.iter().for_each(|observer| observer.contexts_changed(&segment, &contexts));
        }
    }
}

/// Patches that are applied in one call to the store, and the state of the input they come from.
struct PatchBatch<'a> {
    applier: &'a Applier,
    pending: Vec<Patch>,
    /// The number of operations in `pending`.
    operations: usize,
    patches: u64,
    cursor: Option<String>,
}

impl PatchBatch<'_> {
    fn apply_input(&mut self, input: impl Read) -> Result<(), ApplyEnd> {
        let mut failure = None;
        let parsed = parse_patches(input, &mut |patch| match self.add(patch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(end) => {
                failure = Some(end);
                ControlFlow::Break(())
            }
        });
        if let Some(end) = failure {
            return Err(end);
        }
        self.flush()?;
        Ok(parsed?)
    }

    fn add(&mut self, patch: ParsedPatch) -> Result<(), ApplyEnd> {
        match patch.changes {
            BufferedChanges::InMemory(changes) => {
                let operations = changes.operations();
                let is_full = self.operations + operations > MAX_CHUNK_OPERATIONS
                    || self.pending.len() == MAX_BATCH_PATCHES;
                if is_full {
                    self.flush()?;
                }
                self.operations += operations;
                self.pending.push(Patch { changes, ..patch.head });
                Ok(())
            }
            BufferedChanges::OnDisk(changes) => {
                self.flush()?;
                self.apply_spilled(&patch.head, changes)
            }
        }
    }

    /// Applies the pending patches.
    fn flush(&mut self) -> Result<(), ApplyEnd> {
        let patches = std::mem::take(&mut self.pending);
        self.operations = 0;
        if patches.is_empty() {
            return Ok(());
        }
        self.applier.check_cancelled()?;
        let outcomes = self.applier.writer.apply_all(&patches);
        // A call that failed may have applied any number of patches.
        let tried = outcomes.as_ref().map_or(patches.len(), Vec::len);
        patches[..tried].iter().for_each(|patch| self.applier.notify_observers(patch));
        for (patch, outcome) in patches.iter().zip(outcomes?) {
            self.record(patch, outcome, patch.changes.operations() as u64)?;
        }
        Ok(())
    }

    /// Applies a large patch chunk by chunk; the cursor moves after the last chunk.
    fn apply_spilled(&mut self, head: &Patch, mut changes: SpilledChanges) -> Result<(), ApplyEnd> {
        let applier = self.applier;
        let mut outcome = changes.for_each_chunk::<ApplyEnd>(head, &mut |chunk| {
            applier.check_cancelled()?;
            let outcome = applier.writer.apply(chunk, Cursor::Keep);
            applier.notify_observers(chunk);
            let outcome = outcome?;
            if outcome == PatchOutcome::Applied {
                applier.tracker.chunk_applied(chunk.changes.operations() as u64);
            }
            Ok(outcome)
        })?;
        if outcome == PatchOutcome::Applied {
            outcome = applier.writer.apply(head, Cursor::Advance)?;
        }
        self.record(head, outcome, 0)
    }

    /// Counts a patch that was handed to the store; `operations` are those not counted before.
    fn record(&mut self, patch: &Patch, outcome: PatchOutcome, operations: u64) -> Result<(), ApplyEnd> {
        self.patches += 1;
        match outcome {
            PatchOutcome::Applied => self.applier.tracker.patch_applied(operations),
            PatchOutcome::AlreadyApplied => self.applier.tracker.patch_repeated(),
            PatchOutcome::OutOfOrder => return Err(ApplyEnd::OutOfOrder),
            PatchOutcome::DataLost => return Err(ApplyEnd::DataLost),
        }
        self.cursor = Some(patch.version.clone());
        Ok(())
    }
}
