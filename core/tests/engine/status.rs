//! Who hears of the store's status, when, and what happens to listeners that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::fixture::{START, Stage, context, eventually, in_thread};
use bigseg_core::testkit::fault_store::{Fault, FaultStore};
use bigseg_core::{ErrorKind, LookupStatus, StoreStatus};

const PATIENCE: Duration = Duration::from_secs(60);

fn listen(stage: &Stage) -> mpsc::Receiver<StoreStatus> {
    let (sender, statuses) = mpsc::channel();
    stage.engine.add_status_listener(move |status| drop(sender.send(status.clone()))).unwrap();
    statuses
}

fn next(statuses: &mpsc::Receiver<StoreStatus>) -> (bool, bool) {
    let status = statuses.recv_timeout(PATIENCE).expect("a status");
    (status.available, status.stale)
}

#[test]
fn the_first_poll_comes_at_once_and_the_first_lookup_waits_for_it() {
    let store = FaultStore::new();
    store.set_metadata_fault(Fault::Hang);
    let stage = Stage::on(store, |_| {});
    eventually("the first poll is under way", || stage.store.metadata_polls() == 1);
    let caller = stage.look_up("user");
    // Both run at the same time: the query does not wait for the poll.
    stage.store.wait_for_queries(1);
    eventually("the answer is there", || stage.engine.metrics().cached_contexts == 1);
    assert!(!caller.is_finished());
    stage.store.set_synchronized_on(Some(START));
    stage.store.release();
    let status = caller.join().unwrap().status;
    assert!(matches!(status, LookupStatus::Healthy | LookupStatus::Stale), "known by now: {status}");
}

#[test]
fn a_first_poll_that_hangs_costs_the_first_lookup_no_more_than_its_deadline() {
    let store = FaultStore::new();
    store.set_metadata_fault(Fault::Hang);
    let stage = Stage::on(store, |_| {});
    let caller = stage.look_up("user");
    stage.store.wait_for_queries(1);
    eventually("the answer is there", || stage.engine.metrics().cached_contexts == 1);
    stage.clock.advance(Duration::from_secs(1));
    let answer = caller.join().unwrap();
    assert_eq!((answer.status, answer.error.is_none()), (LookupStatus::StoreError, true));
}

#[test]
fn a_listener_hears_the_first_status_and_every_change() {
    let stage = Stage::new(|_| {});
    let statuses = listen(&stage);
    assert_eq!(next(&statuses), (true, false));
    stage.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    stage.engine.blocking().refresh_status().unwrap();
    assert_eq!(next(&statuses), (false, false));
    stage.engine.blocking().refresh_status().unwrap();
    stage.store.set_metadata_fault(Fault::None);
    stage.engine.blocking().refresh_status().unwrap();
    assert_eq!(next(&statuses), (true, false));
    assert!(statuses.try_recv().is_err(), "the same status twice is no change");
}

#[test]
fn a_late_listener_hears_the_current_status() {
    let stage = Stage::new(|_| {}).settled();
    assert_eq!(next(&listen(&stage)), (true, false));
}

#[test]
fn staleness_is_told_when_it_happens_not_at_the_next_poll() {
    let stage = Stage::new(|config| {
        config.stale_after = Some(Duration::from_secs(120));
        config.status_poll_interval = Duration::from_secs(100);
    })
    .settled();
    let statuses = listen(&stage);
    assert_eq!(next(&statuses), (true, false));
    stage.clock.advance(Duration::from_secs(100));
    eventually("the second poll", || stage.engine.metrics().status_polls >= 2);
    stage.clock.advance(Duration::from_secs(20));
    assert_eq!(next(&statuses), (true, true));
}

#[test]
fn polls_are_never_further_apart_than_staleness_takes() {
    let stage = Stage::new(|config| {
        config.stale_after = Some(Duration::from_secs(10));
        config.status_poll_interval = Duration::from_secs(3600);
    })
    .settled();
    let polls = stage.engine.metrics().status_polls;
    eventually("the next poll", || {
        stage.clock.advance(Duration::from_secs(1));
        stage.engine.metrics().status_polls > polls
    });
    let moved = stage.engine.status().since - START;
    assert!(moved <= 60_000, "moved {moved} ms");
}

