//! The flags and segments of an environment, in the forms that evaluation asks for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use launchdarkly_server_sdk_evaluation as official;
use serde_json::{Map, Value, json};

use super::payload::{self, MARK, Misshapen};
use super::reference_depth::chain_lengths;
use crate::error::{Error, ErrorKind, Result};
use crate::segment_ref::SegmentRef;

/// How long a chain of flags and segments that refer to one another may be. What is longer is malformed: evaluating it would
/// take the stack of the caller's thread.
pub const MAX_CHAIN: usize = 100;

/// Flags and segments; immutable, `Send + Sync`.
pub struct DataSet {
    flags: HashMap<String, FlagEntry>,
    segments: HashMap<String, SegmentEntry>,
}

/// A flag.
pub(super) struct FlagEntry {
    pub(super) model: official::Flag,
    pub(super) variations: Vec<Value>,
    pub(super) too_long: bool,
}

/// A segment.
pub(super) struct SegmentEntry {
    pub(super) key: Arc<str>,
    pub(super) form: Form,
    /// A flag that asks for this segment and nothing else: the official crate evaluates flags only. It serves variation 1
    /// to what is in the segment.
    pub(super) question: official::Flag,
    pub(super) rule_ids: Vec<Option<Arc<str>>>,
    pub(super) too_long: bool,
    /// Which one it is, for the marks.
    pub(super) number: usize,
}

/// What the official crate is told a segment is.
pub(super) enum Form {
    /// As the data have it.
    Ordinary(Box<OrdinaryForm>),
    /// Something else in each case.
    Big(Box<BigForm>),
}

/// An ordinary segment's forms.
pub(super) struct OrdinaryForm {
    /// For flags and segments that ask for it.
    pub(super) plain: official::Segment,
    rules: Vec<Value>,
    marked: OnceLock<official::Segment>,
}

/// A big segment's forms. None has its ordinary lists, which do not count (docs/spec.md#membership-result).
pub(super) struct BigForm {
    /// `None` = the generation is missing.
    pub(super) segment_ref: Option<SegmentRef>,
    pub(super) context_kind: String,
    /// For whom the store includes: everybody matches.
    pub(super) included: official::Segment,
    /// For whom it excludes: nobody does.
    pub(super) excluded: official::Segment,
    /// For whom it has no value: the rules, with marks; `None` = there are none, so it is as if it excluded.
    pub(super) rules: Option<official::Segment>,
}

impl OrdinaryForm {
    /// Returns the form for a question about this segment: with marks. It is made for the first one, for its lists may
    /// be long.
    pub(super) fn marked(&self, number: usize) -> &official::Segment {
        self.marked.get_or_init(|| {
            let mut model = serde_json::to_value(&self.plain).expect("what was read can be written");
            model["rules"] = marked(self.rules.clone(), number).into();
            serde_json::from_value(model).expect("what was written can be read")
        })
    }
}

impl DataSet {
    /// Reads the JSON of the service: `{"flags":{…},"segments":{…}}`, of which one may be missing.
    ///
    /// It is read as leniently as the official SDKs read it, and as wholly: what one of them would refuse in a single flag
    /// makes it refuse everything, so that nobody evaluates half of a change.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] when it is not JSON, or not flags and segments. The message says where and what is
    /// wrong, but not what was there: that may be a context key.
    pub fn parse(json: &str) -> Result<Self> {
        let data: Value = serde_json::from_str(json).map_err(|e| {
            invalid(format!(
                "the data are not JSON, or are cut short (line {}, column {})",
                e.line(),
                e.column()
            ))
        })?;
        let (flags, segments) = (part(&data, "flags")?, part(&data, "segments")?);
        if flags.is_none() && segments.is_none() {
            return Err(invalid("the data have neither \"flags\" nor \"segments\"".to_owned()));
        }
        let flags = read(flags, "flag", payload::flag)?;
        let segments = read(segments, "segment", payload::segment)?;
        let chains = chains(&flags, &segments);
        let too_long = |number: usize| chains[number] > MAX_CHAIN;
        let first_segment = flags.len();
        let flags = flags.into_iter().enumerate().map(|(number, (key, flag))| {
            let entry = FlagEntry {
                model: understood(flag.model, "flag", &key)?,
                variations: flag.variations,
                too_long: too_long(number),
            };
            Ok((key, entry))
        });
        let flags = flags.collect::<Result<_>>()?;
        let segments = segments.into_iter().enumerate().map(|(number, (key, segment))| {
            let entry = segment_entry(&key, segment, number, too_long(first_segment + number))?;
            Ok((key, entry))
        });
        Ok(Self { flags, segments: segments.collect::<Result<_>>()? })
    }

    /// Returns the keys of its flags, in no order.
    pub fn flag_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.flags.keys().map(String::as_str)
    }

    /// Returns the keys of its segments, in no order.
    pub fn segment_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.segments.keys().map(String::as_str)
    }

    /// Returns whether that segment is a big one; `None` if there is none of that key.
    pub fn is_big(&self, segment_key: &str) -> Option<bool> {
        self.segment(segment_key).map(|entry| matches!(entry.form, Form::Big(_)))
    }

    /// Returns which context of that kind a segment is about, and its ref, if it is a big one whose generation is known.
    pub fn big_segment(&self, segment_key: &str) -> Option<(&SegmentRef, &str)> {
        match &self.segment(segment_key)?.form {
            Form::Big(big) => Some((big.segment_ref.as_ref()?, &big.context_kind)),
            Form::Ordinary(_) => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<&FlagEntry> {
        self.flags.get(key)
    }

    pub(super) fn segment(&self, key: &str) -> Option<&SegmentEntry> {
        self.segments.get(key)
    }
}

impl fmt::Debug for DataSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flags, segments) = (self.flags.len(), self.segments.len());
        f.debug_struct("DataSet").field("flags", &flags).field("segments", &segments).finish_non_exhaustive()
    }
}

