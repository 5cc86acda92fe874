//! The run loop of the worker (docs/spec.md#writing): the requests, their order, and the patches.

use std::sync::Arc;
use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::{Cursor, StoreWriter};
use bigseg::sync::{SyncConfig, SyncPhase, SyncStatus, SyncWorker};
use bigseg::testkit::samples::{hash, list, membership, patch};
use bigseg::testkit::{Endpoint, FakeUpstream, UpstreamFault};
use bigseg::{Clock, ErrorKind, ManualClock, StoreConfig};

/// Describes the requests so far: `page`, `page after CURSOR`, `stream`.
fn request_log(fake: &FakeUpstream) -> Vec<String> {
    let requests = fake.requests().into_iter();
    let describe = |(endpoint, after)| match (endpoint, after) {
        (Endpoint::Page, None) => "page".to_owned(),
        (Endpoint::Page, Some(after)) => format!("page after {after}"),
        (Endpoint::Stream, _) => "stream".to_owned(),
    };
    requests.map(|request| describe((request.endpoint, request.after))).collect()
}

#[test]
fn it_polls_to_the_end_streams_polls_once_more_and_writes_the_marker() {
    let fake = FakeUpstream::start();
    let store = private_store("run-order");
    fake.set_page_size(2);
    (1..=5).for_each(|n| fake.append(step(n)));
    let clock = ManualClock::new(1_000_000);
    let worker =
        SyncWorker::start(SyncConfig { clock: Clock::Manual(clock.clone()), ..config(&fake, &store) })
            .unwrap();
    let status = wait_until_synchronized(&worker);
    let order = ["page", "page after v2", "page after v4", "page after v5", "stream", "page after v5"];
    assert_eq!(request_log(&fake), order);
    assert_holds(&store, 5);
    assert_eq!(status.last_synchronized, Some(1_000_000));
    assert_eq!((status.progress.patches, status.progress.operations), (5, 10));
    assert_eq!((status.counters.pages, status.counters.streams, status.error), (5, 1, None));

    // The sync marker is written after each event, and at each interval.
    let synchronized_on = || {
        let reader = store.reader().unwrap();
        reader.as_inline().unwrap().read_metadata().unwrap().synchronized_on
    };
    assert_eq!(synchronized_on(), Some(1_000_000));
    clock.advance(Duration::from_millis(7));
    fake.publish(step(6));
    wait_until("the sync marker is written after the event", || synchronized_on() == Some(1_000_007));
    assert_holds(&store, 6);
    clock.advance(Duration::from_millis(29_990));
    fake.publish(step(7));
    wait_until("the sync marker is written after the event", || synchronized_on() == Some(1_029_997));
    clock.advance(Duration::from_secs(30));
    wait_until("the sync marker is reported", || worker.status().last_synchronized == Some(1_059_997));
    assert_eq!(synchronized_on(), Some(1_059_997));
    worker.close().wait();
    assert_eq!(worker.status().phase, SyncPhase::Stopped);
    assert_eq!(fake.requests().len(), 6, "there are no further requests");
}

#[test]
fn it_resumes_from_the_cursor_of_the_store() {
    let fake = FakeUpstream::start();
    let store = private_store("run-resume");
    let writer = store.writer().unwrap();
    (1..=3).for_each(|n| assert_eq!(writer.apply(&step(n), Cursor::Advance).unwrap(), PatchOutcome::Applied));
    (1..=4).for_each(|n| fake.append(step(n)));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    assert_eq!(request_log(&fake), ["page after v3", "page after v4", "stream", "page after v4"]);
    assert_holds(&store, 4);
}

#[test]
fn an_empty_store_matches_an_upstream_without_patches() {
    let fake = FakeUpstream::start();
    let store = private_store("run-empty");
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    assert!(wait_until_synchronized(&worker).last_synchronized.is_some());
    assert_eq!(request_log(&fake), ["page", "stream", "page"]);
    fake.publish(step(1));
    wait_for_cursor(&worker, &store, "v1");
}

