//! The store that a case runs on.

use std::sync::Arc;

use crate::context_key::ContextHash;
use crate::membership::Membership;
use crate::patch::{ListChanges, PatchOutcome};
use crate::store::{Cursor, Metadata, StoreReader, StoreScanner, StoreWriter};
use crate::testkit::samples::{hash, patch};

/// A store that was just created: its faces and its limits.
pub struct StoreUnderTest {
    /// The reader.
    pub reader: Arc<dyn StoreReader>,
    /// The writer.
    pub writer: Arc<dyn StoreWriter>,
    /// The scanner, if it has one.
    pub scanner: Option<Arc<dyn StoreScanner>>,
    /// The most refs one context may have; 10,000 are tried at most.
    pub most_refs: usize,
    /// Whether a load that fails leaves the store as it was.
    pub loads_atomically: bool,
}

/// A case: what must be true, and the code that panics if it is not.
pub type Case = (&'static str, fn(&StoreUnderTest));

impl StoreUnderTest {
    /// Reads contexts in one batch, and inline too where the store can.
    pub(super) fn read(&self, hashes: &[ContextHash]) -> Vec<Membership> {
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

    pub(super) fn read_one(&self, key: &str) -> Membership {
        self.read(&[hash(key)]).remove(0)
    }

    pub(super) fn metadata(&self) -> Metadata {
        let metadata = pollster::block_on(self.reader.metadata()).expect("the store returns its metadata");
        if let Some(inline) = self.reader.as_inline() {
            assert_eq!(inline.read_metadata().expect("inline too"), metadata);
        }
        metadata
    }

    pub(super) fn cursor(&self) -> Option<String> {
        self.writer.cursor().expect("the store returns its cursor")
    }

    /// Applies a patch of the included list, which must fit.
    pub(super) fn include(&self, segment: &str, (previous, version): (&str, &str), included: ListChanges) {
        let outcome = self
            .writer
            .apply(&patch(segment, previous, version, included), Cursor::Advance)
            .expect("applies");
        assert_eq!(outcome, PatchOutcome::Applied);
    }
}
