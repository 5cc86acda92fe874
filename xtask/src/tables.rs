//! Reads the tables of core that every language repeats: error kinds, options of engines and stores,
//! and metrics.
//!
//! The tables in core are the only source. Each language gets them in its own
//! spelling, from [`Text`].

use std::path::Path;

use crate::result::Result;

/// A documentation comment of core, as one paragraph.
#[derive(Clone)]
pub(crate) struct Text(String);

/// One kind of error.
pub(crate) struct ErrorKind {
    /// The name in Rust: `StoreTimeout`.
    pub(crate) variant: String,
    pub(crate) number: u32,
    /// The name in every language: `store_timeout`.
    pub(crate) name: String,
    pub(crate) is_retryable: bool,
    pub(crate) text: Text,
}

/// One option of an engine.
pub(crate) struct EngineOption {
    pub(crate) name: String,
    pub(crate) kind: OptionKind,
    pub(crate) text: Text,
}

/// What an option holds, and its default.
#[derive(Clone, Copy)]
pub(crate) enum OptionKind {
    Count {
        default: u64,
    },
    Duration {
        default_ms: u64,
    },
    /// A duration that can be switched off.
    OptionalDuration {
        default_ms: u64,
    },
    /// `auto` (the default) or `off`.
    AutoOrOff,
    Clock,
}

/// One option of a store.
pub(crate) struct StoreOption {
    pub(crate) name: String,
    pub(crate) kind: StoreOptionKind,
    pub(crate) text: Text,
}

/// What an option of a store holds.
pub(crate) enum StoreOptionKind {
    Text,
    Path,
    Choice(Vec<String>),
    Flag,
    Integer,
    Size,
    Duration,
}

/// One metric.
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) text: Text,
}

/// Everything.
pub(crate) struct Tables {
    pub(crate) error_kinds: Vec<ErrorKind>,
    pub(crate) options: Vec<EngineOption>,
    pub(crate) store_options: Vec<StoreOption>,
    pub(crate) metrics: Vec<Metric>,
}

impl Tables {
    /// Reads the tables from the sources of core.
    pub(crate) fn read(core: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = core.join(name);
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        Ok(Self {
            error_kinds: error_kinds(&read("error.rs")?)?,
            options: options(&read("engine/config.rs")?, &read("status/store_status.rs")?)?,
            store_options: store_options(&read("store/options.rs")?)?,
            metrics: metrics(&read("metrics.rs")?)?,
        })
    }
}

impl Text {
    /// Joins the lines of a comment; citations of the specification are for readers of core only.
    fn new(lines: &[String]) -> Self {
        let joined = lines.join(" ");
        let mut text = String::new();
        let mut rest = joined.as_str();
        while let Some((before, cited)) = rest.split_once(concat!(" (docs", "/spec.md#")) {
            text.push_str(before);
            rest = cited.split_once(')').map_or("", |(_, after)| after);
        }
        text.push_str(rest);
        // Links to items of Rust become plain names.
        Self(text.replace("[`", "`").replace("`]", "`"))
    }

    /// Returns the text with Markdown's single backticks.
    pub(crate) fn markdown(&self) -> String {
        self.0.clone()
    }

    /// Returns the text for a Python docstring, with double backticks.
    pub(crate) fn python(&self) -> String {
        self.0.replace('`', "``")
    }

    /// Returns the text for TypeScript: options are written in camel case.
    pub(crate) fn typescript(&self, tables: &Tables) -> String {
        let mut text = self.0.replace("`None`", "`null`");
        let names = tables.options.iter().map(|option| &option.name);
        for name in names.chain(tables.store_options.iter().map(|option| &option.name)) {
            text = text.replace(&format!("`{name}`"), &format!("`{}`", camel_case(name)));
        }
        text
    }

    /// Returns the text for C: statuses have their prefix.
    pub(crate) fn c(&self) -> String {
        self.0.replace("`STORE_ERROR`", "`BIGSEG_LOOKUP_STORE_ERROR`")
    }
}

