//! Conversion between JSON values and Python objects.

use bigseg::{Error, ErrorKind};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use serde_json::{Map, Number, Value};

use crate::argument::wrong_type;
use crate::error::to_py_err;

/// The maximal depth of nesting, which is that of JSON text.
const MAX_DEPTH: usize = 127;

/// Converts a Python object to a JSON value. No error contains the object's content; `what` names
/// it.
pub(crate) fn to_json(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    Converter { what }.value(object, MAX_DEPTH)
}

/// Converts a JSON value to a Python object.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_bound_py_any(py),
            (None, Some(number)) => number.into_bound_py_any(py),
            (None, None) => number.as_f64().into_bound_py_any(py),
        },
        Value::String(text) => text.into_bound_py_any(py),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, items)?.into_any())
        }
        Value::Object(fields) => {
            let object = PyDict::new(py);
            for (name, value) in fields {
                object.set_item(name, to_python(py, value)?)?;
            }
            Ok(object.into_any())
        }
    }
}

/// Converts one Python object, and names it as `what` in errors.
struct Converter<'a> {
    what: &'a str,
}

impl Converter<'_> {
    fn value(&self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Value::String(self.text(text)?));
        }
        if object.is_none() {
            return Ok(Value::Null);
        }
        // Before `int`, because a `bool` is also an `int`.
        if let Ok(value) = object.cast::<PyBool>() {
            return Ok(Value::Bool(value.is_true()));
        }
        if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyFloat>() {
            return self.number(object).map(Value::Number);
        }
        let depth = depth.checked_sub(1).ok_or_else(|| self.invalid(object.py(), "is nested too deeply"))?;
        if let Ok(fields) = object.cast::<PyDict>() {
            return self.fields(fields.iter().map(Ok), depth);
        }
        if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
            let items = object.try_iter()?.map(|item| self.value(&item?, depth));
            return items.collect::<PyResult<_>>().map(Value::Array);
        }
        let Ok(mapping) = object.cast::<PyMapping>() else {
            return Err(wrong_type(&format!("{} must consist of JSON types", self.what), object));
        };
        let items = mapping.items()?;
        self.fields(items.iter().map(|item| item.extract()), depth)
    }

    fn fields<'py>(
        &self,
        fields: impl Iterator<Item = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)>>,
        depth: usize,
    ) -> PyResult<Value> {
        let mut object = Map::new();
        for field in fields {
            let (name, value) = field?;
            let Ok(name) = name.cast::<PyString>() else {
                return Err(wrong_type(&format!("a field name in {} is a str", self.what), &name));
            };
            object.insert(self.text(name)?, self.value(&value, depth)?);
        }
        Ok(Value::Object(object))
    }

    fn text(&self, text: &Bound<'_, PyString>) -> PyResult<String> {
        // Python's own error contains the text, so it is not passed on.
        let converted = text.to_str().map(str::to_owned);
        converted.map_err(|_| self.invalid(text.py(), "holds a lone surrogate, which is not UTF-8"))
    }

    fn number(&self, number: &Bound<'_, PyAny>) -> PyResult<Number> {
        if number.is_instance_of::<PyInt>() {
            if let Ok(number) = number.extract::<i64>() {
                return Ok(number.into());
            }
            if let Ok(number) = number.extract::<u64>() {
                return Ok(number.into());
            }
        }
        // A larger whole number becomes the nearest double, as in most JSON parsers.
        let double = number.extract::<f64>().ok().and_then(Number::from_f64);
        double.ok_or_else(|| self.invalid(number.py(), "holds a number that JSON cannot represent"))
    }

    fn invalid(&self, py: Python<'_>, why: &str) -> PyErr {
        to_py_err(py, &Error::new(ErrorKind::InvalidArgument, format!("{} {why}", self.what)))
    }
}
