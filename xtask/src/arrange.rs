//! Arranges the items of the header by the module that declares them.

use crate::result::Result;
use crate::source::Source;

/// One item of the header: its comment and its declaration.
pub(crate) struct Item {
    name: String,
    text: String,
}

impl Item {
    /// Finds the name of an item, and rewrites it in the style of the header.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let code = text.lines().find(|line| !line.starts_with("//")).unwrap_or_default();
        let last = text.lines().last().unwrap_or_default();
        let name =
            declared_name(code, last).ok_or_else(|| format!("no name found in this declaration:\n{text}"))?;
        Ok(Self { name: name.to_owned(), text: restyled(text, name) })
    }

    /// Fails unless the item, and each of its fields or values, has a comment without terms of
    /// Rust.
    pub(crate) fn check_documented(&self) -> Result<()> {
        let mut before = "";
        let mut depth = 0;
        for line in self.text.lines() {
            let is_comment = line.trim_start().starts_with("//");
            let begins = before.is_empty() && !is_comment;
            let is_member = depth > 0 && line.starts_with("    ") && !line.starts_with("     ");
            if begins || (is_member && !is_comment && !before.trim_start().starts_with("//")) {
                return Err(format!("{}: no comment on {:?}", self.name, line.trim()).into());
            }
            for term in ["# Safety", "Option<", "Result<", "&str", "`None`", "`Some`", "[`"] {
                if is_comment && line.contains(term) {
                    return Err(format!("{}: {term:?} is a term of Rust", self.name).into());
                }
            }
            if !is_comment {
                depth += line.matches('{').count();
                depth -= line.matches('}').count();
            }
            before = line;
        }
        Ok(())
    }
}

/// Finds the name in the first or last line of a declaration.
fn declared_name<'a>(code: &'a str, last: &'a str) -> Option<&'a str> {
    if code == "typedef struct {" {
        return last.strip_prefix("} ")?.strip_suffix(';');
    }
    let word = |text: &'static str| code.strip_prefix(text)?.split([' ', ';', '(']).next();
    word("#define ")
        .or_else(|| word("enum "))
        .or_else(|| word("typedef enum "))
        .or_else(|| word("typedef struct "))
        .or_else(|| code.split_once("(*")?.1.split(')').next())
        .or_else(|| code.split_once('(')?.0.rsplit([' ', '*']).next())
}

/// Adds a tag to structs, for forward declarations in C++, and uses one macro for enums.
fn restyled(text: &str, name: &str) -> String {
    let tagged = text.replacen("typedef struct {", &format!("typedef struct {name} {{"), 1);
    let Some((comment, rest)) = tagged.split_once(&format!("enum {name}\n#if")) else { return tagged };
    let body = rest.split_once(" {\n").and_then(|(_, body)| body.split_once("\n};"));
    match body {
        Some((body, _)) => format!("{comment}BIGSEG_ENUM({name}) {{\n{body}\n}};"),
        None => tagged,
    }
}

/// Joins the items of each module under its introduction.
pub(crate) fn arrange(items: &[Item], source: &Source) -> Result<String> {
    let mut header = String::new();
    let mut remaining: Vec<&Item> = items.iter().collect();
    for module in &source.modules {
        let (declared, rest): (Vec<&Item>, Vec<&Item>) =
            remaining.into_iter().partition(|item| module.declares(&item.name));
        remaining = rest;
        let introduction = module.introduction()?;
        let (title, text) = introduction.split_first().ok_or("an introduction has a title")?;
        header.push_str(&format!("// ---- {title} {}\n", "-".repeat(91 - title.len())));
        for line in text {
            header.push_str(format!("// {line}").trim_end());
            header.push('\n');
        }
        header.push('\n');
        for item in declared {
            header.push_str(&item.text);
            header.push_str("\n\n");
        }
    }
    match remaining.first() {
        None => Ok(format!("{}\n", header.trim_end())),
        Some(item) => Err(format!("{} is not declared in a public module of the crate", item.name).into()),
    }
}
