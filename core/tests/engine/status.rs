//! Listeners of the store status: which statuses they receive, when, and what happens if one misbehaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::fixture::{Fixture, START, context, eventually, in_thread};
use bigseg::testkit::fault_store::{Fault, FaultStore};
use bigseg::{ErrorKind, LookupStatus, StoreStatus};

const TIMEOUT: Duration = Duration::from_secs(60);

fn listen(fixture: &Fixture) -> mpsc::Receiver<StoreStatus> {
    let (sender, statuses) = mpsc::channel();
    fixture.engine.add_status_listener(move |status| drop(sender.send(status.clone()))).unwrap();
    statuses
}

fn next(statuses: &mpsc::Receiver<StoreStatus>) -> (bool, bool) {
    let status = statuses.recv_timeout(TIMEOUT).expect("a status");
    (status.available, status.stale)
}

#[test]
fn the_first_poll_comes_at_once_and_the_first_lookup_waits_for_it() {
    let store = FaultStore::new();
    store.set_metadata_fault(Fault::Hang);
    let fixture = Fixture::on(store, |_| {});
    eventually("the first poll is under way", || fixture.store.metadata_polls() == 1);
    let caller = fixture.look_up("user");
    // Both run at the same time: the query does not wait for the poll.
    fixture.store.wait_for_queries(1);
    eventually("the answer is there", || fixture.engine.metrics().cached_contexts == 1);
    assert!(!caller.is_finished());
    fixture.store.set_synchronized_on(Some(START));
    fixture.store.release();
    let status = caller.join().unwrap().status;
    assert!(matches!(status, LookupStatus::Healthy | LookupStatus::Stale), "known by now: {status}");
}

#[test]
fn a_first_poll_that_hangs_costs_the_first_lookup_no_more_than_its_deadline() {
    let store = FaultStore::new();
    store.set_metadata_fault(Fault::Hang);
    let fixture = Fixture::on(store, |_| {});
    let caller = fixture.look_up("user");
    fixture.store.wait_for_queries(1);
    eventually("the answer is there", || fixture.engine.metrics().cached_contexts == 1);
    fixture.clock.advance(Duration::from_secs(1));
    let answer = caller.join().unwrap();
    assert_eq!((answer.status, answer.error.is_none()), (LookupStatus::StoreError, true));
}

#[test]
fn a_listener_receives_the_first_status_and_every_change() {
    let fixture = Fixture::new(|_| {});
    let statuses = listen(&fixture);
    assert_eq!(next(&statuses), (true, false));
    fixture.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    fixture.engine.refresh_status().wait().unwrap();
    assert_eq!(next(&statuses), (false, false));
    fixture.engine.refresh_status().wait().unwrap();
    fixture.store.set_metadata_fault(Fault::None);
    fixture.engine.refresh_status().wait().unwrap();
    assert_eq!(next(&statuses), (true, false));
    assert!(statuses.try_recv().is_err(), "the same status twice is no change");
}

#[test]
fn a_late_listener_receives_the_current_status() {
    let fixture = Fixture::new(|_| {}).settled();
    assert_eq!(next(&listen(&fixture)), (true, false));
}

#[test]
fn staleness_is_told_when_it_happens_not_at_the_next_poll() {
    let fixture = Fixture::new(|config| {
        config.stale_after = Some(Duration::from_secs(120));
        config.status_poll_interval = Duration::from_secs(100);
    })
    .settled();
    let statuses = listen(&fixture);
    assert_eq!(next(&statuses), (true, false));
    fixture.clock.advance(Duration::from_secs(100));
    eventually("the second poll", || fixture.engine.metrics().status_polls >= 2);
    fixture.clock.advance(Duration::from_secs(20));
    assert_eq!(next(&statuses), (true, true));
}

#[test]
fn polls_are_never_further_apart_than_staleness_takes() {
    let fixture = Fixture::new(|config| {
        config.stale_after = Some(Duration::from_secs(10));
        config.status_poll_interval = Duration::from_secs(3600);
    })
    .settled();
    let polls = fixture.engine.metrics().status_polls;
    eventually("the next poll", || {
        fixture.clock.advance(Duration::from_secs(1));
        fixture.engine.metrics().status_polls > polls
    });
    let moved = fixture.engine.status().since - START;
    assert!(moved <= 60_000, "moved {moved} ms");
}

