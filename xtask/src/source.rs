//! Reads the sources of the C ABI: the order of the modules, their titles, and their exports.

use std::path::Path;

use crate::result::Result;

/// The public modules of the crate, in the order of `lib.rs`.
pub(crate) struct Source {
    pub(crate) modules: Vec<Module>,
}

/// One module: one noun of the C ABI.
pub(crate) struct Module {
    name: String,
    text: String,
}

impl Source {
    /// Reads the public modules of `lib.rs`.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = directory.join(format!("{name}.rs"));
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let mut modules = Vec::new();
        for line in read("lib")?.lines() {
            if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
                modules.push(Module { name: name.to_owned(), text: read(name)? });
            }
        }
        Ok(Self { modules })
    }

    /// Lists the exports of the shared library, sorted, one per line.
    pub(crate) fn symbols(&self) -> String {
        let mut symbols: Vec<String> = self.modules.iter().flat_map(Module::exported).collect();
        symbols.sort();
        symbols.iter().map(|symbol| format!("{symbol}\n")).collect()
    }
}

impl Module {
    fn exported(&self) -> Vec<String> {
        let lines = self.text.lines().zip(self.text.lines().skip(1));
        lines
            .filter(|(attribute, _)| *attribute == "#[unsafe(no_mangle)]")
            .filter_map(|(_, function)| {
                let name = function.strip_prefix("pub extern \"C\" fn ")?;
                Some(name.split('(').next()?.to_owned())
            })
            .collect()
    }

    /// Returns whether the module declares an item of the header.
    pub(crate) fn declares(&self, item: &str) -> bool {
        ["pub extern \"C\" fn ", "pub enum ", "pub struct ", "pub type ", "pub const "].iter().any(
            |keyword| {
                let declaration = format!("{keyword}{item}");
                self.text.lines().any(|line| {
                    line.strip_prefix(&declaration).is_some_and(|rest| {
                        !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                    })
                })
            },
        )
    }

    /// Returns the lines of the module's comment: a title and an introduction for the header.
    pub(crate) fn introduction(&self) -> Result<Vec<&str>> {
        let lines: Vec<&str> = self
            .text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        match lines.as_slice() {
            [title, "", ..] if !title.ends_with('.') => Ok(lines),
            _ => Err(format!("{}.rs: begin the comment with a title and an empty line", self.name).into()),
        }
    }
}
