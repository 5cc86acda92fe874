//! Compiles each program of `tests/c` against the header and the shared library, and runs it with
//! AddressSanitizer; some also run under Valgrind.

mod library;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use bigseg::testkit::redis_server::READER_COMMANDS;
use bigseg::testkit::samples::step;
use bigseg::testkit::{FakeUpstream, RedisServer};
use library::Library;

/// The programs that run the language-neutral vectors, which need a JSON library.
const VECTOR_PROGRAMS: [&str; 3] = ["vectors.c", "vectors_engine.c", "vectors_evaluation.c"];
/// Programs that cannot run with the sanitizer: one forks while other threads allocate, after which
/// the sanitizer's allocator can stay locked in the child; the other replaces the allocator.
const PLAIN_PROGRAMS: [&str; 2] = ["fork.c", "allocations.c"];
/// Programs that need a server.
const SERVER_PROGRAMS: [&str; 2] = ["redis.c", "integration.c"];
/// The program for a library without any feature.
const REDUCED_PROGRAM: &str = "reduced.c";
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// How a program is built.
struct Build<'a> {
    source: &'a str,
    standard: &'a str,
    sanitize: bool,
    link: &'a [&'a str],
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}

impl Build<'_> {
    /// Returns the compiler's command for the source, without a target.
    fn command(&self, library: &Library) -> Command {
        let compiler = if self.source.ends_with(".cpp") { "c++" } else { "cc" };
        let mut command = Command::new(compiler);
        command.arg(format!("-std={}", self.standard)).args(WARNINGS);
        command.arg("-D_GNU_SOURCE").arg("-I").arg(&library.include).arg(library.sources.join(self.source));
        command
    }

    /// Checks that the source compiles.
    fn check_syntax(&self) {
        run(self.command(Library::built()).arg("-fsyntax-only"));
    }

    fn compile(&self, into: &Path) -> PathBuf {
        self.compile_with(Library::built(), into)
    }

    fn compile_with(&self, library: &Library, into: &Path) -> PathBuf {
        let program = into.join("program");
        let mut command = self.command(library);
        command.arg("-g");
        if self.sanitize {
            command.arg("-fsanitize=address");
        }
        command.arg("-L").arg(&library.directory).arg("-Wl,-rpath,$ORIGIN");
        command.args(["-lbigseg", "-lpthread"]).args(self.link).arg("-o").arg(&program);
        run(&mut command);
        // Cargo does not give the file the name that is its SONAME.
        let shared = into.join("libbigseg.so.0");
        if !shared.exists() {
            symlink(library.directory.join("libbigseg.so"), shared).expect("a link");
        }
        let symbols = run(Command::new("nm").arg(&program));
        assert_eq!(
            symbols.contains("__asan_init"),
            self.sanitize,
            "the program has the sanitizer, or lacks it"
        );
        program
    }
}

fn exported_symbols(library: &Library) -> String {
    let shared = library.directory.join("libbigseg.so");
    run(Command::new("nm").args(["-D", "--defined-only", "--format=just-symbols"]).arg(shared))
}

fn read_include(library: &Library, name: &str) -> String {
    std::fs::read_to_string(library.include.join(name)).expect("a committed file")
}

fn sanitized(source: &str, standard: &str) {
    if source.ends_with(".cpp") {
        bigseg::needs!(Cpp);
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Build { source, standard, sanitize: true, link: &[] }.compile(directory.path());
    run(Command::new(program).arg(directory.path()));
}

fn under_valgrind(source: &str) {
    bigseg::needs!(Valgrind);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Build { source, standard: "c11", sanitize: false, link: &[] }.compile(directory.path());
    run(Command::new("valgrind")
        .args(["--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite", "--quiet"])
        .arg("--fair-sched=yes")
        .arg(program)
        .arg(directory.path()));
}

macro_rules! programs {
    ($($name:ident: $source:literal in $standard:literal;)+) => {
        $(#[test] fn $name() { sanitized($source, $standard); })+

        #[test]
        fn no_program_is_forgotten() {
            let others =
                [VECTOR_PROGRAMS.as_slice(), &PLAIN_PROGRAMS, &SERVER_PROGRAMS, &[REDUCED_PROGRAM]].concat();
            let known = [&[$($source),+], others.as_slice()].concat();
            for entry in std::fs::read_dir(&Library::built().sources).expect("tests/c") {
                let name = entry.expect("an entry").file_name().into_string().expect("a name");
                let is_program = name.ends_with(".c") || name.ends_with(".cpp");
                assert!(!is_program || known.contains(&name.as_str()), "{name} is run by no test");
            }
        }
    };
}

programs! {
    quick_start: "quick_start.c" in "c99";
    identifiers: "identifiers.c" in "c99";
    config: "config.c" in "c99";
    lookup: "lookup.c" in "c11";
    evaluation: "evaluation.c" in "c11";
    evaluation_cpp: "evaluation_cpp.cpp" in "c++17";
    null_arguments: "null_arguments.c" in "c99";
    threads: "threads.c" in "c11";
    listener: "listener.c" in "c11";
    completion: "completion.c" in "c11";
    custom_store: "custom_store.c" in "c11";
    custom_store_throws: "custom_store_throws.cpp" in "c++17";
    use_after_close: "use_after_close.c" in "c11";
    log: "log.c" in "c11";
    import: "import.c" in "c11";
    outage: "outage.c" in "c11";
    header_twice: "header_twice.c" in "c99";
    header_cpp: "header_cpp.cpp" in "c++17";
}

#[test]
fn plain_programs() {
    for source in PLAIN_PROGRAMS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let build = Build { source, standard: "c11", sanitize: false, link: &[] };
        let program = build.compile(directory.path());
        for _ in 0..3 {
            run(&mut Command::new(&program));
        }
    }
}

#[test]
fn vectors() {
    bigseg::needs!(Jansson);
    for source in VECTOR_PROGRAMS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let build = Build { source, standard: "c11", sanitize: true, link: &["-ljansson"] };
        let vectors = Library::built().sources.join("../../../tests/vectors");
        run(Command::new(build.compile(directory.path())).arg(directory.path()).arg(vectors));
    }
}

