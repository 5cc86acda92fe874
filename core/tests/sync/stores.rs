//! Workers on real stores: wiped while a worker runs, shared by two workers, killed while writing,
//! and read by an engine.

use std::sync::Arc;
use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::store::StoreReader;
use bigseg::sync::{SdkKey, SyncConfig, SyncObserver, SyncStatus, SyncWorker, Upstream, UpstreamProxy};
use bigseg::testkit::samples::{TestRng, hash};
use bigseg::testkit::{Child, FakeUpstream, RedisServer, child, rounds};
use bigseg::{
    Clock, ContextHash, Engine, EngineConfig, ErrorKind, LookupStatus, ManualClock, SegmentRef, StoreConfig,
};
use parking_lot::Mutex;

fn synchronized_on(reader: &dyn StoreReader) -> Option<i64> {
    pollster::block_on(reader.metadata()).unwrap().synchronized_on
}

#[cfg(feature = "redis")]
#[test]
fn redis_wiped_under_a_healthy_worker_is_detected_at_the_next_marker_and_repaired() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let fake = FakeUpstream::start();
    let store = StoreConfig::parse(&server.store("", "")).unwrap();
    (1..=20).for_each(|n| fake.append(step(n)));
    let clock = ManualClock::new(1_000_000_000);
    let config = SyncConfig {
        clock: Clock::Manual(clock.clone()),
        ..SyncConfig::new(upstream(&fake), &store).unwrap()
    };
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    let engine = Engine::open(
        EngineConfig::new(&server.store("", ""))
            .unwrap()
            .with_clock(Clock::Manual(clock.clone()))
            .with_context_cache_size(0),
    )
    .unwrap();
    assert_eq!(engine.membership("20").wait().unwrap().status, LookupStatus::Healthy);

    server.client().run(&["FLUSHALL"]);
    clock.advance(SyncConfig::DEFAULT_SYNC_MARKER_INTERVAL);
    let status = wait_for(&worker, |status| status.error.is_some());
    assert_eq!(status.error.unwrap().kind, ErrorKind::StoreData);
    // The worker has found no cursor. Until the repair, no reader may see a healthy store.
    pollster::block_on(engine.refresh_status()).unwrap();
    assert_eq!(synchronized_on(&*store.reader().unwrap()), None);
    assert_eq!(engine.membership("20").wait().unwrap().status, LookupStatus::Stale);
    advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
    assert_holds(&store, 20);
    pollster::block_on(engine.refresh_status()).unwrap();
    assert_eq!(engine.membership("20").wait().unwrap().status, LookupStatus::Healthy);
}

#[cfg(feature = "redis")]
#[test]
fn redis_that_lost_only_its_cursor_does_not_stay_healthy() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let fake = FakeUpstream::start();
    let store = StoreConfig::parse(&server.store("", "")).unwrap();
    (1..=3).for_each(|n| fake.append(step(n)));
    let clock = ManualClock::new(1_000_000_000);
    let config = SyncConfig {
        clock: Clock::Manual(clock.clone()),
        ..SyncConfig::new(upstream(&fake), &store).unwrap()
    };
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    server.client().run(&["DEL", "launchdarkly:big_segments_cursor"]);
    fake.publish(step(4));
    wait_for(&worker, |status| status.error.is_some());
    assert_eq!(synchronized_on(&*store.reader().unwrap()), None, "it was taken back");
    advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
    assert_holds(&store, 4);
}

#[cfg(feature = "redis")]
#[test]
fn a_worker_waits_for_a_store_that_is_unavailable() {
    bigseg::needs!(Redis);
    let mut server = RedisServer::start();
    let fake = FakeUpstream::start();
    let store = StoreConfig::parse(&server.store("", "")).unwrap();
    (1..=3).for_each(|n| fake.append(step(n)));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    server.kill();
    fake.publish(step(4));
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert_eq!(error.kind, ErrorKind::StoreUnavailable);
    server.restart();
    // The server has no persistence, so it has lost all data.
    wait_for_cursor(&worker, &store, "v4");
    assert_holds(&store, 4);
    assert_eq!(worker.status().counters.data_losses, 1);
}

#[test]
fn two_workers_can_share_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("local:{}?map_size=64M", directory.path().join("store").display());
    let store = StoreConfig::parse(&store).unwrap();
    let fake = FakeUpstream::start();
    fake.set_page_size(3);
    (1..=100).for_each(|n| fake.append(step(n)));
    let workers = [(), ()].map(|()| SyncWorker::start(config(&fake, &store)).unwrap());
    workers.iter().for_each(|worker| drop(wait_until_synchronized(worker)));
    for n in 101..=200 {
        fake.publish(step(n));
    }
    wait_for_cursor(&workers[0], &store, "v200");
    wait_for_cursor(&workers[1], &store, "v200");
    assert_holds(&store, 200);
    let applied: u64 = workers.iter().map(|worker| worker.status().counters.patches).sum();
    assert_eq!(applied, 200, "each patch was applied once");
    assert!(workers.iter().all(|worker| worker.status().errors.is_empty()), "to be overtaken is no error");
}

