//! What the evaluations of flags and segments share: arguments, outputs and callbacks.

use bigseg::{Engine, Result};

use crate::callback::{Completion, Userdata, complete};
use crate::context::bigseg_context;
use crate::engine::bigseg_engine;
use crate::guard::non_null;
use crate::optional::segment::{self, Context};
use crate::text::bigseg_str;

/// The validated arguments of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    engine: &'a Engine,
    key: &'a str,
    context: &'a Context,
}

impl<'a> Query<'a> {
    /// Validates the arguments; `key_name` is the name of the parameter `key`.
    pub(crate) fn new(
        engine: Option<&'a bigseg_engine>,
        key: bigseg_str,
        key_name: &str,
        context: Option<&'a bigseg_context>,
    ) -> Result<Self> {
        segment::require()?;
        let engine = bigseg_engine::get(engine)?;
        let key = key.utf8(key_name)?;
        let context = &non_null(context, "context")?.context;
        Ok(Self { engine, key, context })
    }

    /// Runs the query, and writes a handle to `output`, or NULL for `None`.
    pub(crate) fn answer_into<R, H: From<R>>(
        self,
        output: Option<&mut *mut H>,
        output_name: &str,
        run: impl FnOnce(&Engine, &str, &Context) -> Result<Option<R>>,
    ) -> Result<()> {
        let output = non_null(output, output_name)?;
        let answer = run(self.engine, self.key, self.context)?;
        *output = answer.map_or(std::ptr::null_mut(), |answer| Box::into_raw(Box::new(H::from(answer))));
        Ok(())
    }

    /// Starts the query by `start`, which calls the function that it receives with the result.
    pub(crate) fn answer_then<R: 'static, H: From<R> + 'static>(
        self,
        callback: Option<Completion<H>>,
        userdata: Userdata,
        start: impl FnOnce(&Engine, &str, &Context, Box<dyn FnOnce(Result<R>) + Send>) -> Result<()>,
    ) -> Result<()> {
        let callback = non_null(callback, "callback")?;
        let done = move |answer: Result<R>| complete(callback, &userdata, answer.map(H::from));
        start(self.engine, self.key, self.context, Box::new(done))
    }
}
