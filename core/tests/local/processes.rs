//! The embedded store among processes and threads: what is read is always whole, and nothing that was written is lost.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::local::{LocalConfig, LocalReader, LocalWriter};
use bigseg::store::{Cursor, InlineReader, StoreReader, StoreScanner, StoreWriter};
use bigseg::testkit::child::{self, Child, Ending, report};
use bigseg::testkit::samples::{SampleList, TestRng, hash, list, patch};
use bigseg::testkit::{StoreModel, rounds};
use bigseg::{ContextHash, ErrorKind, Membership};

const SEGMENT: &str = "s.g1";
/// How many contexts each patch of the chain moves together.
const CROWD: usize = 50;
/// How many contexts each list of the killed loader holds.
const LIST: usize = 20_000;

#[test]
fn child_process() {
    child::serve(|role, arguments| {
        let config = LocalConfig::new(arguments[0]);
        match role {
            "watch" => watch(&config, arguments[1].parse().unwrap()),
            "patch until killed" => follow_chain(&config, usize::MAX),
            "patch" => follow_chain(&config, arguments[1].parse().unwrap()),
            "load until killed" => load_for_ever(&config),
            "check" => check_whole(&config),
            "hold" => hold(&config),
            "walk slowly" => walk_slowly(&config),
            _ => panic!("no role is called {role:?}"),
        }
    });
}

