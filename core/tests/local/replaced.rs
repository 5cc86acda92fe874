//! An embedded store whose file comes, goes and is exchanged while others have it open.

use std::fs;
use std::path::{Path, PathBuf};

use bigseg::patch::PatchOutcome;
use bigseg::store::local::{LocalConfig, LocalReader, LocalWriter};
use bigseg::store::{Cursor, InlineReader, StoreWriter};
use bigseg::testkit::child::{self, Child, next_order, report};
use bigseg::testkit::samples::{SampleList, hash, list, patch};
use bigseg::{ErrorKind, Membership, Result};

#[test]
fn child_process() {
    child::serve(|role, arguments| {
        assert_eq!(role, "tell");
        let reader = LocalReader::new(LocalConfig::new(arguments[0]));
        while next_order().is_some() {
            match segment_of_a(&reader) {
                Ok(segment) => report(segment),
                Err(e) => report(e.kind()),
            }
        }
    });
}

/// Reads the metadata, as an engine does now and then, and then which segment the context "a" is in.
fn segment_of_a(reader: &LocalReader) -> Result<String> {
    reader.read_metadata()?;
    let mut found = [Membership::empty()];
    reader.read(&[hash("a")], &mut found)?;
    Ok(found[0].included().first().map_or("none".to_owned(), ToString::to_string))
}

/// Makes a store in which "a" is in one segment, after as many transactions as wanted.
fn make(path: &Path, segment: &str, transactions: usize) {
    let writer = LocalWriter::open(&LocalConfig::new(path)).unwrap();
    for n in 0..transactions {
        writer.set_synchronized_on(n as i64).unwrap();
    }
    let mut all = SampleList::default().add(hash("a"), segment, true);
    writer.load(&all.plan(None, 1), &mut all, &mut |_| {}).unwrap();
}

fn lock_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-lock", path.display()))
}

#[test]
fn a_reader_finds_a_store_that_is_made_later() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("later/store");
    let reader = LocalReader::new(LocalConfig::new(&path));
    assert_eq!(segment_of_a(&reader).unwrap_err().kind(), ErrorKind::StoreNotFound, "no directory");
    fs::create_dir(directory.path().join("later")).unwrap();
    assert_eq!(segment_of_a(&reader).unwrap_err().kind(), ErrorKind::StoreNotFound, "no file");
    assert_eq!(fs::read_dir(directory.path().join("later")).unwrap().count(), 0, "a reader creates nothing");
    make(&path, "s.g1", 0);
    assert_eq!(segment_of_a(&reader).unwrap(), "s.g1");
}

#[test]
fn a_reader_follows_a_file_that_takes_the_place_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (path, next) = (directory.path().join("store"), directory.path().join("next"));
    make(&path, "first.g1", 5);
    let reader = LocalReader::new(LocalConfig::new(&path));
    assert_eq!(segment_of_a(&reader).unwrap(), "first.g1");
    for (n, transactions) in [0, 1, 2, 20].into_iter().enumerate() {
        make(&next, &format!("next.g{n}"), transactions);
        fs::rename(&next, &path).unwrap();
        fs::remove_file(lock_of(&next)).unwrap();
        assert_eq!(segment_of_a(&reader).unwrap(), format!("next.g{n}"));
    }
}

#[test]
fn a_reader_goes_on_with_a_deleted_file_until_there_is_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    make(&path, "first.g1", 3);
    let reader = LocalReader::new(LocalConfig::new(&path));
    assert_eq!(segment_of_a(&reader).unwrap(), "first.g1");
    for path in [&path, &lock_of(&path)] {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(segment_of_a(&reader).unwrap(), "first.g1", "better than nothing");
    // In this process the old one is still open; another process makes the new one.
    let next = directory.path().join("next");
    make(&next, "second.g1", 0);
    fs::rename(&next, &path).unwrap();
    assert_eq!(segment_of_a(&reader).unwrap(), "second.g1");
}

/// The lock file stays while the file is exchanged, and says how far the *old* file had got: it must not be believed.
#[test]
fn readers_in_many_processes_follow_too() {
    for transactions in [0, 1, 2, 3, 40] {
        let directory = tempfile::tempdir().unwrap();
        let (path, next) = (directory.path().join("store"), directory.path().join("next"));
        make(&path, "first.g1", 10);
        let mut readers = [0; 3].map(|_| Child::start(module_path!(), "tell", &[path.to_str().unwrap()]));
        let mut ask = |which: usize| {
            readers[which].send("what is it?");
            readers[which].next_line().expect("an answer")
        };
        for which in 0..3 {
            assert_eq!(ask(which), "first.g1");
        }
        make(&next, "second.g1", transactions);
        fs::rename(&next, &path).unwrap();
        // Until the last process has let go of the old file, the new one cannot be read; but nothing false is said.
        for round in 0..2 {
            for which in 0..3 {
                let said = ask(which);
                let may_wait = round == 0 && said == ErrorKind::StoreUnavailable.name();
                assert!(said == "second.g1" || may_wait, "after {transactions}, in round {round}: {said}");
            }
        }
        make_patch(&path);
        for which in 0..3 {
            assert_eq!(ask(which), "patched.g1", "and a writer goes on with the new file");
        }
    }
}

/// Moves "a" from the second segment to another one, in two patches.
fn make_patch(path: &Path) {
    let writer = LocalWriter::open(&LocalConfig::new(path)).unwrap();
    for patch in
        [patch("second.g1", "", "1", list(&[], &["a"])), patch("patched.g1", "1", "2", list(&["a"], &[]))]
    {
        assert_eq!(writer.apply(&patch, Cursor::Advance).unwrap(), PatchOutcome::Applied);
    }
}

#[test]
fn a_writer_never_writes_into_a_file_that_is_gone() {
    for deleted in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (path, next) = (directory.path().join("store"), directory.path().join("next"));
        let writer = LocalWriter::open(&LocalConfig::new(&path)).unwrap();
        make(&next, "next.g1", 0);
        if deleted {
            fs::remove_file(&path).unwrap();
        } else {
            fs::rename(&next, &path).unwrap();
        }
        let patch = patch("s.g1", "", "1", list(&["a"], &[]));
        let error = writer.apply(&patch, Cursor::Advance).expect_err("what it writes would be lost");
        assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{error:?}");
        assert!(writer.cursor().is_err(), "and what it reads is not what is there");
        drop(writer);
        let writer = LocalWriter::open(&LocalConfig::new(&path)).unwrap();
        assert_eq!(
            writer.apply(&patch, Cursor::Advance).unwrap(),
            PatchOutcome::Applied,
            "opened anew, it goes on"
        );
    }
}
