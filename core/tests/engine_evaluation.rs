//! The engine's side of evaluation: data that are exchanged, and what is answered without waiting.

mod stage;

use bigseg_core::Context;
use bigseg_core::segment::{Decider, ReasonKind};
use serde_json::json;
use stage::{Stage, context, included_in};

const DATA: &str = r#"{
    "flags": {"f": {"key": "f", "version": 1, "on": true, "variations": ["no", "yes"], "fallthrough": {"variation": 0},
        "rules": [{"id": "r", "variation": 1, "clauses": [{"attribute": "", "op": "segmentMatch", "values": ["beta"]}]}]}},
    "segments": {"beta": {"key": "beta", "version": 1, "unbounded": true, "generation": 3}}
}"#;

fn user(key: &str) -> Context {
    Context::from_value(json!({"kind": "user", "key": key})).unwrap()
}

#[test]
fn what_is_cached_is_evaluated_without_waiting() {
    let stage = Stage::new(|_| {}).settled();
    stage.store.put(context("alice"), included_in("beta.g3"));
    let engine = &stage.engine;
    engine.set_data(DATA).unwrap();
    let alice = user("alice");
    assert!(engine.evaluate_now("f", &alice, &json!(null)).unwrap().is_none());
    let evaluation = engine.blocking().evaluate("f", &alice, &json!(null)).unwrap();
    assert_eq!(evaluation.value, json!("yes"));
    assert_eq!(evaluation.reason.kind, ReasonKind::RuleMatch);
    assert_eq!(evaluation.decisions[0].decider, Decider::Included);
    assert_eq!(engine.evaluate_now("f", &alice, &json!(null)).unwrap(), Some(evaluation));
    assert_eq!(stage.store.queries().len(), 1);
}
