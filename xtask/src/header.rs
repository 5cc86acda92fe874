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
    let begin = BEGIN.replace("{version}", VERSION).replace("{contents}", &contents(source)?);
    Ok(format!("{begin}\n{}{END}", arrange(&items, source)?))
}

/// Lists the titles of the header's sections.
fn contents(source: &Source) -> Result<String> {
    let mut contents = String::new();
    for module in &source.modules {
        let introduction = module.introduction()?;
        let title = introduction.first().ok_or("an introduction has a title")?;
        contents.push_str(&format!("//   - {title}\n"));
    }
    Ok(contents)
}

/// Splits cbindgen's output at its empty lines: there is one between two items, and none inside an
/// item.
fn items(translated: &str) -> Result<Vec<Item>> {
    translated
        .split("\n\n")
        .map(|text| text.trim_matches('\n'))
        .filter(|text| !text.is_empty() && !text.contains("extern \"C\""))
        .map(Item::new)
        .collect()
}
