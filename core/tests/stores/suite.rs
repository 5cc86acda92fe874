//! Every store passes the suite; and every faulty store fails it, or the suite would prove nothing.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use bigseg::BoxFuture;
use bigseg::membership::Membership;
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::segment_ref::SegmentRef;
use bigseg::store::memory::MemoryStore;
use bigseg::store::{
    BatchResult, Cursor, Entry, LoadEntry, LoadPlan, LoadReport, LoadSource, Metadata, StoreReader,
    StoreScanner, StoreWriter,
};
use bigseg::testkit::{StoreUnderTest, store_suite};
use bigseg::{ContextHash, Error, ErrorKind, Result, StoreConfig};

fn under_test(config: &StoreConfig) -> StoreUnderTest {
    StoreUnderTest {
        writer: config.writer().unwrap(),
        reader: config.reader().unwrap(),
        scanner: Some(config.scanner().unwrap()),
        most_refs: 10_000,
        loads_atomically: true,
    }
}

#[test]
fn memory() {
    let count = Cell::new(0);
    store_suite::run(|| {
        count.set(count.get() + 1);
        under_test(&StoreConfig::Memory(format!("suite-{}", count.get())))
    });
}

#[test]
fn local() {
    let directory = tempfile::tempdir().unwrap();
    let count = Cell::new(0);
    store_suite::run(|| {
        count.set(count.get() + 1);
        under_test(
            &StoreConfig::parse(&format!("local:{}/{}", directory.path().display(), count.get())).unwrap(),
        )
    });
}

/// One thing a store may do wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Defect {
    None,
    SwapsLists,
    ReversesBatches,
    AnswersRepeatsOnce,
    FailsOnUnknown,
    LowercasesRefs,
    TrimsRefs,
    ComposesRefs,
    CapsRefs,
    ForgetsSyncTime,
    TakesZeroForATime,
    RoundsSyncTime,
    HidesCursor,
    EmptyCursorWhenNew,
    AppliesOutOfOrder,
    AppliesWithoutCursor,
    RefusesReplays,
    CallsLossDisorder,
    AdditionWins,
    IgnoresExcludedChanges,
    PatchesSyncTime,
    TakesNeverForNone,
    RemembersCursor,
    ForgetsTooMuch,
    PartsMoveCursor,
    AppliesPastRefusals,
    LoadIgnoresReplace,
    LoadIgnoresExcluded,
    LoadPrefersExcluded,
    LoadKeepsHalfAList,
    LoadLeavesSyncTime,
    LoadReportsNothing,
    LoadIsSilent,
    ScanSkipsOne,
    ScanRepeatsOne,
    ScanDoesNotStop,
}

const DEFECTS: &[Defect] = &[
    Defect::SwapsLists,
    Defect::ReversesBatches,
    Defect::AnswersRepeatsOnce,
    Defect::FailsOnUnknown,
    Defect::LowercasesRefs,
    Defect::TrimsRefs,
    Defect::ComposesRefs,
    Defect::CapsRefs,
    Defect::ForgetsSyncTime,
    Defect::TakesZeroForATime,
    Defect::RoundsSyncTime,
    Defect::HidesCursor,
    Defect::EmptyCursorWhenNew,
    Defect::AppliesOutOfOrder,
    Defect::AppliesWithoutCursor,
    Defect::RefusesReplays,
    Defect::CallsLossDisorder,
    Defect::AdditionWins,
    Defect::IgnoresExcludedChanges,
    Defect::PatchesSyncTime,
    Defect::TakesNeverForNone,
    Defect::RemembersCursor,
    Defect::ForgetsTooMuch,
    Defect::PartsMoveCursor,
    Defect::AppliesPastRefusals,
    Defect::LoadIgnoresReplace,
    Defect::LoadIgnoresExcluded,
    Defect::LoadPrefersExcluded,
    Defect::LoadKeepsHalfAList,
    Defect::LoadLeavesSyncTime,
    Defect::LoadReportsNothing,
    Defect::LoadIsSilent,
    Defect::ScanSkipsOne,
    Defect::ScanRepeatsOne,
    Defect::ScanDoesNotStop,
];

