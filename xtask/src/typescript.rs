//! Writes the Node package's share of the tables.

use crate::region::{default_sentence, replace, wrap};
use crate::result::Result;
use crate::tables::{OptionKind, StoreOptionKind, Tables, camel_case};

/// The width of a line of TypeScript.
const WIDTH: usize = 100;

/// Updates `errors.ts`.
pub(crate) fn errors(file: &str, tables: &Tables) -> Result<String> {
    let mut lines = Vec::new();
    for (nth, kind) in tables.error_kinds.iter().enumerate() {
        lines.extend(comment(&kind.text.typescript(tables)));
        let end = if nth + 1 == tables.error_kinds.len() { ";" } else { "" };
        lines.push(format!("  | \"{}\"{end}", kind.name));
    }
    replace(file, "kinds", &lines)
}

/// Updates `options.ts`.
pub(crate) fn options(file: &str, tables: &Tables) -> Result<String> {
    let mut fields = Vec::new();
    for option in &tables.options {
        let annotation = match option.kind {
            OptionKind::Count { .. } | OptionKind::Duration { .. } => "number",
            OptionKind::OptionalDuration { .. } => "number | null",
            OptionKind::AutoOrOff => "\"auto\" | \"off\"",
            OptionKind::Clock => "ManualClock",
        };
        let text = option.text.typescript(tables);
        let default = default_sentence(&option.kind.default_in_milliseconds());
        fields.extend(comment(&format!("{text} {default}")));
        fields.push(format!("  {}?: {annotation};", camel_case(&option.name)));
    }
    let file = replace(file, "options", &fields)?;
    let names: Vec<String> =
        tables.options.iter().map(|option| format!("  {}: true,", camel_case(&option.name))).collect();
    replace(&file, "names", &names)
}

/// Updates `store_options.ts`.
pub(crate) fn store_options(file: &str, tables: &Tables) -> Result<String> {
    let mut fields = Vec::new();
    for option in &tables.store_options {
        let (annotation, unit) = match &option.kind {
            StoreOptionKind::Text | StoreOptionKind::Path => ("string".to_owned(), ""),
            StoreOptionKind::Choice(words) => (words.join(" | "), ""),
            StoreOptionKind::Flag => ("boolean".to_owned(), ""),
            StoreOptionKind::Integer => ("number".to_owned(), ""),
            StoreOptionKind::Size => ("number | string".to_owned(), " In bytes, or a text such as `16G`."),
            StoreOptionKind::Duration => ("number".to_owned(), " In milliseconds."),
        };
        fields.extend(comment(&format!("{}{unit}", option.text.typescript(tables))));
        fields.push(format!("  {}?: {annotation};", camel_case(&option.name)));
    }
    replace(file, "store_options", &fields)
}

/// Updates `status.ts`.
pub(crate) fn metrics(file: &str, tables: &Tables) -> Result<String> {
    let mut lines = Vec::new();
    for metric in &tables.metrics {
        lines.extend(comment(&metric.text.typescript(tables)));
        lines.push(format!("  readonly {}: number;", camel_case(&metric.name)));
    }
    replace(file, "metrics", &lines)
}

/// Returns a documentation comment: on one line if it fits.
fn comment(text: &str) -> Vec<String> {
    let one_line = format!("/** {text} */");
    if one_line.chars().count() + 2 <= WIDTH {
        return wrap(&one_line, WIDTH).into_iter().map(|line| format!("  {line}")).collect();
    }
    let wrapped = wrap(text, WIDTH - "   * ".len()).into_iter().map(|line| format!("   * {line}"));
    std::iter::once("  /**".to_owned()).chain(wrapped).chain(["   */".to_owned()]).collect()
}
