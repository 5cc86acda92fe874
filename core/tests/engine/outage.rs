//! The store fails or falls silent: what callers pay, what they get, and how it ends.

use std::time::Duration;

use crate::fixture::{Fixture, context, eventually, included_in};
use bigseg::testkit::fault_store::Fault;
use bigseg::{Answer, ErrorKind, LookupStatus, Origin};

const DEADLINE: Duration = Duration::from_secs(1);
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

fn kind(answer: &Answer) -> Option<ErrorKind> {
    answer.error.as_ref().map(bigseg::Error::kind)
}

/// Lets a store hang and moves time until the breaker opens.
fn open_breaker(fixture: &Fixture) {
    fixture.store.set_fault(Fault::Hang);
    for round in 0..3 {
        let asked = fixture.store.queries().len();
        let caller = fixture.look_up(&format!("victim-{round}"));
        fixture.store.wait_for_queries(asked + 1);
        fixture.clock.advance(DEADLINE);
        assert_eq!(kind(&caller.join().unwrap()), Some(ErrorKind::StoreTimeout));
        eventually("the query is given up", || fixture.engine.metrics().store_errors == round + 1);
    }
    eventually("the breaker opens", || fixture.engine.metrics().circuit_open == 1);
}

#[test]
fn a_caller_waits_for_the_deadline_and_no_longer() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::Hang);
    let caller = fixture.look_up("user");
    fixture.store.wait_for_queries(1);
    fixture.clock.advance(DEADLINE - Duration::from_millis(1));
    assert!(!caller.is_finished());
    fixture.clock.advance(Duration::from_millis(1));
    let answer = caller.join().unwrap();
    assert_eq!((answer.status, kind(&answer)), (LookupStatus::StoreError, Some(ErrorKind::StoreTimeout)));
    assert_eq!((answer.origin, answer.membership.len()), (Origin::Nothing, 0));
    eventually("the store is known to be unavailable", || !fixture.engine.status().available);
}

#[test]
fn an_open_breaker_answers_at_once_without_asking() {
    let fixture = Fixture::new(|_| {}).settled();
    open_breaker(&fixture);
    let asked = fixture.store.queries().len();
    for i in 0..100 {
        // Time stands still, so an answer proves that nobody waited.
        let answer = fixture.engine.membership(&format!("user-{i}")).wait().unwrap();
        assert_eq!((answer.status, kind(&answer)), (LookupStatus::StoreError, Some(ErrorKind::CircuitOpen)));
    }
    assert_eq!(fixture.store.queries().len(), asked);
    assert_eq!(fixture.engine.metrics().circuit_openings, 1);
}

#[test]
fn recovery_is_noticed_within_one_probe_interval() {
    let fixture = Fixture::new(|_| {}).settled();
    open_breaker(&fixture);
    fixture.store.release();
    eventually("the probe waits for its time", || {
        fixture.clock.advance(PROBE_INTERVAL / 10);
        fixture.engine.metrics().circuit_open == 0
    });
    let answer = fixture.engine.membership("user").wait().unwrap();
    assert_eq!((answer.status, answer.origin), (LookupStatus::Healthy, Origin::Store));
    assert!(fixture.engine.status().available);
}

#[test]
fn a_probe_that_fails_keeps_the_breaker_open() {
    let fixture = Fixture::new(|_| {}).settled();
    open_breaker(&fixture);
    fixture.store.release();
    fixture.store.set_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    let errors = fixture.engine.metrics().store_errors;
    eventually("three more probes fail", || {
        fixture.clock.advance(PROBE_INTERVAL / 10);
        fixture.engine.metrics().store_errors >= errors + 3
    });
    assert_eq!(fixture.engine.metrics().circuit_open, 1);
}

#[test]
fn queued_lookups_fail_immediately_when_the_breaker_opens() {
    let fixture = Fixture::new(|config| config.batches_at_once = 1).settled();
    fixture.store.set_fault(Fault::Hang);
    let first = fixture.look_up("first");
    fixture.store.wait_for_queries(1);
    fixture.clock.advance(DEADLINE / 2);
    let queued = fixture.look_up("queued");
    eventually("the second caller waits", || fixture.engine.metrics().cache_misses == 2);
    fixture.store.set_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    fixture.clock.advance(DEADLINE / 2);
    assert_eq!(kind(&first.join().unwrap()), Some(ErrorKind::StoreTimeout));
    // Its query is sent as soon as the first one is given up.
    assert_eq!(kind(&queued.join().unwrap()), Some(ErrorKind::StoreUnavailable));
}

#[test]
fn one_stuck_query_does_not_stall_the_others() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::Hang);
    let stuck = fixture.look_up("stuck");
    fixture.store.wait_for_queries(1);
    fixture.store.set_fault(Fault::None);
    fixture.clock.advance(DEADLINE / 2);
    let answer = fixture.engine.membership("other").wait().unwrap();
    assert_eq!(answer.origin, Origin::Store);
    assert!(!stuck.is_finished());
    fixture.store.release();
    assert_eq!(stuck.join().unwrap().origin, Origin::Store);
}

#[test]
fn the_last_known_answer_bridges_an_outage_and_recovery_replaces_it() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("user"), included_in("a.g1"));
    fixture.engine.membership("user").wait().unwrap();
    open_breaker(&fixture);
    fixture.clock.advance(Duration::from_secs(10));
    let answer = fixture.engine.membership("user").wait().unwrap();
    assert_eq!((answer.status, answer.check("a.g1")), (LookupStatus::StoreError, Some(true)));
    assert!(matches!(answer.origin, Origin::LastKnown { age } if age >= Duration::from_secs(10)));
    fixture.store.put(context("user"), included_in("b.g1"));
    fixture.store.release();
    eventually("the breaker closes", || {
        fixture.clock.advance(PROBE_INTERVAL / 10);
        fixture.engine.metrics().circuit_open == 0
    });
    let answer = fixture.engine.membership("user").wait().unwrap();
    assert_eq!(
        (answer.status, answer.check("a.g1"), answer.check("b.g1")),
        (LookupStatus::Healthy, None, Some(true))
    );
}

#[test]
fn one_bad_context_spoils_neither_its_batch_nor_the_status() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("good"), included_in("a.g1"));
    fixture.store.set_context_error(context("bad"), Some(ErrorKind::StoreData));
    let answers = fixture.engine.memberships(&["good", "bad"]).wait().unwrap();
    assert_eq!((answers[0].status, answers[0].check("a.g1")), (LookupStatus::Healthy, Some(true)));
    assert_eq!(
        (answers[1].status, kind(&answers[1])),
        (LookupStatus::StoreError, Some(ErrorKind::StoreData))
    );
    assert!(fixture.engine.status().available);
}

#[test]
fn a_store_that_answers_too_few_contexts_is_a_clear_error() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::AnswerFewer);
    let answer = fixture.engine.membership("user").wait().unwrap();
    assert_eq!((answer.status, kind(&answer)), (LookupStatus::StoreError, Some(ErrorKind::StoreData)));
}

#[test]
fn a_store_that_panics_is_an_error_for_its_callers_only() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::Panic);
    let answer = fixture.engine.membership("user").wait().unwrap();
    assert_eq!((answer.status, kind(&answer)), (LookupStatus::StoreError, Some(ErrorKind::Internal)));
    fixture.store.set_fault(Fault::None);
    assert_eq!(fixture.engine.membership("user").wait().unwrap().status, LookupStatus::Healthy);
}
