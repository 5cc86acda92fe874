//! Import circles between the files of a crate.
//!
//! A file imports another if it names something that the other *defines*. Re-exports are followed:
//! `use super::Name`, where `mod.rs` says `pub use child::Name`, is an import of `child.rs`.
//! A module imports its children, because `mod child;` exposes them. A child that names something
//! defined in its own `mod.rs` therefore closes a circle: neither can be read without the other.
//! The remedy is a file of its own for what both need.
//!
//! Not followed: methods (`impl` blocks of one type in several files), code under `#[cfg(test)]`,
//! and documentation links.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syn::visit::{self, Visit};

use crate::tree::{Source, assert_none, read, sources};

/// The source folders of all crates, each with its root file.
const CRATES: &[(&str, &str)] = &[
    ("core/src", "lib.rs"),
    ("ffi/src", "lib.rs"),
    ("cli/src", "main.rs"),
    ("xtask/src", "main.rs"),
    ("bindings/python/src", "lib.rs"),
    ("bindings/node/src", "lib.rs"),
];

/// Circles that are known and still to be removed, one a line: the files or folders, separated by
/// spaces.
const KNOWN: &str = "tests/known_import_circles.txt";

/// The path of a module from the root of its crate, or of an item.
type Path = Vec<String>;

/// The modules of one crate.
#[derive(Default)]
struct Crate {
    modules: HashMap<Path, Module>,
}

/// One module, in a file or inline.
#[derive(Default)]
struct Module {
    file: String,
    /// Names of the items that the module defines.
    defined: BTreeSet<String>,
    /// Imported names with the paths they stand for.
    imported: BTreeMap<String, Path>,
    /// Paths of glob imports, without the `*`.
    globs: Vec<Path>,
    /// Every path that the code names.
    named: Vec<Path>,
    /// Files of child modules.
    children: Vec<String>,
}

/// An import: from which file, to which, and by what path.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

impl Crate {
    /// Parses the files of a crate; paths are relative to its source folder.
    fn parse(root: &str, files: &[Source]) -> Self {
        let mut parsed = Self::default();
        for (file, text) in files {
            let syntax = syn::parse_file(text).unwrap_or_else(|e| panic!("{file}: {e}"));
            let path = if file == root { Vec::new() } else { module_path(file) };
            let mut visitor = Visitor { parsed: &mut parsed, path, file };
            visitor.visit_module(&syntax.items);
        }
        let files: Vec<(Path, String)> =
            parsed.modules.iter().map(|(path, module)| (path.clone(), module.file.clone())).collect();
        for (path, file) in files {
            let Some((_, parent)) = path.split_last() else { continue };
            if let Some(parent) = parsed.modules.get_mut(parent) {
                parent.children.push(file);
            }
        }
        parsed
    }

    /// Returns what each file imports.
    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.modules {
            let from = imports.entry(module.file.clone()).or_default();
            for child in module.children.iter().filter(|child| **child != module.file) {
                from.entry(child.clone()).or_insert_with(|| "mod".to_owned());
            }
            for named in &module.named {
                let file = self.absolute(path, named, 0).and_then(|absolute| self.locate(&absolute, 0));
                if let Some(file) = file.filter(|file| *file != module.file) {
                    from.insert(file, named.join("::"));
                }
            }
            for glob in &module.globs {
                let target = self.absolute(path, glob, 0);
                let target = target.and_then(|absolute| self.modules.get(&absolute));
                if let Some(target) = target.filter(|target| target.file != module.file) {
                    from.insert(target.file.clone(), format!("{}::*", glob.join("::")));
                }
            }
        }
        imports
    }

    /// Turns a path in the code of a module into one from the root; `None` = another crate's, or
    /// local.
    fn absolute(&self, module: &[String], named: &[String], depth: usize) -> Option<Path> {
        let (first, rest) = named.split_first()?;
        let mut base = module.to_vec();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => return Some([module, rest].concat()),
            "super" => {
                let mut rest = rest;
                base.pop()?;
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
                return Some([&base[..], rest].concat());
            }
            _ => {}
        }
        base.push(first.clone());
        if self.modules.contains_key(&base) {
            return Some([module, named].concat());
        }
        let alias = self.modules.get(module)?.imported.get(first)?;
        if depth > 20 || alias == named {
            return None;
        }
        Some([self.absolute(module, alias, depth + 1)?, rest.to_vec()].concat())
    }

    /// Finds the file that defines what an absolute path names; `None` for a module itself.
    fn locate(&self, absolute: &[String], depth: usize) -> Option<String> {
        let mut path = Path::new();
        for (nth, segment) in absolute.iter().enumerate() {
            let child = [&path[..], std::slice::from_ref(segment)].concat();
            if self.modules.contains_key(&child) {
                path = child;
                continue;
            }
            let module = self.modules.get(&path)?;
            if module.defined.contains(segment) || depth > 20 {
                return Some(module.file.clone());
            }
            let rest = &absolute[nth + 1..];
            if let Some(alias) = module.imported.get(segment) {
                let target = self.absolute(&path, alias, 0)?;
                return self.locate(&[target, rest.to_vec()].concat(), depth + 1);
            }
            let through_glob = module.globs.iter().find_map(|glob| {
                let target = self.absolute(&path, glob, 0)?;
                let has_name = self.modules.get(&target)?.defined.contains(segment);
                has_name.then(|| self.locate(&[&target[..], &absolute[nth..]].concat(), depth + 1))?
            });
            // A name that is found nowhere is made by a macro of that module.
            return through_glob.or_else(|| Some(module.file.clone()));
        }
        None
    }
}