#[test]
fn a_change_while_the_stream_is_opened_is_not_missed() {
    let fake = FakeUpstream::start();
    let store = private_store("run-overtaken");
    fake.append(step(1));
    fake.fault(Endpoint::Stream, UpstreamFault::ChangeDuringConnect(Box::new(step(2))));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    let first = ["page", "page after v1", "stream", "page after v1"];
    let again = ["page after v2", "stream"];
    assert_eq!(request_log(&fake), [&first[..], &again, &["page after v2"]].concat());
    assert_holds(&store, 2);
}

#[test]
fn several_initial_patches_may_have_empty_versions() {
    let fake = FakeUpstream::start();
    let store = private_store("run-initial");
    fake.append(patch("s.g1", "", "", list(&["a"], &[])));
    fake.append(patch("t.g1", "", "", list(&["a"], &[])));
    fake.append(patch("u.g1", "", "v1", list(&["a"], &[])));
    // An earlier worker was stopped after the first patch.
    let writer = store.writer().unwrap();
    writer.apply(&patch("s.g1", "", "", list(&["a"], &[])), Cursor::Advance).unwrap();
    assert_eq!(writer.cursor().unwrap().as_deref(), Some(""));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    assert_eq!(request_log(&fake), ["page", "page after v1", "stream", "page after v1"]);
    let mut found = [membership(&[], &[])];
    store.reader().unwrap().as_inline().unwrap().read(&[hash("a")], &mut found).unwrap();
    assert_eq!(found, [membership(&["s.g1", "t.g1", "u.g1"], &[])]);
}

#[test]
fn an_event_that_was_already_applied_is_not_an_error() {
    let fake = FakeUpstream::start();
    let store = private_store("run-repeated");
    fake.append(step(1));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    fake.send_event(&[&step(1)]);
    fake.send_event(&[&step(1), &step(2), &step(2), &step(3)]);
    wait_for_cursor(&worker, &store, "v3");
    let status = wait_for(&worker, |status| status.counters.repeated == 3);
    assert_eq!((status.counters.streams, status.counters.out_of_order), (1, 0));
    assert_holds(&store, 3);
}

#[test]
fn an_event_out_of_order_leads_back_to_polling() {
    for (name, stray) in [("ahead", step(4)), ("behind", step(1))] {
        let fake = FakeUpstream::start();
        let store = private_store(&format!("run-disorder-{name}"));
        (1..=2).for_each(|n| fake.append(step(n)));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        (3..=4).for_each(|n| fake.append(step(n)));
        fake.send_event(&[&stray]);
        wait_for_cursor(&worker, &store, "v4");
        let status = worker.status();
        assert_eq!((status.counters.out_of_order, status.errors), (1, vec![]), "{name}");
        assert_holds(&store, 4);
    }
}

#[test]
fn a_page_without_progress_is_an_error_and_is_retried_with_backoff() {
    let clock = ManualClock::new(1_000_000);
    let pages = [
        (&step(1), "only patches that the store already has"),
        (&step(4), "does not follow the cursor"),
        (&patch("s.g1", "", "v1", list(&["x"], &[])), "only patches that the store already has"),
    ];
    for (number, (patch, words)) in pages.into_iter().enumerate() {
        let fake = FakeUpstream::start();
        let store = private_store(&format!("run-nowhere-{number}"));
        let writer = store.writer().unwrap();
        writer.apply(&step(1), Cursor::Advance).unwrap();
        for _ in 0..10 {
            let body = bigseg::testkit::fake_upstream::to_json(&[patch]);
            fake.fault(Endpoint::Page, UpstreamFault::Body(body));
        }
        let config = SyncConfig {
            clock: Clock::Manual(clock.clone()),
            ..SyncConfig::new(upstream(&fake), &store).unwrap()
        };
        let worker = SyncWorker::start(config).unwrap();
        let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
        assert_eq!(error.kind, ErrorKind::UpstreamData);
        assert!(error.message.contains(words), "{}", error.message);
        assert_eq!(worker.status().phase, SyncPhase::Waiting);
        // The delays are 0.5 to 1 s, 1 to 2 s, 2 to 4 s … until the ten pages are used up.
        let taken = advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
        assert!(taken > Duration::from_secs(60), "{taken:?}");
        assert_eq!(worker.status().errors.len(), 1, "the same error again and again is one entry");
        assert_eq!(worker.status().errors[0].times, 10);
    }
}