/// Patch number `n` of the chain: with odd numbers the whole crowd joins, with even ones it leaves.
fn link(number: usize) -> Patch {
    let names: Vec<String> = (0..CROWD).map(|n| format!("crowd-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let changes = if number % 2 == 1 { list(&names, &[]) } else { list(&[], &names) };
    let previous = if number == 1 { String::new() } else { (number - 1).to_string() };
    patch(SEGMENT, &previous, &number.to_string(), changes)
}

fn crowd() -> Vec<ContextHash> {
    (0..CROWD).map(|n| hash(&format!("crowd-{n}"))).collect()
}

/// Applies the chain from wherever the cursor is, together with others; says each number that fell to this process.
fn follow_chain(config: &LocalConfig, last: usize) {
    let writer = LocalWriter::open(config).unwrap();
    loop {
        let number = 1 + writer.cursor().unwrap().map_or(0, |cursor| cursor.parse::<usize>().unwrap());
        if number > last {
            return;
        }
        if writer.apply(&link(number), Cursor::Advance).unwrap() == PatchOutcome::Applied {
            report(number);
        }
    }
}

/// Replaces one list by the next, without end; says when it is in the middle of one, and when one is done.
fn load_for_ever(config: &LocalConfig) {
    let writer = LocalWriter::open(config).unwrap();
    for turn in 0.. {
        let mut all = SampleList::default();
        for n in 0..LIST {
            all = all.add(hash(&format!("{}-{n}", turn % 2)), SEGMENT, true);
        }
        let plan = all.plan(Some(SEGMENT), turn + 1);
        writer.load(&plan, &mut all, &mut |done| report(format_args!("at {done}"))).unwrap();
        report("done");
    }
}

/// Reads the crowd in batches until it was seen to change so many times; all must always be in the same place.
fn watch(config: &LocalConfig, changes: usize) {
    let reader = LocalReader::new(config.clone());
    let crowd = crowd();
    let mut found = vec![Membership::empty(); CROWD];
    let (mut seen, mut last) = (0, None);
    while seen < changes {
        match reader.read(&crowd, &mut found) {
            Ok(()) => {}
            // The writer has not begun.
            Err(e) if e.kind() == ErrorKind::StoreNotFound => continue,
            Err(e) => panic!("{e:?}"),
        }
        let first = found[0].check(SEGMENT);
        assert!(found.iter().all(|one| one.check(SEGMENT) == first), "half a transaction was seen");
        seen += usize::from(last.replace(first).is_some_and(|last| last != first));
    }
    report("seen");
}

/// Checks that a store a writer was killed over holds whole transactions, and takes another.
fn check_whole(config: &LocalConfig) {
    let writer = LocalWriter::open(config).unwrap();
    let reader = LocalReader::new(config.clone());
    let cursor = writer.cursor().unwrap().map_or(0, |cursor| cursor.parse::<usize>().unwrap());
    let mut members = 0;
    let walk = reader.scan(&mut |_, membership| {
        assert_eq!(membership.check(SEGMENT), Some(true));
        members += 1;
        std::ops::ControlFlow::Continue(())
    });
    walk.unwrap();
    let loaded = reader.read_metadata().unwrap().synchronized_on.is_some();
    let expected = if loaded { LIST } else { CROWD * (cursor % 2) };
    assert_eq!(members, expected, "with the cursor at {cursor}, loaded: {loaded}");
    if !loaded {
        assert_eq!(writer.apply(&link(cursor + 1), Cursor::Advance).unwrap(), PatchOutcome::Applied);
    }
    report("whole");
}

/// Stops in the middle of a walk, which holds on to the state of the store it began with.
fn hold(config: &LocalConfig) {
    let walk = LocalReader::new(config.clone()).scan(&mut |_, _| {
        report("holding");
        child::next_order();
        std::ops::ControlFlow::Break(())
    });
    walk.unwrap();
}

/// Stops in the middle of a walk, opens the store for writing too, and goes on when told; says how many it met.
fn walk_slowly(config: &LocalConfig) {
    let (mut met, mut writer) = (0, None);
    let walk = LocalReader::new(config.clone()).scan(&mut |_, membership| {
        assert_eq!(membership.check(SEGMENT), Some(true));
        if met == 0 {
            writer = Some(LocalWriter::open(config).unwrap());
            report("holding");
            child::next_order();
        }
        met += 1;
        std::ops::ControlFlow::Continue(())
    });
    walk.unwrap();
    report(met);
}

fn store() -> (tempfile::TempDir, LocalConfig, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let text = path.to_str().unwrap().to_owned();
    (directory, LocalConfig::new(path), text)
}

#[test]
fn readers_in_other_processes_see_whole_transactions() {
    let (_directory, _config, path) = store();
    let changes = rounds(40, 2000).to_string();
    let mut readers: Vec<Child> =
        (0..3).map(|_| Child::start(module_path!(), "watch", &[&path, &changes])).collect();
    let mut writer = Child::start(module_path!(), "patch until killed", &[&path]);
    for reader in &mut readers {
        reader.expect("seen");
        reader.finish_well();
    }
    writer.kill();
}

/// Kills a child at a moment that differs from time to time. What is checked afterwards holds for every moment.
fn kill_anywhere(child: &mut Child, rng: &mut TestRng) {
    (0..rng.below(3000)).for_each(|_| std::thread::yield_now());
    child.kill();
}

#[test]
fn a_writer_killed_while_patching_leaves_whole_transactions() {
    let (_directory, _config, path) = store();
    let mut rng = TestRng::new(1);
    for _ in 0..rounds(20, 200) {
        let mut writer = Child::start(module_path!(), "patch until killed", &[&path]);
        for _ in 0..=rng.below(4) {
            writer.next_line().expect("it goes on until it is killed");
        }
        kill_anywhere(&mut writer, &mut rng);
        assert_eq!(Child::start(module_path!(), "check", &[&path]).finish_well(), ["whole"]);
    }
}

#[test]
fn a_writer_killed_while_loading_leaves_whole_lists() {
    let (_directory, _config, path) = store();
    let mut rng = TestRng::new(2);
    for _ in 0..rounds(20, 200) {
        let mut writer = Child::start(module_path!(), "load until killed", &[&path]);
        for _ in 0..=rng.below(9) {
            writer.next_line().expect("it goes on until it is killed");
        }
        kill_anywhere(&mut writer, &mut rng);
        assert_eq!(Child::start(module_path!(), "check", &[&path]).finish_well(), ["whole"]);
    }
}

#[test]
fn readers_that_were_killed_do_not_make_the_file_grow() {
    let (_directory, config, path) = store();
    let writer = LocalWriter::open(&config).unwrap();
    let load = |turn: usize| {
        let all = (0..LIST / 4).map(|n| hash(&format!("{turn}-{n}")));
        let mut all = all.fold(SampleList::default(), |all, hash| all.add(hash, SEGMENT, true));
        writer.load(&all.plan(Some(SEGMENT), 1), &mut all, &mut |_| {}).unwrap();
        std::fs::metadata(&path).unwrap().len()
    };
    load(0);
    for _ in 0..3 {
        let mut reader = Child::start(module_path!(), "hold", &[&path]);
        reader.expect("holding");
        reader.kill();
    }
    let settled = (1..6).map(load).max().unwrap();
    let later = (6..26).map(load).max().unwrap();
    assert!(later <= settled + settled / 4, "it grew from {settled} to {later} bytes");
}

/// Closing a file that is locked gives up the locks of the whole process, whoever holds them: opening a writer beside a
/// reader must not.
#[test]
fn a_walk_goes_on_undisturbed_while_its_process_opens_a_writer_and_others_write() {
    let (_directory, config, path) = store();
    let load = |turn: usize| {
        let all = (0..LIST).map(|n| hash(&format!("{turn}-{n}")));
        let mut all = all.fold(SampleList::default(), |all, hash| all.add(hash, SEGMENT, true));
        LocalWriter::open(&config).unwrap().load(&all.plan(Some(SEGMENT), 1), &mut all, &mut |_| {}).unwrap();
    };
    load(0);
    let mut walker = Child::start(module_path!(), "walk slowly", &[&path]);
    walker.expect("holding");
    (1..5).for_each(load);
    walker.send("go on");
    assert_eq!(walker.finish_well(), [LIST.to_string()]);
}

#[test]
fn writers_in_two_processes_take_turns_and_lose_nothing() {
    let (_directory, config, path) = store();
    let last = rounds(60, 2000);
    let mut writers = [0, 1].map(|_| Child::start(module_path!(), "patch", &[&path, &last.to_string()]));
    let mut applied: Vec<usize> = writers
        .iter_mut()
        .flat_map(|writer| writer.finish_well())
        .map(|number| number.parse().unwrap())
        .collect();
    applied.sort_unstable();
    assert_eq!(applied, (1..=last).collect::<Vec<_>>(), "each patch fell to one of them, once");
    let mut model = StoreModel::default();
    (1..=last).for_each(|number| assert_eq!(model.apply(&link(number)), PatchOutcome::Applied));
    model.assert_same(&LocalReader::new(config));
}

#[test]
fn writers_in_one_process_take_turns_and_lose_nothing() {
    let (_directory, config, _path) = store();
    let applied = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (config, applied) = (&config, &applied);
            scope.spawn(move || {
                let writer = LocalWriter::open(config).unwrap();
                for step in 0..15 {
                    // Loads do not look at the cursor: every one of them must be there in the end.
                    let mut one = SampleList::default().add(hash(&format!("{n}-{step}")), SEGMENT, true);
                    let plan = one.plan(None, 1);
                    writer.load(&plan, &mut one, &mut |_| {}).unwrap();
                    applied.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let mut members = 0;
    let walk = LocalReader::new(config).scan(&mut |_, _| {
        members += 1;
        std::ops::ControlFlow::Continue(())
    });
    walk.unwrap();
    assert_eq!((applied.into_inner(), members), (60, 60));
}

#[test]
fn a_second_writer_waits_for_a_long_load() {
    let (_directory, config, path) = store();
    let writer = LocalWriter::open(&config).unwrap();
    let mut list = SampleList::default().add(hash("a"), SEGMENT, true);
    let plan = list.plan(None, 1);
    let mut other = None;
    // While the load is under way another process wants to write; it gets its turn when this one is done.
    let mut start_other = |_| {
        other.get_or_insert_with(|| Child::start(module_path!(), "patch", &[&path, "3"]));
    };
    writer.load(&plan, &mut list, &mut start_other).unwrap();
    assert_eq!(other.expect("it was started").finish_well(), ["1", "2", "3"]);
    assert_eq!(writer.cursor().unwrap().as_deref(), Some("3"));
}

#[test]
fn many_threads_read_while_one_writes() {
    let (_directory, config, _path) = store();
    let writer = LocalWriter::open(&config).unwrap();
    let reader = LocalReader::new(config);
    writer.apply(&link(1), Cursor::Advance).unwrap();
    let crowd = crowd();
    std::thread::scope(|scope| {
        let read = || {
            let mut found = vec![Membership::empty(); CROWD];
            for _ in 0..rounds(2000, 100_000) {
                reader.read(&crowd, &mut found).unwrap();
                assert!(found.iter().all(|one| *one == found[0]), "half a transaction was seen");
            }
        };
        let readers: Vec<_> = (0..16).map(|_| scope.spawn(read)).collect();
        let mut number = 2;
        while readers.iter().any(|reader| !reader.is_finished()) {
            writer.apply(&link(number), Cursor::Advance).unwrap();
            number += 1;
        }
    });
}

#[test]
fn more_readers_than_there_is_room_for_are_told_so_and_the_others_go_on() {
    const THREADS: usize = 1100;
    const SLOTS: usize = 1024;
    let (_directory, config, _path) = store();
    LocalWriter::open(&config).unwrap().apply(&link(1), Cursor::Advance).unwrap();
    let reader = LocalReader::new(config);
    let (everyone, served) = (Barrier::new(THREADS), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let work = || {
                let found = reader.read(&[hash("crowd-0")], &mut [Membership::empty()]);
                // A thread keeps its place until it ends.
                everyone.wait();
                match found {
                    Ok(()) => drop(served.fetch_add(1, Ordering::Relaxed)),
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::StoreUnavailable, "{e:?}");
                        assert!(e.message().contains("too many threads"), "{e:?}");
                    }
                }
            };
            std::thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, work).unwrap();
        }
    });
    let served = served.into_inner();
    assert!((SLOTS - 8..=SLOTS).contains(&served), "{served} threads were served");
    let mut found = [Membership::empty()];
    reader.read(&[hash("crowd-0")], &mut found).expect("there is room again");
    assert_eq!(found[0].check(SEGMENT), Some(true));
}

#[test]
fn a_walk_may_use_the_store_on_its_own_thread() {
    let (_directory, config, _path) = store();
    let writer = LocalWriter::open(&config).unwrap();
    writer.apply(&link(1), Cursor::Advance).unwrap();
    let reader = LocalReader::new(config);
    let walk = reader.scan(&mut |hash, membership| {
        let mut found = [Membership::empty()];
        reader.read(&[hash], &mut found).expect("a read within a walk");
        assert_eq!(found[0], membership);
        std::ops::ControlFlow::Continue(())
    });
    walk.unwrap();
    let unfinished = reader.scan(&mut |_, _| {
        writer.set_synchronized_on(5).expect("a write within a walk");
        std::ops::ControlFlow::Break(())
    });
    unfinished.unwrap();
    assert_eq!(pollster::block_on(reader.metadata()).unwrap().synchronized_on, Some(5));
}

/// The tests above rely on it.
#[test]
fn a_child_that_fails_is_noticed() {
    assert_eq!(Child::start(module_path!(), "no such role", &["x"]).finish().1, Ending::Failed);
}
