//! Holds the documents to the tree: every path, make target and workspace command they name exists.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core lies in the root").to_owned()
}

/// Every hand-written document, from the root of the tree.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "DESIGN.md",
    "CONTRIBUTING.md",
    "BENCHMARKS.md",
    "bindings/node/README.md",
    "CHANGELOG.md",
    "bindings/python/README.md",
    "include/README.md",
    "tests/interop/README.md",
    "tests/vectors/README.md",
];

/// The words between single backticks, outside code blocks.
fn quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

/// Whether a word names a place in this tree, rather than a type, a command or a pattern.
fn is_path(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    let first = word.split('/').next().unwrap_or_default();
    let known = ["core", "ffi", "cli", "xtask", "include", "tests", "scripts", "bindings", ".ci"];
    let is_file = [".rs", ".md", ".toml", ".sh", ".json", ".h", ".hpp"].iter().any(|end| word.ends_with(end));
    let is_placeholder = word.contains("NAME");
    plain && !is_placeholder && if word.contains('/') { known.contains(&first) } else { is_file }
}

/// Looks for a path from the root, for a file beside the document, or for a bare file name anywhere.
fn exists(document: &str, word: &str) -> bool {
    let beside = root().join(document).parent().expect("a file").join(word);
    root().join(word).exists() || beside.exists() || (!word.contains('/') && is_below(&root(), word))
}

fn is_below(folder: &Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            !["target", ".git", "node_modules"].iter().any(|skipped| entry.file_name() == *skipped)
        })
        .any(|entry| entry.file_name() == name || (entry.path().is_dir() && is_below(&entry.path(), name)))
}

fn make_targets() -> Vec<String> {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("a Makefile");
    makefile.lines().filter_map(|line| line.split_once(": ##")).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_path_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text =
            std::fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"));
        let paths: Vec<String> = quoted(&text).into_iter().filter(|word| is_path(word)).collect();
        missing.extend(
            paths
                .into_iter()
                .filter(|path| !exists(document, path))
                .map(|path| format!("{document}: {path}")),
        );
    }
    assert!(missing.is_empty(), "named but not there:\n{}", missing.join("\n"));
}

#[test]
fn every_make_target_a_document_names_exists() {
    let targets = make_targets();
    assert!(targets.contains(&"test".to_owned()));
    for document in DOCUMENTS {
        let text =
            std::fs::read_to_string(root().join(document)).unwrap_or_else(|e| panic!("{document}: {e}"));
        for word in text.split(['`', '\n']).filter_map(|word| word.trim().strip_prefix("make ")) {
            let target = word.split_whitespace().next().unwrap_or_default();
            if target.bytes().all(|b| b.is_ascii_lowercase()) && !target.is_empty() {
                assert!(targets.contains(&target.to_owned()), "{document} names make {target}");
            }
        }
    }
}

#[test]
fn the_checks_can_fail() {
    assert!(is_path("core/src/lib.rs") && is_path("README.md") && is_path("scripts/test.sh"));
    assert!(!is_path("memory:NAME") && !is_path("a.g1/b") && !is_path("local:PATH"));
    assert!(exists("README.md", "core/src/lib.rs") && !exists("README.md", "core/src/nowhere.rs"));
    assert_eq!(quoted("a `b` c\n```\n`no`\n```\n`d`"), ["b", "d"]);
}
