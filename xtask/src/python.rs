//! Writes the Python package's share of the tables.

use crate::region::{default_sentence, replace, wrap};
use crate::result::Result;
use crate::tables::{EngineOption, ErrorKind, Metric, OptionKind, StoreOption, StoreOptionKind, Tables};

/// The width of a line of Python.
const WIDTH: usize = 100;

/// Updates `errors.py`.
pub(crate) fn errors(file: &str, tables: &Tables) -> Result<String> {
    let kinds = &tables.error_kinds;
    let mut names: Vec<String> = kinds.iter().map(|kind| format!("    \"{}\",", exception(kind))).collect();
    names.sort();
    let file = replace(file, "names", &names)?;
    let members: Vec<String> = kinds
        .iter()
        .flat_map(|kind| {
            let member = format!("    {} = \"{}\"", kind.name.to_ascii_uppercase(), kind.name);
            std::iter::once(member).chain(docstring("    ", &kind.text.python()))
        })
        .collect();
    let file = replace(&file, "members", &members)?;
    let classes: Vec<String> = kinds.iter().flat_map(class).collect();
    let file = replace(&file, "exceptions", &classes)?;
    let tuple: Vec<String> = kinds.iter().map(|kind| format!("    {},", exception(kind))).collect();
    replace(&file, "tuple", &tuple)
}

/// Updates `options.py`.
pub(crate) fn options(file: &str, tables: &Tables) -> Result<String> {
    let lines: Vec<String> = tables.store_options.iter().flat_map(store_option).collect();
    let file = replace(file, "store_options", &lines)?;
    let lines: Vec<String> = tables.options.iter().flat_map(option).collect();
    replace(&file, "options", &lines)
}

/// Updates `status.py`.
pub(crate) fn metrics(file: &str, tables: &Tables) -> Result<String> {
    let lines: Vec<String> = tables.metrics.iter().flat_map(metric).collect();
    replace(file, "metrics", &lines)
}

fn exception(kind: &ErrorKind) -> String {
    let name = kind.variant.trim_end_matches("Error");
    // `CircuitOpenError`, but not `InternalErrorError`.
    format!("{name}Error")
}

fn class(kind: &ErrorKind) -> Vec<String> {
    // The exceptions of Python that a program may expect besides.
    let also = match kind.name.as_str() {
        name if name.starts_with("invalid_") => ", ValueError",
        name if name.ends_with("_timeout") => ", TimeoutError",
        _ => "",
    };
    let mut lines = vec![String::new(), String::new()];
    lines.push(format!("class {}(BigSegError{also}):", exception(kind)));
    lines.extend(docstring("    ", &kind.text.python()));
    lines.push(String::new());
    lines.push(format!("    kind = ErrorKind.{}", kind.name.to_ascii_uppercase()));
    lines.push(format!("    number = {}", kind.number));
    if kind.is_retryable {
        lines.push("    retryable = True".to_owned());
    }
    lines
}

fn option(option: &EngineOption) -> Vec<String> {
    let annotation = match option.kind {
        OptionKind::Count { .. } => "int",
        OptionKind::Duration { .. } => "Duration",
        OptionKind::OptionalDuration { .. } => "Duration | None",
        OptionKind::AutoOrOff => "Literal[\"auto\", \"off\"]",
        OptionKind::Clock => "ManualClock",
    };
    let default = option.kind.default_for_people().replace('`', "``");
    let mut lines = vec![format!("    {}: {annotation}", option.name)];
    lines.extend(docstring("    ", &format!("{} {}", option.text.python(), default_sentence(&default))));
    lines
}

fn store_option(option: &StoreOption) -> Vec<String> {
    let annotation = match &option.kind {
        StoreOptionKind::Text => "str".to_owned(),
        StoreOptionKind::Path => "str | os.PathLike[str]".to_owned(),
        StoreOptionKind::Choice(words) => format!("Literal[{}]", words.join(", ")),
        StoreOptionKind::Flag => "bool".to_owned(),
        StoreOptionKind::Integer | StoreOptionKind::Size => "int".to_owned(),
        StoreOptionKind::Duration => "Duration".to_owned(),
    };
    let mut lines = vec![format!("    {}: {annotation}", option.name)];
    lines.extend(docstring("    ", &option.text.python()));
    lines
}

fn metric(metric: &Metric) -> Vec<String> {
    let mut lines = vec![format!("    {}: int", metric.name)];
    lines.extend(docstring("    ", &metric.text.python()));
    lines
}

/// Returns a docstring: on one line if it fits.
fn docstring(indentation: &str, text: &str) -> Vec<String> {
    let one_line = format!("{indentation}\"\"\"{text}\"\"\"");
    if one_line.chars().count() <= WIDTH {
        return wrap(&format!("\"\"\"{text}\"\"\""), WIDTH)
            .into_iter()
            .map(|line| format!("{indentation}{line}"))
            .collect();
    }
    let mut lines: Vec<String> = wrap(&format!("\"\"\"{text}"), WIDTH - indentation.len())
        .into_iter()
        .map(|line| format!("{indentation}{line}"))
        .collect();
    lines.push(format!("{indentation}\"\"\""));
    lines
}
