//! Generates `bigseg.h`: cbindgen translates each item, and the items are arranged by module.

use std::path::Path;

use crate::arrange::{Item, arrange};
use crate::result::Result;
use crate::source::Source;

const BEGIN: &str = include_str!("../header/begin.h");
const END: &str = include_str!("../header/end.h");
/// The ABI is versioned with the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the text of the header.
///
/// Fails if an item has no comment: the header is the documentation.
pub(crate) fn generate(crate_directory: &Path, source: &Source) -> Result<String> {
    let config = cbindgen::Config::from_file(crate_directory.join("cbindgen.toml"))?;
    let bindings = cbindgen::Builder::new().with_crate(crate_directory).with_config(config).generate()?;
    let mut translated = Vec::new();
    bindings.write(&mut translated);
    let items = items(&String::from_utf8(translated)?)?;
    for item in &items {
        item.check_documented()?;
    }
    Ok(format!("{}\n{}{END}", BEGIN.replace("{version}", VERSION), arrange(&items, source)?))
}

/// Splits cbindgen's output at its empty lines: one is between any two items, and none is inside.
fn items(translated: &str) -> Result<Vec<Item>> {
    translated
        .split("\n\n")
        .map(|text| text.trim_matches('\n'))
        .filter(|text| !text.is_empty() && !text.contains("extern \"C\""))
        .map(Item::new)
        .collect()
}
