//! Evaluation: contexts, flags, segments, and the data that they are evaluated with.
//!
//! Results cross the boundary as JSON; JavaScript parses each distinct text once.

use std::sync::Arc;

use bigseg::engine::{Explanation, Leased};
use bigseg::segment::{SegmentKind, classify};
use bigseg::{Context, Engine, Origin, Result};
use napi::bindgen_prelude::External;
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::error::{Failure, OrThrow};

/// Parses a context from JSON.
#[napi]
pub fn parse_context(json: String) -> crate::error::Result<External<Context>> {
    let size = json.len();
    Ok(External::new_with_size_hint(Context::parse(&json).or_throw()?, size))
}

/// Returns the kinds of the individual contexts, sorted.
#[napi]
pub fn context_kinds(context: &External<Context>) -> Vec<String> {
    let mut kinds: Vec<_> = context.kinds().map(str::to_owned).collect();
    kinds.sort_unstable();
    kinds
}

/// The kind of an evaluation; `lib/evaluation.ts` uses the same numbers.
#[derive(Clone, Copy)]
pub(crate) enum Query {
    /// The value of a flag.
    Flag,
    /// Whether a segment contains the context.
    Segment,
    /// Why a segment does or does not contain the context.
    Explanation,
}

impl Query {
    pub(crate) fn from_number(number: f64) -> Self {
        match number as i64 {
            0 => Self::Flag,
            1 => Self::Segment,
            _ => Self::Explanation,
        }
    }

    /// Evaluates without waiting, and returns how long the result is valid. `None` if the store
    /// would have to be queried. The caller's default value stays in JavaScript.
    pub(crate) fn evaluate_now(
        self,
        engine: &Engine,
        key: &str,
        context: &Context,
    ) -> Result<Option<Leased<String>>> {
        Ok(match self {
            Self::Flag => engine.evaluate(key, context).leased().now()?.map(to_leased_json),
            Self::Segment => engine.segment_contains(key, context).leased().now()?.map(to_leased_json),
            Self::Explanation => None,
        })
    }

    /// Records a hit of the L1 cache, so that the memberships in use are evicted last.
    pub(crate) fn record_l1_hit(self, engine: &Engine, key: &str, context: &Context) -> Result<()> {
        match self {
            Self::Flag => engine.evaluate(key, context).cached().map(drop),
            Self::Segment => engine.segment_contains(key, context).cached().map(drop),
            Self::Explanation => Ok(()),
        }
    }

    /// Evaluates, and waits for the store if necessary.
    pub(crate) async fn evaluate(self, engine: &Engine, key: &str, context: &Context) -> Result<String> {
        Ok(match self {
            Self::Flag => to_json(&engine.evaluate(key, context).await?),
            Self::Segment => to_json(&engine.segment_contains(key, context).await?),
            Self::Explanation => to_json(&explanation_json(&engine.explain(key, context).await?)),
        })
    }
}

fn to_json(result: &impl serde::Serialize) -> String {
    serde_json::to_string(result).expect("JSON can represent every result")
}

fn to_leased_json(leased: Leased<impl serde::Serialize>) -> Leased<String> {
    Leased { answer: to_json(&leased.answer), valid_for: leased.valid_for }
}

fn explanation_json(explanation: &Explanation) -> Value {
    let origin = explanation.origin.map(|origin| match origin {
        Origin::Store => "store",
        Origin::Cache { .. } => "cache",
        Origin::LastKnown { .. } => "last_known",
        Origin::Nothing => "nothing",
    });
    json!({
        "answer": explanation.answer,
        "hash": explanation.hash.map(|hash| hash.to_string()),
        "value": explanation.value,
        "origin": origin,
        "age": explanation.origin.map(|origin| origin.age().as_secs_f64() * 1e3),
        "embedded": explanation.embedded,
        "error": explanation.error.as_ref().map(|e| json!({"kind": e.kind().name(), "message": e.message()})),
    })
}

/// The source of new data.
pub(crate) enum DataSource {
    Json(String),
    File(String),
    SameFile,
}

/// Replaces the data of an engine, on a thread of Node's pool.
pub struct DataChange {
    engine: Arc<Engine>,
    source: DataSource,
}

/// The result of a data change.
#[napi(object, object_from_js = false)]
pub struct DataChanged {
    /// Why the change failed.
    pub failure: Option<Failure>,
    /// Whether the data are new.
    pub changed: bool,
}

impl DataChange {
    pub(crate) fn new(engine: &Arc<Engine>, source: DataSource) -> Self {
        Self { engine: engine.clone(), source }
    }
}

impl Task for DataChange {
    type Output = Result<bool>;
    type JsValue = DataChanged;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(match &self.source {
            DataSource::Json(json) => self.engine.set_data(json).map(|()| true),
            DataSource::File(path) => self.engine.load_data(path).map(|()| true),
            DataSource::SameFile => self.engine.reload_data(),
        })
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<DataChanged> {
        Ok(match output {
            Ok(changed) => DataChanged { failure: None, changed },
            Err(e) => DataChanged { failure: Some(Failure::from(&e)), changed: false },
        })
    }
}

/// Returns the kind of segment for a list; both arguments are whole numbers.
#[napi(js_name = "classify")]
pub fn classify_list(entries: f64, context_kinds: f64) -> &'static str {
    // A number beyond `u64` saturates.
    let kind: SegmentKind = classify(entries as u64, context_kinds as u64);
    kind.name()
}