/// A sound store with one defect put in front of it.
#[derive(Clone)]
struct Mutant(MemoryStore, Defect);

impl Mutant {
    fn spoil(&self, found: Membership) -> Membership {
        let (included, excluded) = (found.included().to_vec(), found.excluded().to_vec());
        let rename = |change: fn(&str) -> String| {
            let all = |refs: &[SegmentRef]| {
                refs.iter().map(|r| SegmentRef::from_store(change(r.as_str()))).collect::<Vec<_>>()
            };
            Membership::new(all(&included), all(&excluded))
        };
        match self.1 {
            Defect::SwapsLists => Membership::new(excluded, included),
            Defect::LowercasesRefs => rename(str::to_lowercase),
            Defect::TrimsRefs => rename(|text| text.trim().to_owned()),
            Defect::ComposesRefs => rename(|text| text.replace("e\u{301}", "\u{e9}")),
            Defect::CapsRefs => Membership::new(included.into_iter().take(1000), excluded),
            _ => found,
        }
    }
}

impl StoreReader for Mutant {
    fn memberships<'a>(&'a self, hashes: &'a [ContextHash]) -> BoxFuture<'a, Result<BatchResult>> {
        Box::pin(async move {
            let mut queried = hashes.to_vec();
            if self.1 == Defect::AnswersRepeatsOnce {
                queried.dedup();
            }
            let mut answers = self.0.memberships(&queried).await?.into_vec();
            if self.1 == Defect::ReversesBatches {
                answers.reverse();
            }
            if self.1 == Defect::FailsOnUnknown
                && answers.iter().any(|a| a.as_ref().is_ok_and(bigseg::Membership::is_empty))
            {
                return Err(Error::new(ErrorKind::StoreNotFound, "who is that?"));
            }
            let spoilt = answers.into_iter().map(|answer| answer.map(|found| self.spoil(found))).collect();
            BatchResult::new(&queried, spoilt)
        })
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async move {
            let synchronized_on = self.0.metadata().await?.synchronized_on;
            Ok(Metadata {
                synchronized_on: match self.1 {
                    Defect::ForgetsSyncTime => None,
                    Defect::TakesZeroForATime => synchronized_on.or(Some(0)),
                    Defect::RoundsSyncTime => synchronized_on.map(|millis| millis / 1000 * 1000),
                    _ => synchronized_on,
                },
            })
        })
    }
}

