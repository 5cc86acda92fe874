//! What every store must do, whatever it is made of: one line in a test runs all of it.
//!
//! Each case gets a store that nobody has written to yet. The cases see nothing but the store traits.

mod loading;
mod patching;
mod reading;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::samples::{hash, patch};
use crate::context_key::ContextHash;
use crate::membership::Membership;
use crate::patch::{ListChanges, PatchOutcome};
use crate::store::{Cursor, Metadata, StoreReader, StoreScanner, StoreWriter};

/// A store that was just created, seen from its sides, and what is special about it.
pub struct StoreUnderTest {
    /// Its read side.
    pub reader: Arc<dyn StoreReader>,
    /// Its write side.
    pub writer: Arc<dyn StoreWriter>,
    /// Its walking side, where it has one.
    pub scanner: Option<Arc<dyn StoreScanner>>,
    /// The most refs one context may have; 10,000 are tried at most.
    pub most_refs: usize,
    /// Whether a load that fails leaves the store as it was.
    pub loads_atomically: bool,
}

/// A case: what must be true, and the code that panics if it is not.
pub type Case = (&'static str, fn(&StoreUnderTest));

/// Returns every case.
pub fn cases() -> impl Iterator<Item = Case> {
    [reading::CASES, patching::CASES, loading::CASES].concat().into_iter()
}

/// Runs every case, each on a store of its own, and panics at the end with the names of those that failed.
#[track_caller]
pub fn run(create: impl Fn() -> StoreUnderTest) {
    let failed = failures(create);
    assert!(failed.is_empty(), "the store failed {} cases: {failed:?}", failed.len());
}

/// Runs every case and returns the names of those that failed; why they did is on standard error.
pub fn failures(create: impl Fn() -> StoreUnderTest) -> Vec<&'static str> {
    let fails = |case: &Case| {
        let store = create();
        catch_unwind(AssertUnwindSafe(|| case.1(&store))).is_err()
    };
    cases().filter(fails).map(|(name, _)| name).collect()
}

impl StoreUnderTest {
    /// Reads contexts in one batch, and inline too where the store can.
    fn read(&self, hashes: &[ContextHash]) -> Vec<Membership> {
        let answers = pollster::block_on(self.reader.memberships(hashes)).expect("the store answers");
        assert_eq!(answers.len(), hashes.len(), "one answer for each context");
        let answers: Vec<_> =
            answers.into_iter().map(|answer| answer.expect("the context is sound")).collect();
        if let Some(inline) = self.reader.as_inline() {
            let mut again = vec![Membership::empty(); hashes.len()];
            inline.read(hashes, &mut again).expect("the store answers inline");
            assert_eq!(again, answers, "left is the inline answer, right the other");
        }
        answers
    }

    fn read_one(&self, key: &str) -> Membership {
        self.read(&[hash(key)]).remove(0)
    }

    fn metadata(&self) -> Metadata {
        let metadata = pollster::block_on(self.reader.metadata()).expect("the store tells its metadata");
        if let Some(inline) = self.reader.as_inline() {
            assert_eq!(inline.read_metadata().expect("inline too"), metadata);
        }
        metadata
    }

    fn cursor(&self) -> Option<String> {
        self.writer.cursor().expect("the store tells its cursor")
    }

    /// Applies a patch of the included list, which must fit.
    fn include(&self, segment: &str, (previous, version): (&str, &str), included: ListChanges) {
        let outcome = self
            .writer
            .apply(&patch(segment, previous, version, included), Cursor::Advance)
            .expect("applies");
        assert_eq!(outcome, PatchOutcome::Applied);
    }
}
