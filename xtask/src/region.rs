//! Replaces generated parts of hand-written files.

use crate::result::Result;

const NO_BREAK_SPACE: char = '\u{a0}';

/// Replaces the lines between `<generated NAME …>` and `</generated>`; both marks stay.
pub(crate) fn replace(file: &str, name: &str, lines: &[String]) -> Result<String> {
    let begin = format!("<generated {name} ");
    let mut text = String::new();
    let mut is_inside = false;
    let mut is_found = false;
    for line in file.lines() {
        if line.contains("</generated>") {
            is_inside = false;
        }
        if !is_inside {
            text.push_str(line);
            text.push('\n');
        }
        if line.contains(&begin) {
            is_inside = true;
            is_found = true;
            for generated in lines {
                text.push_str(generated);
                text.push('\n');
            }
        }
    }
    if is_found && !is_inside { Ok(text) } else { Err(format!("there is no region {begin}…>").into()) }
}

/// Replaces the documentation comment above the line that `is_item` accepts.
pub(crate) fn replace_comment(
    file: &str,
    is_item: &dyn Fn(&str) -> bool,
    comment: &[String],
) -> Result<String> {
    let lines: Vec<&str> = file.lines().collect();
    let item = lines.iter().position(|line| is_item(line)).ok_or("the item to document is absent")?;
    let is_comment = |line: &&str| line.trim_start().starts_with("///");
    // Attributes stand between the comment and the item.
    let attributes = lines[..item].iter().rev().take_while(|line| line.trim_start().starts_with('#')).count();
    let end = item - attributes;
    let begin = end - lines[..end].iter().rev().take_while(|line| is_comment(line)).count();
    let indentation = " ".repeat(lines[item].len() - lines[item].trim_start().len());
    let comment = comment.iter().map(|line| format!("{indentation}/// {line}").trim_end().to_owned());
    let before = lines[..begin].iter().map(|line| (*line).to_owned());
    let after = lines[end..].iter().map(|line| (*line).to_owned());
    Ok(before.chain(comment).chain(after).map(|line| line + "\n").collect())
}

/// Wraps a text to lines of at most `width` characters; a no-break space stays within its line and
/// becomes an ordinary one.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.into_iter().map(|line| line.replace(NO_BREAK_SPACE, " ")).collect()
}

/// Returns the sentence about a default, which is not wrapped.
pub(crate) fn default_sentence(default: &str) -> String {
    format!("Default: {default}.").replace(' ', &NO_BREAK_SPACE.to_string())
}
