//! The engine's side of evaluation: data that are exchanged and reloaded, what is answered without waiting, and explanations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::fixture::{Fixture, START, context, in_thread, included_in};
use bigseg::engine::{Explanation, Source};
use bigseg::segment::{Decider, Evaluation, EvaluationErrorKind, ReasonKind, SegmentAnswer};
use bigseg::testkit::{Fault, FaultStore};
use bigseg::{Context, Engine, EngineConfig, Error, ErrorKind, LookupStatus, Origin, Result};
use serde_json::{Value, json};

/// A flag that serves `yes` to the segment beta, and a number to all other contexts.
fn data(number: u64) -> String {
    json!({
        "flags": {"f": {"key": "f", "version": 1, "on": true, "variations": [number, "yes"], "fallthrough": {"variation": 0},
            "rules": [{"id": "r", "variation": 1, "clauses": [{"attribute": "", "op": "segmentMatch", "values": ["beta"]}]}]}},
        "segments": {"beta": {"key": "beta", "version": 1, "unbounded": true, "generation": 3},
            "small": {"key": "small", "version": 1, "included": ["alice"]}},
    })
    .to_string()
}

fn user(key: &str) -> Context {
    Context::from_value(json!({"kind": "user", "key": key})).unwrap()
}

fn fixture() -> Fixture {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("alice"), included_in("beta.g3"));
    fixture.engine.set_data(&data(1)).unwrap();
    fixture
}

fn served(engine: &Engine, key: &str) -> Value {
    engine.evaluate("f", &user(key)).wait().unwrap().value
}

#[test]
fn what_is_cached_is_evaluated_without_waiting() {
    let fixture = fixture();
    let (engine, alice) = (&fixture.engine, user("alice"));
    assert!(engine.evaluate("f", &alice).default(&json!(null)).now().unwrap().is_none());
    assert!(engine.segment_contains("beta", &alice).now().unwrap().is_none());
    assert!(fixture.store.queries().is_empty(), "nobody was asked in the background either");
    let evaluation = engine.evaluate("f", &alice).default(&json!(null)).wait().unwrap();
    assert_eq!(evaluation.value, json!("yes"));
    assert_eq!(evaluation.reason.kind, ReasonKind::RuleMatch);
    assert_eq!(evaluation.decisions[0].decider, Decider::Included);
    assert_eq!(engine.evaluate("f", &alice).default(&json!(null)).now().unwrap(), Some(evaluation));
    let answer = engine.segment_contains("beta", &alice).now().unwrap().unwrap();
    assert!(answer.is_match);
    assert_eq!(fixture.store.queries().len(), 1);
}

#[test]
fn a_store_of_this_process_is_asked_without_waiting() {
    let store = FaultStore::inline();
    store.set_synchronized_on(Some(START));
    store.put(context("alice"), included_in("beta.g3"));
    let fixture = Fixture::on(store, |_| {});
    fixture.engine.set_data(&data(1)).unwrap();
    let evaluation =
        fixture.engine.evaluate("f", &user("alice")).default(&json!(null)).now().unwrap().unwrap();
    assert_eq!(evaluation.value, json!("yes"));
    assert!(fixture.engine.explain("beta", &user("alice")).wait().unwrap().embedded);
}

#[test]
fn data_without_big_segments_never_touch_the_store() {
    let fixture = fixture();
    let answer = fixture.engine.segment_contains("small", &user("alice")).now().unwrap().unwrap();
    assert!(answer.is_match);
    assert_eq!(answer.status, None);
    assert!(fixture.store.queries().is_empty());
}

#[test]
fn an_engine_without_data_is_not_ready() {
    let fixture = Fixture::new(|_| {}).settled();
    let (engine, alice) = (&fixture.engine, user("alice"));
    assert!(engine.data().is_none());
    let evaluation = engine.evaluate("f", &alice).default(&json!("default")).wait().unwrap();
    assert_eq!((evaluation.value, evaluation.variation), (json!("default"), None));
    assert_eq!(evaluation.reason.error_kind, Some(EvaluationErrorKind::ClientNotReady));
    let not_ready = Some(EvaluationErrorKind::ClientNotReady);
    assert_eq!(engine.segment_contains("beta", &alice).wait().unwrap().error_kind, not_ready);
    assert_eq!(engine.explain("beta", &alice).wait().unwrap().answer.error_kind, not_ready);
}

