//! Reads the files of tests/vectors.

use serde_json::Value;

/// Reads `tests/vectors/NAME.json`.
pub(crate) fn file(name: &str) -> Value {
    let path = format!("{}/../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Returns a list that must not be empty: a file that lost its cases is a defect.
pub(crate) fn cases<'a>(file: &'a Value, name: &str) -> &'a [Value] {
    let cases = file[name].as_array().unwrap_or_else(|| panic!("no list {name}"));
    assert!(!cases.is_empty(), "{name} has no cases");
    cases
}

/// Returns a string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// Returns a list of strings; empty when absent.
#[allow(dead_code, reason = "not every test program uses it")]
pub(crate) fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|item| text(item).to_owned()).collect()
}

/// Returns the error a case expects.
#[allow(dead_code, reason = "not every test program uses it")]
pub(crate) fn expected_error(case: &Value) -> Option<&str> {
    case["error"].as_str()
}