impl OptionKind {
    /// Returns the default for people: `1,000`, `5 s`.
    pub(crate) fn default_for_people(self) -> String {
        match self {
            Self::Count { default } => grouped(default),
            Self::Duration { default_ms } | Self::OptionalDuration { default_ms } => duration(default_ms),
            Self::AutoOrOff => "`auto`".to_owned(),
            Self::Clock => "the clocks of the machine".to_owned(),
        }
    }

    /// Returns the default in milliseconds, as Node takes it.
    pub(crate) fn default_in_milliseconds(self) -> String {
        match self {
            Self::Duration { default_ms } | Self::OptionalDuration { default_ms } => grouped(default_ms),
            other => other.default_for_people(),
        }
    }
}

fn duration(milliseconds: u64) -> String {
    match milliseconds {
        ms if ms % 1000 != 0 => format!("{ms} ms"),
        ms => format!("{} s", ms / 1000),
    }
}

/// Writes a number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Turns `stale_after` into `staleAfter`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_ascii_uppercase() + &word[1..])
}

/// Reads the rows `Kind = 100, "name", false;` of `error_kinds!`, each below its comment.
fn error_kinds(source: &str) -> Result<Vec<ErrorKind>> {
    let mut kinds = Vec::new();
    for (comment, row) in rows(macro_body(source, "error_kinds! {")?) {
        let parse = || {
            let (variant, rest) = row.strip_suffix(';')?.split_once(" = ")?;
            let mut parts = rest.split(", ");
            Some(ErrorKind {
                variant: variant.to_owned(),
                number: parts.next()?.parse().ok()?,
                name: parts.next()?.trim_matches('"').to_owned(),
                is_retryable: parts.next()? == "true",
                text: Text::new(&comment),
            })
        };
        kinds.push(parse().ok_or_else(|| format!("core/src/error.rs: unexpected row {row:?}"))?);
    }
    Ok(kinds)
}

/// Reads the rows `name,` of `counters!`, and the fields that its `Metrics` has besides.
fn metrics(source: &str) -> Result<Vec<Metric>> {
    let fields = between(source, "pub struct Metrics {", "\n        }\n")?;
    let fields = rows(fields).into_iter().filter_map(|(comment, row)| {
        let name = row.strip_prefix("pub ")?.strip_suffix(": u64,")?;
        Some(Metric { name: name.to_owned(), text: Text::new(&comment) })
    });
    let counters = rows(macro_body(source, "\ncounters! {")?).into_iter().map(|(comment, row)| Metric {
        name: row.trim_end_matches(',').to_owned(),
        text: Text::new(&comment),
    });
    Ok(counters.chain(fields.filter(|metric| !metric.name.starts_with('$'))).collect())
}

/// Reads the fields of `EngineConfig`, and their `DEFAULT_` constants, some of which are those of
/// the status.
fn options(source: &str, status: &str) -> Result<Vec<EngineOption>> {
    let mut options = Vec::new();
    for (mut comment, row) in rows(between(source, "pub struct EngineConfig {", "\n}\n")?) {
        let (name, kind) = row
            .strip_prefix("pub ")
            .and_then(|field| field.trim_end_matches(',').split_once(": "))
            .ok_or_else(|| format!("core/src/engine/config.rs: unexpected field {row:?}"))?;
        let default = || {
            let constant = format!("pub const DEFAULT_{}: ", name.to_ascii_uppercase());
            let value = constant_value(source, &constant)?;
            if value.starts_with("crate::status::") {
                number(constant_value(status, &constant)?)
            } else {
                number(value)
            }
        };
        let kind = match kind {
            "Source" => continue,
            "usize" | "u32" => OptionKind::Count { default: default()? },
            "Duration" => OptionKind::Duration { default_ms: default()? },
            "Option<Duration>" => OptionKind::OptionalDuration { default_ms: default()? },
            "PushInvalidation" => OptionKind::AutoOrOff,
            "Clock" => OptionKind::Clock,
            other => return Err(format!("core/src/engine/config.rs: {name}: unknown type {other}").into()),
        };
        let stated = comment.pop().unwrap_or_default();
        let expected = kind.default_for_people();
        let is_stated = stated.starts_with("Default: ") && stated.contains(&expected);
        if !is_stated {
            return Err(
                format!("core/src/engine/config.rs: {name}: end with \"Default: [{expected}]\"").into()
            );
        }
        options.push(EngineOption { name: name.to_owned(), kind, text: Text::new(&comment) });
    }
    Ok(options)
}