fn part<'a>(data: &'a Value, name: &str) -> Result<Option<&'a Map<String, Value>>> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(part)) => Ok(Some(part)),
        Some(_) => Err(invalid(format!("\"{name}\" of the data is not an object"))),
    }
}

/// Reads every item that was not deleted.
fn read<T>(
    items: Option<&Map<String, Value>>,
    what: &str,
    read: impl Fn(&Value) -> Result<Option<T>, Misshapen>,
) -> Result<Vec<(String, T)>> {
    let items = items.into_iter().flatten().filter_map(|(key, value)| match read(value) {
        Ok(item) => Some(Ok((key.clone(), item?))),
        Err(e) => Some(Err(invalid(e.complaint(&format!("the {what} {key:?}"))))),
    });
    items.collect()
}

/// Returns how long a chain each flag begins, then each segment.
fn chains(flags: &[(String, payload::Flag)], segments: &[(String, payload::Segment)]) -> Vec<usize> {
    let flag_numbers = numbers(flags, 0);
    let segment_numbers = numbers(segments, flags.len());
    let find = |numbers: &HashMap<&str, usize>, keys: &[String]| -> Vec<usize> {
        keys.iter().filter_map(|key| numbers.get(key.as_str()).copied()).collect()
    };
    let of_flags = flags.iter().map(|(_, flag)| {
        let mut references = find(&flag_numbers, &flag.prerequisites);
        references.extend(find(&segment_numbers, &flag.segments));
        references
    });
    let of_segments = segments.iter().map(|(_, segment)| find(&segment_numbers, &segment.segments));
    chain_lengths(&of_flags.chain(of_segments).collect::<Vec<_>>())
}

fn numbers<T>(items: &[(String, T)], first: usize) -> HashMap<&str, usize> {
    items.iter().enumerate().map(|(number, (key, _))| (key.as_str(), first + number)).collect()
}

fn segment_entry(
    place: &str,
    segment: payload::Segment,
    number: usize,
    too_long: bool,
) -> Result<SegmentEntry> {
    let payload::Segment { key, frame, lists, rules, rule_ids, big, .. } = segment;
    let with = |lists: Option<&Map<String, Value>>, rules: Vec<Value>| {
        let mut model = frame.clone();
        model.insert("included".into(), json!([]));
        model.insert("excluded".into(), json!([]));
        model.extend(lists.cloned().into_iter().flatten());
        model.insert("rules".into(), rules.into());
        understood(model.into(), "segment", place)
    };
    // What evaluation asks for is cloned each time, and these need nothing more.
    let bare = |rules: Value| {
        let model =
            json!({"key": key, "version": 0, "salt": "", "included": [], "excluded": [], "rules": rules});
        understood(model, "segment", place)
    };
    let form = match big {
        None => Form::Ordinary(Box::new(OrdinaryForm {
            plain: with(Some(&lists), rules.clone())?,
            rules,
            marked: OnceLock::new(),
        })),
        Some(payload::Big { generation, context_kind }) => Form::Big(Box::new(BigForm {
            segment_ref: generation.map(|generation| SegmentRef::from_store(format!("{key}.g{generation}"))),
            context_kind,
            // A rule without clauses matches whatever the context.
            included: bare(json!([{"clauses": []}]))?,
            excluded: bare(json!([]))?,
            rules: if rules.is_empty() { None } else { Some(with(None, marked(rules, number))?) },
        })),
    };
    let question = json!({
        "key": "", "on": true, "salt": "", "variations": [false, true], "fallthrough": {"variation": 0},
        "targets": [], "prerequisites": [],
        "rules": [{"clauses": [ask(place, false)], "variation": 1, "trackEvents": false}],
    });
    Ok(SegmentEntry {
        key: key.into(),
        form,
        question: understood(question, "segment", place)?,
        rule_ids: rule_ids.into_iter().map(|id| id.map(Into::into)).collect(),
        too_long,
        number,
    })
}

/// Has rules tell how far evaluation comes: each asks for a mark once its clauses match, and a last rule, which never
/// matches, once none has.
fn marked(mut rules: Vec<Value>, number: usize) -> Vec<Value> {
    for (index, rule) in rules.iter_mut().enumerate() {
        let clauses = rule["clauses"].as_array_mut().expect("the schema has written a list");
        clauses.push(ask(&format!("{MARK}{number}.{index}"), true));
    }
    rules.push(json!({"clauses": [ask(&format!("{MARK}{number}"), false)]}));
    rules
}

/// A clause that asks for a segment.
fn ask(segment_key: &str, negate: bool) -> Value {
    json!({"attribute": "key", "op": "segmentMatch", "values": [segment_key], "negate": negate})
}

/// Has the official crate read what the schema wrote.
fn understood<T: serde::de::DeserializeOwned>(model: Value, what: &str, key: &str) -> Result<T> {
    serde_json::from_value(model).map_err(|_| {
        // Its own words would repeat what it found.
        invalid(format!("the {what} {key:?} is none that the evaluation understands"))
    })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
