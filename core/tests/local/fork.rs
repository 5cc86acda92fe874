//! The embedded store across `fork`: the child is told, never hangs, and may open the store for itself.
//!
//! Forking a test harness is asking for trouble, so that a fresh process with one thread does it.

use bigseg::store::local::{LocalConfig, LocalReader, LocalWriter};
use bigseg::store::{Cursor, InlineReader, StoreWriter};
use bigseg::testkit::child::{self, Child, report};
use bigseg::testkit::samples::{SampleList, hash, list, patch};
use bigseg::{Error, ErrorKind, Membership, Result};

/// A forked child that hangs is killed by its own alarm after this many seconds.
const TIMEOUT: u32 = 30;

#[test]
fn child_process() {
    child::serve(|role, arguments| {
        let config = LocalConfig::new(arguments[0]);
        match role {
            "use what was open before" => use_what_was_open(&config),
            "open anew beside the old" => open_anew(&config, false),
            "open anew after the old" => open_anew(&config, true),
            _ => panic!("no role is called {role:?}"),
        }
    });
}

/// Runs `work` in a forked child; says "fine", or what went wrong there.
fn in_fork(work: impl FnOnce() -> Result<(), String>) {
    // SAFETY: the child runs `work` and leaves without unwinding into the harness.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: it only arms a timer.
            unsafe { libc::alarm(TIMEOUT) };
            let work = std::panic::AssertUnwindSafe(work);
            let outcome = std::panic::catch_unwind(work).unwrap_or_else(|_| Err("it panicked".to_owned()));
            match &outcome {
                Ok(()) => report("fine"),
                Err(reason) => report(reason),
            }
            // SAFETY: nothing is to be cleaned up; the harness's state belongs to the parent.
            unsafe { libc::_exit(0) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the child is ours and the status is a local.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            if libc::WIFSIGNALED(status) {
                report(format_args!("killed by signal {}", libc::WTERMSIG(status)));
            }
        }
    }
}

fn read(reader: &LocalReader) -> Result<bool> {
    let mut found = [Membership::empty()];
    reader.read_metadata()?;
    reader.read(&[hash("a")], &mut found)?;
    Ok(found[0].check("s.g1") == Some(true))
}

fn expect_forked<T>(what: &str, result: Result<T>) -> Result<(), String> {
    match result {
        Err(e) if e.kind() == ErrorKind::Forked => Ok(()),
        Err(e) => Err(format!("{what}: {e:?}")),
        Ok(_) => Err(format!("{what} worked")),
    }
}

fn opened(config: &LocalConfig) -> (LocalWriter, LocalReader) {
    let writer = LocalWriter::open(config).unwrap();
    let mut one = SampleList::default().add(hash("a"), "s.g1", true);
    writer.load(&one.plan(None, 1), &mut one, &mut |_| {}).unwrap();
    let reader = LocalReader::new(config.clone());
    assert!(read(&reader).unwrap());
    (writer, reader)
}

fn use_what_was_open(config: &LocalConfig) {
    let (writer, reader) = opened(config);
    in_fork(|| {
        expect_forked("reading", read(&reader))?;
        expect_forked("the cursor", writer.cursor())?;
        expect_forked("writing", writer.set_synchronized_on(2))?;
        expect_forked("patching", writer.apply(&patch("s.g1", "", "1", list(&[], &["a"])), Cursor::Advance))
    });
    assert!(read(&reader).unwrap(), "the parent goes on");
    writer.set_synchronized_on(3).unwrap();
}

fn open_anew(config: &LocalConfig, close_first: bool) {
    let (writer, reader) = opened(config);
    let words = |e: Error| format!("{e:?}");
    in_fork(|| {
        // SAFETY: the child leaves without dropping the originals, so each copy is the only one that may be dropped.
        let (old_writer, old_reader) = unsafe { (std::ptr::read(&writer), std::ptr::read(&reader)) };
        if close_first {
            drop((old_writer, old_reader));
        } else {
            std::mem::forget((old_writer, old_reader));
        }
        let reader = LocalReader::new(config.clone());
        if !read(&reader).map_err(words)? {
            return Err("the child reads something else".to_owned());
        }
        let writer = LocalWriter::open(config).map_err(words)?;
        writer.set_synchronized_on(4).map_err(words)?;
        drop((reader, writer));
        Ok(())
    });
    assert!(read(&reader).unwrap(), "the parent goes on");
    assert_eq!(reader.read_metadata().unwrap().synchronized_on, Some(4), "and sees what the child wrote");
    writer.set_synchronized_on(5).unwrap();
}

#[track_caller]
fn run(role: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let said = Child::start(module_path!(), role, &[path.to_str().unwrap()]).finish_well();
    assert_eq!(said, ["fine"], "in the forked child");
}

#[test]
fn what_was_open_before_says_so() {
    run("use what was open before");
}

#[test]
fn the_child_may_open_the_store_for_itself_once_it_closed_what_it_inherited() {
    run("open anew after the old");
}

#[test]
fn the_child_may_open_the_store_for_itself_beside_what_it_inherited() {
    run("open anew beside the old");
}
