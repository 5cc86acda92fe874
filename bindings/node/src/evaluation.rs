//! Evaluations, which cross the boundary as the JSON that answers serialise to; JavaScript reads each distinct text once.

use std::sync::Arc;

use bigseg_core::engine::{Explanation, Leased};
use bigseg_core::segment::{SegmentKind, classify};
use bigseg_core::{Context, Engine, Origin, Result};
use napi::bindgen_prelude::{AsyncTask, External};
use napi::{Env, Task};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::engine::NativeEngine;
use crate::error::Failure;
use crate::pending_calls::Outcome;

/// What is asked about a context; `lib/evaluation.ts` has the same numbers.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// What does this flag serve it?
    Flag,
    /// Is it in this segment?
    Segment,
    /// Why is it in this segment, or not?
    Explanation,
}

impl Question {
    pub(crate) fn of(number: f64) -> Self {
        match number as i64 {
            0 => Self::Flag,
            1 => Self::Segment,
            _ => Self::Explanation,
        }
    }

    /// Answers if that can be done without waiting, and says for how long. The caller's default stays in JavaScript.
    pub(crate) fn answer_now(
        self,
        engine: &Engine,
        key: &str,
        context: &Context,
    ) -> Result<Option<Leased<String>>> {
        Ok(match self {
            Self::Flag => engine.evaluate(key, context).leased().now()?.map(leased_text),
            Self::Segment => engine.segment_contains(key, context).leased().now()?.map(leased_text),
            Self::Explanation => None,
        })
    }

    /// Has the engine see that an answer was given again: what it takes has been used.
    pub(crate) fn note(self, engine: &Engine, key: &str, context: &Context) -> Result<()> {
        match self {
            Self::Flag => engine.evaluate(key, context).cached().map(drop),
            Self::Segment => engine.segment_contains(key, context).cached().map(drop),
            Self::Explanation => Ok(()),
        }
    }

    /// Answers, waiting for the store if need be.
    async fn answer(self, engine: &Engine, key: &str, context: &Context) -> Result<String> {
        Ok(match self {
            Self::Flag => text(&engine.evaluate(key, context).await?),
            Self::Segment => text(&engine.segment_contains(key, context).await?),
            Self::Explanation => text(&explanation(&engine.explain(key, context).await?)),
        })
    }
}

fn text(answer: &impl serde::Serialize) -> String {
    serde_json::to_string(answer).expect("answers have nothing that JSON cannot say")
}

fn leased_text(leased: Leased<impl serde::Serialize>) -> Leased<String> {
    Leased { answer: text(&leased.answer), valid_for: leased.valid_for }
}

fn explanation(explanation: &Explanation) -> Value {
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

#[napi]
impl NativeEngine {
    /// Begins to answer a question; the outcome is JSON.
    #[napi]
    pub fn begin_question(
        &self,
        env: Env,
        ticket: u32,
        question: u32,
        key: String,
        context: &External<Context>,
    ) {
        let (engine, context) = (self.engine().clone(), Context::clone(context));
        self.begin_call(env, ticket, async move {
            Outcome::Text(Question::of(question.into()).answer(&engine, &key, &context).await)
        });
    }

    /// Sets the flags and segments, from JSON.
    #[napi]
    pub fn set_data(&self, json: String) -> AsyncTask<Exchange> {
        self.exchange(Source::Json(json))
    }

    /// Does the same from a file, and remembers it.
    #[napi]
    pub fn load_data(&self, path: String) -> AsyncTask<Exchange> {
        self.exchange(Source::File(path))
    }

    /// Reads that file again, if it has changed.
    #[napi]
    pub fn reload_data(&self) -> AsyncTask<Exchange> {
        self.exchange(Source::SameFile)
    }

    fn exchange(&self, source: Source) -> AsyncTask<Exchange> {
        AsyncTask::new(Exchange { engine: self.engine().clone(), source })
    }
}

/// Where data come from.
enum Source {
    Json(String),
    File(String),
    SameFile,
}

/// Exchanges an engine's data, on a thread of Node's own pool.
pub struct Exchange {
    engine: Arc<Engine>,
    source: Source,
}

/// What became of an exchange.
#[napi(object, object_from_js = false)]
pub struct Exchanged {
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether there are other data now.
    pub changed: bool,
}

impl Task for Exchange {
    type Output = Result<bool>;
    type JsValue = Exchanged;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        Ok(match &self.source {
            Source::Json(json) => self.engine.set_data(json).map(|()| true),
            Source::File(path) => self.engine.load_data(path).map(|()| true),
            Source::SameFile => self.engine.reload_data(),
        })
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Exchanged> {
        Ok(match output {
            Ok(changed) => Exchanged { failure: None, changed },
            Err(e) => Exchanged { failure: Some(Failure::from(&e)), changed: false },
        })
    }
}

/// Returns the name of the kind of segment that a list makes; both are whole numbers.
#[napi(js_name = "classify")]
pub fn classify_list(entries: f64, context_kinds: f64) -> &'static str {
    // Beyond any list, a number saturates.
    let kind: SegmentKind = classify(entries as u64, context_kinds as u64);
    kind.name()
}
