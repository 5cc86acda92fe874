//! Parses flags and segments as the service sends them, as leniently as the official SDKs.
//!
//! The result is JSON for the evaluation crate: fields that it requires and the service may omit
//! are filled in, and fields that do not affect evaluation are left out.

use launchdarkly_server_sdk_evaluation::Kind;
use serde_json::{Map, Value, json};

use super::context::DEFAULT_KIND;

/// The first character of the segment keys by which `variants.rs` traces rules. Clauses in the data
/// cannot refer to them.
pub(super) const TRACE_PREFIX: char = '\0';
/// Replaces a context kind that is not valid. It is not valid either, so no context has it.
const INVALID_KIND: &str = "-.no.such.kind.-";

/// A field that does not have the required type. It does not hold the field's value, because that
/// may be a context key.
pub(super) struct SchemaError {
    path: String,
    expected: &'static str,
}

/// A parsed flag.
pub(super) struct Flag {
    /// The flag, for the evaluation crate.
    pub(super) model: Value,
    /// The values that the flag can serve.
    pub(super) variations: Vec<Value>,
    /// The keys of the prerequisite flags.
    pub(super) prerequisites: Vec<String>,
    /// The keys of the segments that rules refer to.
    pub(super) segments: Vec<String>,
}

/// A parsed segment.
pub(super) struct Segment {
    pub(super) key: String,
    /// The segment, for the evaluation crate, without lists and rules.
    pub(super) frame: Map<String, Value>,
    /// The lists, for the evaluation crate.
    pub(super) lists: Map<String, Value>,
    /// The rules, for the evaluation crate.
    pub(super) rules: Vec<Value>,
    /// The identifiers of the rules.
    pub(super) rule_ids: Vec<Option<String>>,
    /// Set for a big segment.
    pub(super) big: Option<Big>,
    /// The keys of the segments that rules refer to.
    pub(super) segments: Vec<String>,
}

/// The fields of a big segment.
pub(super) struct Big {
    pub(super) generation: Option<i64>,
    pub(super) context_kind: String,
}

type Parsed<T> = Result<T, SchemaError>;
type Fields = Map<String, Value>;

/// Parses a flag; `None` for a deleted flag.
pub(super) fn flag(value: &Value) -> Parsed<Option<Flag>> {
    let fields = object(value)?;
    integer(fields, "version")?.ok_or_else(|| missing("version", "an integer"))?;
    if boolean(fields, "deleted")? {
        return Ok(None);
    }
    let mut segments = Vec::new();
    let variations = list(fields, "variations")?.to_vec();
    let prerequisites = each(fields, "prerequisites", |fields| {
        let key = required_text(fields, "key")?.to_owned();
        Ok((key, required_integer(fields, "variation")?))
    })?;
    let rules = each(fields, "rules", |fields| flag_rule(fields, &mut segments))?;
    let fallthrough = match optional(fields, "fallthrough", "an object", Value::as_object)? {
        Some(fields) => variation_or_rollout(fields).map_err(|e| e.within("fallthrough"))?,
        None => Fields::new(),
    };
    let model = json!({
        "key": required_text(fields, "key")?,
        "on": boolean(fields, "on")?,
        "salt": text(fields, "salt")?.unwrap_or_default(),
        // Evaluation needs only their number: it returns an index.
        "variations": vec![Value::Bool(true); variations.len()],
        "offVariation": integer(fields, "offVariation")?,
        "fallthrough": fallthrough,
        "prerequisites":
            prerequisites.iter().map(|(key, variation)| json!({"key": key, "variation": variation})).collect::<Vec<_>>(),
        "targets": each(fields, "targets", target)?,
        "contextTargets": each(fields, "contextTargets", target)?,
        "rules": rules,
    });
    let prerequisites = prerequisites.into_iter().map(|(key, _)| key).collect();
    Ok(Some(Flag { model, variations, prerequisites, segments }))
}

