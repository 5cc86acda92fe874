//! Embedded stores that are not what they should be: cut short, overwritten, foreign, or with odd metadata.
//!
//! Whatever the file holds, the process must live: what might kill it happens in a child.

use std::fs;
use std::path::Path;

use bigseg::store::local::{LocalConfig, LocalReader, LocalWriter};
use bigseg::store::{InlineReader, StoreScanner, StoreWriter};
use bigseg::testkit::child::{self, Child, Ending, report};
use bigseg::testkit::rounds;
use bigseg::testkit::samples::{SampleList, TestRng, hash};
use bigseg::{ErrorKind, Membership, Result};
use heed::types::{Bytes, Str};

const SEGMENT: &str = "s.g1";
const CONTEXTS: usize = 3000;

#[test]
fn child_process() {
    child::serve(|role, arguments| {
        let config = LocalConfig::new(arguments[0]);
        match role {
            "read everything" => match read_everything(&config) {
                Ok(met) => report(format_args!("read {met}")),
                Err(e) => report(format_args!("{}: {e}", e.kind())),
            },
            "write" => match LocalWriter::open(&config).and_then(|writer| writer.set_synchronized_on(7)) {
                Ok(()) => report("written"),
                Err(e) => report(format_args!("{}: {e}", e.kind())),
            },
            _ => panic!("no role is called {role:?}"),
        }
    });
}

/// Reads all there is, in both ways; returns how many contexts the walk met.
fn read_everything(config: &LocalConfig) -> Result<usize> {
    let reader = LocalReader::new(config.clone());
    reader.read_metadata()?;
    let hashes: Vec<_> = (0..CONTEXTS).map(|n| hash(&n.to_string())).collect();
    reader.read(&hashes, &mut vec![Membership::empty(); CONTEXTS])?;
    let mut met = 0;
    reader.scan(&mut |_, _| {
        met += 1;
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(met)
}

/// Writes a sound store of some 60 pages, some of them overflow pages, and returns its bytes.
fn sound_store(path: &Path) -> Vec<u8> {
    let mut all = SampleList::default();
    for n in 0..CONTEXTS {
        all = all.add(hash(&n.to_string()), SEGMENT, true);
    }
    for n in 0..4000 {
        all = all.add(hash("0"), &format!("segment-{n}.g1"), true);
    }
    let plan = all.plan(None, 1);
    LocalWriter::open(&LocalConfig::new(path)).unwrap().load(&plan, &mut all, &mut |_| {}).unwrap();
    fs::read(path).unwrap()
}

/// Runs a role on a file with these bytes and without a lock beside it; returns its one line and how it ended.
fn run_on(bytes: &[u8], role: &str) -> (String, Ending) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fs::write(&path, bytes).unwrap();
    let (said, ending) = Child::start(module_path!(), role, &[path.to_str().unwrap()]).finish();
    (said.join(""), ending)
}

#[track_caller]
fn assert_refused(bytes: &[u8], role: &str, kind: ErrorKind, what: &str) {
    let (said, ending) = run_on(bytes, role);
    assert_eq!(ending, Ending::Done, "{what}");
    assert!(said.starts_with(&format!("{kind}: ")), "{what}: {said}");
}

#[test]
fn a_sound_file_is_read_and_written() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = sound_store(&directory.path().join("store"));
    assert_eq!(run_on(&bytes, "read everything"), (format!("read {CONTEXTS}"), Ending::Done));
    assert_eq!(run_on(&bytes, "write"), ("written".to_owned(), Ending::Done));
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = sound_store(&directory.path().join("store"));
    let mut rng = TestRng::new(3);
    let mut lengths = vec![1, 15, 100, 4095, 4096, 8191, 8192, 8193, bytes.len() - 4096, bytes.len() - 1];
    lengths.extend((0..rounds(20, 500)).map(|_| 1 + rng.below(bytes.len() - 1)));
    for length in lengths {
        for role in ["read everything", "write"] {
            assert_refused(
                &bytes[..length],
                role,
                ErrorKind::StoreFormat,
                &format!("{role}, {length} bytes"),
            );
        }
    }
}

#[test]
fn an_empty_file_is_no_store_yet_and_a_writer_makes_it_one() {
    assert_refused(b"", "read everything", ErrorKind::StoreNotFound, "no bytes");
    assert_eq!(run_on(b"", "write"), ("written".to_owned(), Ending::Done));
}

#[test]
fn a_file_that_is_something_else_is_refused_and_left_alone() {
    let text = "key,segment\nuser-1,beta.g1\n".repeat(1000);
    let database = [b"SQLite format 3\0".as_slice(), &[0; 20_000]].concat();
    for (what, bytes) in [("text", text.as_bytes()), ("a database", &database), ("zeros", &[0; 50_000])] {
        assert_refused(bytes, "read everything", ErrorKind::StoreFormat, what);
        assert_refused(bytes, "write", ErrorKind::StoreFormat, what);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        fs::write(&path, bytes).unwrap();
        LocalWriter::open(&LocalConfig::new(&path)).map(drop).unwrap_err();
        assert!(fs::read(&path).unwrap() == bytes, "{what} was changed");
    }
}

/// Opens a file as another program would.
fn foreign(path: &Path) -> heed::Env {
    let mut options = heed::EnvOpenOptions::new();
    options.map_size(1 << 20).max_dbs(8);
    // SAFETY: nothing else has the file open.
    unsafe { options.flags(heed::EnvFlags::NO_SUB_DIR).open(path).unwrap() }
}

