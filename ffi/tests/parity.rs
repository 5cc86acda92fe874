//! Holds tests/parity.toml to the code.

use std::collections::BTreeSet;
use std::path::Path;

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The public methods of the engine's front door.
fn rust_operations() -> Names {
    let files = ["mod", "repeat", "data", "evaluation", "explanation"];
    let source: String = files.iter().map(|file| read(&format!("core/src/engine/{file}.rs"))).collect();
    let public = source.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub async fn "))
    });
    public.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
}

fn c_operations() -> Names {
    read("include/bigseg.symbols")
        .lines()
        .filter(|name| name.starts_with("bigseg_engine_"))
        .map(str::to_owned)
        .collect()
}

/// The public methods and properties of the Node package's `Engine`.
fn node_operations() -> Names {
    let source = read("bindings/node/lib/engine.ts");
    let class = source.split_once("\nexport class Engine {").expect("the class").1;
    let class = class.split_once("\n}\n").expect("its end").0;
    let members = class.lines().filter_map(|line| line.strip_prefix("  "));
    let members = members.map(|line| line.trim_start_matches("static ").trim_start_matches("async "));
    let names =
        members.filter_map(|line| line.trim_start_matches("get ").split_once('(').map(|(name, _)| name));
    let is_public = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric()) && !name.is_empty();
    names.filter(is_public).map(str::to_owned).collect()
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
    let table: toml::Table = read("tests/parity.toml").parse().expect("TOML");
    assert_eq!(listed(&table, "rust"), rust_operations());
    assert_eq!(listed(&table, "c"), c_operations());
    assert_eq!(listed(&table, "node"), node_operations());
}
