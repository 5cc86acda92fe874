//! Writes the tables into the sources of the C ABI, from which the header is generated.

use crate::region::{default_sentence, replace, replace_comment, wrap};
use crate::result::Result;
use crate::tables::{EngineOption, ErrorKind, OptionKind, Tables};

/// The width of a comment, without its indentation and `/// `.
const WIDTH: usize = 92;

/// Updates `code.rs`.
pub(crate) fn codes(file: &str, tables: &Tables) -> Result<String> {
    let mut variants = Vec::new();
    let mut block = 0;
    for kind in &tables.error_kinds {
        if kind.number / 100 != block && block != 0 {
            variants.push(String::new());
        }
        block = kind.number / 100;
        variants.extend(wrap(&kind.text.c(), WIDTH).iter().map(|line| format!("    /// {line}")));
        variants.push(format!("    {} = {},", code(kind), kind.number));
    }
    let file = replace(file, "codes", &variants)?;
    let arms: Vec<String> = tables
        .error_kinds
        .iter()
        .map(|kind| format!("            ErrorKind::{} => Self::{},", kind.variant, code(kind)))
        .collect();
    replace(&file, "arms", &arms)
}

fn code(kind: &ErrorKind) -> String {
    format!("BIGSEG_{}", kind.name.to_ascii_uppercase())
}

/// Updates the comments of the setters in `config.rs`.
pub(crate) fn options(file: &str, tables: &Tables) -> Result<String> {
    let mut file = file.to_owned();
    for option in &tables.options {
        if let Some(comment) = setter_comment(option) {
            let declaration = format!("pub extern \"C\" fn bigseg_config_set_{}(", option.name);
            file = replace_comment(&file, &|line| line.starts_with(&declaration), &comment)
                .map_err(|e| format!("ffi/src/config.rs: {}: {e}", option.name))?;
        }
    }
    Ok(file)
}

/// Returns the comment of an option's setter; `None` for what C sets in another way.
fn setter_comment(option: &EngineOption) -> Option<Vec<String>> {
    let switch = format!("`bigseg_config_disable_{}`", option.name);
    let text = match option.kind {
        OptionKind::AutoOrOff | OptionKind::Clock => return None,
        OptionKind::OptionalDuration { .. } => option.text.c().replace("`None`", &switch),
        _ => option.text.c(),
    };
    let default = default_sentence(&option.kind.default_for_people());
    let mut lines = wrap(&format!("Sets `{}`. {text} {default}", option.name), WIDTH);
    lines.push(String::new());
    lines.push("Errors: `BIGSEG_INVALID_CONFIG` for a value out of bounds.".to_owned());
    Some(lines)
}

/// Updates the comments of the fields in `metrics.rs`.
pub(crate) fn metrics(file: &str, tables: &Tables) -> Result<String> {
    let mut file = file.to_owned();
    for metric in &tables.metrics {
        let field = format!("pub {}: u64,", metric.name);
        file = replace_comment(&file, &|line| line.trim() == field, &wrap(&metric.text.c(), WIDTH))
            .map_err(|e| format!("ffi/src/metrics.rs: {}: {e}", metric.name))?;
    }
    Ok(file)
}
