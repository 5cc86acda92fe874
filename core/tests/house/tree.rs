//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders with hand-written files, from the root of the repository.
pub(crate) const FOLDERS: &[&str] =
    &["core", "ffi", "cli", "xtask", "bindings", "include", "tests", "scripts", "docs"];
/// Folders with generated or downloaded files.
const NOT_OURS: &[&str] = &["target", "node_modules", "build", "dist", "__pycache__"];

/// A file: its path, with `/`, and its text.
pub(crate) type Source = (String, String);

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core lies in the repository").to_owned()
}

/// Returns every file below a folder, with paths from the root; an absent folder has no files.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
        let entry = entry.expect("the folder can be listed");
        let name = entry.file_name().into_string().expect("file names are UTF-8");
        if name.starts_with('.') || NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{folder}/{name}");
        if entry.file_type().expect("a file has a type").is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Reads every file below a folder that has one of the endings.
pub(crate) fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let wanted = files(folder).into_iter().filter(|path| endings.iter().any(|ending| path.ends_with(ending)));
    wanted
        .map(|path| {
            let text = read(&path);
            (path, text)
        })
        .collect()
}

/// Reads a file by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Fails with the complaints, if there are any.
#[track_caller]
pub(crate) fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