#[test]
fn redis() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    server.add_user("reader", READER_COMMANDS);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [source, ..] = SERVER_PROGRAMS;
    let program = Build { source, standard: "c11", sanitize: true, link: &[] }.compile(directory.path());
    run(Command::new(program).args([server.store("", ""), server.store("reader:secret", "")]));
}

#[test]
fn integration() {
    let upstream = FakeUpstream::start();
    upstream.set_key("new-key");
    (1..=5).for_each(|n| upstream.append(step(n)));
    let [_, source] = SERVER_PROGRAMS;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Build { source, standard: "c11", sanitize: true, link: &[] }.compile(directory.path());
    run(Command::new(program).arg(directory.path()).arg(upstream.url()));
    let errors = std::fs::read_to_string(directory.path().join("main.errors.json")).expect("the error log");
    assert!(errors.contains("upstream_refused") && !errors.contains("old-key"), "{errors}");
}

#[test]
fn the_example_works() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = "../../examples/membership.c";
    let program = Build { source, standard: "c11", sanitize: true, link: &[] }.compile(directory.path());
    let text = run(Command::new(program).args(["memory:", "user-1", "demo-01.g1"]));
    assert!(text.contains("check of demo-01.g1: no value"), "{text}");
}

#[test]
fn the_header_is_valid_in_every_version_of_c_and_cpp() {
    bigseg::needs!(Cpp);
    for standard in ["c99", "c11", "gnu2x"] {
        Build { source: "header_twice.c", standard, sanitize: false, link: &[] }.check_syntax();
    }
    for standard in ["c++17", "c++20"] {
        Build { source: "header_cpp.cpp", standard, sanitize: false, link: &[] }.check_syntax();
    }
}

#[test]
fn a_reduced_library_exports_every_symbol_and_reports_what_it_leaves_out() {
    let library = Library::reduced();
    assert_eq!(exported_symbols(&library), read_include(&library, "bigseg.symbols"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let build = Build { source: REDUCED_PROGRAM, standard: "c11", sanitize: true, link: &[] };
    run(&mut Command::new(build.compile_with(&library, directory.path())));
}

#[test]
fn lookups_leak_nothing() {
    under_valgrind("lookup.c");
}

#[test]
fn evaluations_leak_nothing() {
    under_valgrind("evaluation.c");
}

#[test]
fn listeners_leak_nothing() {
    under_valgrind("listener.c");
}

#[test]
fn custom_stores_leak_nothing() {
    under_valgrind("custom_store.c");
}

#[test]
fn the_library_exports_what_the_list_says_and_has_the_right_name() {
    let library = Library::built();
    let symbols = read_include(library, "bigseg.symbols");
    assert_eq!(exported_symbols(library), symbols, "run `cargo run -p xtask -- generate`");
    let header = read_include(library, "bigseg.h");
    let mut lines = header.lines();
    let abi =
        lines.find_map(|line| line.strip_prefix("#define BIGSEG_ABI_VERSION ")).expect("the ABI version");
    let dynamic = run(Command::new("readelf").arg("-d").arg(library.directory.join("libbigseg.so")));
    assert!(dynamic.contains(&format!("Library soname: [libbigseg.so.{abi}]")), "{dynamic}");
}

#[test]
fn every_function_is_called_by_some_program() {
    let library = Library::built();
    let mut programs = String::new();
    for entry in std::fs::read_dir(&library.sources).expect("tests/c") {
        programs += &std::fs::read_to_string(entry.expect("an entry").path()).expect("a program");
    }
    for symbol in std::fs::read_to_string(library.include.join("bigseg.symbols")).expect("the list").lines() {
        assert!(programs.contains(&format!("{symbol}(")), "{symbol} is called by no program of tests/c");
    }
}
