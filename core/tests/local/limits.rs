//! The embedded store at its limits: a full disk, a full map, no permission. It says what is wrong and stays whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bigseg::patch::PatchOutcome;
use bigseg::store::local::{LocalConfig, LocalReader, LocalWriter};
use bigseg::store::{Cursor, InlineReader, LoadReport, StoreScanner, StoreWriter};
use bigseg::testkit::capability::{Capability, skip};
use bigseg::testkit::child::{self, Child, report};
use bigseg::testkit::samples::{SampleList, hash, list, patch};
use bigseg::{Error, ErrorKind, Membership, Result};

const SEGMENT: &str = "s.g1";
/// The user and group "nobody".
const NOBODY: u32 = 65534;

#[test]
fn child_process() {
    child::serve(|role, arguments| {
        let config = LocalConfig::new(arguments[0]);
        match role {
            "fill" => {
                limit_file_size(arguments[1].parse().unwrap());
                fill_and_look(&config);
            }
            "read as nobody" => {
                become_nobody();
                read_and_try_to_write(&config);
            }
            _ => panic!("no role is called {role:?}"),
        }
    });
}

fn limit_file_size(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: both calls change this process alone; without the signal, a write past the limit fails with EFBIG.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

fn become_nobody() {
    // SAFETY: the calls change this process alone, which plays no other role afterwards.
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setgid(NOBODY), 0);
        assert_eq!(libc::setuid(NOBODY), 0);
    }
}

fn load(writer: &LocalWriter, contexts: usize, segment: &str) -> Result<LoadReport> {
    let all = (0..contexts).map(|n| hash(&n.to_string()));
    let mut all = all.fold(SampleList::default(), |all, hash| all.add(hash, segment, true));
    let plan = all.plan(None, 1000 + contexts as i64);
    writer.load(&plan, &mut all, &mut |_| {})
}

fn count(reader: &LocalReader) -> usize {
    let mut count = 0;
    let walk = reader.scan(&mut |_, membership| {
        assert_eq!(membership.check(SEGMENT), Some(true));
        count += 1;
        std::ops::ControlFlow::Continue(())
    });
    walk.expect("the store is whole");
    count
}

/// Loads ever more until there is no room, and checks that nothing but that load is missing.
fn fill_and_look(config: &LocalConfig) {
    let writer = LocalWriter::open(config).unwrap();
    let (loaded, error) = load_until_full(&writer);
    assert_eq!(error.kind(), ErrorKind::StoreFull, "{error:?}");
    let reader = LocalReader::new(config.clone());
    assert!(loaded > 0, "there was room for something");
    assert_eq!(count(&reader), loaded);
    assert_eq!(reader.read_metadata().unwrap().synchronized_on, Some(1000 + loaded as i64));
    let patch = patch(SEGMENT, "", "1", list(&["0"], &[]));
    match writer.apply(&patch, Cursor::Advance) {
        // A small patch may still fit into pages that were freed.
        Ok(outcome) => assert_eq!(outcome, PatchOutcome::Applied),
        Err(e) => assert_eq!(e.kind(), ErrorKind::StoreFull, "{e:?}"),
    }
    assert_eq!(count(&reader), loaded);
    report(loaded);
}

/// Returns how many contexts the last load that succeeded had, and why the next failed.
fn load_until_full(writer: &LocalWriter) -> (usize, Error) {
    let mut loaded = 0;
    for contexts in (1000..).step_by(1000) {
        match load(writer, contexts, SEGMENT) {
            Ok(_) => loaded = contexts,
            Err(e) => return (loaded, e),
        }
    }
    unreachable!("something limits the store")
}

#[test]
fn a_file_size_limit_is_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut child = Child::start(module_path!(), "fill", &[path.to_str().unwrap(), "3000000"]);
    let loaded: usize = child.finish_well()[0].parse().unwrap();
    // Without the limit the store goes on.
    let config = LocalConfig::new(path);
    load(&LocalWriter::open(&config).unwrap(), loaded + 10_000, SEGMENT).unwrap();
    assert_eq!(count(&LocalReader::new(config)), loaded + 10_000);
}

/// A file system of its own, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts one; `None` where that is not allowed.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m,mode=777", "tmpfs"]).arg(directory.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "umount {}", self.0.path().display());
    }
}

#[test]
fn a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        let reason = "mounting is not allowed; a_file_size_limit_is_a_full_disk covers the rest";
        return skip("mounting a small disk", Capability::Tmpfs, reason);
    };
    fill_and_look(&LocalConfig::new(disk.0.path().join("store")));
}

#[test]
fn a_full_map_is_told_and_a_larger_one_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let small = LocalConfig {
        map_size: LocalConfig::MIN_MAP_SIZE,
        ..LocalConfig::new(directory.path().join("store"))
    };
    let writer = LocalWriter::open(&small).unwrap();
    let (loaded, error) = load_until_full(&writer);
    assert_eq!(error.kind(), ErrorKind::StoreFull);
    assert!(error.message().contains("map_size"), "{error}");
    let reader = LocalReader::new(small.clone());
    assert_eq!(count(&reader), loaded, "the failed load left nothing");
    drop((writer, reader));
    let large = LocalConfig { map_size: 64 << 20, ..small };
    load(&LocalWriter::open(&large).unwrap(), 100_000, SEGMENT).unwrap();
    assert_eq!(count(&LocalReader::new(large.clone())), 100_000);
    // A reader with the old, small setting sees all of it too.
    let small = LocalConfig { map_size: LocalConfig::MIN_MAP_SIZE, ..large };
    assert_eq!(count(&LocalReader::new(small)), 100_000);
}

