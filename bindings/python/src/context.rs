//! Evaluation contexts.

use bigseg::{Error, ErrorKind};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PyString};

use crate::argument::wrong_type;
use crate::error::to_py_err;
use crate::json::to_json;

/// A parsed context, for repeated evaluation; immutable. Its `repr` shows no keys and no
/// attributes.
#[pyclass(frozen, module = "bigseg")]
#[derive(Clone)]
pub(crate) struct Context(pub(crate) bigseg::Context);

#[pymethods]
impl Context {
    /// Parses a context.
    #[new]
    #[pyo3(signature = (context, /))]
    fn new(context: &Bound<'_, PyAny>) -> PyResult<Self> {
        match context.cast::<Self>() {
            Ok(parsed) => Ok(parsed.get().clone()),
            Err(_) => parse(context).map(Self),
        }
    }

    /// The kinds of the individual contexts, sorted.
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

/// A context argument: a `Context` object, or another form that was parsed for this call.
pub(crate) enum ContextArgument<'a, 'py> {
    Object(&'a Bound<'py, Context>),
    Parsed(Box<bigseg::Context>),
}

impl<'a, 'py> ContextArgument<'a, 'py> {
    /// Accepts a context in any of its forms.
    pub(crate) fn new(context: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        match context.cast::<Context>() {
            Ok(object) => Ok(Self::Object(object)),
            Err(_) => Ok(Self::Parsed(Box::new(parse(context)?))),
        }
    }

    pub(crate) fn get(&self) -> &bigseg::Context {
        match self {
            Self::Object(object) => &object.get().0,
            Self::Parsed(context) => context,
        }
    }

    pub(crate) fn into_owned(self) -> bigseg::Context {
        match self {
            Self::Object(object) => object.get().0.clone(),
            Self::Parsed(context) => *context,
        }
    }
}

fn parse(context: &Bound<'_, PyAny>) -> PyResult<bigseg::Context> {
    let py = context.py();
    let parsed = if let Some(json) = json_text(context, "the context")? {
        bigseg::Context::parse(json)
    } else if context.cast::<PyMapping>().is_ok() {
        bigseg::Context::from_value(to_json(context, "the context")?)
    } else if let Some(to_dict) = context.getattr_opt(intern!(py, "to_dict"))? {
        bigseg::Context::from_value(to_json(&to_dict.call0()?, "the context")?)
    } else if let Some(to_json_string) = context.getattr_opt(intern!(py, "to_json_string"))? {
        let text = to_json_string.call0()?;
        bigseg::Context::parse(json_text(&text, "the context")?.unwrap_or_default())
    } else {
        return Err(wrong_type("a context is a Context of bigseg or of ldclient, a dict, or JSON", context));
    };
    parsed.map_err(|e| to_py_err(py, &e))
}

/// Borrows JSON text, which is a `str` or UTF-8 `bytes`; `None` for any other type.
pub(crate) fn json_text<'a>(text: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Option<&'a str>> {
    let not_utf8 = || {
        // Python's own error contains the text, so it is not passed on.
        let message = format!("{what} is not UTF-8");
        to_py_err(text.py(), &Error::new(ErrorKind::InvalidArgument, message))
    };
    if let Ok(text) = text.cast::<PyString>() {
        text.to_str().map(Some).map_err(|_| not_utf8())
    } else if let Ok(bytes) = text.cast::<PyBytes>() {
        std::str::from_utf8(bytes.as_bytes()).map(Some).map_err(|_| not_utf8())
    } else {
        Ok(None)
    }
}
