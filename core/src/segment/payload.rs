//! Reads flags and segments as the service sends them, as leniently as the official SDKs, and writes them the way the
//! official crate wants them: what it needs and others may leave out is filled in, what evaluation has no use for is left out.

use launchdarkly_server_sdk_evaluation::Kind;
use serde_json::{Map, Value, json};

use super::context::DEFAULT_KIND;

/// With this begin the segment keys by which `evaluation_store.rs` follows an evaluation; no segment has such a key.
pub(super) const MARK: char = '\0';
/// Stands where the data name a context kind that cannot be, so that no context is of it.
const NO_SUCH_KIND: &str = "-.no.such.kind.-";

/// A field that is not what it must be. It does not say what is there: that may be a context key.
pub(super) struct Misshapen {
    path: String,
    wanted: &'static str,
}

/// A flag that was read.
pub(super) struct Flag {
    /// For the official crate.
    pub(super) model: Value,
    /// What it serves.
    pub(super) variations: Vec<Value>,
    /// The keys of its prerequisites.
    pub(super) prerequisites: Vec<String>,
    /// The keys of the segments its rules ask for.
    pub(super) segments: Vec<String>,
}

/// A segment that was read.
pub(super) struct Segment {
    /// Its key.
    pub(super) key: String,
    /// For the official crate, without lists and rules.
    pub(super) frame: Map<String, Value>,
    /// Its lists, for the official crate.
    pub(super) lists: Map<String, Value>,
    /// Its rules, for the official crate.
    pub(super) rules: Vec<Value>,
    /// Its rules' identifiers.
    pub(super) rule_ids: Vec<Option<String>>,
    /// What makes it a big one.
    pub(super) big: Option<Big>,
    /// The keys of the segments its rules ask for.
    pub(super) segments: Vec<String>,
}

/// What makes a segment a big one.
pub(super) struct Big {
    pub(super) generation: Option<i64>,
    pub(super) context_kind: String,
}

type Reading<T> = Result<T, Misshapen>;
type Fields = Map<String, Value>;