#[test]
fn a_text_that_is_refused_changes_nothing() {
    let fixture = fixture();
    for bad in ["", "{", "{}", "[]", "{\"flags\":{\"f\":{}}}"] {
        assert_eq!(fixture.engine.set_data(bad).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(served(&fixture.engine, "bob"), json!(1));
    }
    fixture.engine.set_data(&data(2)).unwrap();
    assert_eq!(served(&fixture.engine, "bob"), json!(2));
}

#[test]
fn an_evaluation_under_way_ends_with_the_data_it_began_with() {
    let fixture = fixture();
    fixture.store.set_fault(Fault::Hang);
    let engine = fixture.engine.clone();
    let evaluation = in_thread(move || served(&engine, "bob"));
    crate::fixture::eventually("the store is asked", || !fixture.store.queries().is_empty());
    fixture.engine.set_data(&data(2)).unwrap();
    fixture.store.release();
    assert_eq!(evaluation.join().unwrap(), json!(1));
    assert_eq!(served(&fixture.engine, "bob"), json!(2));
}

#[test]
fn readers_see_one_data_set_or_the_other() {
    let fixture = fixture();
    served(&fixture.engine, "bob");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [0, 1].map(|_| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let value = served(&fixture.engine, "bob");
                    assert!(value == json!(1) || value == json!(2), "{value}");
                }
            })
        });
        for round in 0..200 {
            fixture.engine.set_data(&data(1 + round % 2)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_file_is_reloaded_when_it_has_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.json");
    let fixture = fixture();
    let engine = &fixture.engine;
    assert_eq!(engine.reload_data().unwrap_err().kind(), ErrorKind::InvalidArgument, "no file yet");
    assert!(engine.load_data(&path).unwrap_err().message().contains("data.json"));
    assert_eq!(served(engine, "bob"), json!(1), "a file that is not there changes nothing");

    std::fs::write(&path, data(10)).unwrap();
    engine.load_data(&path).unwrap();
    assert_eq!(served(engine, "bob"), json!(10));
    assert!(!engine.reload_data().unwrap(), "it has not changed");

    // Another file in its place, as careful writers do, of the same length.
    let next = directory.path().join("next.json");
    std::fs::write(&next, data(11)).unwrap();
    std::fs::rename(&next, &path).unwrap();
    assert!(engine.reload_data().unwrap());
    assert_eq!(served(engine, "bob"), json!(11));

    std::fs::write(&path, "{\"flags\":").unwrap();
    let error = engine.reload_data().unwrap_err();
    assert!(error.message().contains("data.json") && error.message().contains("cut short"), "{error}");
    assert_eq!(served(engine, "bob"), json!(11), "what was refused changes nothing");
    assert!(engine.reload_data().is_err(), "and is tried again");
    std::fs::write(&path, [b'"', 0xff, b'"']).unwrap();
    assert!(engine.reload_data().unwrap_err().message().contains("not UTF-8"));

    std::fs::remove_file(&path).unwrap();
    assert!(engine.reload_data().is_err());
    std::fs::write(&path, data(12)).unwrap();
    assert!(engine.reload_data().unwrap());
    assert_eq!(served(engine, "bob"), json!(12));

    engine.set_data(&data(13)).unwrap();
    assert!(engine.reload_data().is_err(), "the data no longer come from a file");
    assert_eq!(served(engine, "bob"), json!(13));
}

#[test]
fn an_explanation_tells_where_the_membership_comes_from() {
    let fixture = fixture();
    let explain = |key: &str| -> Explanation { fixture.engine.explain("beta", &user(key)).wait().unwrap() };
    let first = explain("alice");
    assert_eq!((first.hash, first.value), (Some(context("alice")), Some(true)));
    assert_eq!((first.origin, first.embedded), (Some(Origin::Store), false));
    fixture.clock.advance(Duration::from_secs(2));
    let second = explain("alice");
    assert!(matches!(second.origin, Some(Origin::Cache { age }) if age.as_secs() == 2), "{second:?}");
    assert_eq!(second.answer, first.answer);
    assert_eq!(explain("bob").value, None);

    fixture.store.set_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    fixture.clock.advance(Duration::from_secs(60));
    let third = explain("alice");
    assert!(matches!(third.origin, Some(Origin::LastKnown { age }) if age.as_secs() == 62), "{third:?}");
    assert_eq!(third.answer.status, Some(LookupStatus::StoreError));
    assert!(third.answer.is_match && third.error.is_some());
}

#[test]
fn completions_are_called_once() {
    let fixture = fixture();
    let (sender, receiver) = mpsc::channel();
    let told = sender.clone();
    let evaluated = move |evaluation: Result<Evaluation>| {
        told.send(evaluation.map(|evaluation| evaluation.value)).unwrap();
    };
    fixture.engine.evaluate("f", &user("alice")).then(evaluated).unwrap();
    assert_eq!(receiver.recv().unwrap().unwrap(), json!("yes"));
    let contained = move |answer: Result<SegmentAnswer>| {
        sender.send(answer.map(|answer| json!(answer.is_match))).unwrap();
    };
    fixture.engine.segment_contains("beta", &user("bob")).then(contained).unwrap();
    assert_eq!(receiver.recv().unwrap().unwrap(), json!(false));
    assert!(receiver.recv().is_err(), "once each");
}

#[test]
fn closing_ends_evaluations() {
    let fixture = fixture();
    fixture.store.set_fault(Fault::Hang);
    let (sender, receiver) = mpsc::channel();
    let callback = move |evaluation: Result<Evaluation>| sender.send(evaluation).unwrap();
    fixture.engine.evaluate("f", &user("bob")).then(callback).unwrap();
    crate::fixture::eventually("the store is asked", || !fixture.store.queries().is_empty());
    fixture.engine.close().wait();
    assert_eq!(receiver.recv().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    let (engine, bob) = (&fixture.engine, user("bob"));
    let closed = |error: Error| assert_eq!(error.kind(), ErrorKind::Closed);
    closed(engine.evaluate("f", &bob).now().unwrap_err());
    closed(engine.evaluate("f", &bob).wait().unwrap_err());
    closed(engine.segment_contains("beta", &bob).wait().unwrap_err());
    closed(engine.explain("beta", &bob).wait().unwrap_err());
    closed(engine.set_data(&data(1)).unwrap_err());
    closed(engine.reload_data().unwrap_err());
}

/// The asynchronous forms are futures that any executor may move between threads.
#[test]
fn futures_are_send() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let fixture = fixture();
    let (engine, alice, none) = (&fixture.engine, user("alice"), Value::Null);
    let evaluation = pollster::block_on(is_send(engine.evaluate("f", &alice).default(&none))).unwrap();
    assert_eq!(evaluation.value, json!("yes"));
    assert!(pollster::block_on(is_send(engine.segment_contains("beta", &alice))).unwrap().is_match);
    assert!(pollster::block_on(is_send(engine.explain("beta", &alice))).unwrap().answer.is_match);
}

#[test]
fn without_a_store_the_rules_decide_at_once() {
    let engine = Engine::open(EngineConfig::default().with_source(Source::None)).unwrap();
    engine.set_data(&data(1)).unwrap();
    let evaluation = engine.evaluate("f", &user("alice")).now().unwrap().unwrap();
    assert_eq!(evaluation.reason.big_segments_status, Some(LookupStatus::NotConfigured));
}

#[test]
fn what_is_not_cached_is_not_read_from_an_embedded_store_either() {
    let fixture = Fixture::on(FaultStore::inline(), |_| {}).settled();
    fixture.store.put(context("alice"), included_in("beta.g3"));
    let engine = &fixture.engine;
    engine.set_data(&data(1)).unwrap();
    let alice = user("alice");
    assert!(engine.evaluate("f", &alice).default(&json!(null)).cached().unwrap().is_none());
    assert!(engine.segment_contains("beta", &alice).cached().unwrap().is_none());
    assert!(fixture.store.queries().is_empty());
    let evaluation = engine.evaluate("f", &alice).default(&json!(null)).now().unwrap();
    assert_eq!(evaluation.as_ref().map(|evaluation| &evaluation.value), Some(&json!("yes")));
    assert_eq!(engine.evaluate("f", &alice).default(&json!(null)).cached().unwrap(), evaluation);
    assert!(engine.segment_contains("beta", &alice).cached().unwrap().is_some_and(|answer| answer.is_match));
    assert_eq!(fixture.store.queries().len(), 1);
}

#[test]
fn data_are_taken_over_with_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.json");
    std::fs::write(&path, data(1)).unwrap();
    let (first, second) = (Fixture::new(|_| {}).settled(), Fixture::new(|_| {}).settled());
    second.engine.set_data(r#"{"flags": {}}"#).unwrap();
    first.engine.load_data(&path).unwrap();
    second.engine.take_over_data(&first.engine);
    assert_eq!(second.engine.data().unwrap().flag_keys().collect::<Vec<_>>(), ["f"]);
    assert!(!second.engine.reload_data().unwrap(), "nothing has changed since the first engine read it");
    std::fs::write(&path, r#"{"flags": {}, "segments": {}}"#).unwrap();
    assert!(second.engine.reload_data().unwrap());
    assert_eq!(second.engine.data().unwrap().flag_keys().len(), 0);
    assert_eq!(first.engine.data().unwrap().flag_keys().len(), 1);
}
