//! Checks that the header, which is the documentation of the C ABI, names what it must.

use std::path::Path;

use bigseg::store::Backend;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../include").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns the comment above a declaration of the header, in one line.
fn comment_of(declaration: &str) -> String {
    let header = read("bigseg.h");
    let (before, _) = header.split_once(&format!("\n{declaration}")).expect("a declaration of the header");
    let mut lines: Vec<_> = before
        .lines()
        .rev()
        .map_while(|line| line.strip_prefix("//"))
        .map(|line| line.trim_start_matches('/'))
        .collect();
    lines.reverse();
    lines.concat()
}

#[test]
fn every_store_string_and_every_option_is_in_the_header() {
    let comment = comment_of("bigseg_code bigseg_config_set_store(");
    for backend in Backend::all() {
        assert!(comment.contains(&format!("`{}`", backend.form)), "{} is missing: {comment}", backend.form);
        for option in backend.options() {
            assert!(comment.contains(&format!("`{option}`")), "the option {option} is missing: {comment}");
        }
    }
}

#[test]
fn the_header_and_the_conventions_agree_on_custom_stores() {
    let texts = [comment_of("typedef bigseg_code (*bigseg_store_memberships)("), read("README.md")];
    for text in texts {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("look up contexts in"), "re-entrant lookups are not forbidden: {text}");
        assert!(!text.contains("may look things up"), "re-entrant lookups are permitted: {text}");
    }
}
