//! Lookups that meet something unusual: invalidation, closing, misuse, sizes at the edge.

use std::time::Duration;

use crate::fixture::{Fixture, context, eventually, included_in};
use bigseg::engine::Source;
use bigseg::store::StoreWriter;
use bigseg::store::memory::MemoryStore;
use bigseg::testkit::fault_store::Fault;
use bigseg::{Engine, EngineConfig, ErrorKind, LookupStatus, Origin};

#[test]
fn cached_never_asks() {
    let fixture = Fixture::new(|_| {}).settled();
    assert!(fixture.engine.membership("user").cached().unwrap().is_none());
    assert!(fixture.store.queries().is_empty());
    fixture.engine.membership("user").wait().unwrap();
    let answer = fixture.engine.membership("user").cached().unwrap().unwrap();
    assert!(matches!(answer.origin, Origin::Cache { .. }));
    fixture.clock.advance(Duration::from_secs(5));
    assert!(fixture.engine.membership("user").cached().unwrap().is_none());
    assert_eq!(fixture.store.queries().len(), 1);
}

#[test]
fn an_answer_overtaken_by_an_invalidation_is_not_cached() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::Hang);
    let caller = fixture.look_up("user");
    fixture.store.wait_for_queries(1);
    // The query that hangs will answer as of its arrival, which is out of date from here on.
    fixture.store.put(context("user"), included_in("a.g1"));
    fixture.engine.invalidate("user").unwrap();
    fixture.store.set_fault(Fault::None);
    fixture.store.release();
    assert_eq!(caller.join().unwrap().check("a.g1"), None);
    let answer = fixture.engine.membership("user").wait().unwrap();
    assert_eq!((answer.check("a.g1"), answer.origin), (Some(true), Origin::Store));
}

#[test]
fn nobody_joins_a_query_begun_before_an_invalidation() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::Hang);
    let early = fixture.look_up("user");
    fixture.store.wait_for_queries(1);
    fixture.store.put(context("user"), included_in("a.g1"));
    fixture.engine.invalidate_all();
    let late = fixture.look_up("user");
    eventually("the late caller waits", || fixture.engine.metrics().cache_misses == 2);
    fixture.store.release();
    assert_eq!(early.join().unwrap().check("a.g1"), None);
    assert_eq!(late.join().unwrap().check("a.g1"), Some(true));
    assert_eq!(fixture.engine.membership("user").cached().unwrap().unwrap().check("a.g1"), Some(true));
}

#[test]
fn closing_ends_waiting_lookups_and_later_ones_are_refused() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.set_fault(Fault::Hang);
    let caller = fixture.look_up("user");
    fixture.store.wait_for_queries(1);
    fixture.engine.close().wait();
    let answer = caller.join().unwrap();
    assert_eq!(answer.status, LookupStatus::StoreError);
    assert_eq!(answer.error.unwrap().kind(), ErrorKind::Closed);
    assert_eq!(fixture.engine.membership("user").wait().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(fixture.engine.membership("user").cached().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(fixture.engine.add_status_listener(|_| {}).unwrap_err().kind(), ErrorKind::Closed);
    fixture.engine.close().wait();
}

#[test]
fn a_completion_is_called_once_with_the_answer_or_with_closed() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("user"), included_in("a.g1"));
    let (sender, answers) = std::sync::mpsc::channel();
    let complete = |sender: &std::sync::mpsc::Sender<_>| {
        let sender = sender.clone();
        move |answer: bigseg::Result<bigseg::Answer>| sender.send(answer.map(|a| a.check("a.g1"))).unwrap()
    };
    fixture.engine.membership(context("user")).then(complete(&sender)).unwrap();
    assert_eq!(answers.recv().unwrap().unwrap(), Some(true));
    fixture.store.set_fault(Fault::Hang);
    fixture.engine.membership(context("other")).then(complete(&sender)).unwrap();
    fixture.store.wait_for_queries(2);
    fixture.engine.close().wait();
    // Closing has waited for it.
    let last = answers.try_recv().unwrap();
    assert!(matches!(&last, Err(e) if e.kind() == ErrorKind::Closed) || last.is_ok(), "{last:?}");
    assert!(fixture.engine.membership(context("user")).then(complete(&sender)).is_err());
    drop(sender);
    assert!(answers.recv().is_err(), "called more than once");
}

