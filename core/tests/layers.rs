//! Holds the tree to its architecture: what may import what, how long a file may be and how it may be called.
//!
//! The rules are plain functions from texts to complaints, so that each is also tried on a made-up violation.

use std::fs;
use std::path::{Path, PathBuf};

/// A file over this many lines is worth splitting; it is printed.
const SOFT_LINES: usize = 400;
/// A file over this many lines fails the test.
const HARD_LINES: usize = 800;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "managers", "impl", "impls", "misc"];
/// What only the crate for the C ABI, or a binding, may say.
const FOREIGN_WORDS: &[&str] =
    &["no_mangle", "export_name", "pub extern ", "pub unsafe extern ", "pyo3", "napi", "cbindgen"];
/// Everything of ours that is looked at, from the root of the repository.
const FOLDERS: &[&str] = &["core", "ffi", "cli", "xtask", "bindings", "include", "tests", "scripts"];
/// Folders that hold what was made or fetched, not written.
const NOT_OURS: &[&str] = &["target", "node_modules", "build", "dist", "__pycache__"];

/// A file: its path, with `/`, and its text.
type Source = (String, String);

/// Returns the modules of a `lib.rs` in their order, which is the order of the layers.
fn layers(lib: &str) -> Vec<String> {
    let modules = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

/// Returns which module a name re-exported by `lib.rs` comes from.
fn home_of<'a>(lib: &'a str, name: &str) -> Option<&'a str> {
    let uses = lib.lines().filter_map(|line| line.trim().strip_prefix("pub use ")?.split_once("::"));
    let names = |list: &str| {
        list.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|exported| exported == name)
    };
    uses.into_iter().find(|(_, list)| names(list)).map(|(module, _)| module)
}

/// Returns a line without its comment. A `//` inside a string cuts the line short, which does no harm here.
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

/// Complains of imports that point upward; paths are relative to the crate's `src`.
fn check_imports(lib: &str, sources: &[Source]) -> Vec<String> {
    let layers = layers(lib);
    let rank = |module: &str| layers.iter().position(|layer| layer == module);
    let mut complaints = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| path != "lib.rs") {
        let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        let Some(here) = rank(module) else {
            complaints.push(format!("{path}: {module} is not a `pub mod` of lib.rs"));
            continue;
        };
        for (line, name) in crate_paths(text) {
            let target = home_of(lib, &name).unwrap_or(&name);
            match rank(target) {
                Some(there) if there <= here => {}
                Some(_) => {
                    complaints.push(format!("{path}:{line}: {module} imports {target}, which lies above it"))
                }
                None => complaints.push(format!("{path}:{line}: {name} is neither a module nor re-exported")),
            }
        }
    }
    complaints
}

/// Complains of words that belong to the C ABI or to a binding.
fn check_foreign_words(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let foreign = FOREIGN_WORDS.iter().filter(|word| code(line).contains(**word));
            complaints.extend(foreign.map(|word| format!("{path}:{}: says {word:?}", number + 1)));
        }
    }
    complaints
}

/// Complains of dependencies that `cli, ffi, bindings → core` does not allow.
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
            let core = line.trim_start().starts_with("bigseg-core");
            let name = path.split('/').next().unwrap_or_default();
            if ours && !core && name != "xtask" {
                complaints
                    .push(format!("{path}: depends on something of ours that is not core: {}", line.trim()));
            }
        }
    }
    complaints
}

/// Complains of files and folders whose name says nothing.
fn check_names(paths: &[String]) -> Vec<String> {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let empty = |path: &&String| path.split('/').any(|part| EMPTY_NAMES.contains(&stem(part).as_str()));
    paths.iter().filter(empty).map(|path| format!("{path}: a name that says nothing")).collect()
}

/// Complains of files that are too long.
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core lies in the repository").to_owned()
}

/// Returns every file below a folder, relative to the repository; nothing if there is no such folder.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
        let entry = entry.expect("a folder of ours can be listed");
        let name = entry.file_name().into_string().expect("our names are UTF-8");
        let path = format!("{folder}/{name}");
        if name.starts_with('.') || NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        match entry.file_type().expect("a file of ours has a type") {
            kind if kind.is_dir() => found.extend(files(&path)),
            _ => found.push(path),
        }
    }
    found.sort();
    found
}

fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let wanted = files(folder).into_iter().filter(|path| endings.iter().any(|ending| path.ends_with(ending)));
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path)).expect("a source of ours is UTF-8");
        (path, text)
    };
    wanted.map(read).collect()
}

fn core_sources() -> Vec<Source> {
    let sources = sources("core/src", &[".rs"]).into_iter();
    sources.map(|(path, text)| (path["core/src/".len()..].to_owned(), text)).collect()
}

#[track_caller]
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn imports_point_downward() {
    let sources = core_sources();
    let (_, lib) = sources.iter().find(|(path, _)| path == "lib.rs").expect("there is a lib.rs");
    assert!(layers(lib).len() > 10, "lib.rs is no longer read as it is written");
    assert_none(check_imports(lib, &sources));
}

#[test]
fn core_is_pure_rust() {
    assert_none(check_foreign_words(&core_sources()));
}

#[test]
fn everything_depends_on_core_alone() {
    let manifests: Vec<Source> = FOLDERS.iter().flat_map(|folder| sources(folder, &["Cargo.toml"])).collect();
    assert!(manifests.iter().any(|(path, _)| path == "core/Cargo.toml"), "the manifests are not found");
    assert_none(check_manifests(&manifests));
}

#[test]
fn names_say_what_is_inside() {
    assert_none(check_names(&FOLDERS.iter().flat_map(|folder| files(folder)).collect::<Vec<_>>()));
}

#[test]
fn files_are_short() {
    let endings = [".rs", ".py", ".ts", ".js", ".c", ".cpp"];
    assert_none(FOLDERS.iter().flat_map(|folder| check_lengths(&sources(folder, &endings))).collect());
}

/// The rules themselves, each on what it must and must not complain of.
mod rules {
    use super::*;

    const LIB: &str =
        "pub mod error;\n// 1: words\npub mod patch;\npub mod store;\npub use patch::{Patch, Changes};\n";

    fn complaints(path: &str, text: &str) -> usize {
        check_imports(LIB, &[(path.to_owned(), text.to_owned())]).len()
    }

    #[test]
    fn downward_and_own_folder_imports_are_fine() {
        assert_eq!(complaints("store/local/reader.rs", "use crate::error::Error;\nuse crate::store::X;"), 0);
        assert_eq!(complaints("error.rs", "/// See [`crate::store`].\n// use crate::patch::P;"), 0);
        assert_eq!(complaints("store.rs", "fn f() -> crate::Patch"), 0);
    }

    #[test]
    fn upward_imports_are_not() {
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
    fn exports_are_not_for_core() {
        let says = |text: &str| check_foreign_words(&[("x.rs".into(), text.into())]).len();
        assert_eq!(says("extern \"C\" fn private() {}\n// no_mangle"), 0);
        assert_eq!(says("#[unsafe(no_mangle)]\npub extern \"C\" fn f() {}"), 2);
    }

    #[test]
    fn only_core_is_depended_on() {
        let check = |path: &str, text: &str| check_manifests(&[(path.into(), text.into())]).len();
        assert_eq!(
            check(
                "cli/Cargo.toml",
                "[package]\nname = \"bigseg-cli\"\n[dependencies]\nbigseg-core.workspace = true"
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