#[test]
fn a_slow_listener_delays_nobody_and_gets_the_latest_value() {
    let fixture = Fixture::new(|_| {}).settled();
    let (entered, slow_entered) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    fixture
        .engine
        .add_status_listener(move |status| {
            entered.send((status.available, status.stale)).unwrap();
            let _ = gate.lock().unwrap().recv();
        })
        .unwrap();
    let quick = listen(&fixture);
    assert_eq!(slow_entered.recv_timeout(TIMEOUT).unwrap(), (true, false));
    assert_eq!(next(&quick), (true, false));
    for fault in
        [Fault::Fail(ErrorKind::StoreUnavailable), Fault::None, Fault::Fail(ErrorKind::StoreUnavailable)]
    {
        let available = matches!(fault, Fault::None);
        fixture.store.set_metadata_fault(fault);
        fixture.engine.refresh_status().wait().unwrap();
        assert_eq!(next(&quick), (available, false));
    }
    // Three changes happened; the slow one receives only the last.
    let_go.send(()).unwrap();
    assert_eq!(slow_entered.recv_timeout(TIMEOUT).unwrap(), (false, false));
    let_go.send(()).unwrap();
    drop(let_go);
    fixture.engine.close().wait();
    assert!(slow_entered.try_recv().is_err());
}

#[test]
fn a_removed_listener_is_not_called_again() {
    let fixture = Fixture::new(|_| {}).settled();
    let (sender, statuses) = mpsc::channel();
    let id = fixture.engine.add_status_listener(move |status| drop(sender.send(status.clone()))).unwrap();
    assert_eq!(next(&statuses), (true, false));
    assert!(fixture.engine.remove_status_listener(id));
    assert!(!fixture.engine.remove_status_listener(id));
    fixture.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    fixture.engine.refresh_status().wait().unwrap();
    // The sender went with the listener, so this is not a matter of waiting long enough.
    assert_eq!(statuses.recv_timeout(TIMEOUT), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_panicking_listener_harms_only_itself() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.engine.add_status_listener(|_| panic!("on purpose")).unwrap();
    let statuses = listen(&fixture);
    assert_eq!(next(&statuses), (true, false));
    fixture.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    fixture.engine.refresh_status().wait().unwrap();
    assert_eq!(next(&statuses), (false, false));
}

#[test]
fn closing_waits_for_a_listener_that_is_running_and_none_runs_after() {
    let fixture = Fixture::new(|_| {}).settled();
    let (entered, running) = mpsc::channel();
    let (let_go, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let finished = Arc::new(AtomicBool::new(false));
    let finish = finished.clone();
    fixture
        .engine
        .add_status_listener(move |_| {
            entered.send(()).unwrap();
            let _ = gate.lock().unwrap().recv();
            finish.store(true, Ordering::SeqCst);
        })
        .unwrap();
    running.recv_timeout(TIMEOUT).unwrap();
    let engine = fixture.engine.clone();
    let was_finished = finished.clone();
    let closing = in_thread(move || {
        engine.close().wait();
        was_finished.load(Ordering::SeqCst)
    });
    eventually("the engine is closed", || fixture.engine.membership("user").cached().is_err());
    assert!(!finished.load(Ordering::SeqCst));
    let_go.send(()).unwrap();
    assert!(closing.join().unwrap(), "close returned while the listener was running");
    assert!(fixture.store.is_closed());
}

#[test]
fn closing_from_inside_a_listener_does_not_hang() {
    let fixture = Fixture::new(|_| {}).settled();
    let (done, closed) = mpsc::channel();
    let engine = Arc::downgrade(&fixture.engine);
    fixture
        .engine
        .add_status_listener(move |_| {
            engine.upgrade().expect("the test holds it").close().wait();
            done.send(()).unwrap();
        })
        .unwrap();
    closed.recv_timeout(TIMEOUT).unwrap();
    assert_eq!(fixture.engine.membership("user").cached().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn updates_give_the_current_status_then_changes_then_the_end() {
    let fixture = Fixture::new(|_| {}).settled();
    let mut updates = fixture.engine.status_updates();
    let mut next = || pollster::block_on(updates.next()).map(|status| status.available);
    assert_eq!(next(), Some(true));
    fixture.store.set_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    fixture.engine.membership(context("user")).wait().unwrap();
    assert_eq!(next(), Some(false));
    fixture.engine.close().wait();
    assert_eq!(next(), None);
}
