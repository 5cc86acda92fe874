//! Documents match the tree: every path, make target and anchor that they name exists.

use std::path::Path;

use crate::tree::{FOLDERS, Source, assert_none, files, read, root, sources};

/// Every hand-written document, from the root of the tree.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "DESIGN.md",
    "CONTRIBUTING.md",
    "BENCHMARKS.md",
    "CHANGELOG.md",
    "bindings/node/README.md",
    "bindings/python/README.md",
    "docs/options.md",
    "docs/spec.md",
    "include/README.md",
    "tests/interop/README.md",
    "tests/vectors/README.md",
];

/// Files in which a citation of a document is searched.
const TEXT: &[&str] = &[
    ".rs", ".md", ".json", ".toml", ".txt", ".py", ".pyi", ".ts", ".mjs", ".js", ".h", ".hpp", ".c", ".cpp",
    ".sh", ".html",
];

/// Returns the words between single backticks, outside code blocks.
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

/// Returns whether a word names a path in this tree, not a type, a command or a pattern.
fn is_path(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    let first = word.split('/').next().unwrap_or_default();
    let is_file = [".rs", ".md", ".toml", ".sh", ".json", ".h", ".hpp"].iter().any(|end| word.ends_with(end));
    let is_placeholder = word.contains("NAME");
    let is_known = first == ".ci" || FOLDERS.contains(&first);
    plain && !is_placeholder && if word.contains('/') { is_known } else { is_file }
}

/// Looks for a path from the root, for a file beside the document, or for a file name anywhere.
fn exists(document: &str, word: &str) -> bool {
    let beside = root().join(document).parent().expect("a file has a folder").join(word);
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
    let makefile = read("Makefile");
    makefile.lines().filter_map(|line| line.split_once(": ##")).map(|(name, _)| name.to_owned()).collect()
}

/// Returns every text of the repository that may cite a document.
fn all_texts() -> Vec<Source> {
    let mut texts: Vec<Source> = FOLDERS.iter().flat_map(|folder| sources(folder, TEXT)).collect();
    let documents = DOCUMENTS.iter().filter(|path| !path.contains('/'));
    texts.extend(documents.map(|path| ((*path).to_owned(), read(path))));
    texts
}

/// Returns the anchors of a document: its headings in lower case, with hyphens for spaces.
fn anchors(document: &str) -> Vec<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let kept = line
                .trim_start_matches('#')
                .trim()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -".contains(*c));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// Returns the documents and anchors that a text cites by anchor, with their lines.
fn citations(text: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (start, _) in line.match_indices("docs/") {
            let word: String =
                line[start..].chars().take_while(|c| c.is_alphanumeric() || "/._-#".contains(*c)).collect();
            if let Some((path, anchor)) = word.split_once('#')
                && path.ends_with(".md")
            {
                let anchor = anchor.trim_end_matches(['.', '/', '_', '#']);
                found.push((number + 1, path.to_owned(), anchor.to_owned()));
            }
        }
    }
    found
}

/// Reports citations of absent anchors, and of the notes that are not part of the tree.
fn check_citations(texts: &[Source], anchors_of: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in texts {
        for (line, document, anchor) in citations(text) {
            if !anchors_of(&document).contains(&anchor) {
                complaints.push(format!("{path}:{line}: {document} has no anchor #{anchor}"));
            }
        }
        // Written in two parts, so that this file does not report itself.
        let absent = [concat!("SPEC", " §"), concat!("SPEC", ".md"), concat!("SPEC", " 5.")];
        for (number, line) in text.lines().enumerate() {
            if absent.iter().any(|note| line.contains(note)) {
                complaints.push(format!("{path}:{}: cite docs/spec.md by an anchor", number + 1));
            }
        }
    }
    complaints
}

#[test]
fn every_path_in_a_document_exists() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let paths: Vec<String> = quoted(&text).into_iter().filter(|word| is_path(word)).collect();
        let absent = paths.iter().filter(|path| !exists(document, path));
        missing.extend(absent.map(|path| format!("{document}: {path} does not exist")));
    }
    assert_none(missing);
}

#[test]
fn every_make_target_in_a_document_exists() {
    let targets = make_targets();
    assert!(targets.contains(&"test".to_owned()));
    for document in DOCUMENTS {
        let text = read(document);
        for word in text.split(['`', '\n']).filter_map(|word| word.trim().strip_prefix("make ")) {
            let target = word.split_whitespace().next().unwrap_or_default();
            if target.bytes().all(|b| b.is_ascii_lowercase()) && !target.is_empty() {
                assert!(targets.contains(&target.to_owned()), "{document} names make {target}");
            }
        }
    }
}

#[test]
fn every_citation_of_a_document_resolves() {
    let texts = all_texts();
    let count: usize = texts.iter().map(|(_, text)| citations(text).len()).sum();
    assert!(count > 50, "the citations were not found: {count}");
    let anchors_of = |document: &str| {
        if root().join(document).exists() { anchors(&read(document)) } else { Vec::new() }
    };
    assert_none(check_citations(&texts, &anchors_of));
}

#[test]
fn every_document_is_checked() {
    let unchecked = files("docs").into_iter().filter(|path| path.ends_with(".md"));
    let unchecked = unchecked.filter(|path| !DOCUMENTS.contains(&path.as_str()));
    assert_none(unchecked.map(|path| format!("{path} is missing in DOCUMENTS")).collect());
}

/// The rules on made-up examples.
#[test]
fn the_rules_report_violations() {
    assert!(is_path("core/src/lib.rs") && is_path("README.md") && is_path("scripts/test.sh"));
    assert!(!is_path("memory:NAME") && !is_path("a.g1/b") && !is_path("local:PATH"));
    assert!(exists("README.md", "core/src/lib.rs") && !exists("README.md", "core/src/nowhere.rs"));
    assert_eq!(quoted("a `b` c\n```\n`no`\n```\n`d`"), ["b", "d"]);

    assert_eq!(anchors("# A b\ntext\n### Status: `x`, y-z"), ["a-b", "status-x-y-z"]);
    let cited = |text: &str| {
        let texts = [("x.rs".to_owned(), text.replace("DOCS", "docs"))];
        check_citations(&texts, &|path| if path == "docs/a.md" { vec!["one".to_owned()] } else { Vec::new() })
            .len()
    };
    assert_eq!(cited("// DOCS/a.md#one. And (DOCS/a.md#one), docs/a.md"), 0);
    assert_eq!((cited("DOCS/a.md#two"), cited("DOCS/b.md#one"), cited("DOCS/a.md#one-more")), (1, 1, 1));
    assert_eq!((cited(concat!("see SPEC", " §2")), cited("an UNSPECified thing")), (1, 0));
}