/// Parses a segment; `None` for a deleted segment.
pub(super) fn segment(value: &Value) -> Parsed<Option<Segment>> {
    let fields = object(value)?;
    integer(fields, "version")?.ok_or_else(|| missing("version", "an integer"))?;
    if boolean(fields, "deleted")? {
        return Ok(None);
    }
    let mut segments = Vec::new();
    let key = required_text(fields, "key")?.to_owned();
    let mut frame = Fields::new();
    frame.insert("key".into(), key.as_str().into());
    frame.insert("version".into(), 0.into());
    frame.insert("salt".into(), text(fields, "salt")?.unwrap_or_default().into());
    let mut lists = Fields::new();
    for name in ["included", "excluded"] {
        lists.insert(name.into(), strings(fields, name)?.into());
    }
    for name in ["includedContexts", "excludedContexts"] {
        let targets = each(fields, name, |fields| {
            required_list(fields, "values")?;
            let kind = kind(fields, "contextKind")?.unwrap_or(DEFAULT_KIND);
            Ok(json!({"contextKind": kind, "values": strings(fields, "values")?}))
        })?;
        lists.insert(name.into(), targets.into());
    }
    let rules = each(fields, "rules", |fields| segment_rule(fields, &mut segments))?;
    let rule_ids = list(fields, "rules")?.iter().map(|rule| Some(rule["id"].as_str()?.to_owned())).collect();
    let generation = integer(fields, "generation")?;
    let context_kind = text(fields, "unboundedContextKind")?.filter(|kind| !kind.is_empty());
    let big = boolean(fields, "unbounded")?
        .then(|| Big { generation, context_kind: context_kind.unwrap_or(DEFAULT_KIND).to_owned() });
    Ok(Some(Segment { key, frame, lists, rules, rule_ids, big, segments }))
}

fn flag_rule(fields: &Fields, segments: &mut Vec<String>) -> Parsed<Value> {
    let mut rule = variation_or_rollout(fields)?;
    rule.insert("id".into(), text(fields, "id")?.unwrap_or_default().into());
    rule.insert("clauses".into(), clauses(fields, segments)?);
    rule.insert("trackEvents".into(), false.into());
    Ok(rule.into())
}

fn segment_rule(fields: &Fields, segments: &mut Vec<String>) -> Parsed<Value> {
    let mut rule = Fields::new();
    rule.insert("clauses".into(), clauses(fields, segments)?);
    if let Some(weight) = integer(fields, "weight")? {
        // The evaluation crate treats a negative weight as missing, so that the rule would match
        // every context.
        rule.insert("weight".into(), weight.max(0).into());
    }
    bucketing(fields, "rolloutContextKind", &mut rule)?;
    Ok(rule.into())
}

fn variation_or_rollout(fields: &Fields) -> Parsed<Fields> {
    let mut served = Fields::new();
    let rollout = optional(fields, "rollout", "an object", Value::as_object)?;
    let rollout = rollout.map(|fields| rollout_model(fields).map_err(|e| e.within("rollout"))).transpose()?;
    if let Some(variation) = integer(fields, "variation")? {
        served.insert("variation".into(), variation.into());
    } else if let Some(rollout) = rollout {
        served.insert("rollout".into(), rollout);
    }
    Ok(served)
}

fn rollout_model(fields: &Fields) -> Parsed<Value> {
    let mut rollout = Fields::new();
    let is_experiment = text(fields, "kind")? == Some("experiment");
    rollout.insert("kind".into(), if is_experiment { "experiment" } else { "rollout" }.into());
    if let Some(seed) = integer(fields, "seed")? {
        rollout.insert("seed".into(), seed.into());
    }
    bucketing(fields, "contextKind", &mut rollout)?;
    required_list(fields, "variations")?;
    let variations = each(fields, "variations", |fields| {
        let variation = required_integer(fields, "variation")?;
        let weight = required_integer(fields, "weight")?;
        Ok(json!({"variation": variation, "weight": weight, "untracked": boolean(fields, "untracked")?}))
    })?;
    rollout.insert("variations".into(), variations.into());
    Ok(rollout.into())
}

/// Parses which attribute of which context kind decides the bucket. Without a kind, `bucketBy` is a
/// name, not a path.
fn bucketing(fields: &Fields, kind_name: &'static str, rule: &mut Fields) -> Parsed<()> {
    if let Some(bucket_by) = text(fields, "bucketBy")?.filter(|name| !name.is_empty()) {
        rule.insert("bucketBy".into(), bucket_by.into());
    }
    if let Some(kind) = kind(fields, kind_name)? {
        rule.insert(kind_name.into(), kind.into());
    }
    Ok(())
}

fn clauses(fields: &Fields, segments: &mut Vec<String>) -> Parsed<Value> {
    required_list(fields, "clauses")?;
    Ok(each(fields, "clauses", |fields| clause(fields, segments))?.into())
}

