//! The architecture of the tree: the layers of core, the dependencies of packages, names and
//! lengths of files.

use crate::tree::{FOLDERS, Source, assert_none, files, sources};

/// A longer file is printed as worth splitting.
const SOFT_LINES: usize = 400;
/// A longer file fails the test.
const HARD_LINES: usize = 800;
/// File and folder names without a meaning.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "managers", "impl", "impls", "misc"];
/// Words of the C ABI and of the bindings, which core does not contain.
const FOREIGN_WORDS: &[&str] =
    &["no_mangle", "export_name", "pub extern ", "pub unsafe extern ", "pyo3", "napi", "cbindgen"];

/// Returns the statements of a `lib.rs`, without comments, attributes and visibility.
fn statements(lib: &str) -> impl Iterator<Item = String> {
    let code: String = lib.lines().map(code).filter(|line| !line.trim_start().starts_with('#')).collect();
    let statements: Vec<String> = code.split(';').map(|text| text.trim().to_owned()).collect();
    statements.into_iter().map(|text| match text.strip_prefix("pub(crate)").or(text.strip_prefix("pub")) {
        Some(rest) => rest.trim_start().to_owned(),
        None => text,
    })
}

/// Returns the modules of a `lib.rs` in order, which is the order of the layers.
fn layers(lib: &str) -> Vec<String> {
    statements(lib).filter_map(|text| Some(text.strip_prefix("mod ")?.to_owned())).collect()
}

/// Returns the module of a name that `lib.rs` re-exports.
fn defining_module(lib: &str, name: &str) -> Option<String> {
    let has_name = |list: &str| {
        list.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|exported| exported == name)
    };
    statements(lib).find_map(|text| {
        let (module, list) = text.strip_prefix("use ")?.split_once("::")?;
        has_name(list).then(|| module.to_owned())
    })
}

/// Returns a line without its comment. A `//` inside a string cuts the line as well; the rules here
/// do not mind.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Returns the first name of every `crate::` path, also of `crate::{a::…, b}`.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (start, found) in code(line).match_indices("crate::") {
            let path = &code(line)[start + found.len()..];
            let (list, is_group) = match path.strip_prefix('{') {
                Some(group) => (group.split('}').next().unwrap_or_default(), true),
                None => (path, false),
            };
            let names = list.split(',').take(if is_group { usize::MAX } else { 1 });
            let first = |name: &str| {
                name.trim()
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .next()
                    .unwrap_or("")
                    .to_owned()
            };
            paths.extend(names.map(|name| (number + 1, first(name))).filter(|(_, name)| !name.is_empty()));
        }
    }
    paths
}

/// Reports imports of a higher layer; paths are relative to the crate's `src`.
fn check_imports(lib: &str, sources: &[Source]) -> Vec<String> {
    let layers = layers(lib);
    let rank = |module: &str| layers.iter().position(|layer| layer == module);
    let mut complaints = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| path != "lib.rs") {
        let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        let Some(here) = rank(module) else {
            complaints.push(format!("{path}: {module} is not a module of lib.rs"));
            continue;
        };
        for (line, name) in crate_paths(text) {
            let target = defining_module(lib, &name).unwrap_or(name.clone());
            match rank(&target) {
                Some(there) if there <= here => {}
                Some(_) => {
                    complaints.push(format!("{path}:{line}: {module} imports {target}, a higher layer"))
                }
                None => complaints
                    .push(format!("{path}:{line}: {name} is neither a module nor a re-export of lib.rs")),
            }
        }
    }
    complaints
}

/// Reports words of the C ABI and of the bindings.
fn check_foreign_words(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let foreign = FOREIGN_WORDS.iter().filter(|word| code(line).contains(**word));
            complaints.extend(foreign.map(|word| format!("{path}:{}: contains {word:?}", number + 1)));
        }
    }
    complaints
}

/// Reports dependencies other than those of cli, ffi and bindings on core.
fn check_manifests(manifests: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in manifests {
        let mut in_dependencies = false;
        for line in text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
            if let Some(section) = line.trim().strip_prefix('[') {
                in_dependencies = section.contains("dependencies");
            }
            if !in_dependencies {
                continue;
            }
            if line.contains("bigseg-ffi") || line.contains("/ffi\"") {
                complaints.push(format!("{path}: depends on ffi"));
            }
            let ours = line.trim_start().starts_with("bigseg-") || line.contains("path = ");
            let core = ["bigseg.", "bigseg ="].iter().any(|name| line.trim_start().starts_with(name));
            let name = path.split('/').next().unwrap_or_default();
            if ours && !core && name != "xtask" {
                complaints
                    .push(format!("{path}: depends on a workspace package other than core: {}", line.trim()));
            }
        }
    }
    complaints
}

/// Reports files and folders whose names have no meaning.
fn check_names(paths: &[String]) -> Vec<String> {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let empty = |path: &&String| path.split('/').any(|part| EMPTY_NAMES.contains(&stem(part).as_str()));
    paths
        .iter()
        .filter(empty)
        .map(|path| format!("{path}: the name has no meaning; name the content"))
        .collect()
}