/// Records the calls.
#[derive(Default)]
struct RecordingObserver(Mutex<Vec<(String, Vec<ContextHash>)>>, Mutex<u64>);

impl SyncObserver for RecordingObserver {
    fn contexts_changed(&self, segment: &SegmentRef, contexts: &[ContextHash]) {
        self.0.lock().push((segment.to_string(), contexts.to_vec()));
    }
    fn sync_time_changed(&self) {
        *self.1.lock() += 1;
    }
}

#[test]
fn an_engine_in_the_same_process_sees_changes_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("local:{}?map_size=64M", directory.path().join("store").display());
    let fake = FakeUpstream::start();
    let store = StoreConfig::parse(&text).unwrap();
    fake.append(step(1));
    let mut config = config(&fake, &store);
    let clock = ManualClock::new(1_000_000);
    let engine =
        Engine::open(EngineConfig::new(&text).unwrap().with_clock(Clock::Manual(clock.clone()))).unwrap();
    let recorder = Arc::new(RecordingObserver::default());
    config.observers = vec![engine.sync_observer(), recorder.clone()];
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    wait_until("the engine sees that the store is in sync", || {
        // The engine waits 0.1 s between two polls.
        clock.advance(Duration::from_millis(100));
        !engine.status().stale
    });
    let check = |key: &str| engine.membership(key).wait().unwrap().check("s.g1");
    assert_eq!((check("1"), check("2"), check("3")), (Some(true), None, None));
    // The clock does not advance, so no cached answer expires.
    fake.publish(step(2));
    fake.publish(step(3));
    wait_for_cursor(&worker, &store, "v3");
    assert_eq!((check("1"), check("2"), check("3")), (None, Some(true), Some(true)));
    let recorded = recorder.0.lock().clone();
    assert_eq!(recorded[1], ("s.g1".to_owned(), vec![hash("2"), hash("0")]));
    assert_eq!(recorded.len(), 3);
    wait_until("the observer was called after each marker", || *recorder.1.lock() == 3);
    // A closed engine does not disturb the worker.
    engine.close().wait();
    drop(engine);
    fake.publish(step(4));
    wait_for_cursor(&worker, &store, "v4");
}

#[test]
fn a_worker_may_be_killed_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let store = StoreConfig::parse(&format!("local:{}?map_size=64M", path.display())).unwrap();
    let fake = FakeUpstream::start();
    fake.set_page_size(3);
    let mut rng = TestRng::new(11);
    let mut n = 0;
    for _ in 0..rounds(6, 100) {
        let mut child = Child::start(module_path!(), "worker", &[&fake.url(), &store.to_string()]);
        child.expect("started");
        for _ in 0..40 {
            n += 1;
            fake.publish(step(n));
            // The moment of the kill is arbitrary.
            (0..rng.below(4000)).for_each(|_| std::hint::spin_loop());
        }
        let writer = store.writer().unwrap();
        let some = format!("v{}", n - rng.below(40));
        wait_until("the child gets on", || {
            let cursor = writer.cursor().unwrap().unwrap_or_default();
            let number = |version: &str| version[1..].parse::<usize>().unwrap_or_default();
            !cursor.is_empty() && number(&cursor) >= number(&some)
        });
        child.kill();
        // The store holds exactly the patches up to its cursor.
        let cursor = writer.cursor().unwrap().unwrap();
        assert_holds(&store, cursor[1..].parse().unwrap());
    }
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_for_cursor(&worker, &store, &format!("v{n}"));
    assert_holds(&store, n);
}

#[test]
fn child_process() {
    child::serve(|role, arguments| {
        assert_eq!(role, "worker");
        let upstream = Upstream {
            base_url: arguments[0].to_owned(),
            stream_url: arguments[0].to_owned(),
            proxy: UpstreamProxy::None,
            ..Upstream::new(SdkKey::new(bigseg::testkit::fake_upstream::SDK_KEY).unwrap())
        };
        let config = SyncConfig {
            min_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(4),
            ..SyncConfig::new(upstream, &StoreConfig::parse(arguments[1]).unwrap()).unwrap()
        };
        let _worker = SyncWorker::start(config).unwrap();
        child::report("started");
        while child::next_order().is_some() {}
    });
}
