//! The context that is evaluated: who or what it is about.

use bigseg_core::{Error, ErrorKind};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PyString};

use crate::argument::wrong_type;
use crate::error::raised;
use crate::json::value_of;

/// A context, read once, to be evaluated often; immutable. It shows none of its keys and attributes.
#[pyclass(frozen, module = "bigseg")]
#[derive(Clone)]
pub(crate) struct Context(pub(crate) bigseg_core::Context);

#[pymethods]
impl Context {
    /// Reads a context.
    #[new]
    #[pyo3(signature = (context, /))]
    fn new(context: &Bound<'_, PyAny>) -> PyResult<Self> {
        match context.cast::<Self>() {
            Ok(known) => Ok(known.get().clone()),
            Err(_) => read(context).map(Self),
        }
    }

    /// The kinds of its individual contexts, sorted.
    #[getter]
    fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<_> = self.0.kinds().collect();
        kinds.sort_unstable();
        kinds
    }

    fn __repr__(&self) -> String {
        format!("<Context: {}>", self.kinds().join(", "))
    }
}

/// A context given as an argument: one that was read before, or one that was read for this call.
pub(crate) enum Given<'a, 'py> {
    Known(&'a Bound<'py, Context>),
    Read(Box<bigseg_core::Context>),
}

impl Given<'_, '_> {
    pub(crate) fn get(&self) -> &bigseg_core::Context {
        match self {
            Self::Known(context) => &context.get().0,
            Self::Read(context) => context,
        }
    }

    pub(crate) fn into_owned(self) -> bigseg_core::Context {
        match self {
            Self::Known(context) => context.get().0.clone(),
            Self::Read(context) => *context,
        }
    }
}

/// Takes a context in any of its forms.
pub(crate) fn given<'a, 'py>(context: &'a Bound<'py, PyAny>) -> PyResult<Given<'a, 'py>> {
    match context.cast::<Context>() {
        Ok(context) => Ok(Given::Known(context)),
        Err(_) => Ok(Given::Read(Box::new(read(context)?))),
    }
}

fn read(context: &Bound<'_, PyAny>) -> PyResult<bigseg_core::Context> {
    let py = context.py();
    let read = if let Some(json) = json_text(context, "the context")? {
        bigseg_core::Context::parse(json)
    } else if context.cast::<PyMapping>().is_ok() {
        bigseg_core::Context::from_value(value_of(context, "the context")?)
    } else if let Some(written) = context.getattr_opt(intern!(py, "to_dict"))? {
        bigseg_core::Context::from_value(value_of(&written.call0()?, "the context")?)
    } else if let Some(written) = context.getattr_opt(intern!(py, "to_json_string"))? {
        let written = written.call0()?;
        bigseg_core::Context::parse(json_text(&written, "the context")?.unwrap_or_default())
    } else {
        return Err(wrong_type("a context is a Context of bigseg or of ldclient, a dict, or JSON", context));
    };
    read.map_err(|e| raised(py, &e))
}

/// Borrows JSON text, which is a `str` or UTF-8 `bytes`; `None` when it is something else.
pub(crate) fn json_text<'a>(text: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Option<&'a str>> {
    let not_utf8 = || {
        // Python's own error holds the text, so that it must not be passed on.
        let message = format!("{what} is not UTF-8");
        raised(text.py(), &Error::new(ErrorKind::InvalidArgument, message))
    };
    if let Ok(text) = text.cast::<PyString>() {
        text.to_str().map(Some).map_err(|_| not_utf8())
    } else if let Ok(bytes) = text.cast::<PyBytes>() {
        std::str::from_utf8(bytes.as_bytes()).map(Some).map_err(|_| not_utf8())
    } else {
        Ok(None)
    }
}
