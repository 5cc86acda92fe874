//! Whatever is given as data or context, evaluation answers or refuses, soon and without a panic; and what it refuses, it does
//! not repeat.

use crate::fixture::included_in;
use crate::vector_files::{cases, file, text};
use bigseg_core::segment::{
    DataSet, EvaluationErrorKind, Lookup, MAX_REFERENCE_DEPTH, Memo, SegmentAnswer, Step, evaluate_flag,
    evaluate_segment,
};
use bigseg_core::{Context, ContextHash, ErrorKind, LookupStatus, Membership};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Stands for what must not be repeated.
const SECRET: &str = "tO9-sEcReT";

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: bigseg_core::testkit::rounds(400, 100_000) as u32,
        rng_seed: proptest::test_runner::RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A value that is wrong almost everywhere.
fn strange() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        Just(json!(SECRET)),
        "\\PC{0,6}".prop_map(Value::from),
        Just(json!("\0")),
        Just(json!("segmentMatch")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,4}|key|kind|values|clauses", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Puts a value somewhere into another: `path` says where, in each holder the place of that number.
fn put(target: &mut Value, path: &[usize], strange: Value) {
    let count = target.as_object().map_or(0, Map::len).max(target.as_array().map_or(0, Vec::len));
    let Some((place, path)) = path.split_first().filter(|_| count > 0) else {
        *target = strange;
        return;
    };
    let inner = match target {
        Value::Object(fields) => fields.values_mut().nth(place % count),
        Value::Array(items) => items.get_mut(place % count),
        _ => None,
    };
    put(inner.expect("there are so many"), path, strange);
}

/// Evaluates everything in the data.
fn evaluate_all(data: &DataSet, context: &Context) {
    for (membership, status) in
        [(included_in("beta.g3"), LookupStatus::Healthy), (Membership::empty(), LookupStatus::StoreError)]
    {
        let mut resolve = |_: ContextHash| Some(Lookup { membership: membership.clone(), status });
        for flag in data.flag_keys() {
            let step = evaluate_flag(data, flag, context, &Value::Null, &mut Memo::default(), &mut resolve);
            assert!(matches!(step, Step::Done(_)));
        }
        for segment in data.segment_keys() {
            let step = evaluate_segment(data, segment, context, &mut Memo::default(), &mut resolve);
            assert!(matches!(step, Step::Done(_)));
        }
    }
}

fn check_refusal(error: &bigseg_core::Error) {
    assert!(matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::InvalidContextKey), "{error:?}");
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn data_with_strange_parts(case: prop::sample::Index, path in prop::collection::vec(0usize..8, 1..9), strange in strange()) {
        let file = file("evaluation");
        let case = case.get(cases(&file, "cases"));
        let mut data = case["data"].clone();
        put(&mut data, &path, strange);
        match DataSet::parse(&data.to_string()) {
            Ok(data) => evaluate_all(&data, &Context::from_value(case["context"].clone()).unwrap()),
            Err(error) => check_refusal(&error),
        }
    }

    #[test]
    fn contexts_with_strange_parts(case: prop::sample::Index, path in prop::collection::vec(0usize..8, 0..5), strange in strange()) {
        let file = file("evaluation");
        let case = case.get(cases(&file, "cases"));
        let mut context = case["context"].clone();
        put(&mut context, &path, strange);
        match Context::parse(&context.to_string()) {
            Ok(context) => {
                let shown = format!("{context:?}");
                prop_assert!(!shown.contains(SECRET));
                evaluate_all(&DataSet::parse(&case["data"].to_string()).unwrap(), &context);
            }
            Err(error) => check_refusal(&error),
        }
    }

    #[test]
    fn texts_that_are_cut_or_spoilt(case: prop::sample::Index, cut: prop::sample::Index, spoilt in "\\PC{0,2}") {
        let file = file("evaluation");
        let case = case.get(cases(&file, "cases"));
        for part in ["data", "context"] {
            let mut json = case[part].to_string();
            let mut place = cut.index(json.len());
            while !json.is_char_boundary(place) {
                place -= 1;
            }
            let end = json[place..].chars().next().map_or(place, |first| place + first.len_utf8());
            json.replace_range(place..end, &spoilt);
            if let Err(error) = DataSet::parse(&json) {
                check_refusal(&error);
            }
            if let Err(error) = Context::parse(&json) {
                check_refusal(&error);
            }
        }
    }
}

fn asks(segments: &[String]) -> Value {
    json!([{"clauses": [{"attribute": "", "op": "segmentMatch", "values": segments}]}])
}

fn segment(key: String, rules: Value) -> (String, Value) {
    (key.clone(), json!({"key": key, "version": 1, "unbounded": true, "generation": 3, "rules": rules}))
}

fn evaluate(segments: impl IntoIterator<Item = (String, Value)>, root: &str) -> SegmentAnswer {
    let data = json!({"segments": segments.into_iter().collect::<Map<_, _>>()});
    let data = DataSet::parse(&data.to_string()).unwrap();
    let context = Context::from_value(json!({"kind": "user", "key": "alice"})).unwrap();
    let mut resolve =
        |_: ContextHash| Some(Lookup { membership: Membership::empty(), status: LookupStatus::Healthy });
    match evaluate_segment(&data, root, &context, &mut Memo::default(), &mut resolve) {
        Step::Done(answer) => answer,
        step => panic!("{step:?}"),
    }
}

