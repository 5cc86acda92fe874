//! `demo`: what it prints can be followed, and its population is always the same.

use crate::command::CliSandbox;

#[test]
fn the_demo_loads_asks_and_measures() {
    let sandbox = CliSandbox::new();
    // Twice: the demo's own store is replaced each time.
    for _ in 0..2 {
        let said = sandbox.run("demo --contexts 5000").succeeds();
        assert!(said.contains("contexts     5,000\n") && said.contains(" contexts/s ("), "{said}");
        assert!(said.contains("bytes per context") && said.contains("cached answer, by key"), "{said}");
        assert!(said.contains("HEALTHY  in demo-16.g1") && said.contains("no value"), "{said}");
    }
    let stats = sandbox.run("stats --json --store local:target/demo/population.bigseg").json();
    assert_eq!((&stats["contexts"], stats["segments"].as_array().unwrap().len()), (&5000.into(), 20));
}

#[test]
fn the_demos_next_steps_work() {
    let sandbox = CliSandbox::new();
    let said = sandbox.run("demo --contexts 1000 --store local:demo.bigseg").succeeds();
    let steps: Vec<&str> = said.lines().skip_while(|line| *line != "Try next").skip(1).collect();
    assert!(steps.len() > 5, "{said}");
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_bigseg")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let shell = std::process::Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", &steps.join("\n")])
        .current_dir(sandbox.path(""))
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(shell.status.success() && shell.stderr.is_empty(), "{shell:?}");
}

#[test]
fn the_demo_never_overwrites_a_store() {
    let sandbox = CliSandbox::holding("user1,beta.g1\n");
    let before = sandbox.content();
    sandbox.run("demo --contexts 10 --store local:store").fails(64);
    assert_eq!(sandbox.content(), before);
}

#[test]
fn the_csv_holds_the_same_population() {
    let sandbox = CliSandbox::new();
    sandbox.run("demo --contexts 2000 --csv list.csv").succeeds();
    assert_eq!(sandbox.run("demo --contexts 2000 --csv -").succeeds(), sandbox.read("list.csv"));
    sandbox.run("import list.csv").succeeds();
    sandbox.run("demo --contexts 2000").succeeds();
    let loaded = sandbox.run("export --store local:target/demo/population.bigseg").succeeds();
    assert_eq!(sandbox.content(), loaded);
}
