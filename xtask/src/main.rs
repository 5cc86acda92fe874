//! Generates files that are committed, and verifies that they are up to date:
//! `cargo run -p xtask -- generate`, `cargo run -p xtask -- verify`.

mod arrange;
mod c_comments;
mod header;
mod options_page;
mod python;
mod region;
mod result;
mod source;
mod tables;
mod typescript;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use result::Result;
use tables::Tables;

/// A file that is generated and committed, at least in part.
struct Generated {
    path: PathBuf,
    text: String,
}

/// Updates the generated part of a file.
type Update = fn(&str, &Tables) -> Result<String>;

/// The files with generated parts.
const PARTS: &[(&str, Update)] = &[
    ("ffi/src/code.rs", c_comments::codes),
    ("ffi/src/config.rs", c_comments::options),
    ("ffi/src/metrics.rs", c_comments::metrics),
    ("bindings/python/python/bigseg/errors.py", python::errors),
    ("bindings/python/python/bigseg/options.py", python::options),
    ("bindings/python/python/bigseg/status.py", python::metrics),
    ("bindings/node/lib/errors.ts", typescript::errors),
    ("bindings/node/lib/options.ts", typescript::options),
    ("bindings/node/lib/status.ts", typescript::metrics),
    ("bindings/node/lib/store_options.ts", typescript::store_options),
];

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let result = match argument.as_deref() {
        Some("generate") => generate(),
        Some("verify") => verify(),
        _ => Err("usage: cargo run -p xtask -- generate|verify".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or_else(|| "xtask lies in the workspace".into())
}

/// Returns the files that repeat the tables of core.
fn table_files() -> Result<Vec<Generated>> {
    let root = root()?;
    let tables = Tables::read(&root.join("core/src"))?;
    let mut files = Vec::new();
    for (name, update) in PARTS {
        let path = root.join(name);
        let text = update(&read(&path)?, &tables).map_err(|e| format!("{name}: {e}"))?;
        files.push(Generated { path, text });
    }
    files.push(Generated { path: root.join("docs/options.md"), text: options_page::page(&tables) });
    Ok(files)
}

/// Returns the header and the symbol list, from the sources of the C ABI.
fn header_files() -> Result<Vec<Generated>> {
    let root = root()?;
    let source = source::Source::read(&root.join("ffi/src"))?;
    let include = root.join("include");
    Ok(vec![
        Generated { path: include.join("bigseg.h"), text: header::generate(&root.join("ffi"), &source)? },
        Generated { path: include.join("bigseg.symbols"), text: source.symbols() },
    ])
}

/// Writes all files. The header comes last: its sources have generated parts.
fn generate() -> Result<()> {
    write(&table_files()?)?;
    write(&header_files()?)
}

fn write(files: &[Generated]) -> Result<()> {
    for Generated { path, text } in files {
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?)
}

fn verify() -> Result<()> {
    for file in table_files()?.iter().chain(&header_files()?) {
        file.verify()?;
    }
    Ok(())
}

impl Generated {
    /// Fails at the first line that differs from the committed file.
    fn verify(&self) -> Result<()> {
        let path = self.path.display();
        let committed = read(&self.path)?;
        let mut lines = committed.lines().zip(self.text.lines()).enumerate();
        if let Some((number, (old, new))) = lines.find(|(_, (old, new))| old != new) {
            let line = number + 1;
            return Err(format!(
                "{path}:{line} is out of date; run `cargo run -p xtask -- generate`\n- {old}\n+ {new}"
            )
            .into());
        }
        if committed != self.text {
            return Err(format!("{path} is out of date (its end)").into());
        }
        Ok(())
    }
}