/// A chain of that many segments, the last of which includes everybody.
fn chain(length: usize) -> Vec<(String, Value)> {
    let link = |number: usize| {
        let rules =
            if number + 1 == length { json!([{"clauses": []}]) } else { asks(&[format!("s{}", number + 1)]) };
        segment(format!("s{number}"), rules)
    };
    (0..length).map(link).collect()
}

#[test]
fn the_longest_chain_needs_little_stack() {
    // Of what a build without optimisation takes; the smallest stacks of threads that hosts have are of that size.
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let answer = small.spawn(|| evaluate(chain(MAX_REFERENCE_DEPTH), "s0")).unwrap().join().unwrap();
    assert!(answer.is_match);
    assert_eq!(answer.decisions.len(), MAX_REFERENCE_DEPTH);
}

#[test]
fn longer_chains_are_malformed() {
    for length in [MAX_REFERENCE_DEPTH + 1, 5_000] {
        let answer = evaluate(chain(length), "s0");
        assert_eq!(answer.error_kind, Some(EvaluationErrorKind::MalformedFlag));
        assert!(
            evaluate(chain(length), &format!("s{}", length - MAX_REFERENCE_DEPTH)).is_match,
            "the end of it is short enough"
        );
    }
}

#[test]
fn long_circles_are_malformed() {
    let mut circle = chain(5_000);
    circle.pop();
    circle.push(segment("s4999".to_owned(), asks(&["s0".to_owned()])));
    assert_eq!(evaluate(circle, "s77").error_kind, Some(EvaluationErrorKind::MalformedFlag));
}

#[test]
fn long_chains_of_prerequisites_are_malformed() {
    let flag = |number: usize| {
        let key = format!("f{number}");
        let prerequisites = json!([{"key": format!("f{}", number + 1), "variation": 0}]);
        let flag = json!({"key": key, "version": 1, "on": true, "variations": [1], "fallthrough": {"variation": 0},
            "prerequisites": prerequisites});
        (key, flag)
    };
    let data = json!({"flags": (0..5_000).map(flag).collect::<Map<_, _>>()});
    let data = DataSet::parse(&data.to_string()).unwrap();
    let context = Context::from_value(json!({"kind": "user", "key": "alice"})).unwrap();
    let step = evaluate_flag(&data, "f0", &context, &json!(7), &mut Memo::default(), &mut |_| None);
    let Step::Done(evaluation) = step else { panic!("{step:?}") };
    assert_eq!(evaluation.reason.error_kind, Some(EvaluationErrorKind::MalformedFlag));
    assert_eq!(evaluation.value, json!(7));
}

/// Each segment asks for the next one twice: so many questions that nobody lives to hear the answer.
#[test]
fn an_evaluation_ends() {
    let segments = (0..60).map(|number| {
        let next = format!("s{}", number + 1);
        segment(format!("s{number}"), asks(&[next.clone(), next]))
    });
    assert_eq!(evaluate(segments, "s0").error_kind, Some(EvaluationErrorKind::MalformedFlag));
}

/// Segment keys that look like what an evaluation is followed by: they must not change what another segment is said to have
/// decided.
#[test]
fn marks_cannot_be_forged() {
    let forged: Vec<String> =
        (0..8).flat_map(|number| ["", ".0", ".7"].map(|rest| format!("\0{number}{rest}"))).collect();
    let in_vain = json!([{"clauses": [{"attribute": "key", "op": "in", "values": ["nobody"]}]}]);
    let asks_for_both = json!([asks(&["a".to_owned()])[0], asks(&["b".to_owned()])[0]]);
    let mut segments: Vec<_> =
        forged.iter().map(|key| segment(key.clone(), json!([{"clauses": []}]))).collect();
    segments.push(segment("a".to_owned(), in_vain.clone()));
    segments.push(segment("b".to_owned(), asks(&forged)));
    segments.push(segment("s".to_owned(), asks_for_both.clone()));
    assert!(!evaluate(segments, "s").is_match, "no segment of such a key is found");
    // Nothing has such a key, so that the segments have low numbers.
    let segments = [("a", in_vain), ("b", asks(&forged)), ("s", asks_for_both)];
    let answer = evaluate(segments.map(|(key, rules)| segment(key.to_owned(), rules)), "s");
    assert_eq!(answer.decisions.len(), 3);
    for decision in answer.decisions {
        assert_eq!(
            (decision.decider.name(), decision.rule_index),
            ("no_value", None),
            "{}",
            decision.segment_key
        );
    }
}

#[test]
fn vectors_hold_a_case_of_every_decider() {
    let file = file("evaluation");
    for decider in bigseg_core::segment::Decider::ALL {
        let is_of_it = |case: &Value| text(&case["expect"]["decisions"][0]["decider"]) == decider.name();
        let mut decided =
            cases(&file, "cases").iter().filter(|case| case["expect"]["decisions"][0].is_object());
        assert!(decided.any(is_of_it), "{decider}");
    }
}