#[test]
fn a_first_page_that_follows_another_cursor_is_an_error() {
    let fake = FakeUpstream::start();
    let store = private_store("run-baseless");
    fake.append(step(2));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert!(error.message.contains("builds on an earlier one"), "{}", error.message);
    assert_eq!(store.writer().unwrap().cursor().unwrap(), None);
    assert_eq!(worker.status().last_synchronized, None);
}

/// A store that can be wiped: another store replaces it.
struct WipeableStore {
    current: parking_lot::Mutex<Arc<dyn StoreWriter>>,
    /// The store that replaces it after that many patches.
    next: parking_lot::Mutex<Option<(usize, Arc<dyn StoreWriter>)>>,
}

impl WipeableStore {
    fn new(store: &StoreConfig) -> Self {
        Self {
            current: parking_lot::Mutex::new(store.writer().unwrap()),
            next: parking_lot::Mutex::default(),
        }
    }

    fn current(&self) -> Arc<dyn StoreWriter> {
        self.current.lock().clone()
    }

    fn wipe(&self, after: Arc<dyn StoreWriter>) {
        *self.current.lock() = after;
    }

    fn wipe_after(self, patches: usize, after: &StoreConfig) -> Self {
        *self.next.lock() = Some((patches, after.writer().unwrap()));
        self
    }

    fn count_patch(&self) {
        let mut next = self.next.lock();
        let Some((patches, _)) = &mut *next else { return };
        *patches -= 1;
        if *patches == 0
            && let Some((_, after)) = next.take()
        {
            self.wipe(after);
        }
    }
}

