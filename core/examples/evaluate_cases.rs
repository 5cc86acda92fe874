//! Evaluates cases: `evaluate_cases < CASES`. One case a line, as JSON: `data`, and `questions`, each with a `context`, a `flag` (and
//! a `default`) or a `segment`, `memberships` by context key (`included`, `excluded`), and `statuses` by context key. One line goes
//! out for each: a list of answers, each as it serialises, with the keys that were looked up, in order, as `queries`.

use std::collections::HashMap;

use bigseg::segment::{DataSet, Lookup, Memo, Step, evaluate_flag, evaluate_segment};
use bigseg::{
    Context, ContextHash, ContextKey, Error, ErrorKind, LookupStatus, Membership, Result, SegmentRef,
};
use serde_json::{Value, json};

fn main() -> Result<()> {
    for line in std::io::stdin().lines() {
        let line = line.map_err(|e| unreadable(&format!("cannot read the cases: {e}")))?;
        let case: Value =
            serde_json::from_str(&line).map_err(|e| unreadable(&format!("a case is not JSON: {e}")))?;
        let answers = match DataSet::parse(&case["data"].to_string()) {
            Ok(data) => case["questions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|question| answer(&data, question))
                .collect(),
            Err(e) => vec![json!({"refused": e.message()})],
        };
        println!("{}", Value::from(answers));
    }
    Ok(())
}

/// Answers one question; every other time, the memberships come later rather than at once.
fn answer(data: &DataSet, question: &Value) -> Value {
    let context = match Context::from_value(question["context"].clone()) {
        Ok(context) => context,
        Err(e) => return json!({"refused": e.message()}),
    };
    let (mut queries, mut memo, mut at_once) = (Vec::new(), Memo::default(), true);
    let (lookups, keys) = lookups(question);
    let mut look_up = |hash: ContextHash| {
        queries.push(keys.get(&hash).cloned());
        lookups.get(&hash).cloned().unwrap_or_else(|| panic!("a key that is not in the case was looked up"))
    };
    let mut answer = loop {
        let resolve = &mut |hash| {
            at_once = !at_once;
            (!at_once).then(|| look_up(hash))
        };
        let step = match question.get("flag") {
            Some(flag) => {
                let flag = flag.as_str().expect("a flag key");
                match evaluate_flag(data, flag, &context, &question["default"], &mut memo, resolve) {
                    Step::Done(evaluation) => Ok(json!(evaluation)),
                    Step::NeedMembership(hash) => Err(hash),
                }
            }
            None => {
                let segment = question["segment"].as_str().expect("a segment key");
                match evaluate_segment(data, segment, &context, &mut memo, resolve) {
                    Step::Done(answer) => Ok(json!(answer)),
                    Step::NeedMembership(hash) => Err(hash),
                }
            }
        };
        match step {
            Ok(answer) => break answer,
            Err(hash) => memo.insert(hash, look_up(hash)),
        }
    };
    answer["queries"] = json!(queries);
    answer
}

/// Returns what is known of each context, and the keys.
fn lookups(question: &Value) -> (HashMap<ContextHash, Lookup>, HashMap<ContextHash, String>) {
    let (mut lookups, mut keys) = (HashMap::new(), HashMap::new());
    for (key, membership) in question["memberships"].as_object().into_iter().flatten() {
        let hash = ContextKey::new(key).expect("a key").hash();
        let refs = |name: &str| -> Vec<SegmentRef> {
            let refs = membership[name].as_array().into_iter().flatten();
            refs.filter_map(|segment| segment.as_str().map(SegmentRef::from_store)).collect()
        };
        let status = question["statuses"][key].as_str();
        let status = LookupStatus::ALL.iter().find(|known| Some(known.name()) == status);
        let lookup = Lookup {
            membership: Membership::new(refs("included"), refs("excluded")),
            status: *status.expect("a status"),
        };
        lookups.insert(hash, lookup);
        keys.insert(hash, key.clone());
    }
    (lookups, keys)
}

fn unreadable(message: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