fn constant_value<'a>(source: &'a str, declaration: &str) -> Result<&'a str> {
    let declared = between(source, declaration, ";\n")?;
    Ok(declared.split_once(" = ").map_or("", |(_, value)| value))
}

/// Evaluates a number, or a duration in milliseconds.
fn number(value: &str) -> Result<u64> {
    let digits = |text: &str| text.trim_end_matches(')').replace('_', "").parse::<u64>().ok();
    let parsed = if let Some(seconds) = value.strip_prefix("Duration::from_secs(") {
        digits(seconds).map(|seconds| seconds * 1000)
    } else if let Some(milliseconds) = value.strip_prefix("Duration::from_millis(") {
        digits(milliseconds)
    } else {
        digits(value)
    };
    Ok(parsed.ok_or_else(|| format!("the value {value:?} of a default is not a literal"))?)
}

/// Reads the rows `option("name", Type, "summary")` of `StoreOption::ALL`.
fn store_options(source: &str) -> Result<Vec<StoreOption>> {
    let table = between(source, "pub const ALL: ", "\n    };\n")?;
    let mut options = Vec::new();
    for row in table.split("option(").skip(1) {
        // The first text of the row is the name, the last one the summary.
        let parse = || {
            let (name, rest) = row.trim_start().strip_prefix('"')?.split_once('"')?;
            let (rest, _) = rest.rsplit_once('"')?;
            let (kind, summary) = rest.rsplit_once('"')?;
            let kind = kind.trim_matches(|c: char| c == ',' || c.is_whitespace());
            Some(StoreOption {
                name: name.to_owned(),
                kind: StoreOptionKind::parse(kind)?,
                text: Text::new(&[summary.to_owned()]),
            })
        };
        options.push(parse().ok_or_else(|| format!("core/src/store/options.rs: unexpected row {row:?}"))?);
    }
    Ok(options)
}

impl StoreOptionKind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Text" => Self::Text,
            "Path" => Self::Path,
            "Flag" => Self::Flag,
            "Integer" => Self::Integer,
            "Size" => Self::Size,
            "Duration" => Self::Duration,
            _ => {
                let words = text.strip_prefix("Choice(&[")?.strip_suffix("])")?;
                Self::Choice(words.split(", ").map(str::to_owned).collect())
            }
        })
    }
}

/// Returns what stands between two texts.
fn between<'a>(source: &'a str, begin: &str, end: &str) -> Result<&'a str> {
    let found = source.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    Ok(found.ok_or_else(|| format!("there is no {:?}", begin.trim()))?.0)
}

/// Returns the body of a macro call at the beginning of a line.
fn macro_body<'a>(source: &'a str, call: &str) -> Result<&'a str> {
    between(source, call, "\n}\n")
}

/// Splits a table into its rows, each with the paragraphs of its documentation comment.
fn rows(table: &str) -> Vec<(Vec<String>, String)> {
    let mut rows = Vec::new();
    let mut comment: Vec<String> = vec![String::new()];
    for line in table.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            match (text.trim(), comment.last_mut()) {
                ("", _) => comment.push(String::new()),
                (text, Some(paragraph)) if paragraph.is_empty() => paragraph.push_str(text),
                (text, Some(paragraph)) => {
                    paragraph.push(' ');
                    paragraph.push_str(text);
                }
                (_, None) => {}
            }
        } else if !line.is_empty() && !line.starts_with("//") && !line.starts_with('#') {
            rows.push((std::mem::replace(&mut comment, vec![String::new()]), line.to_owned()));
        }
    }
    rows
}
