//! An import that is cut short leaves the store as it was.

use std::io::Write;
use std::process::Command;

use crate::command::CliSandbox;

#[test]
fn an_interrupted_import_changes_nothing() {
    for signal in ["-INT", "-TERM", "-KILL"] {
        let sandbox = CliSandbox::holding("user1,beta.g1\n");
        let before = sandbox.content();
        let mut import = sandbox.start("import --replace beta.g1 --format csv -");
        let mut list = import.stdin.take().unwrap();
        for n in 0..20_000 {
            writeln!(list, "user{n},beta.g1").unwrap();
        }
        Command::new("kill").args([signal, &import.id().to_string()]).status().unwrap();
        assert!(!import.wait().unwrap().success());
        assert_eq!(sandbox.content(), before, "{signal}");
        drop(list);
    }
}