impl StoreWriter for Mutant {
    fn cursor(&self) -> Result<Option<String>> {
        let cursor = self.0.cursor()?;
        Ok(match self.1 {
            Defect::HidesCursor => None,
            Defect::EmptyCursorWhenNew => Some(cursor.unwrap_or_default()),
            _ => cursor,
        })
    }

    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        if cursor == Cursor::Keep {
            let moves_cursor = self.1 == Defect::PartsMoveCursor;
            return self.0.apply(patch, if moves_cursor { Cursor::Advance } else { cursor });
        }
        let mut patch = patch.clone();
        let cursor = self.0.cursor()?;
        match self.1 {
            Defect::AppliesOutOfOrder => patch.previous_version = cursor.clone().unwrap_or_default(),
            Defect::AppliesWithoutCursor if cursor.is_none() => patch.previous_version.clear(),
            Defect::AdditionWins => {
                let add = patch.changes.included.add.clone();
                patch.changes.included.remove.retain(|hash| !add.contains(hash));
            }
            Defect::IgnoresExcludedChanges => patch.changes.excluded = Default::default(),
            Defect::PatchesSyncTime => self.0.set_synchronized_on(1)?,
            _ => {}
        }
        Ok(match (self.1, self.0.apply(&patch, Cursor::Advance)?) {
            (Defect::RefusesReplays, PatchOutcome::AlreadyApplied) => PatchOutcome::OutOfOrder,
            (Defect::CallsLossDisorder, PatchOutcome::DataLost) => PatchOutcome::OutOfOrder,
            (_, outcome) => outcome,
        })
    }

    fn apply_all(&self, patches: &[Patch]) -> Result<Vec<PatchOutcome>> {
        match self.1 {
            Defect::AppliesPastRefusals => {
                patches.iter().map(|patch| self.apply(patch, Cursor::Advance)).collect()
            }
            _ => self.0.apply_all(patches),
        }
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.0.set_synchronized_on(unix_millis)
    }

    fn has_sync_time(&self) -> Result<bool> {
        match self.1 {
            Defect::TakesNeverForNone => Ok(pollster::block_on(self.0.metadata())?.synchronized_on.is_some()),
            _ => self.0.has_sync_time(),
        }
    }

    fn forget_cursor(&self) -> Result<()> {
        if self.1 == Defect::ForgetsTooMuch {
            self.0.set_synchronized_on(0)?;
        }
        if self.1 == Defect::RemembersCursor { Ok(()) } else { self.0.forget_cursor() }
    }

    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        let mut plan = plan.clone();
        if self.1 == Defect::LoadIgnoresReplace {
            plan.replace = None;
        }
        let before = pollster::block_on(self.0.metadata())?.synchronized_on.unwrap_or_default();
        let mut contexts = MutantSource { inner: contexts, defect: self.1, failure: None };
        let silence: &mut dyn FnMut(u64) = &mut |_| {};
        let progress = if self.1 == Defect::LoadIsSilent { silence } else { progress };
        let report = self.0.load(&plan, &mut contexts, progress)?;
        if let Some(failure) = contexts.failure {
            self.0.set_synchronized_on(before)?;
            return Err(failure);
        }
        if self.1 == Defect::LoadLeavesSyncTime {
            self.0.set_synchronized_on(before)?;
        }
        Ok(if self.1 == Defect::LoadReportsNothing { LoadReport::default() } else { report })
    }
}

struct MutantSource<'a> {
    inner: &'a mut dyn LoadSource,
    defect: Defect,
    failure: Option<Error>,
}

impl LoadSource for MutantSource<'_> {
    fn next(&mut self, entries: &mut Vec<LoadEntry>) -> Result<Option<ContextHash>> {
        let next = match self.inner.next(entries) {
            Err(error) if self.defect == Defect::LoadKeepsHalfAList => {
                self.failure = Some(error);
                None
            }
            next => next?,
        };
        let original = entries.clone();
        match self.defect {
            Defect::LoadIgnoresExcluded => entries.retain(|entry| entry.entry == Entry::Include),
            Defect::LoadPrefersExcluded => entries.retain(|e| {
                e.entry == Entry::Exclude
                    || !original.contains(&LoadEntry { segment: e.segment, entry: Entry::Exclude })
            }),
            _ => {}
        }
        Ok(next)
    }
}

impl StoreScanner for Mutant {
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        let mut met = 0;
        self.0.scan(&mut |hash, found| {
            met += 1;
            match (self.1, met) {
                (Defect::ScanSkipsOne, 3) => return ControlFlow::Continue(()),
                (Defect::ScanRepeatsOne, 3) => drop(visit(hash, found.clone())),
                _ => {}
            }
            match visit(hash, found) {
                ControlFlow::Break(()) if self.1 == Defect::ScanDoesNotStop => ControlFlow::Continue(()),
                flow => flow,
            }
        })
    }
}

fn failures_of(defect: Defect) -> Vec<&'static str> {
    store_suite::failures(|| {
        let mutant = Arc::new(Mutant(MemoryStore::default(), defect));
        StoreUnderTest {
            reader: mutant.clone(),
            writer: mutant.clone(),
            scanner: Some(mutant),
            most_refs: 10_000,
            loads_atomically: true,
        }
    })
}

#[test]
fn the_suite_catches_every_defect() {
    assert_eq!(failures_of(Defect::None), [""; 0], "without a defect nothing is caught");
    let mut idle: Vec<_> = store_suite::cases().map(|(name, _)| name).collect();
    for defect in DEFECTS {
        let failures = failures_of(*defect);
        assert!(!failures.is_empty(), "{defect:?} is not caught");
        idle.retain(|name| !failures.contains(name));
    }
    assert_eq!(idle, ["a batch may be empty"], "a case that trips over no defect proves little");
}
