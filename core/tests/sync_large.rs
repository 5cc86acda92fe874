//! Pages and patches of any size, in bounded memory.
#![cfg(feature = "sync")]

#[path = "fixtures/upstream_fixture.rs"]
mod upstream_fixture;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::upstream_fixture::*;
use bigseg_core::patch::{Patch, PatchOutcome};
use bigseg_core::store::{LoadPlan, LoadReport, LoadSource, StoreWriter};
use bigseg_core::sync::{SyncConfig, SyncWorker};
use bigseg_core::testkit::samples::{hash, list, patch};
use bigseg_core::testkit::{Endpoint, FakeUpstream, StoreModel, UpstreamFault};
use bigseg_core::{ContextHash, ErrorKind, Result};
use parking_lot::Mutex;

/// Counts what is allocated at present, and the most that ever was.
struct Counting;

static PRESENT: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let present = PRESENT.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(present, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        PRESENT.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The tests take turns, for they count together.
static TURN: Mutex<()> = Mutex::new(());

/// What a worker may hold while it reads a page, whatever the page is: far less than the pages here.
const BOUND: usize = 16 << 20;

/// A store that keeps nothing but the cursor and some figures.
#[derive(Default)]
struct Figures {
    cursor: Mutex<Option<String>>,
    operations: AtomicUsize,
    largest: AtomicUsize,
}

impl Figures {
    fn count(&self, patch: &Patch) -> PatchOutcome {
        let outcome = patch.outcome_on(self.cursor.lock().as_deref());
        if outcome == PatchOutcome::Applied {
            self.operations.fetch_add(patch.changes.operations(), Ordering::Relaxed);
            self.largest.fetch_max(patch.changes.operations(), Ordering::Relaxed);
        }
        outcome
    }
}

impl StoreWriter for Figures {
    fn cursor(&self) -> Result<Option<String>> {
        Ok(self.cursor.lock().clone())
    }
    fn apply(&self, patch: &Patch) -> Result<PatchOutcome> {
        let outcome = self.count(patch);
        if outcome == PatchOutcome::Applied {
            *self.cursor.lock() = Some(patch.version.clone());
        }
        Ok(outcome)
    }
    fn apply_part(&self, part: &Patch) -> Result<PatchOutcome> {
        Ok(self.count(part))
    }
    fn set_synchronized_on(&self, _unix_millis: i64) -> Result<()> {
        Ok(())
    }
    fn has_sync_time(&self) -> Result<bool> {
        Ok(true)
    }
    fn forget_cursor(&self) -> Result<()> {
        unreachable!("nothing is lost here")
    }
    fn load(
        &self,
        _plan: &LoadPlan,
        _contexts: &mut dyn LoadSource,
        _progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        unreachable!("a worker does not load lists")
    }
}

/// Spells hashes that are cheap to make, each another one.
fn spell(json: &mut String, numbers: std::ops::Range<usize>) {
    for number in numbers.clone() {
        let mut bytes = [0; ContextHash::BYTES];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let comma = if number == numbers.start { "" } else { "," };
        write!(json, "{comma}\"{}\"", ContextHash::from_bytes(bytes)).unwrap();
    }
}

/// Has a worker read that page, and returns the figures and the most memory it took on the way.
fn read(page: String) -> (Arc<Figures>, usize) {
    let fake = FakeUpstream::start();
    fake.append(patch("s.g1", "", "end", list(&[], &[])));
    fake.fault(Endpoint::Page, UpstreamFault::Body(page.into_bytes()));
    let figures = Arc::new(Figures::default());
    let config = SyncConfig::with_writer(upstream(&fake), figures.clone());
    let before = PRESENT.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    let most = MOST.load(Ordering::Relaxed) - before;
    assert_eq!(worker.status().errors, []);
    worker.close_blocking();
    (figures, most)
}

#[test]
fn one_gigantic_patch_is_applied_in_parts_of_bounded_size() {
    let _turn = TURN.lock();
    const OPERATIONS: usize = 800_000;
    let mut page = "[{\"segmentId\":\"s.g1\",\"changes\":{\"included\":{\"add\":[".to_owned();
    spell(&mut page, 0..OPERATIONS);
    page.push_str("]}},\"previousVersion\":\"\",\"version\":\"end\"}]");
    assert!(page.len() > 2 * BOUND);
    let (figures, most) = read(page);
    assert_eq!(figures.operations.load(Ordering::Relaxed), OPERATIONS);
    assert_eq!(figures.largest.load(Ordering::Relaxed), 32_768);
    assert!(most < BOUND, "it took {most} bytes");
}

#[test]
fn a_page_of_many_patches_is_applied_while_it_is_read() {
    let _turn = TURN.lock();
    const PATCHES: usize = 40_000;
    let mut page = "[".to_owned();
    for number in 0..PATCHES {
        let (comma, previous) = if number == 0 { ("", String::new()) } else { (",", format!("{number}")) };
        let version = if number + 1 == PATCHES { "end".to_owned() } else { (number + 1).to_string() };
        write!(
            page,
            "{comma}{{\"segmentId\":\"s.g{}\",\"version\":\"{version}\",\"previousVersion\":\"{previous}\"",
            number % 9
        )
        .unwrap();
        page.push_str(",\"changes\":{\"excluded\":{\"remove\":[");
        spell(&mut page, 20 * number..20 * number + 20);
        page.push_str("]}}}");
    }
    page.push(']');
    assert!(page.len() > 2 * BOUND);
    let (figures, most) = read(page);
    assert_eq!(figures.operations.load(Ordering::Relaxed), 20 * PATCHES);
    assert!(most < BOUND, "it took {most} bytes");
}

#[test]
fn a_text_without_end_is_refused_before_it_fills_the_memory() {
    let _turn = TURN.lock();
    let fake = FakeUpstream::start();
    let body = [b"[{\"segmentId\":\"".as_slice(), &vec![b'x'; 40 << 20]].concat();
    fake.fault(Endpoint::Page, UpstreamFault::Body(body));
    let config = SyncConfig::with_writer(upstream(&fake), Arc::new(Figures::default()));
    let before = PRESENT.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let worker = SyncWorker::start(config).unwrap();
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert_eq!(error.kind, ErrorKind::UpstreamData);
    assert!(error.message.contains("a single text is longer than"), "{}", error.message);
    // The buffer of the text doubles as it grows, and the old half is there while it is copied.
    let most = MOST.load(Ordering::Relaxed) - before;
    assert!(most < 5 * BOUND, "it took {most} bytes");
}

#[test]
fn a_gigantic_patch_means_what_a_small_one_means() {
    let _turn = TURN.lock();
    // Removals come first, and many contexts are in both lists, far apart.
    const CONTEXTS: usize = 70_000;
    let hashes: Vec<_> = (0..CONTEXTS).map(|n| hash(&n.to_string())).collect();
    let mut gigantic = patch("s.g1", "", "v1", list(&[], &[]));
    gigantic.changes.included.add = hashes.clone();
    gigantic.changes.included.remove = hashes.iter().step_by(3).copied().collect();
    gigantic.changes.excluded.add = hashes.iter().step_by(5).copied().collect();
    gigantic.changes.excluded.remove = hashes.iter().step_by(7).copied().collect();
    let changes = |list: &bigseg_core::patch::ListChanges| {
        format!(
            "{{\"remove\":{},\"add\":{}}}",
            serde_json::to_string(&list.remove).unwrap(),
            serde_json::to_string(&list.add).unwrap()
        )
    };
    let page = format!(
        "[{{\"changes\":{{\"excluded\":{},\"included\":{}}},\"version\":\"v1\",\"segmentId\":\"s.g1\"}}]",
        changes(&gigantic.changes.excluded),
        changes(&gigantic.changes.included)
    );
    let mut expected = StoreModel::default();
    expected.apply(&gigantic);

    let directory = tempfile::tempdir().unwrap();
    let local = format!("local:{}?map_size=256M", directory.path().join("store").display());
    for store in [private_store("gigantic"), bigseg_core::StoreConfig::parse(&local).unwrap()] {
        let fake = FakeUpstream::start();
        fake.append(patch("s.g1", "", "v1", list(&[], &[])));
        fake.fault(Endpoint::Page, UpstreamFault::Body(page.clone().into_bytes()));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        expected.assert_same(&*store.scanner().unwrap());
        let status = worker.status();
        assert_eq!((status.counters.patches, status.errors), (1, vec![]));
        assert_eq!(status.counters.operations as usize, gigantic.changes.operations());
    }
}
