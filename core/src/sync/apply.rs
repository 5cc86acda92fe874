//! Carries patches from a page or an event into the store, on a thread that may block, while they arrive.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::config::SyncObserver;
use super::patch_buffer::{Gathered, PART, Spool};
use super::patch_parser::{Incoming, PageFault, read_page};
use super::retry::Failure;
use super::status::SyncTracker;
use crate::context_key::ContextHash;
use crate::error::{Error, Result};
use crate::patch::{Changes, Patch, PatchOutcome};
use crate::store::StoreWriter;

/// How many patches are applied together at most, however small they are.
const PATCHES_TOGETHER: usize = 1000;

/// Applies patches; shared by the threads of one worker, of which one at a time does so.
pub(super) struct Applier {
    pub(super) writer: Arc<dyn StoreWriter>,
    pub(super) observers: Vec<Arc<dyn SyncObserver>>,
    pub(super) tracker: Arc<SyncTracker>,
    pub(super) stop: CancellationToken,
}

/// What became of a page or an event.
#[derive(Debug)]
pub(super) struct PageReport {
    /// How many patches of it were offered to the store.
    pub(super) patches: u64,
    /// The cursor after the last patch that the store has.
    pub(super) cursor: Option<String>,
    pub(super) end: PageEnd,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum PageEnd {
    /// The store has all of it.
    Complete,
    /// A patch does not follow the store's cursor.
    OutOfOrder,
    /// The store has no cursor, though a patch needs one.
    DataLost,
    /// The bytes broke off; whoever supplied them knows why.
    Broken,
    /// The upstream said something that makes no sense, or the store failed.
    Failed(Failure),
    /// The worker is to stop.
    Stopped,
}

impl From<Error> for PageEnd {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Applier {
    /// Applies what can be read from `input`, to its end or to the first thing that goes wrong. Patches that came whole
    /// before that are applied.
    pub(super) fn apply_page(&self, input: impl Read) -> PageReport {
        let mut batch = Batch { applier: self, waiting: Vec::new(), operations: 0, patches: 0, cursor: None };
        let mut refused = None;
        let outcome = read_page(input, &mut |incoming| match batch.accept(incoming) {
            Ok(()) => ControlFlow::Continue(()),
            Err(end) => {
                refused = Some(end);
                ControlFlow::Break(())
            }
        });
        let flushed = if refused.is_none() { batch.flush() } else { Ok(()) };
        let end = match (refused, flushed, outcome) {
            (Some(end), _, _) | (None, Err(end), _) => end,
            (None, Ok(()), Ok(())) => PageEnd::Complete,
            (None, Ok(()), Err(fault)) => match fault {
                PageFault::Declined => PageEnd::Stopped,
                PageFault::Broken => PageEnd::Broken,
                PageFault::Malformed(e) | PageFault::NoRoom(e) => e.into(),
            },
        };
        PageReport { patches: batch.patches, cursor: batch.cursor, end }
    }

    fn check_stop(&self) -> Result<(), PageEnd> {
        if self.stop.is_cancelled() { Err(PageEnd::Stopped) } else { Ok(()) }
    }

    /// Tells the observers whose memberships may have changed.
    fn tell(&self, patch: &Patch) {
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

/// Patches of a page that wait to be applied together.
struct Batch<'a> {
    applier: &'a Applier,
    waiting: Vec<Patch>,
    operations: usize,
    patches: u64,
    cursor: Option<String>,
}

impl Batch<'_> {
    fn accept(&mut self, incoming: Incoming) -> Result<(), PageEnd> {
        match incoming.changes {
            Gathered::InMemory(changes) => {
                let operations = changes.operations();
                if self.operations + operations > PART || self.waiting.len() == PATCHES_TOGETHER {
                    self.flush()?;
                }
                self.operations += operations;
                self.waiting.push(Patch { changes, ..incoming.head });
                Ok(())
            }
            Gathered::OnDisk(spool) => {
                self.flush()?;
                self.apply_spool(&incoming.head, spool)
            }
        }
    }

    /// Applies what waits.
    fn flush(&mut self) -> Result<(), PageEnd> {
        let patches = std::mem::take(&mut self.waiting);
        self.operations = 0;
        if patches.is_empty() {
            return Ok(());
        }
        self.applier.check_stop()?;
        let outcome = self.applier.writer.apply_all(&patches);
        // Of those at the beginning some may have been applied although the call failed.
        let touched = outcome.as_ref().map_or(patches.len(), Vec::len);
        patches[..touched].iter().for_each(|patch| self.applier.tell(patch));
        for (patch, outcome) in patches.iter().zip(outcome?) {
            self.settle(patch, outcome, patch.changes.operations() as u64)?;
        }
        Ok(())
    }

    /// Applies a gigantic patch part by part; the cursor moves after the last one.
    fn apply_spool(&mut self, head: &Patch, mut spool: Spool) -> Result<(), PageEnd> {
        let applier = self.applier;
        let mut outcome = spool.for_each_part::<PageEnd>(head, &mut |part| {
            applier.check_stop()?;
            let outcome = applier.writer.apply_part(part);
            applier.tell(part);
            let outcome = outcome?;
            if outcome == PatchOutcome::Applied {
                applier.tracker.applied(0, part.changes.operations() as u64);
            }
            Ok(outcome)
        })?;
        if outcome == PatchOutcome::Applied {
            outcome = applier.writer.apply(head)?;
        }
        self.settle(head, outcome, 0)
    }

    fn settle(&mut self, patch: &Patch, outcome: PatchOutcome, operations: u64) -> Result<(), PageEnd> {
        self.patches += 1;
        match outcome {
            PatchOutcome::Applied => self.applier.tracker.applied(1, operations),
            PatchOutcome::AlreadyApplied => self.applier.tracker.repeated(),
            PatchOutcome::OutOfOrder => return Err(PageEnd::OutOfOrder),
            PatchOutcome::DataLost => return Err(PageEnd::DataLost),
        }
        self.cursor = Some(patch.version.clone());
        Ok(())
    }
}