/// Returns the module path of a file.
fn module_path(file: &str) -> Path {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Collects the modules of one file.
struct Visitor<'a> {
    parsed: &'a mut Crate,
    path: Path,
    file: &'a str,
}

impl Visitor<'_> {
    fn visit_module(&mut self, items: &[syn::Item]) {
        self.module().file = self.file.to_owned();
        for item in items {
            if let Some(name) = defined_name(item) {
                self.module().defined.insert(name);
            }
        }
        items.iter().for_each(|item| self.visit_item(item));
    }

    fn module(&mut self) -> &mut Module {
        self.parsed.modules.entry(self.path.clone()).or_default()
    }

    /// Records a `use`, or a part of one.
    fn import(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.import(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.import(prefix, item)),
            syn::UseTree::Glob(_) => self.module().globs.push(prefix.to_vec()),
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = prefix.last() {
                    self.record_import(last.clone(), prefix.to_vec());
                }
            }
            syn::UseTree::Name(name) => self.record_import(name.ident.to_string(), with(&name.ident)),
            syn::UseTree::Rename(rename) if rename.ident == "self" => {
                self.record_import(rename.rename.to_string(), prefix.to_vec());
            }
            syn::UseTree::Rename(rename) => {
                self.record_import(rename.rename.to_string(), with(&rename.ident));
            }
        }
    }

    fn record_import(&mut self, name: String, path: Path) {
        self.module().named.push(path.clone());
        self.module().imported.insert(name, path);
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !attributes(item).iter().any(is_test_only) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if let Some((_, items)) = &item.content {
            self.path.push(item.ident.to_string());
            self.visit_module(items);
            self.path.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.import(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let named = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.module().named.push(named);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        let named = paths_in_tokens(&invocation.tokens.to_string());
        self.module().named.extend(named);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(in crate::a)` imports nothing.
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {
        // Documentation links are not imports.
    }
}

/// Finds the paths `a::b…` in the tokens of a macro call.
fn paths_in_tokens(tokens: &str) -> Vec<Path> {
    let joined = tokens.replace(" :: ", "::").replace(":: ", "::").replace(" ::", "::");
    let words = joined.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    words
        .filter(|word| word.contains("::") && !word.starts_with(':'))
        .map(|word| word.split("::").filter(|segment| !segment.is_empty()).map(str::to_owned).collect())
        .filter(|path: &Path| path.len() > 1)
        .collect()
}

fn is_test_only(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::TraitAlias(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// A circle: its files, and the imports between them.
#[derive(Debug)]
struct Circle {
    files: BTreeSet<String>,
    imports: Vec<String>,
}

/// Returns the circles: the largest sets of files that all reach one another.
fn circles(imports: &Imports) -> Vec<Circle> {
    let reachable: BTreeMap<&String, BTreeSet<&String>> =
        imports.keys().map(|file| (file, reachable_from(file, imports))).collect();
    let mut circles = Vec::new();
    let mut done: BTreeSet<&String> = BTreeSet::new();
    for (file, targets) in &reachable {
        if done.contains(*file) {
            continue;
        }
        let is_mutual = |target: &&&String| reachable.get(**target).is_some_and(|back| back.contains(*file));
        let files: BTreeSet<&String> = targets.iter().filter(is_mutual).copied().collect();
        done.extend(&files);
        if files.len() > 1 {
            circles.push(circle(&files, imports));
        }
    }
    circles
}

fn reachable_from<'a>(file: &'a String, imports: &'a Imports) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut open = vec![file];
    while let Some(next) = open.pop() {
        for target in imports.get(next).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(target) {
                open.push(target);
            }
        }
    }
    found
}

fn circle(files: &BTreeSet<&String>, imports: &Imports) -> Circle {
    let mut lines = Vec::new();
    for file in files {
        for (target, path) in imports.get(*file).into_iter().flatten() {
            if files.contains(target) {
                lines.push(format!("  {file} → {target} ({path})"));
            }
        }
    }
    Circle { files: files.iter().map(|file| (*file).clone()).collect(), imports: lines }
}

fn circles_of(folder: &str, root: &str) -> Vec<Circle> {
    let prefix = format!("{folder}/");
    let files: Vec<Source> = sources(folder, &[".rs"])
        .into_iter()
        .map(|(path, text)| (path.trim_start_matches(&prefix).to_owned(), text))
        .collect();
    let mut circles = circles(&Crate::parse(root, &files).imports());
    for circle in &mut circles {
        circle.files = circle.files.iter().map(|file| format!("{prefix}{file}")).collect();
    }
    circles
}

/// Returns whether every file of a circle is in a list of files and folders (with a final `/`).
fn is_known(circle: &Circle, known: &BTreeSet<String>) -> bool {
    let is_listed = |file: &String| {
        known.iter().any(|known| file == known || (known.ends_with('/') && file.starts_with(known.as_str())))
    };
    circle.files.iter().all(is_listed)
}

#[test]
fn there_is_no_import_circle() {
    let known = read(KNOWN);
    let known: Vec<BTreeSet<String>> = known
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    let mut complaints = Vec::new();
    for (folder, root) in CRATES {
        for circle in circles_of(folder, root) {
            if known.iter().any(|known| is_known(&circle, known)) {
                println!("known circle of {} files in {folder}", circle.files.len());
                continue;
            }
            let files: Vec<&str> = circle.files.iter().map(String::as_str).collect();
            complaints.push(format!(
                "{folder}: a circle of {} files:\n{}\n  files: {}",
                circle.files.len(),
                circle.imports.join("\n"),
                files.join(" ")
            ));
        }
    }
    assert_none(complaints);
}

/// The rule on made-up crates.
mod rules {
    use super::*;

    /// Returns the files of each circle.
    fn check(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<Source> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let circles = circles(&Crate::parse("lib.rs", &files).imports());
        circles.into_iter().map(|circle| circle.files.into_iter().collect()).collect()
    }

    const LIB: (&str, &str) = ("lib.rs", "mod a; mod b; mod c;");

    #[test]
    fn a_chain_is_no_circle() {
        let chain = [
            LIB,
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use super::c::C; pub struct B;"),
            ("c.rs", "pub struct C;"),
        ];
        assert!(check(&chain).is_empty());
    }

    #[test]
    fn every_form_of_path_closes_a_circle() {
        for back in [
            "use crate::a::A;",
            "use super::a::A;",
            "use crate::{a::A, c::C};",
            "use crate::a::{self, C}; fn f() -> a::A {}",
            "use crate::a as other; fn f(a: &other::A) {}",
            "use crate::a::*;",
            "fn f() { let _ = crate::a::A; }",
            "fn f() -> Vec<crate::a::A> {}",
            "fn f() { println!(\"{:?}\", crate::a::A); }",
            "mod inner { use super::super::a::A; }",
            "impl crate::a::Trait for B {}",
        ] {
            let b = format!("pub struct B; {back}");
            let files = [
                LIB,
                ("a.rs", "use crate::b::B; pub struct A; pub struct C; pub trait Trait {}"),
                ("b.rs", &*b),
                ("c.rs", "pub struct C;"),
            ];
            assert_eq!(check(&files), [["a.rs", "b.rs"]], "{back}");
        }
    }

    #[test]
    fn a_re_export_leads_to_the_definition() {
        let files = [
            ("lib.rs", "mod m; pub use m::Reader;"),
            ("m/mod.rs", "mod reader; mod writer; pub use reader::Reader; pub use writer::*;"),
            ("m/reader.rs", "pub struct Reader;"),
            ("m/writer.rs", "use super::Reader; use crate::Reader as R; pub struct Writer;"),
        ];
        assert!(check(&files).is_empty());
        let mut circular = files;
        circular[2].1 = "use super::Writer; pub struct Reader;";
        assert_eq!(check(&circular), [["m/reader.rs", "m/writer.rs"]], "through a glob");
    }

    #[test]
    fn a_child_may_not_import_what_its_module_defines() {
        let files = [
            ("lib.rs", "mod m;"),
            ("m/mod.rs", "mod child; pub struct Shared;"),
            ("m/child.rs", "use super::Shared;"),
        ];
        assert_eq!(check(&files), [["m/child.rs", "m/mod.rs"]]);
    }

    #[test]
    fn circles_of_tests_documentation_and_other_crates_do_not_count() {
        for back in [
            "#[cfg(test)] mod tests { use crate::a::A; }",
            "/// See [`crate::a::A`].\nfn f() {}",
            "use other::a::A;",
            "use ::a::A;",
            "pub(in crate::a) struct D;",
            "use std::fmt; fn f() -> fmt::Result {}",
            "use crate::a;",
        ] {
            let b = format!("pub struct B; {back}");
            let files = [LIB, ("a.rs", "use crate::b::B; pub struct A;"), ("b.rs", &*b), ("c.rs", "")];
            assert!(check(&files).is_empty(), "{back}");
        }
    }

    #[test]
    fn a_circle_of_three_is_found_once() {
        let files = [
            LIB,
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "use crate::a::A; pub struct C;"),
        ];
        assert_eq!(check(&files), [["a.rs", "b.rs", "c.rs"]]);
    }
}
