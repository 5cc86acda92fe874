//! Runs tests/vectors/evaluation.json on engines whose store the test controls.

use std::sync::Arc;

use crate::fixture::{Fixture, START, context};
use crate::vector_files::{cases, expected_error, file, strings, text};
use bigseg::segment::{DataSet, classify};
use bigseg::testkit::fault_store::FaultStore;
use bigseg::{Context, ContextHash, Engine, EngineConfig, ErrorKind, Membership, SegmentRef};
use serde_json::{Value, json};

/// Returns a store with the content of a case.
fn store(case: &Value, store: Arc<FaultStore>) -> Arc<FaultStore> {
    let content = &case["store"];
    store.set_synchronized_on((content["stale"] != true).then_some(START));
    for (key, membership) in content["memberships"].as_object().into_iter().flatten() {
        let refs = |name: &str| strings(&membership[name]).into_iter().map(SegmentRef::from_store);
        store.put(context(key), Membership::new(refs("included"), refs("excluded")));
    }
    for key in strings(&content["failing"]) {
        store.set_context_error(context(&key), Some(ErrorKind::StoreData));
    }
    store
}

fn parts(case: &Value) -> (String, Context) {
    (case["data"].to_string(), Context::from_value(case["context"].clone()).unwrap())
}

/// Returns the answer of a case, as `evaluate` or `segment_contains` serialises it.
fn answer(engine: &Engine, case: &Value, context: &Context) -> Value {
    match case.get("flag") {
        Some(flag) => {
            json!(engine.evaluate(text(flag), context).default(&case["default"]).wait().unwrap())
        }
        None => json!(engine.segment_contains(text(&case["segment"]), context).wait().unwrap()),
    }
}

#[test]
fn evaluation() {
    for case in cases(&file("evaluation"), "cases") {
        println!("{}: {}", case["name"], case["why"]);
        let (data, target) = parts(case);
        let expected_queries: Vec<ContextHash> =
            strings(&case["queries"]).iter().map(|key| context(key)).collect();
        if case["store"].is_null() {
            let engine = Engine::open(EngineConfig::default()).unwrap();
            engine.set_data(&data).unwrap();
            assert_eq!(answer(&engine, case, &target), case["expect"], "without a store");
            continue;
        }
        for plain in [FaultStore::new(), FaultStore::inline()] {
            let without_cache = |config: &mut EngineConfig| {
                config.breaker_failures = 0;
                // So only the memo of the evaluation can avoid a second query.
                config.context_cache_size = 0;
            };
            let fixture = Fixture::on(store(case, plain), without_cache).settled();
            let engine = &fixture.engine;
            engine.set_data(&data).unwrap();
            assert_eq!(answer(engine, case, &target), case["expect"]);
            assert_eq!(fixture.store.queries().concat(), expected_queries, "the queries, in order");
            if let Some(segment) = case.get("segment") {
                let explanation = engine.explain(text(segment), &target).wait().unwrap();
                assert_eq!(json!(explanation.answer), case["expect"], "explained");
            }
        }
    }
}

/// The answer does not depend on which memberships are cached.
#[test]
fn a_cached_membership_changes_no_answer() {
    for case in cases(&file("evaluation"), "cases") {
        let failing = strings(&case["store"]["failing"]);
        let cacheable = strings(&case["queries"]).into_iter().filter(|key| !failing.contains(key));
        for key in cacheable {
            println!("{}: {key} cached", case["name"]);
            let (data, target) = parts(case);
            let fixture = Fixture::on(store(case, FaultStore::new()), |config| config.breaker_failures = 0);
            fixture.engine.set_data(&data).unwrap();
            fixture.engine.membership(&key).wait().unwrap();
            assert_eq!(answer(&fixture.engine, case, &target), case["expect"]);
        }
    }
}

#[test]
fn contexts() {
    for case in cases(&file("evaluation"), "contexts") {
        println!("{}", case["why"]);
        let json = case["json"].as_str().map_or_else(|| case["json"].to_string(), str::to_owned);
        match (Context::parse(&json), expected_error(case)) {
            (Ok(context), None) => {
                let mut kinds: Vec<_> = context.kinds().collect();
                kinds.sort_unstable();
                assert_eq!(kinds, strings(&case["kinds"]));
            }
            (Err(e), Some(kind)) => {
                assert_eq!(e.kind().name(), kind);
                assert!(!format!("{e:?}").contains("secret"), "{e}");
            }
            (result, error) => panic!("{result:?} instead of {error:?}"),
        }
    }
}

#[test]
fn data() {
    for case in cases(&file("evaluation"), "data") {
        println!("{}", case["why"]);
        let json = case["json"].as_str().map_or_else(|| case["json"].to_string(), str::to_owned);
        match (DataSet::parse(&json), expected_error(case)) {
            (Ok(_), None) => {}
            (Err(e), Some(kind)) => {
                assert_eq!(e.kind().name(), kind);
                assert!(e.message().contains(text(&case["message_has"])), "{e}");
                assert!(!format!("{e:?}").contains("secret"), "{e}");
            }
            (result, error) => panic!("{result:?} instead of {error:?}"),
        }
    }
}

#[test]
fn classification() {
    for case in cases(&file("evaluation"), "classify") {
        let number = |name: &str| case[name].as_u64().unwrap();
        assert_eq!(classify(number("entries"), number("kinds")).name(), text(&case["is"]), "{case}");
    }
}
