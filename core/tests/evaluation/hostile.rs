//! Evaluation accepts or rejects every data set and context, in bounded time and without a panic.
//! An error repeats no value of its input.

use crate::fixture::included_in;
use crate::vector_files::{cases, file, text};
use bigseg::segment::{
    DataSet, EvaluationErrorKind, Lookup, MAX_REFERENCE_DEPTH, Memo, SegmentAnswer, Step, evaluate_flag,
    evaluate_segment,
};
use bigseg::{Context, ContextHash, ErrorKind, LookupStatus, Membership};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A value that no error may repeat.
const SECRET: &str = "tO9-sEcReT";

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: bigseg::testkit::rounds(400, 100_000) as u32,
        rng_seed: proptest::test_runner::RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A value that is invalid in most places.
fn invalid_value() -> impl Strategy<Value = Value> {
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

/// Replaces a part of a value; `path` selects the part, by its number at each level.
fn replace(target: &mut Value, path: &[usize], value: Value) {
    let count = target.as_object().map_or(0, Map::len).max(target.as_array().map_or(0, Vec::len));
    let Some((place, path)) = path.split_first().filter(|_| count > 0) else {
        *target = value;
        return;
    };
    let inner = match target {
        Value::Object(fields) => fields.values_mut().nth(place % count),
        Value::Array(items) => items.get_mut(place % count),
        _ => None,
    };
    replace(inner.expect("the number is in range"), path, value);
}

/// Evaluates every flag and segment.
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

fn check_rejection(error: &bigseg::Error) {
    assert!(matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::InvalidContextKey), "{error:?}");
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn data_with_invalid_parts(case: prop::sample::Index, path in prop::collection::vec(0usize..8, 1..9), invalid in invalid_value()) {
        let file = file("evaluation");
        let case = case.get(cases(&file, "cases"));
        let mut data = case["data"].clone();
        replace(&mut data, &path, invalid);
        match DataSet::parse(&data.to_string()) {
            Ok(data) => evaluate_all(&data, &Context::from_value(case["context"].clone()).unwrap()),
            Err(error) => check_rejection(&error),
        }
    }

    #[test]
    fn contexts_with_invalid_parts(case: prop::sample::Index, path in prop::collection::vec(0usize..8, 0..5), invalid in invalid_value()) {
        let file = file("evaluation");
        let case = case.get(cases(&file, "cases"));
        let mut context = case["context"].clone();
        replace(&mut context, &path, invalid);
        match Context::parse(&context.to_string()) {
            Ok(context) => {
                let shown = format!("{context:?}");
                prop_assert!(!shown.contains(SECRET));
                evaluate_all(&DataSet::parse(&case["data"].to_string()).unwrap(), &context);
            }
            Err(error) => check_rejection(&error),
        }
    }

    #[test]
    fn damaged_texts(case: prop::sample::Index, cut: prop::sample::Index, inserted in "\\PC{0,2}") {
        let file = file("evaluation");
        let case = case.get(cases(&file, "cases"));
        for part in ["data", "context"] {
            let mut json = case[part].to_string();
            let mut place = cut.index(json.len());
            while !json.is_char_boundary(place) {
                place -= 1;
            }
            let end = json[place..].chars().next().map_or(place, |first| place + first.len_utf8());
            json.replace_range(place..end, &inserted);
            if let Err(error) = DataSet::parse(&json) {
                check_rejection(&error);
            }
            if let Err(error) = Context::parse(&json) {
                check_rejection(&error);
            }
        }
    }
}

fn rules_with_segments(segments: &[String]) -> Value {
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

/// Returns a chain of segments; the last one includes every context.
fn chain(length: usize) -> Vec<(String, Value)> {
    let link = |number: usize| {
        let rules = if number + 1 == length {
            json!([{"clauses": []}])
        } else {
            rules_with_segments(&[format!("s{}", number + 1)])
        };
        segment(format!("s{number}"), rules)
    };
    (0..length).map(link).collect()
}

#[test]
fn the_longest_chain_needs_little_stack() {
    // The smallest thread stack of common hosts; an unoptimised build needs the most stack.
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
            "the end of the chain is short enough"
        );
    }
}

#[test]
fn long_cycles_are_malformed() {
    let mut cycle = chain(5_000);
    cycle.pop();
    cycle.push(segment("s4999".to_owned(), rules_with_segments(&["s0".to_owned()])));
    assert_eq!(evaluate(cycle, "s77").error_kind, Some(EvaluationErrorKind::MalformedFlag));
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

/// Each segment refers to the next one twice: without a limit, evaluation would take 2^60 reads.
#[test]
fn an_evaluation_ends() {
    let segments = (0..60).map(|number| {
        let next = format!("s{}", number + 1);
        segment(format!("s{number}"), rules_with_segments(&[next.clone(), next]))
    });
    assert_eq!(evaluate(segments, "s0").error_kind, Some(EvaluationErrorKind::MalformedFlag));
}

/// Data with the keys by which evaluation traces rules must not change the reported decisions.
#[test]
fn trace_keys_cannot_be_forged() {
    let forged: Vec<String> =
        (0..8).flat_map(|number| ["", ".0", ".7"].map(|rest| format!("\0{number}{rest}"))).collect();
    let no_match = json!([{"clauses": [{"attribute": "key", "op": "in", "values": ["nobody"]}]}]);
    let refers_to_both =
        json!([rules_with_segments(&["a".to_owned()])[0], rules_with_segments(&["b".to_owned()])[0]]);
    let mut segments: Vec<_> =
        forged.iter().map(|key| segment(key.clone(), json!([{"clauses": []}]))).collect();
    segments.push(segment("a".to_owned(), no_match.clone()));
    segments.push(segment("b".to_owned(), rules_with_segments(&forged)));
    segments.push(segment("s".to_owned(), refers_to_both.clone()));
    assert!(!evaluate(segments, "s").is_match, "no segment with such a key is found");
    // Without segments of such keys, the segments have the low numbers that the keys forge.
    let segments = [("a", no_match), ("b", rules_with_segments(&forged)), ("s", refers_to_both)];
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
fn the_vectors_have_a_case_of_every_decider() {
    let file = file("evaluation");
    for decider in bigseg::segment::Decider::ALL {
        let is_of_it = |case: &Value| text(&case["expect"]["decisions"][0]["decider"]) == decider.name();
        let mut decided =
            cases(&file, "cases").iter().filter(|case| case["expect"]["decisions"][0].is_object());
        assert!(decided.any(is_of_it), "{decider}");
    }
}
