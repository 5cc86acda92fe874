//! Reads the sources of the C ABI: the order of the modules, their titles, and the exported
//! symbols.

use std::path::Path;

use crate::result::Result;

/// The public modules of the crate, in the order of `lib.rs`.
pub(crate) struct Source {
    pub(crate) modules: Vec<Module>,
}

/// A public module: one noun of the C ABI.
pub(crate) struct Module {
    name: String,
    text: String,
}

impl Source {
    /// Reads the public modules of `lib.rs`.
    ///
    /// Fails when a feature decides about an exported symbol: every build exports all of them.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = directory.join(format!("{name}.rs"));
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let mut modules = Vec::new();
        let mut before = String::new();
        for line in read("lib")?.lines() {
            if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
                if before.starts_with("#[cfg") {
                    return Err(format!("lib.rs: a build without a feature would lack {name}").into());
                }
                let module = Module { name: name.to_owned(), text: read(name)? };
                module.check_exports()?;
                modules.push(module);
            }
            before = line.to_owned();
        }
        Ok(Self { modules })
    }

    /// Lists the exported symbols of the shared library, sorted, one per line.
    pub(crate) fn symbols(&self) -> String {
        let mut symbols: Vec<String> = self.modules.iter().flat_map(Module::exported).collect();
        symbols.sort();
        symbols.iter().map(|symbol| format!("{symbol}\n")).collect()
    }
}

impl Module {
    /// Fails when an exported function has another attribute: a `cfg` would remove it from some
    /// builds.
    fn check_exports(&self) -> Result<()> {
        let lines: Vec<&str> = self.text.lines().collect();
        for (number, window) in lines.windows(3).enumerate() {
            let [before, attribute, after] = window else { continue };
            let is_alone = !before.starts_with("#[") && after.starts_with("pub extern \"C\" fn ");
            if *attribute == "#[unsafe(no_mangle)]" && !is_alone {
                let place = format!("{}.rs:{}", self.name, number + 2);
                return Err(format!("{place}: an exported function has no other attribute").into());
            }
        }
        Ok(())
    }

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

    /// Returns the lines of the module's comment: a title, and an introduction for readers of the
    /// header.
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
