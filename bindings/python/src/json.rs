//! JSON as Python has it: `None`, `bool`, `int`, `float`, `str`, sequences and mappings.

use bigseg_core::{Error, ErrorKind};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use serde_json::{Map, Number, Value};

use crate::argument::wrong_type;
use crate::error::raised;

/// How deep it may be; as deep as JSON text may.
const MAX_DEPTH: usize = 127;

/// Reads an object of Python's as JSON; `what` is what it is part of. No error shows what it holds.
pub(crate) fn value_of(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    Reader { what }.value(object, MAX_DEPTH)
}

/// Makes the objects of Python's that JSON stands for.
pub(crate) fn object_of<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
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
            let items = items.iter().map(|item| object_of(py, item)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, items)?.into_any())
        }
        Value::Object(fields) => {
            let object = PyDict::new(py);
            for (name, value) in fields {
                object.set_item(name, object_of(py, value)?)?;
            }
            Ok(object.into_any())
        }
    }
}

struct Reader<'a> {
    what: &'a str,
}

impl Reader<'_> {
    fn value(&self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Value::String(self.text(text)?));
        }
        if object.is_none() {
            return Ok(Value::Null);
        }
        // An `int` as well.
        if let Ok(value) = object.cast::<PyBool>() {
            return Ok(Value::Bool(value.is_true()));
        }
        if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyFloat>() {
            return self.number(object).map(Value::Number);
        }
        let depth = depth.checked_sub(1).ok_or_else(|| self.refused(object.py(), "is too deep"))?;
        if let Ok(fields) = object.cast::<PyDict>() {
            return self.fields(fields.iter().map(Ok), depth);
        }
        if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
            let items = object.try_iter()?.map(|item| self.value(&item?, depth));
            return items.collect::<PyResult<_>>().map(Value::Array);
        }
        let Ok(mapping) = object.cast::<PyMapping>() else {
            return Err(wrong_type(&format!("{} is made of what JSON can say", self.what), object));
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
                return Err(wrong_type(&format!("a field's name in {} is a str", self.what), &name));
            };
            object.insert(self.text(name)?, self.value(&value, depth)?);
        }
        Ok(Value::Object(object))
    }

    fn text(&self, text: &Bound<'_, PyString>) -> PyResult<String> {
        // Python's own error holds the text, so that it must not be passed on.
        let read = text.to_str().map(str::to_owned);
        read.map_err(|_| self.refused(text.py(), "holds a lone surrogate, which is not UTF-8"))
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
        // A whole number that is larger becomes the nearest that JSON's readers agree on.
        let number_is = number.extract::<f64>().ok().and_then(Number::from_f64);
        number_is.ok_or_else(|| self.refused(number.py(), "holds a number that JSON cannot say"))
    }

    fn refused(&self, py: Python<'_>, why: &str) -> PyErr {
        raised(py, &Error::new(ErrorKind::InvalidArgument, format!("{} {why}", self.what)))
    }
}