fn clause(fields: &Fields, segments: &mut Vec<String>) -> Parsed<Value> {
    let operator = required_text(fields, "op")?;
    let mut values = required_list(fields, "values")?.to_vec();
    match operator {
        "segmentMatch" => {
            values.retain(|value| value.as_str().is_some_and(|key| !key.starts_with(TRACE_PREFIX)));
            segments.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        // An invalid pattern never matches. The evaluation crate would log the value that it is
        // compared with, which may be a context key.
        "matches" => {
            values.retain(|value| value.as_str().is_some_and(|text| regex::Regex::new(text).is_ok()))
        }
        _ => {}
    }
    let mut clause = Fields::new();
    clause.insert("attribute".into(), required_text(fields, "attribute")?.into());
    clause.insert("op".into(), operator.into());
    clause.insert("values".into(), values.into());
    clause.insert("negate".into(), boolean(fields, "negate")?.into());
    if let Some(kind) = kind(fields, "contextKind")? {
        clause.insert("contextKind".into(), kind.into());
    }
    Ok(clause.into())
}

fn target(fields: &Fields) -> Parsed<Value> {
    required_list(fields, "values")?;
    Ok(json!({
        "contextKind": kind(fields, "contextKind")?.unwrap_or(DEFAULT_KIND),
        "variation": required_integer(fields, "variation")?,
        "values": strings(fields, "values")?,
    }))
}

/// Parses a context kind; an empty text means that the kind is not given.
fn kind<'a>(fields: &'a Fields, name: &'static str) -> Parsed<Option<&'a str>> {
    let kind = text(fields, name)?.filter(|kind| !kind.is_empty());
    Ok(kind.map(|kind| if Kind::try_from(kind).is_ok() { kind } else { INVALID_KIND }))
}

fn object(value: &Value) -> Parsed<&Fields> {
    value.as_object().ok_or(SchemaError { path: String::new(), expected: "an object" })
}

/// Parses a field that may be absent or null.
fn optional<'a, T>(
    fields: &'a Fields,
    name: &'static str,
    expected: &'static str,
    parse: impl Fn(&'a Value) -> Option<T>,
) -> Parsed<Option<T>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => parse(value).map(Some).ok_or_else(|| missing(name, expected)),
    }
}

fn text<'a>(fields: &'a Fields, name: &'static str) -> Parsed<Option<&'a str>> {
    optional(fields, name, "a string", Value::as_str)
}

fn required_text<'a>(fields: &'a Fields, name: &'static str) -> Parsed<&'a str> {
    text(fields, name)?.ok_or_else(|| missing(name, "a string"))
}

fn boolean(fields: &Fields, name: &'static str) -> Parsed<bool> {
    Ok(optional(fields, name, "true or false", Value::as_bool)?.unwrap_or(false))
}

fn integer(fields: &Fields, name: &'static str) -> Parsed<Option<i64>> {
    optional(fields, name, "an integer", Value::as_i64)
}

fn required_integer(fields: &Fields, name: &'static str) -> Parsed<i64> {
    integer(fields, name)?.ok_or_else(|| missing(name, "an integer"))
}

fn list<'a>(fields: &'a Fields, name: &'static str) -> Parsed<&'a [Value]> {
    Ok(optional(fields, name, "a list", Value::as_array)?.map_or(&[], Vec::as_slice))
}

fn required_list<'a>(fields: &'a Fields, name: &'static str) -> Parsed<&'a [Value]> {
    optional(fields, name, "a list", Value::as_array)?
        .map(Vec::as_slice)
        .ok_or_else(|| missing(name, "a list"))
}

fn strings<'a>(fields: &'a Fields, name: &'static str) -> Parsed<Vec<&'a str>> {
    let texts = list(fields, name)?.iter().map(Value::as_str);
    texts.collect::<Option<_>>().ok_or_else(|| missing(name, "a list of strings"))
}

/// Parses a list of objects.
fn each<T>(
    fields: &Fields,
    name: &'static str,
    mut parse: impl FnMut(&Fields) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let items = list(fields, name)?.iter().enumerate();
    let parsed = items.map(|(index, item)| {
        object(item).and_then(&mut parse).map_err(|e| e.within(&format!("{name}[{index}]")))
    });
    parsed.collect()
}

fn missing(name: &'static str, expected: &'static str) -> SchemaError {
    SchemaError { path: name.to_owned(), expected }
}

impl SchemaError {
    fn within(self, outer: &str) -> Self {
        let path = if self.path.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.path) };
        Self { path, ..self }
    }

    /// Returns the error message; `item` names the flag or segment.
    pub(super) fn message(&self, item: &str) -> String {
        match self.path.as_str() {
            "" => format!("{item} is not {}", self.expected),
            path => format!("{item}: {path} is not {}", self.expected),
        }
    }
}
