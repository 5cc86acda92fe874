//! Holds tests/parity.toml to the code.

use std::collections::BTreeSet;
use std::path::Path;

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The public functions of Rust's sources.
fn rust_operations(paths: &[&str]) -> Names {
    let source: String = paths.iter().map(|path| read(path)).collect();
    let public = source.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub async fn "))
    });
    public.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
}

/// The functions of C that begin with that, except for those that are another noun's.
fn c_operations(prefix: &str, others: &[&str]) -> Names {
    let symbols = read("include/bigseg.symbols");
    let mine = symbols.lines().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let is_other = |rest: &str| others.iter().any(|other| rest.starts_with(other));
    mine.filter(|(_, rest)| !is_other(rest)).map(|(name, _)| name.to_owned()).collect()
}

/// The public methods and properties of a class of the Node package.
fn node_operations(path: &str, class: &str) -> Names {
    let source = read(path);
    let class = source.split_once(&format!("\nexport class {class} {{")).expect("the class").1;
    let class = class.split_once("\n}\n").expect("its end").0;
    let members = class.lines().filter_map(|line| line.strip_prefix("  "));
    let members = members.map(|line| line.trim_start_matches("static ").trim_start_matches("async "));
    let names =
        members.filter_map(|line| line.trim_start_matches("get ").split_once('(').map(|(name, _)| name));
    let is_public = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric()) && !name.is_empty();
    names.filter(is_public).map(str::to_owned).collect()
}

/// The functions that a module of the Node package exports.
fn node_functions(path: &str) -> Names {
    let source = read(path);
    let functions = source.lines().filter_map(|line| line.strip_prefix("export function "));
    functions.filter_map(|rest| rest.split('(').next()).map(str::to_owned).collect()
}

/// The nouns besides the engine, whose operations stand in tables of their own.
const NOUNS: [&str; 2] = ["integration", "log"];

/// The operations of a noun.
fn operations_of(noun: &str) -> toml::Table {
    let mut table: toml::Table = read("tests/parity.toml").parse().expect("TOML");
    if NOUNS.contains(&noun) {
        return table[noun].as_table().expect("a table").clone();
    }
    table.retain(|operation, _| !NOUNS.contains(&operation));
    table
}

/// The names that the table gives in one language; each operation has some, or says why not.
fn listed(table: &toml::Table, language: &str) -> Names {
    let mut names = Names::new();
    for (operation, row) in table {
        let without = row.get("without").and_then(|without| without.get(language)).is_some();
        let here = row.get(language).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        assert_eq!(here.is_empty(), without, "{operation} in {language}: either names or a reason");
        for name in here {
            let name = name.as_str().expect("a name").to_owned();
            assert!(names.insert(name.clone()), "{name} stands twice");
        }
    }
    names
}

#[test]
fn every_operation_stands_in_the_table_and_the_table_is_true() {
    let table = operations_of("engine");
    let files = ["handle", "l1", "open", "request"];
    let files = files.map(|file| format!("core/src/engine/{file}.rs"));
    let rust = rust_operations(&files.each_ref().map(String::as_str));
    assert_eq!(listed(&table, "rust"), rust);
    assert_eq!(listed(&table, "c"), c_operations("bigseg_engine_", &[]));
    assert_eq!(listed(&table, "node"), node_operations("bindings/node/lib/engine.ts", "Engine"));
}

#[test]
fn so_do_those_of_an_integration() {
    let table = operations_of("integration");
    assert_eq!(listed(&table, "rust"), rust_operations(&["core/src/integration/instance.rs"]));
    let others = ["config_", "state_", "status_"];
    assert_eq!(listed(&table, "c"), c_operations("bigseg_integration_", &others));
    assert_eq!(listed(&table, "node"), node_operations("bindings/node/lib/integration.ts", "Integration"));
}

#[test]
fn so_do_those_of_the_log() {
    let table = operations_of("log");
    assert_eq!(listed(&table, "rust"), Names::new());
    assert_eq!(listed(&table, "c"), c_operations("bigseg_log_", &[]));
    assert_eq!(listed(&table, "node"), node_functions("bindings/node/lib/log.ts"));
}