#[test]
fn a_slow_listener_delays_nobody_and_gets_the_latest_value() {
    let stage = Stage::new(|_| {}).settled();
    let (entered, slow_entered) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    stage
        .engine
        .add_status_listener(move |status| {
            entered.send((status.available, status.stale)).unwrap();
            let _ = gate.lock().unwrap().recv();
        })
        .unwrap();
    let quick = listen(&stage);
    assert_eq!(slow_entered.recv_timeout(PATIENCE).unwrap(), (true, false));
    assert_eq!(next(&quick), (true, false));
    for fault in
        [Fault::Fail(ErrorKind::StoreUnavailable), Fault::None, Fault::Fail(ErrorKind::StoreUnavailable)]
    {
        let available = matches!(fault, Fault::None);
        stage.store.set_metadata_fault(fault);
        stage.engine.blocking().refresh_status().unwrap();
        assert_eq!(next(&quick), (available, false));
    }
    // Three changes happened; the slow one hears of the last only.
    let_go.send(()).unwrap();
    assert_eq!(slow_entered.recv_timeout(PATIENCE).unwrap(), (false, false));
    let_go.send(()).unwrap();
    drop(let_go);
    stage.engine.blocking().close();
    assert!(slow_entered.try_recv().is_err());
}

#[test]
fn a_removed_listener_is_not_called_again() {
    let stage = Stage::new(|_| {}).settled();
    let (sender, statuses) = mpsc::channel();
    let id = stage.engine.add_status_listener(move |status| drop(sender.send(status.clone()))).unwrap();
    assert_eq!(next(&statuses), (true, false));
    assert!(stage.engine.remove_status_listener(id));
    assert!(!stage.engine.remove_status_listener(id));
    stage.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    stage.engine.blocking().refresh_status().unwrap();
    // The sender went with the listener, so this is not a matter of waiting long enough.
    assert_eq!(statuses.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_panicking_listener_harms_only_itself() {
    let stage = Stage::new(|_| {}).settled();
    stage.engine.add_status_listener(|_| panic!("on purpose")).unwrap();
    let statuses = listen(&stage);
    assert_eq!(next(&statuses), (true, false));
    stage.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    stage.engine.blocking().refresh_status().unwrap();
    assert_eq!(next(&statuses), (false, false));
}

#[test]
fn closing_waits_for_a_listener_that_is_running_and_none_runs_after() {
    let stage = Stage::new(|_| {}).settled();
    let (entered, running) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let finished = Arc::new(AtomicBool::new(false));
    let finish = finished.clone();
    stage
        .engine
        .add_status_listener(move |_| {
            entered.send(()).unwrap();
            let _ = gate.lock().unwrap().recv();
            finish.store(true, Ordering::SeqCst);
        })
        .unwrap();
    running.recv_timeout(PATIENCE).unwrap();
    let engine = stage.engine.clone();
    let was_finished = finished.clone();
    let closing = in_thread(move || {
        engine.blocking().close();
        was_finished.load(Ordering::SeqCst)
    });
    eventually("the engine is closed", || stage.engine.cached("user").is_err());
    assert!(!finished.load(Ordering::SeqCst));
    let_go.send(()).unwrap();
    assert!(closing.join().unwrap(), "close returned while the listener was running");
    assert!(stage.store.is_closed());
}

#[test]
fn closing_from_inside_a_listener_does_not_hang() {
    let stage = Stage::new(|_| {}).settled();
    let (done, closed) = mpsc::channel();
    let engine = Arc::downgrade(&stage.engine);
    stage
        .engine
        .add_status_listener(move |_| {
            engine.upgrade().expect("the test holds it").blocking().close();
            done.send(()).unwrap();
        })
        .unwrap();
    closed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(stage.engine.cached("user").unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn updates_give_the_current_status_then_changes_then_the_end() {
    let stage = Stage::new(|_| {}).settled();
    let mut updates = stage.engine.status_updates();
    let mut next = || pollster::block_on(updates.next()).map(|status| status.available);
    assert_eq!(next(), Some(true));
    stage.store.set_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    stage.engine.blocking().membership_by_hash(context("user")).unwrap();
    assert_eq!(next(), Some(false));
    stage.engine.blocking().close();
    assert_eq!(next(), None);
}
