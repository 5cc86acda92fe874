//! A store that tells of changes: what is evicted, what is served longer, and what happens when it falls silent.

use std::sync::Arc;
use std::time::Duration;

use crate::fixture::{Fixture, START, context, eventually, included_in};
use bigseg::engine::{PushInvalidation, Source};
use bigseg::store::Limitation;
use bigseg::testkit::fault_store::{Fault, FaultStore};
use bigseg::testkit::push_store::PushStore;
use bigseg::{EngineConfig, ErrorKind, LookupStatus, Origin};

const SECOND: Duration = Duration::from_secs(1);

/// Opens an engine on a store that can tell, with `a` in `s.g1`; it does not tell yet.
fn open(edit: impl FnOnce(&mut EngineConfig)) -> (Fixture, Arc<PushStore>) {
    let store = FaultStore::new();
    store.set_synchronized_on(Some(START));
    store.put(context("a"), included_in("s.g1"));
    let telling = PushStore::new(store.clone());
    let source = Source::Custom(telling.clone());
    let fixture = Fixture::on(store, |config| {
        config.source = source;
        edit(config);
    });
    (fixture.settled(), telling)
}

/// Looks up `a`: where the answer came from, its age in whole seconds, and whether it is in `s.g1`.
fn ask(fixture: &Fixture) -> (Origin, Option<bool>) {
    let answer = fixture.look_up("a").join().unwrap();
    let member = answer.check("s.g1");
    let whole = |age: Duration| Duration::from_secs(age.as_secs());
    let origin = match answer.origin {
        Origin::Cache { age } => Origin::Cache { age: whole(age) },
        Origin::LastKnown { age } => Origin::LastKnown { age: whole(age) },
        other => other,
    };
    (origin, member)
}

fn cached(age: Duration) -> Origin {
    Origin::Cache { age }
}

#[test]
fn while_the_store_tells_answers_live_longer() {
    let (fixture, store) = open(|_| {});
    let listener = store.listener();
    assert!(!fixture.engine.status().push_invalidation);
    listener.connected();
    assert!(fixture.engine.status().push_invalidation);
    fixture.clock.advance(SECOND);
    assert_eq!(ask(&fixture).0, Origin::Store);
    fixture.clock.advance(59 * SECOND);
    assert_eq!(ask(&fixture).0, cached(59 * SECOND));
    fixture.clock.advance(SECOND);
    assert_eq!(ask(&fixture).0, Origin::Store, "the longer time has an end, too");
}

#[test]
fn when_it_falls_silent_they_expire_as_usual() {
    let (fixture, store) = open(|_| {});
    let listener = store.listener();
    listener.connected();
    fixture.clock.advance(SECOND);
    ask(&fixture);
    fixture.clock.advance(4 * SECOND);
    listener.disconnected();
    assert!(!fixture.engine.status().push_invalidation);
    assert_eq!(ask(&fixture).0, cached(4 * SECOND));
    fixture.clock.advance(SECOND);
    assert_eq!(ask(&fixture).0, Origin::Store);
}

#[test]
fn what_was_fetched_before_it_began_to_tell_is_not_served() {
    let (fixture, store) = open(|_| {});
    ask(&fixture);
    fixture.clock.advance(SECOND);
    store.listener().connected();
    assert_eq!(ask(&fixture).0, Origin::Store);
    fixture.clock.advance(SECOND);
    store.listener().disconnected();
    store.listener().connected();
    assert_eq!(ask(&fixture).0, Origin::Store);
}

#[test]
fn but_it_is_the_last_known_answer_of_an_outage() {
    let (fixture, store) = open(|_| {});
    ask(&fixture);
    fixture.clock.advance(SECOND);
    store.listener().connected();
    fixture.store.set_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    assert_eq!(ask(&fixture), (Origin::LastKnown { age: SECOND }, Some(true)));
}

#[test]
fn a_change_evicts_that_context_and_no_other() {
    let (fixture, store) = open(|_| {});
    store.listener().connected();
    fixture.clock.advance(SECOND);
    ask(&fixture);
    fixture.look_up("b").join().unwrap();
    fixture.store.put(context("a"), included_in("t.g1"));
    store.listener().memberships_changed(&[context("a"), context("unheard of")]);
    assert_eq!(ask(&fixture), (Origin::Store, None));
    let other = fixture.look_up("b").join().unwrap();
    assert!(matches!(other.origin, Origin::Cache { .. }), "{:?}", other.origin);
    assert_eq!(fixture.engine.metrics().pushed_invalidations, 2);
}