/// Reads a flag; `None` for one that was deleted.
pub(super) fn flag(value: &Value) -> Reading<Option<Flag>> {
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
        // What they are does not matter to the evaluation, only how many.
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

/// Reads a segment; `None` for one that was deleted.
pub(super) fn segment(value: &Value) -> Reading<Option<Segment>> {
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
    let (generation, context_kind) = (
        integer(fields, "generation")?,
        text(fields, "unboundedContextKind")?.filter(|kind| !kind.is_empty()),
    );
    let big = boolean(fields, "unbounded")?
        .then(|| Big { generation, context_kind: context_kind.unwrap_or(DEFAULT_KIND).to_owned() });
    Ok(Some(Segment { key, frame, lists, rules, rule_ids, big, segments }))
}

fn flag_rule(fields: &Fields, segments: &mut Vec<String>) -> Reading<Value> {
    let mut rule = variation_or_rollout(fields)?;
    rule.insert("id".into(), text(fields, "id")?.unwrap_or_default().into());
    rule.insert("clauses".into(), clauses(fields, segments)?);
    rule.insert("trackEvents".into(), false.into());
    Ok(rule.into())
}

fn segment_rule(fields: &Fields, segments: &mut Vec<String>) -> Reading<Value> {
    let mut rule = Fields::new();
    rule.insert("clauses".into(), clauses(fields, segments)?);
    if let Some(weight) = integer(fields, "weight")? {
        // A negative one would count as none at all.
        rule.insert("weight".into(), weight.max(0).into());
    }
    bucketing(fields, "rolloutContextKind", &mut rule)?;
    Ok(rule.into())
}

fn variation_or_rollout(fields: &Fields) -> Reading<Fields> {
    let mut served = Fields::new();
    let rollout = optional(fields, "rollout", "an object", Value::as_object)?;
    let rollout = rollout.map(|fields| read_rollout(fields).map_err(|e| e.within("rollout"))).transpose()?;
    if let Some(variation) = integer(fields, "variation")? {
        served.insert("variation".into(), variation.into());
    } else if let Some(rollout) = rollout {
        served.insert("rollout".into(), rollout);
    }
    Ok(served)
}

fn read_rollout(fields: &Fields) -> Reading<Value> {
    let mut rollout = Fields::new();
    let is_experiment = text(fields, "kind")? == Some("experiment");
    rollout.insert("kind".into(), if is_experiment { "experiment" } else { "rollout" }.into());
    if let Some(seed) = integer(fields, "seed")? {
        rollout.insert("seed".into(), seed.into());
    }
    bucketing(fields, "contextKind", &mut rollout)?;
    required_list(fields, "variations")?;
    let variations = each(fields, "variations", |fields| {
        let (variation, weight) =
            (required_integer(fields, "variation")?, required_integer(fields, "weight")?);
        Ok(json!({"variation": variation, "weight": weight, "untracked": boolean(fields, "untracked")?}))
    })?;
    rollout.insert("variations".into(), variations.into());
    Ok(rollout.into())
}

/// Reads which context's which attribute decides; without a kind, the attribute is a name rather than a path.
fn bucketing(fields: &Fields, kind_name: &'static str, rule: &mut Fields) -> Reading<()> {
    if let Some(bucket_by) = text(fields, "bucketBy")?.filter(|name| !name.is_empty()) {
        rule.insert("bucketBy".into(), bucket_by.into());
    }
    if let Some(kind) = kind(fields, kind_name)? {
        rule.insert(kind_name.into(), kind.into());
    }
    Ok(())
}

fn clauses(fields: &Fields, segments: &mut Vec<String>) -> Reading<Value> {
    required_list(fields, "clauses")?;
    Ok(each(fields, "clauses", |fields| clause(fields, segments))?.into())
}

fn clause(fields: &Fields, segments: &mut Vec<String>) -> Reading<Value> {
    let operator = required_text(fields, "op")?;
    let mut values = required_list(fields, "values")?.to_vec();
    match operator {
        "segmentMatch" => {
            values.retain(|value| value.as_str().is_some_and(|key| !key.starts_with(MARK)));
            segments.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        // The official crate would log what it was to be compared with, and that may be a context key.
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

fn target(fields: &Fields) -> Reading<Value> {
    required_list(fields, "values")?;
    Ok(json!({
        "contextKind": kind(fields, "contextKind")?.unwrap_or(DEFAULT_KIND),
        "variation": required_integer(fields, "variation")?,
        "values": strings(fields, "values")?,
    }))
}

/// Reads a context kind; an empty one is none.
fn kind<'a>(fields: &'a Fields, name: &'static str) -> Reading<Option<&'a str>> {
    let kind = text(fields, name)?.filter(|kind| !kind.is_empty());
    Ok(kind.map(|kind| if Kind::try_from(kind).is_ok() { kind } else { NO_SUCH_KIND }))
}

fn object(value: &Value) -> Reading<&Fields> {
    value.as_object().ok_or(Misshapen { path: String::new(), wanted: "an object" })
}

/// Reads a field that may be absent or null.
fn optional<'a, T>(
    fields: &'a Fields,
    name: &'static str,
    wanted: &'static str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Reading<Option<T>> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| missing(name, wanted)),
    }
}

fn text<'a>(fields: &'a Fields, name: &'static str) -> Reading<Option<&'a str>> {
    optional(fields, name, "a string", Value::as_str)
}

fn required_text<'a>(fields: &'a Fields, name: &'static str) -> Reading<&'a str> {
    text(fields, name)?.ok_or_else(|| missing(name, "a string"))
}

fn boolean(fields: &Fields, name: &'static str) -> Reading<bool> {
    Ok(optional(fields, name, "true or false", Value::as_bool)?.unwrap_or(false))
}

fn integer(fields: &Fields, name: &'static str) -> Reading<Option<i64>> {
    optional(fields, name, "an integer", Value::as_i64)
}

fn required_integer(fields: &Fields, name: &'static str) -> Reading<i64> {
    integer(fields, name)?.ok_or_else(|| missing(name, "an integer"))
}

fn list<'a>(fields: &'a Fields, name: &'static str) -> Reading<&'a [Value]> {
    Ok(optional(fields, name, "a list", Value::as_array)?.map_or(&[], Vec::as_slice))
}

fn required_list<'a>(fields: &'a Fields, name: &'static str) -> Reading<&'a [Value]> {
    optional(fields, name, "a list", Value::as_array)?
        .map(Vec::as_slice)
        .ok_or_else(|| missing(name, "a list"))
}

fn strings<'a>(fields: &'a Fields, name: &'static str) -> Reading<Vec<&'a str>> {
    let texts = list(fields, name)?.iter().map(Value::as_str);
    texts.collect::<Option<_>>().ok_or_else(|| missing(name, "a list of strings"))
}

/// Reads a list of objects, one by one.
fn each<T>(
    fields: &Fields,
    name: &'static str,
    mut read: impl FnMut(&Fields) -> Reading<T>,
) -> Reading<Vec<T>> {
    let items = list(fields, name)?.iter().enumerate();
    let read = items.map(|(index, item)| {
        object(item).and_then(&mut read).map_err(|e| e.within(&format!("{name}[{index}]")))
    });
    read.collect()
}

fn missing(name: &'static str, wanted: &'static str) -> Misshapen {
    Misshapen { path: name.to_owned(), wanted }
}

impl Misshapen {
    fn within(self, outer: &str) -> Self {
        let path = if self.path.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.path) };
        Self { path, ..self }
    }

    /// Says what is wrong, for a message that goes on about `what`.
    pub(super) fn complaint(&self, what: &str) -> String {
        match self.path.as_str() {
            "" => format!("{what} is not {}", self.wanted),
            path => format!("{what}: {path} is not {}", self.wanted),
        }
    }
}