impl StoreWriter for WipeableStore {
    fn cursor(&self) -> bigseg::Result<Option<String>> {
        self.current().cursor()
    }
    fn apply(&self, patch: &Patch, cursor: Cursor) -> bigseg::Result<PatchOutcome> {
        let outcome = self.current().apply(patch, cursor);
        if cursor == Cursor::Advance {
            self.count_patch();
        }
        outcome
    }
    fn set_synchronized_on(&self, unix_millis: i64) -> bigseg::Result<()> {
        self.current().set_synchronized_on(unix_millis)
    }
    fn has_sync_time(&self) -> bigseg::Result<bool> {
        self.current().has_sync_time()
    }
    fn forget_cursor(&self) -> bigseg::Result<()> {
        self.current().forget_cursor()
    }
    fn load(
        &self,
        plan: &bigseg::store::LoadPlan,
        contexts: &mut dyn bigseg::store::LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> bigseg::Result<bigseg::store::LoadReport> {
        self.current().load(plan, contexts, progress)
    }
}

#[test]
fn a_store_that_is_wiped_during_the_initial_load_is_loaded_again() {
    let fake = FakeUpstream::start();
    // The cursor is empty before and after the wipe, so it does not reveal the loss.
    let initial = [("a", ""), ("b", ""), ("c", ""), ("d", "v1")];
    for (key, version) in initial {
        fake.append(patch("s.g1", "", version, list(&[key], &[])));
    }
    let [before, after] = ["before", "after"].map(|when| private_store(&format!("run-filling-{when}")));
    let store = Arc::new(WipeableStore::new(&before).wipe_after(2, &after));
    let worker = SyncWorker::start(SyncConfig {
        min_backoff: Duration::from_millis(1),
        ..SyncConfig::with_writer(upstream(&fake), store)
    })
    .unwrap();
    assert_eq!(wait_until_synchronized(&worker).counters.data_losses, 1);
    let mut found = [(); 4].map(|()| membership(&[], &[]));
    let keys = initial.map(|(key, _)| hash(key));
    after.reader().unwrap().as_inline().unwrap().read(&keys, &mut found).unwrap();
    assert_eq!(found, [(); 4].map(|()| membership(&["s.g1"], &[])));
}

#[test]
fn a_loss_of_data_is_detected_at_the_next_marker_or_event_and_repaired() {
    for by_event in [false, true] {
        let fake = FakeUpstream::start();
        (1..=3).for_each(|n| fake.append(step(n)));
        let clock = ManualClock::new(1_000_000);
        let before = private_store(&format!("run-wiped-{by_event}"));
        let store = Arc::new(WipeableStore::new(&before));
        let config = SyncConfig {
            clock: Clock::Manual(clock.clone()),
            ..SyncConfig::with_writer(upstream(&fake), store.clone())
        };
        let worker = SyncWorker::start(config).unwrap();
        wait_until_synchronized(&worker);
        let after = private_store(&format!("run-refilled-{by_event}"));
        store.wipe(after.writer().unwrap());
        let written = || {
            let reader = after.reader().unwrap();
            reader.as_inline().unwrap().read_metadata().unwrap().synchronized_on
        };
        if by_event {
            fake.publish(step(4));
        } else {
            clock.advance(SyncConfig::DEFAULT_SYNC_MARKER_INTERVAL);
        }
        let status = wait_for(&worker, |status| status.counters.data_losses == 1 && status.error.is_some());
        let error = status.error.unwrap();
        assert_eq!(error.kind, ErrorKind::StoreData);
        assert!(error.message.contains("lost its cursor"), "{}", error.message);
        assert_eq!(written(), None, "it was not marked as synchronised");
        advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
        assert_holds(&after, if by_event { 4 } else { 3 });
        assert!(written().is_some());
        assert_eq!(worker.status().counters.data_losses, 1);
    }
}

#[test]
fn a_restored_older_store_catches_up_before_it_is_marked_again() {
    let fake = FakeUpstream::start();
    (1..=5).for_each(|n| fake.append(step(n)));
    let clock = ManualClock::new(1_000_000);
    let first = private_store("run-before-restoring");
    let store = Arc::new(WipeableStore::new(&first));
    let config = SyncConfig {
        clock: Clock::Manual(clock.clone()),
        ..SyncConfig::with_writer(upstream(&fake), store.clone())
    };
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    let restored = private_store("run-restored");
    let writer = restored.writer().unwrap();
    (1..=2).for_each(|n| assert_eq!(writer.apply(&step(n), Cursor::Advance).unwrap(), PatchOutcome::Applied));
    store.wipe(writer);
    clock.advance(SyncConfig::DEFAULT_SYNC_MARKER_INTERVAL);
    wait_for(&worker, |status| status.counters.out_of_order == 1);
    let reader = restored.reader().unwrap();
    let written = || reader.as_inline().unwrap().read_metadata().unwrap().synchronized_on;
    assert_eq!(written(), None, "it is not marked before it has caught up");
    advance_until(&clock, Duration::from_millis(250), &worker, |status| {
        status.is_healthy() && status.counters.streams == 2
    });
    assert_holds(&restored, 5);
    assert!(written().is_some());
}

#[test]
fn updates_end_with_the_worker_and_a_closed_worker_releases_the_store() {
    let fake = FakeUpstream::start();
    let store = private_store("run-updates");
    fake.append(step(1));
    let config = config(&fake, &store);
    let writer = config.writer.clone();
    let worker = SyncWorker::start(config).unwrap();
    let mut updates = worker.updates();
    let mut next = || pollster::block_on(updates.next());
    while !next().unwrap().is_healthy() {}
    assert!(Arc::strong_count(&writer) > 1);
    worker.close().wait();
    assert_eq!(Arc::strong_count(&writer), 1, "no part of the worker can still write");
    assert_eq!(next().unwrap().phase, SyncPhase::Stopped);
    assert_eq!(next(), None);
    assert_eq!(pollster::block_on(worker.updates().next()).unwrap().phase, SyncPhase::Stopped);
    worker.close().wait();
}
