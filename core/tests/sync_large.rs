//! Pages and patches of any size, in bounded memory.
#![cfg(feature = "sync")]

#[path = "fixtures/upstream_fixture.rs"]
mod upstream_fixture;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::upstream_fixture::*;
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::{Cursor, LoadPlan, LoadReport, LoadSource, StoreWriter};
use bigseg::sync::{SyncConfig, SyncWorker};
use bigseg::testkit::samples::{hash, list, patch};
use bigseg::testkit::{Endpoint, FakeUpstream, StoreModel, UpstreamFault};
use bigseg::{ContextHash, ErrorKind, Result};
use parking_lot::Mutex;

/// Counts the allocated bytes, and their peak.
struct CountingAllocator;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded to the system's allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let allocated = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(allocated, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Held by each test, because all of them share the counters.
static COUNTERS: Mutex<()> = Mutex::new(());

/// The most bytes that a worker may hold while it reads a page; the pages here are far larger.
const BOUND: usize = 16 << 20;

/// A store that keeps only the cursor and counters.
#[derive(Default)]
struct CountingStore {
    cursor: Mutex<Option<String>>,
    operations: AtomicUsize,
    largest: AtomicUsize,
}

impl CountingStore {
    fn count(&self, patch: &Patch) -> PatchOutcome {
        let outcome = patch.outcome_on(self.cursor.lock().as_deref());
        if outcome == PatchOutcome::Applied {
            self.operations.fetch_add(patch.changes.operations(), Ordering::Relaxed);
            self.largest.fetch_max(patch.changes.operations(), Ordering::Relaxed);
        }
        outcome
    }
}

impl StoreWriter for CountingStore {
    fn cursor(&self) -> Result<Option<String>> {
        Ok(self.cursor.lock().clone())
    }
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        let outcome = self.count(patch);
        if outcome == PatchOutcome::Applied && cursor == Cursor::Advance {
            *self.cursor.lock() = Some(patch.version.clone());
        }
        Ok(outcome)
    }
    fn set_synchronized_on(&self, _unix_millis: i64) -> Result<()> {
        Ok(())
    }
    fn has_sync_time(&self) -> Result<bool> {
        Ok(true)
    }
    fn forget_cursor(&self) -> Result<()> {
        unreachable!("no data are lost in this test")
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

/// Appends distinct hashes that are cheap to make.
fn push_hashes(json: &mut String, numbers: std::ops::Range<usize>) {
    for number in numbers.clone() {
        let mut bytes = [0; ContextHash::BYTES];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let comma = if number == numbers.start { "" } else { "," };
        write!(json, "{comma}\"{}\"", ContextHash::from_bytes(bytes)).unwrap();
    }
}

/// Runs a worker on one page; returns the store and the peak of the worker's memory.
fn apply_page(page: String) -> (Arc<CountingStore>, usize) {
    let fake = FakeUpstream::start();
    fake.append(patch("s.g1", "", "end", list(&[], &[])));
    fake.fault(Endpoint::Page, UpstreamFault::Body(page.into_bytes()));
    let store = Arc::new(CountingStore::default());
    let config = SyncConfig::with_writer(upstream(&fake), store.clone());
    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert_eq!(worker.status().errors, []);
    worker.close().wait();
    (store, peak)
}

#[test]
fn one_large_patch_is_applied_in_chunks_of_bounded_size() {
    let _lock = COUNTERS.lock();
    const OPERATIONS: usize = 800_000;
    let mut page = "[{\"segmentId\":\"s.g1\",\"changes\":{\"included\":{\"add\":[".to_owned();
    push_hashes(&mut page, 0..OPERATIONS);
    page.push_str("]}},\"previousVersion\":\"\",\"version\":\"end\"}]");
    assert!(page.len() > 2 * BOUND);
    let (store, peak) = apply_page(page);
    assert_eq!(store.operations.load(Ordering::Relaxed), OPERATIONS);
    assert_eq!(store.largest.load(Ordering::Relaxed), 32_768);
    assert!(peak < BOUND, "it took {peak} bytes");
}

#[test]
fn a_page_of_many_patches_is_applied_while_it_is_read() {
    let _lock = COUNTERS.lock();
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
        push_hashes(&mut page, 20 * number..20 * number + 20);
        page.push_str("]}}}");
    }
    page.push(']');
    assert!(page.len() > 2 * BOUND);
    let (store, peak) = apply_page(page);
    assert_eq!(store.operations.load(Ordering::Relaxed), 20 * PATCHES);
    assert!(peak < BOUND, "it took {peak} bytes");
}

#[test]
fn an_endless_text_is_rejected_before_it_fills_the_memory() {
    let _lock = COUNTERS.lock();
    let fake = FakeUpstream::start();
    let body = [b"[{\"segmentId\":\"".as_slice(), &vec![b'x'; 40 << 20]].concat();
    fake.fault(Endpoint::Page, UpstreamFault::Body(body));
    let config = SyncConfig::with_writer(upstream(&fake), Arc::new(CountingStore::default()));
    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let worker = SyncWorker::start(config).unwrap();
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert_eq!(error.kind, ErrorKind::UpstreamData);
    assert!(error.message.contains("a single text is longer than"), "{}", error.message);
    // The buffer of the text doubles as it grows, and the old one exists while it is copied.
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert!(peak < 5 * BOUND, "it took {peak} bytes");
}

#[test]
fn a_large_patch_has_the_same_effect_as_a_small_one() {
    let _lock = COUNTERS.lock();
    // Removals come first, and many contexts are in both lists, far apart.
    const CONTEXTS: usize = 70_000;
    let hashes: Vec<_> = (0..CONTEXTS).map(|n| hash(&n.to_string())).collect();
    let mut large = patch("s.g1", "", "v1", list(&[], &[]));
    large.changes.included.add = hashes.clone();
    large.changes.included.remove = hashes.iter().step_by(3).copied().collect();
    large.changes.excluded.add = hashes.iter().step_by(5).copied().collect();
    large.changes.excluded.remove = hashes.iter().step_by(7).copied().collect();
    let changes = |list: &bigseg::patch::ListChanges| {
        format!(
            "{{\"remove\":{},\"add\":{}}}",
            serde_json::to_string(&list.remove).unwrap(),
            serde_json::to_string(&list.add).unwrap()
        )
    };
    let page = format!(
        "[{{\"changes\":{{\"excluded\":{},\"included\":{}}},\"version\":\"v1\",\"segmentId\":\"s.g1\"}}]",
        changes(&large.changes.excluded),
        changes(&large.changes.included)
    );
    let mut expected = StoreModel::default();
    expected.apply(&large);

    let directory = tempfile::tempdir().unwrap();
    let local = format!("local:{}?map_size=256M", directory.path().join("store").display());
    for store in [private_store("gigantic"), bigseg::StoreConfig::parse(&local).unwrap()] {
        let fake = FakeUpstream::start();
        fake.append(patch("s.g1", "", "v1", list(&[], &[])));
        fake.fault(Endpoint::Page, UpstreamFault::Body(page.clone().into_bytes()));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        expected.assert_same(&*store.scanner().unwrap());
        let status = worker.status();
        assert_eq!((status.counters.patches, status.errors), (1, vec![]));
        assert_eq!(status.counters.operations as usize, large.changes.operations());
    }
}
