//! Parses the context that a flag or segment is evaluated for.

use std::fmt;

use launchdarkly_server_sdk_evaluation as ld;
use serde_json::{Map, Value};

use crate::context_key::{ContextHash, ContextKey};
use crate::error::{Error, ErrorKind, Result};

/// The kind of a context, or of a big segment, that does not name its kind.
pub(super) const DEFAULT_KIND: &str = "user";

/// A context in the format of the SDKs: of one kind, of several kinds, or a legacy user. It can be
/// evaluated any number of times.
///
/// Keys and attributes are secret: neither `Debug` nor an error shows them.
#[derive(Clone)]
pub struct Context {
    model: ld::Context,
    individuals: Vec<Individual>,
}

/// The part of a context that has one kind, with the hash of its key.
#[derive(Clone)]
struct Individual {
    kind: String,
    hash: ContextHash,
}

impl Context {
    /// Parses JSON: `{"kind":"user","key":…}`, `{"kind":"multi","user":{…},"org":{…}}`, or a
    /// legacy user, `{"key":…,"custom":{…}}`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidContextKey`] when a key is empty; [`ErrorKind::InvalidArgument`] when
    /// the text is not JSON, or not a context. The message says what is wrong; it repeats no value.
    pub fn parse(json: &str) -> Result<Self> {
        let value = serde_json::from_str(json).map_err(|e| {
            invalid(format!("the context is not JSON (line {}, column {})", e.line(), e.column()))
        })?;
        Self::from_value(value)
    }

    /// Parses a JSON value; see [`Context::parse`] for the format.
    ///
    /// # Errors
    /// See [`Context::parse`].
    pub fn from_value(value: Value) -> Result<Self> {
        let individuals = check(&value)?;
        let model = serde_json::from_value(value).map_err(|_| {
            // The evaluation crate's message is withheld: it may repeat a value of the context.
            invalid("the context is not valid for the evaluation engine".to_owned())
        })?;
        Ok(Self { model, individuals })
    }

    /// Returns the hash of the individual context of that kind, if there is one.
    pub fn hash(&self, kind: &str) -> Option<ContextHash> {
        self.individuals.iter().find(|individual| individual.kind == kind).map(|individual| individual.hash)
    }

    /// Returns the kinds of its individual contexts.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.individuals.iter().map(|individual| individual.kind.as_str())
    }

    pub(super) fn model(&self) -> &ld::Context {
        &self.model
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context(secret)")
    }
}

/// Finds what the evaluation crate would reject, for an error that repeats no value, and hashes the
/// keys.
fn check(value: &Value) -> Result<Vec<Individual>> {
    let Value::Object(fields) = value else {
        return Err(invalid("the context is not a JSON object".to_owned()));
    };
    match fields.get("kind") {
        None => {
            check_user(fields)?;
            Ok(vec![individual(DEFAULT_KIND, fields)?])
        }
        Some(Value::String(kind)) if kind == "multi" => {
            let parts = fields.iter().filter(|(kind, _)| *kind != "kind");
            let individuals: Vec<_> =
                parts.map(|(kind, part)| check_part(kind, part)).collect::<Result<_>>()?;
            if individuals.is_empty() {
                return Err(invalid("a multi-kind context needs at least one context".to_owned()));
            }
            Ok(individuals)
        }
        Some(Value::String(kind)) => Ok(vec![check_part(kind, value)?]),
        Some(_) => Err(invalid("the context's kind is not a string".to_owned())),
    }
}

/// Checks a context of one kind.
fn check_part(kind: &str, part: &Value) -> Result<Individual> {
    if ld::Kind::try_from(kind).is_err() {
        return Err(invalid(
            "a context kind has letters, digits, '.', '_' and '-' only, and is neither \"kind\" nor \"multi\""
                .to_owned(),
        ));
    }
    let Value::Object(fields) = part else {
        return Err(invalid("a part of a multi-kind context is not a JSON object".to_owned()));
    };
    expect(fields, "name", "a string", Value::is_string)?;
    expect(fields, "anonymous", "true or false", Value::is_boolean)?;
    expect(fields, "_meta", "an object", Value::is_object)?;
    if let Some(Value::Object(meta)) = fields.get("_meta") {
        expect(meta, "secondary", "a string", Value::is_string)?;
        expect(meta, "privateAttributes", "a list of strings", is_list_of_strings)?;
    }
    individual(kind, fields)
}

/// Checks a legacy user.
fn check_user(fields: &Map<String, Value>) -> Result<()> {
    let string_fields = ["name", "secondary", "firstName", "lastName", "avatar", "email", "country", "ip"];
    for name in string_fields {
        expect(fields, name, "a string", Value::is_string)?;
    }
    expect(fields, "anonymous", "true or false", Value::is_boolean)?;
    expect(fields, "custom", "an object", Value::is_object)?;
    expect(fields, "privateAttributeNames", "a list of strings", is_list_of_strings)
}

fn individual(kind: &str, fields: &Map<String, Value>) -> Result<Individual> {
    let Some(Value::String(key)) = fields.get("key") else {
        return Err(invalid("the context, or a part of it, has no key that is a string".to_owned()));
    };
    let key = ContextKey::new(key)?;
    Ok(Individual { kind: kind.to_owned(), hash: key.hash() })
}

/// Checks the type of a field that may be absent or null.
fn expect(
    fields: &Map<String, Value>,
    name: &str,
    expected: &str,
    has_type: impl Fn(&Value) -> bool,
) -> Result<()> {
    match fields.get(name) {
        Some(value) if !value.is_null() && !has_type(value) => {
            Err(invalid(format!("the context's {name} is not {expected}")))
        }
        _ => Ok(()),
    }
}

fn is_list_of_strings(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