/// Reads what must be readable, and expects every write to be refused.
fn read_and_try_to_write(config: &LocalConfig) {
    let reader = LocalReader::new(config.clone());
    assert_eq!(count(&reader), 1000);
    assert_eq!(reader.read_metadata().unwrap().synchronized_on, Some(2000));
    let refused = match LocalWriter::open(config) {
        Ok(writer) => writer.set_synchronized_on(1).unwrap_err(),
        Err(e) => e,
    };
    assert_eq!(refused.kind(), ErrorKind::StorePermission, "{refused:?}");
    report("read only");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn who_may_not_write_may_read() {
    bigseg::needs!(Root);
    // The modes of the directory, the file, and the lock beside it.
    for (directory_mode, mode, lock_mode) in [
        (0o755, 0o644, 0o644),
        (0o755, 0o644, 0o600),
        (0o755, 0o444, 0o666),
        (0o777, 0o444, 0o444),
        (0o555, 0o444, 0o444),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        load(&LocalWriter::open(&LocalConfig::new(&path)).unwrap(), 1000, SEGMENT).unwrap();
        set_mode(&path, mode);
        set_mode(&directory.path().join("store-lock"), lock_mode);
        set_mode(directory.path(), directory_mode);
        let said = Child::start(module_path!(), "read as nobody", &[path.to_str().unwrap()]).finish_well();
        assert_eq!(said, ["read only"], "with modes {directory_mode:o}, {mode:o}, {lock_mode:o}");
    }
}

#[test]
fn a_file_that_was_copied_without_its_lock_may_be_read_by_who_may_not_write() {
    bigseg::needs!(Root);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    load(&LocalWriter::open(&LocalConfig::new(&path)).unwrap(), 1000, SEGMENT).unwrap();
    fs::remove_file(directory.path().join("store-lock")).unwrap();
    set_mode(&path, 0o444);
    set_mode(directory.path(), 0o555);
    assert_eq!(
        Child::start(module_path!(), "read as nobody", &[path.to_str().unwrap()]).finish_well(),
        ["read only"]
    );
}

#[test]
fn places_where_no_store_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let missing = LocalConfig::new(directory.path().join("no such directory/store"));
    let kind = |result: Result<()>| result.unwrap_err().kind();
    let read = |config: &LocalConfig| LocalReader::new(config.clone()).read(&[], &mut []);
    let write = |config: &LocalConfig| LocalWriter::open(config).map(drop);
    assert_eq!(kind(read(&missing)), ErrorKind::StoreNotFound);
    assert_eq!(kind(write(&missing)), ErrorKind::StoreNotFound);
    let folder = LocalConfig::new(directory.path());
    assert_eq!(kind(read(&folder)), ErrorKind::StoreFormat);
    assert_eq!(kind(write(&folder)), ErrorKind::StoreFormat);
    let file = directory.path().join("file");
    fs::write(&file, "text").unwrap();
    let below = LocalConfig::new(file.join("store"));
    assert_eq!(kind(read(&below)), ErrorKind::StoreNotFound);
    assert_eq!(kind(write(&below)), ErrorKind::StoreNotFound);
}

#[test]
fn odd_paths_are_taken_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    for name in
        ["with spaces", "ünïcödé-段-🎯", "quo\"te's", "percent%20and#hash", "a?b", "-dash", "new\nline"]
    {
        let config = LocalConfig::new(directory.path().join(name));
        load(&LocalWriter::open(&config).unwrap(), 10, SEGMENT).unwrap();
        assert_eq!(count(&LocalReader::new(config)), 10, "{name:?}");
        assert!(directory.path().join(name).is_file(), "{name:?}");
    }
}

#[test]
fn a_ref_that_is_too_long_is_refused_and_nothing_changes() {
    let directory = tempfile::tempdir().unwrap();
    let config = LocalConfig::new(directory.path().join("store"));
    let writer = LocalWriter::open(&config).unwrap();
    load(&writer, 10, SEGMENT).unwrap();
    let long = format!("{}.g1", "x".repeat(498));
    assert_eq!(load(&writer, 20, &long).unwrap_err().kind(), ErrorKind::InvalidSegmentRef);
    assert_eq!(count(&LocalReader::new(config)), 10);
    let longest = format!("{}.g1", "x".repeat(497));
    load(&writer, 5, &longest).unwrap();
    let mut found = [Membership::empty()];
    LocalReader::new(LocalConfig::new(directory.path().join("store")))
        .read(&[hash("3")], &mut found)
        .unwrap();
    assert_eq!(found[0].check(&longest), Some(true));
}