#[test]
fn an_answer_overtaken_by_a_change_is_not_kept() {
    let (fixture, store) = open(|_| {});
    store.listener().connected();
    fixture.clock.advance(SECOND);
    fixture.store.set_fault(Fault::Hang);
    let early = fixture.look_up("a");
    fixture.store.wait_until_in_flight(1);
    fixture.store.put(context("a"), included_in("t.g1"));
    store.listener().memberships_changed(&[context("a")]);
    fixture.store.set_fault(Fault::None);
    let late = fixture.look_up("a");
    fixture.store.release();
    assert_eq!(early.join().unwrap().check("s.g1"), Some(true), "as of when it was asked for");
    assert_eq!(late.join().unwrap().check("t.g1"), Some(true));
    assert_eq!(ask(&fixture).1, None);
}

#[test]
fn an_answer_asked_for_before_it_began_to_tell_is_not_kept() {
    let (fixture, store) = open(|_| {});
    fixture.store.set_fault(Fault::Hang);
    let early = fixture.look_up("a");
    fixture.store.wait_until_in_flight(1);
    store.listener().connected();
    fixture.clock.advance(Duration::from_millis(1));
    fixture.store.set_fault(Fault::None);
    fixture.store.release();
    early.join().unwrap();
    assert_eq!(ask(&fixture).0, Origin::Store);
}

#[test]
fn a_flush_evicts_everything_and_asks_for_the_sync_time() {
    let (fixture, store) = open(|_| {});
    store.listener().connected();
    fixture.clock.advance(SECOND);
    ask(&fixture);
    fixture.store.set_synchronized_on(None);
    store.listener().everything_changed();
    assert_eq!(ask(&fixture).0, Origin::Store);
    eventually("the wiped store is stale", || fixture.engine.status().stale);
}

#[test]
fn a_new_sync_time_is_read_at_once() {
    let (fixture, store) = open(|_| {});
    fixture.clock.advance(SECOND);
    fixture.store.set_synchronized_on(Some(START + 1));
    store.listener().metadata_changed();
    eventually("it is read", || fixture.engine.status().last_up_to_date == Some(START + 1));
    // The next one only a little later, however often it is asked for.
    for _ in 0..3 {
        store.listener().metadata_changed();
    }
    fixture.clock.advance(SECOND);
    fixture.store.wait_for_metadata_polls(3);
    assert_eq!(fixture.store.metadata_polls(), 3);
}

#[test]
fn who_wants_no_pushes_or_has_no_cache_does_not_listen() {
    for edit in [
        (|config| config.push_invalidation = PushInvalidation::Off) as fn(&mut EngineConfig),
        |config| config.context_cache_size = 0,
        |config| config.context_cache_time = Duration::ZERO,
    ] {
        let (fixture, store) = open(edit);
        fixture.look_up("a").join().unwrap();
        assert!(!store.is_subscribed());
        assert!(!fixture.engine.status().push_invalidation);
    }
}

#[test]
fn a_closed_engine_no_longer_listens() {
    let (fixture, store) = open(|_| {});
    store.listener().connected();
    fixture.engine.close().wait();
    assert!(!store.is_subscribed());
    assert!(!fixture.engine.status().push_invalidation);
}

#[test]
fn what_the_store_does_without_is_in_the_status() {
    let (fixture, store) = open(|_| {});
    let limitation =
        |reason: &str| Limitation { feature: Limitation::PUSH_INVALIDATION, reason: reason.to_owned() };
    store.set_limitations(vec![limitation("not allowed")]);
    store.listener().disconnected();
    assert_eq!(fixture.engine.status().limitations, [limitation("not allowed")]);
    assert_eq!(ask(&fixture).1, Some(true), "it is never fatal");
    assert_eq!(fixture.look_up("a").join().unwrap().status, LookupStatus::Healthy);
    store.set_limitations(Vec::new());
    fixture.engine.refresh_status().wait().unwrap();
    assert_eq!(fixture.engine.status().limitations, []);
}

#[test]
fn the_longer_time_is_bounded() {
    let config = EngineConfig::default().with_push_cache_time(EngineConfig::MAX_PUSH_CACHE_TIME);
    config.validate().unwrap();
    let config = config.with_push_cache_time(Duration::from_secs(601));
    assert_eq!(config.validate().unwrap_err().kind(), ErrorKind::InvalidConfig);
}