#[test]
fn keys_that_are_none_are_refused_and_cost_nothing() {
    let fixture = Fixture::new(|_| {}).settled();
    let engine = &fixture.engine;
    let none: [&str; 0] = [];
    assert_eq!(engine.membership("").wait().unwrap_err().kind(), ErrorKind::InvalidContextKey);
    assert_eq!(engine.memberships(["a", ""]).wait().unwrap_err().kind(), ErrorKind::InvalidContextKey);
    assert_eq!(engine.membership("").cached().unwrap_err().kind(), ErrorKind::InvalidContextKey);
    assert!(fixture.store.queries().is_empty());
    assert!(engine.memberships(none).wait().unwrap().is_empty());
    assert_eq!(engine.membership(&"k".repeat(1 << 20)).wait().unwrap().status, LookupStatus::Healthy);
}

#[test]
fn ten_thousand_refs_in_one_membership() {
    let fixture = Fixture::new(|_| {}).settled();
    let refs = |letter: char| (0..10_000).map(move |i| format!("{letter}{i}.g1"));
    let parse = |text: String| bigseg::SegmentRef::parse(&text).unwrap();
    let membership = bigseg::Membership::new(refs('a').map(parse), refs('b').map(parse));
    fixture.store.put(context("user"), membership);
    for _ in 0..2 {
        let answer = fixture.engine.membership("user").wait().unwrap();
        assert!(refs('a').all(|r| answer.check(&r) == Some(true)));
        assert!(refs('b').all(|r| answer.check(&r) == Some(false)));
        assert_eq!(answer.check("c1.g1"), None);
    }
}

#[test]
fn options_out_of_bounds_are_named() {
    type Break = fn(&mut EngineConfig);
    let cases: [(&str, Break); 8] = [
        ("batch_size", |c| c.batch_size = 0),
        ("batch_size", |c| c.batch_size = 10_001),
        ("batches_at_once", |c| c.batches_at_once = 0),
        ("context_cache_size", |c| c.context_cache_size = usize::MAX),
        ("lookup_deadline", |c| c.lookup_deadline = Duration::ZERO),
        ("status_poll_interval", |c| c.status_poll_interval = Duration::ZERO),
        ("stale_after", |c| c.stale_after = Some(Duration::ZERO)),
        ("context_cache_time", |c| c.context_cache_time = Duration::MAX),
    ];
    for (name, break_it) in cases {
        let mut config = EngineConfig::default();
        break_it(&mut config);
        let Err(error) = Engine::open(config) else { panic!("{name} was accepted") };
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().starts_with(name), "{error}");
    }
}

#[test]
fn a_memory_store_filled_later_is_seen() {
    let store = MemoryStore::named("filled-later");
    let engine = Engine::open(EngineConfig::new("memory:filled-later").unwrap()).unwrap();
    assert_eq!(engine.membership("user").wait().unwrap().status, LookupStatus::Stale);
    store.set_synchronized_on(bigseg::Clock::System.unix_millis()).unwrap();
    engine.refresh_status().wait().unwrap();
    let answer = engine.membership("other").wait().unwrap();
    assert_eq!((answer.status, answer.membership.is_empty()), (LookupStatus::Healthy, true));
}

#[test]
fn two_engines_on_one_store_are_independent() {
    let store = MemoryStore::default();
    let open = || {
        let source = Source::Custom(std::sync::Arc::new(store.clone()));
        Engine::open(EngineConfig::default().with_source(source)).unwrap()
    };
    let (first, second) = (open(), open());
    first.close().wait();
    assert!(second.membership("user").wait().is_ok());
}