#[test]
fn another_program_s_file_of_the_same_kind_is_refused_and_left_alone() {
    for table in [None, Some("memberships"), Some("accounts")] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let env = foreign(&path);
        let mut txn = env.write_txn().unwrap();
        let database: heed::Database<Bytes, Bytes> = env.create_database(&mut txn, table).unwrap();
        database.put(&mut txn, b"key", b"value").unwrap();
        txn.commit().unwrap();
        env.prepare_for_closing().wait();
        let before = fs::read(&path).unwrap();
        let config = LocalConfig::new(&path);
        assert_eq!(read_everything(&config).unwrap_err().kind(), ErrorKind::StoreFormat, "{table:?}");
        assert_eq!(
            LocalWriter::open(&config).map(drop).unwrap_err().kind(),
            ErrorKind::StoreFormat,
            "{table:?}"
        );
        assert!(fs::read(&path).unwrap() == before, "{table:?}: the file was changed");
    }
}

/// Puts a text under a name in the `metadata` table of a store that nobody has open.
fn set_metadata(path: &Path, name: &str, text: Option<&str>) {
    let env = foreign(path);
    let mut txn = env.write_txn().unwrap();
    let metadata: heed::Database<Str, Str> = env.open_database(&txn, Some("metadata")).unwrap().unwrap();
    match text {
        Some(text) => metadata.put(&mut txn, name, text).unwrap(),
        None => drop(metadata.delete(&mut txn, name).unwrap()),
    }
    txn.commit().unwrap();
    env.prepare_for_closing().wait();
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let config = LocalConfig::new(directory.path().join("store"));
    sound_store(&config.path);
    for mark in [Some("bigseg-local-2"), Some(""), None] {
        set_metadata(&config.path, "format", mark);
        for error in
            [read_everything(&config).unwrap_err(), LocalWriter::open(&config).map(drop).unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::StoreFormat);
            assert!(error.message().contains(mark.unwrap_or("none")), "{error}");
        }
    }
    set_metadata(&config.path, "format", Some("bigseg-local-1"));
    assert_eq!(read_everything(&config).unwrap(), CONTEXTS);
}

#[test]
fn odd_sync_times_are_read_as_the_specification_says() {
    let directory = tempfile::tempdir().unwrap();
    let config = LocalConfig::new(directory.path().join("store"));
    sound_store(&config.path);
    for (text, expected) in [
        (None, Ok(None)),
        (Some(""), Ok(None)),
        (Some("0"), Ok(None)),
        (Some("-5"), Ok(Some(-5))),
        (Some("1700000000123"), Ok(Some(1_700_000_000_123))),
        (Some("abc"), Err(ErrorKind::StoreData)),
        (Some("1.5"), Err(ErrorKind::StoreData)),
        (Some(" 1"), Err(ErrorKind::StoreData)),
        (Some("99999999999999999999"), Err(ErrorKind::StoreData)),
    ] {
        set_metadata(&config.path, "synchronized_on", text);
        let reader = LocalReader::new(config.clone());
        let found = reader.read_metadata().map(|metadata| metadata.synchronized_on).map_err(|e| e.kind());
        assert_eq!(found, expected, "{text:?}");
        assert!(
            reader.read(&[hash("0")], &mut [Membership::empty()]).is_ok(),
            "memberships are as sound as ever"
        );
    }
}

#[test]
fn an_overwritten_header_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = sound_store(&directory.path().join("store"));
    // Both header pages, because either alone is enough for a store to go on.
    for (what, filling) in [("zeros", 0u8), ("ones", 0xff), ("text", b'x')] {
        let mut damaged = bytes.clone();
        damaged[..8192].fill(filling);
        for role in ["read everything", "write"] {
            assert_refused(&damaged, role, ErrorKind::StoreFormat, what);
        }
    }
}

/// Pages carry no checksums, and the storage library trusts them: damage inside may go unnoticed, and some of it kills
/// the process. What is promised is that it never ends in a panic or in an error of another kind; the rest is counted.
#[test]
fn damage_inside_is_refused_where_it_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = sound_store(&directory.path().join("store"));
    let mut rng = TestRng::new(5);
    let (mut refused, mut unnoticed, mut killed) = (0, 0, 0);
    for _ in 0..rounds(60, 2000) {
        let mut damaged = bytes.clone();
        let page = 2 + rng.below(bytes.len() / 4096 - 2);
        match rng.below(3) {
            0 => damaged[page * 4096..][..4096].fill(0),
            1 => (0..4096).for_each(|n| damaged[page * 4096 + n] = rng.below(256) as u8),
            _ => (0..8).for_each(|_| damaged[page * 4096 + rng.below(4096)] ^= 1 << rng.below(8)),
        }
        match run_on(&damaged, "read everything") {
            (said, Ending::Done) if said.starts_with("read ") => unnoticed += 1,
            (said, Ending::Done) => {
                assert!(said.starts_with("store_"), "{said}");
                refused += 1;
            }
            (_, Ending::Killed(_)) => killed += 1,
            (said, Ending::Failed) => panic!("it panicked: {said}"),
        }
    }
    println!("damaged pages: {refused} refused, {unnoticed} unnoticed, {killed} killed the reader");
    assert!(refused > 0);
}