/// Reports files that are too long.
fn check_lengths(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in sources {
        match text.lines().count() {
            lines if lines > HARD_LINES => complaints.push(format!("{path}: {lines} lines")),
            lines if lines > SOFT_LINES => println!("worth splitting: {path}: {lines} lines"),
            _ => {}
        }
    }
    complaints
}

fn core_sources() -> Vec<Source> {
    let sources = sources("core/src", &[".rs"]).into_iter();
    sources.map(|(path, text)| (path["core/src/".len()..].to_owned(), text)).collect()
}

#[test]
fn imports_point_downward() {
    let sources = core_sources();
    let (_, lib) = sources.iter().find(|(path, _)| path == "lib.rs").expect("there is a lib.rs");
    assert!(layers(lib).len() > 10, "the modules of lib.rs were not found");
    assert_none(check_imports(lib, &sources));
}

#[test]
fn core_is_pure_rust() {
    assert_none(check_foreign_words(&core_sources()));
}

#[test]
fn packages_depend_only_on_core() {
    let manifests: Vec<Source> = FOLDERS.iter().flat_map(|folder| sources(folder, &["Cargo.toml"])).collect();
    assert!(manifests.iter().any(|(path, _)| path == "core/Cargo.toml"), "the manifests were not found");
    assert_none(check_manifests(&manifests));
}

#[test]
fn names_have_a_meaning() {
    assert_none(check_names(&FOLDERS.iter().flat_map(|folder| files(folder)).collect::<Vec<_>>()));
}

#[test]
fn files_are_short() {
    let endings = [".rs", ".py", ".ts", ".js", ".c", ".cpp"];
    assert_none(FOLDERS.iter().flat_map(|folder| check_lengths(&sources(folder, &endings))).collect());
}

/// The rules on made-up examples and violations.
mod rules {
    use super::*;

    const LIB: &str =
        "pub mod error;\n// 1: words\npub mod patch;\npub mod store;\npub use patch::{Patch, Changes};\n";

    fn complaints(path: &str, text: &str) -> usize {
        check_imports(LIB, &[(path.to_owned(), text.to_owned())]).len()
    }

    #[test]
    fn downward_and_own_folder_imports_are_allowed() {
        assert_eq!(complaints("store/local/reader.rs", "use crate::error::Error;\nuse crate::store::X;"), 0);
        assert_eq!(complaints("error.rs", "/// See [`crate::store`].\n// use crate::patch::P;"), 0);
        assert_eq!(complaints("store.rs", "fn f() -> crate::Patch"), 0);
    }

    #[test]
    fn upward_imports_are_reported() {
        assert_eq!(complaints("error.rs", "use crate::patch::Patch;"), 1);
        assert_eq!(complaints("error.rs", "fn f() -> crate::Changes"), 1, "through a re-export");
        assert_eq!(complaints("patch.rs", "use crate::{error::E, store::S};"), 1, "in a group");
        assert_eq!(
            complaints("patch.rs", "let a: crate::error::E; let b: crate::store::S;"),
            1,
            "on one line"
        );
        assert_eq!(complaints("patch.rs", "use crate::nowhere::X;"), 1);
        assert_eq!(complaints("stray.rs", ""), 1);
    }

    #[test]
    fn words_of_the_abi_are_reported() {
        let count = |text: &str| check_foreign_words(&[("x.rs".into(), text.into())]).len();
        assert_eq!(count("extern \"C\" fn private() {}\n// no_mangle"), 0);
        assert_eq!(count("#[unsafe(no_mangle)]\npub extern \"C\" fn f() {}"), 2);
    }

    #[test]
    fn dependencies_other_than_core_are_reported() {
        let check = |path: &str, text: &str| check_manifests(&[(path.into(), text.into())]).len();
        assert_eq!(
            check(
                "cli/Cargo.toml",
                "[package]\nname = \"bigseg-cli\"\n[dependencies]\nbigseg.workspace = true"
            ),
            0
        );
        assert_eq!(check("cli/Cargo.toml", "[dev-dependencies]\nffi = { package = \"bigseg-ffi\" }"), 1);
        assert_eq!(check("bindings/node/Cargo.toml", "[dependencies]\nx = { path = \"../python\" }"), 1);
        assert_eq!(check("core/Cargo.toml", "[build-dependencies]\nbigseg-cli.workspace = true"), 1);
    }

    #[test]
    fn names_and_lengths() {
        let path = |path: &str| check_names(&[path.to_owned()]).len();
        assert_eq!((path("core/src/store/mod.rs"), path("a/common/mod.rs"), path("a/utils.rs")), (0, 1, 1));
        let lines = |count: usize| check_lengths(&[("x.rs".into(), "\n".repeat(count))]).len();
        assert_eq!((lines(HARD_LINES), lines(HARD_LINES + 1)), (0, 1));
    }
}
