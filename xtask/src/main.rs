//! Generates what is committed, and verifies that it is up to date:
//! `cargo run -p xtask -- generate`, `cargo run -p xtask -- verify`.

mod arrange;
mod header;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A file that is generated and committed.
struct Generated {
    path: PathBuf,
    text: String,
}

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

fn everything() -> Result<Vec<Generated>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?;
    let source = source::Source::read(&root.join("ffi/src"))?;
    let include = root.join("include");
    Ok(vec![
        Generated { path: include.join("bigseg.h"), text: header::generate(&root.join("ffi"), &source)? },
        Generated { path: include.join("bigseg.symbols"), text: source.symbols() },
    ])
}

fn generate() -> Result<()> {
    for Generated { path, text } in everything()? {
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn verify() -> Result<()> {
    for Generated { path, text } in everything()? {
        let committed = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut lines = committed.lines().zip(text.lines()).enumerate();
        if let Some((number, (old, new))) = lines.find(|(_, (old, new))| old != new) {
            let place = format!("{}:{}", path.display(), number + 1);
            return Err(format!(
                "{place} is out of date; run `cargo run -p xtask -- generate`\n- {old}\n+ {new}"
            )
            .into());
        }
        if committed != text {
            return Err(format!("{} is out of date (its end)", path.display()).into());
        }
    }
    Ok(())
}
