//! The vocabulary of the code: `tests/banned_words.txt` lists words with a better term, and the
//! names that identifiers had before they were renamed.

use std::collections::BTreeMap;

use crate::tree::{FOLDERS, Source, assert_none, read, root, sources};

const LIST: &str = "tests/banned_words.txt";

/// Files with code; documents follow when the list no longer names them as pending.
const CODE: &[&str] =
    &[".rs", ".c", ".cpp", ".h", ".hpp", ".py", ".pyi", ".ts", ".mjs", ".js", ".cjs", ".sh", ".css", ".html"];
const DOCUMENTS: &[&str] = &[".md"];

/// The parsed list.
#[derive(Default)]
struct List {
    /// Banned in comments, messages and names, whatever the case; may hold spaces.
    words: Vec<Entry>,
    /// Banned as whole identifiers, with this case.
    identifiers: BTreeMap<String, Entry>,
    /// Files and folders that are not searched yet.
    pending: Vec<String>,
}

/// One word, with its scope.
struct Entry {
    word: String,
    /// Searched only below these paths; everywhere if empty.
    only_in: Vec<String>,
    /// Allowed below these paths.
    not_in: Vec<String>,
    /// Allowed in a line that has one of these texts.
    unless: Vec<String>,
}

impl List {
    /// Parses the list; see the comment at its beginning.
    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        let mut section = "";
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match (line, section) {
                ("[words]" | "[identifiers]" | "[pending]", _) => section = line,
                (_, "[words]") => list.words.push(Entry::parse(&line.to_lowercase())),
                (_, "[identifiers]") => {
                    let entry = Entry::parse(line);
                    list.identifiers.insert(entry.word.clone(), entry);
                }
                (_, "[pending]") => list.pending.push(line.to_owned()),
                _ => panic!("{LIST}: {line:?} stands before the first section"),
            }
        }
        list
    }

    fn is_pending(&self, path: &str) -> bool {
        self.pending.iter().any(|pending| is_below(path, pending))
    }

    /// Reports the banned words of a file.
    fn check(&self, path: &str, text: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        let all = text.to_lowercase();
        let words: Vec<&Entry> =
            self.words.iter().filter(|entry| entry.applies_to(path) && all.contains(&entry.word)).collect();
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for entry in words.iter().filter(|entry| has_word(&lower, &entry.word) && !entry.allows(&lower)) {
                complaints.push(format!("{path}:{}: {:?}: {}", number + 1, entry.word, line.trim()));
            }
            let tokens = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let entries = tokens.filter_map(|token| self.identifiers.get(token));
            for entry in entries.filter(|entry| entry.applies_to(path) && !entry.allows(line)) {
                complaints.push(format!("{path}:{}: {}: {}", number + 1, entry.word, line.trim()));
            }
        }
        complaints
    }
}

impl Entry {
    /// Parses `WORD | in PATH, … | not in PATH, … | unless TEXT, …`.
    fn parse(line: &str) -> Self {
        let mut clauses = line.split(" | ").map(str::trim);
        let word = clauses.next().unwrap_or_default().to_owned();
        let mut entry = Self { word, only_in: Vec::new(), not_in: Vec::new(), unless: Vec::new() };
        for clause in clauses {
            let texts = |list: &str| list.split(',').map(|text| text.trim().to_owned()).collect();
            if let Some(list) = clause.strip_prefix("not in ") {
                entry.not_in = texts(list);
            } else if let Some(list) = clause.strip_prefix("in ") {
                entry.only_in = texts(list);
            } else if let Some(list) = clause.strip_prefix("unless ") {
                entry.unless = texts(list);
            } else {
                panic!("{LIST}: {line:?}: a clause begins with in, not in or unless");
            }
        }
        entry
    }

    fn applies_to(&self, path: &str) -> bool {
        let is_included = self.only_in.is_empty() || self.only_in.iter().any(|folder| is_below(path, folder));
        is_included && !self.not_in.iter().any(|folder| is_below(path, folder))
    }

    fn allows(&self, line: &str) -> bool {
        self.unless.iter().any(|text| line.contains(text.as_str()))
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder.ends_with('/'))
}

/// Returns whether a line has a word or a phrase, not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !is_letter(before) && !is_letter(after)
    })
}

/// Returns every file that is searched.
fn texts() -> Vec<Source> {
    let endings: Vec<&str> = CODE.iter().chain(DOCUMENTS).copied().collect();
    let mut texts: Vec<Source> = FOLDERS.iter().flat_map(|folder| sources(folder, &endings)).collect();
    let documents = std::fs::read_dir(root()).into_iter().flatten().flatten();
    let documents = documents.filter_map(|entry| entry.file_name().into_string().ok());
    texts.extend(documents.filter(|name| name.ends_with(".md")).map(|name| (name.clone(), read(&name))));
    texts
}

#[test]
fn the_code_uses_the_terms_of_the_field() {
    let list = List::parse(&read(LIST));
    assert!(list.words.len() > 5 && list.identifiers.len() > 5, "the list was not read");
    let texts = texts();
    assert!(texts.len() > 300, "the files were not found");
    let searched = texts.iter().filter(|(path, _)| !list.is_pending(path));
    assert_none(searched.flat_map(|(path, text)| list.check(path, text)).collect());
}

#[test]
fn every_path_of_the_list_exists() {
    let list = List::parse(&read(LIST));
    let entries = list.words.iter().chain(list.identifiers.values());
    let scopes = entries.flat_map(|entry| entry.only_in.iter().chain(&entry.not_in));
    let absent = scopes.chain(&list.pending).filter(|path| !root().join(path.as_str()).exists());
    assert_none(absent.map(|path| format!("{LIST}: {path} does not exist")).collect());
}

/// The rule on made-up lists and files.
mod rules {
    use super::*;

    fn complaints(list: &str, path: &str, text: &str) -> usize {
        List::parse(list).check(path, text).len()
    }

    #[test]
    fn a_word_is_found_whole_and_in_any_case() {
        let list = "[words]\nwhoever\nof old\n";
        assert_eq!(complaints(list, "a.rs", "// Whoever asks.\nlet WHOEVER = 1;"), 2);
        assert_eq!(complaints(list, "a.rs", "whoeverest, of older, proof old"), 0);
        assert_eq!(complaints(list, "a.rs", "a user of old."), 1);
    }

    #[test]
    fn an_identifier_is_found_whole_and_in_its_case() {
        let list = "[identifiers]\nErrand\nno_route\n";
        assert_eq!(complaints(list, "a.rs", "impl Errand { fn no_route() {} }"), 2);
        assert_eq!(complaints(list, "a.rs", "errand ErrandBoy no_route_here"), 0);
    }

    #[test]
    fn scopes_and_exceptions() {
        let list =
            "[words]\nsession | unless TLS session, session_token\ndoor | in core/src\nbell | not in cli\n";
        assert_eq!(
            complaints(list, "core/src/a.rs", "a session\na TLS session\nsession_token\ndoor bell"),
            3
        );
        assert_eq!(complaints(list, "core/srcs/a.rs", "door"), 0);
        assert_eq!(complaints(list, "cli/src/a.rs", "door bell"), 0);
        assert!(List::parse("[pending]\ndocs\n").is_pending("docs/a.md"));
        assert!(!List::parse("[pending]\ndocs\n").is_pending("docs.md"));
    }
}
