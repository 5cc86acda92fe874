//! What the tests of the worker have in common: an upstream, a store, and patience.
#![allow(dead_code, reason = "each test uses a part")]

use std::time::Duration;

use bigseg_core::sync::{SdkKey, SyncConfig, SyncPhase, SyncStatus, SyncWorker, Upstream, UpstreamProxy};
use bigseg_core::testkit::fake_upstream::SDK_KEY;
pub(crate) use bigseg_core::testkit::samples::step;
use bigseg_core::testkit::{FakeUpstream, StoreModel};
use bigseg_core::{Clock, ManualClock, StoreConfig};

/// How often a condition is looked at, a millisecond at a time: never exhausted by a test that passes.
const GLANCES: u32 = 60_000;

/// Names a fake upstream.
pub(crate) fn upstream(fake: &FakeUpstream) -> Upstream {
    Upstream {
        base_url: fake.url(),
        stream_url: fake.url(),
        proxy: UpstreamProxy::None,
        ..Upstream::new(SdkKey::new(SDK_KEY).unwrap())
    }
}

/// Configures a worker that tries again almost at once.
pub(crate) fn config(fake: &FakeUpstream, store: &StoreConfig) -> SyncConfig {
    SyncConfig {
        retry_first: Duration::from_millis(1),
        retry_longest: Duration::from_millis(4),
        retry_refused: Duration::from_millis(4),
        ..SyncConfig::new(upstream(fake), store).unwrap()
    }
}

/// Opens a memory store that nothing else uses.
pub(crate) fn private_store(name: &str) -> StoreConfig {
    StoreConfig::parse(&format!("memory:{name}")).unwrap()
}

/// Starts a worker with the default waiting times on a clock that is moved by hand.
pub(crate) fn start_by_hand(fake: &FakeUpstream, name: &str) -> (SyncWorker, ManualClock) {
    let clock = ManualClock::new(1_000_000);
    let store = private_store(name);
    let config = SyncConfig {
        clock: Clock::Manual(clock.clone()),
        ..SyncConfig::new(upstream(fake), &store).unwrap()
    };
    (SyncWorker::start(config).unwrap(), clock)
}

/// Looks until a condition holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..GLANCES {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain: {what}");
}

/// Looks until a worker's status is as wanted.
#[track_caller]
pub(crate) fn wait_for(worker: &SyncWorker, wanted: impl Fn(&SyncStatus) -> bool) -> SyncStatus {
    let mut status = worker.status();
    for _ in 0..GLANCES {
        if wanted(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(1));
        status = worker.status();
    }
    panic!("waited in vain; the status is {status:?}");
}

/// Looks until a worker is in sync.
#[track_caller]
pub(crate) fn wait_until_synchronized(worker: &SyncWorker) -> SyncStatus {
    wait_for(worker, |status| status.phase == SyncPhase::Synchronized)
}

/// Looks until the store's cursor is there and the worker in sync.
#[track_caller]
pub(crate) fn wait_for_cursor(worker: &SyncWorker, store: &StoreConfig, cursor: &str) {
    let writer = store.writer().unwrap();
    wait_until(&format!("cursor {cursor}; {:?}", worker.status()), || {
        writer.cursor().unwrap().as_deref() == Some(cursor) && worker.status().is_healthy()
    });
}

/// Moves time on while a worker waits before its next attempt, until its status is as wanted; returns how far.
#[track_caller]
pub(crate) fn advance_until(
    clock: &ManualClock,
    step: Duration,
    worker: &SyncWorker,
    wanted: impl Fn(&SyncStatus) -> bool,
) -> Duration {
    let mut taken = Duration::ZERO;
    for _ in 0..GLANCES {
        let status = worker.status();
        if wanted(&status) {
            return taken;
        }
        // Not while it is busy: however slow the machine is, no timeout may strike.
        if status.phase == SyncPhase::Waiting {
            clock.advance(step);
            taken += step;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain; the status is {:?}", worker.status());
}

/// Works out what a store holds after the first `n` steps.
pub(crate) fn model(n: usize) -> StoreModel {
    let mut model = StoreModel::default();
    for n in 1..=n {
        model.apply(&step(n));
    }
    model
}

/// Checks that a store holds exactly the first `n` steps.
#[track_caller]
pub(crate) fn assert_holds(store: &StoreConfig, n: usize) {
    model(n).assert_same(&*store.scanner().unwrap());
    let cursor = store.writer().unwrap().cursor().unwrap();
    assert_eq!(cursor.as_deref(), model(n).cursor());
}
