//! Cases of applying patches (docs/spec.md#patch).

use crate::store::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fixture::{Case, StoreUnderTest};
use crate::error::ErrorKind;
use crate::patch::{Patch, PatchOutcome};
use crate::testkit::samples::{TestRng, hash, list, membership, patch};
use crate::testkit::{StoreModel, rounds};

pub(super) const CASES: &[Case] = &[
    ("a new store has no cursor, and the first patch sets it", |store| {
        assert_eq!(store.cursor(), None);
        store.include("s.g1", ("", "first"), list(&["a"], &[]));
        assert_eq!(store.cursor().as_deref(), Some("first"));
    }),
    ("a patch that fits is applied", |store| {
        store.include("s.g1", ("", "1"), list(&["a", "b"], &[]));
        store.include("s.g1", ("1", "2"), list(&["c"], &["a"]));
        assert_eq!(store.cursor().as_deref(), Some("2"));
        let found = store.read(&["a", "b", "c"].map(hash));
        let member = membership(&["s.g1"], &[]);
        assert_eq!(found, [membership(&[], &[]), member.clone(), member]);
    }),
    ("several initial patches may have empty versions", |store| {
        store.include("s.g1", ("", ""), list(&["a"], &[]));
        store.include("s.g1", ("", ""), list(&["b"], &[]));
        assert_eq!(store.cursor().unwrap_or_default(), "");
        store.include("t.g1", ("", "1"), list(&["a"], &[]));
        assert_eq!(store.cursor().as_deref(), Some("1"));
        assert_eq!(store.read_one("a"), membership(&["s.g1", "t.g1"], &[]));
        assert_eq!(store.read_one("b"), membership(&["s.g1"], &[]));
    }),
    ("a patch that was applied already changes nothing", |store| {
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        let replay = patch("s.g1", "", "1", list(&["b"], &["a"]));
        assert_eq!(store.writer.apply(&replay, Cursor::Advance).unwrap(), PatchOutcome::AlreadyApplied);
        assert_eq!(store.read(&["a", "b"].map(hash)), [membership(&["s.g1"], &[]), membership(&[], &[])]);
        assert_eq!(store.cursor().as_deref(), Some("1"));
    }),
    ("a patch out of order changes nothing", |store| {
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        for previous in ["2", "", "1 ", "01"] {
            let stray = patch("s.g1", previous, "3", list(&["b"], &["a"]));
            assert_eq!(
                store.writer.apply(&stray, Cursor::Advance).unwrap(),
                PatchOutcome::OutOfOrder,
                "after {previous:?}"
            );
        }
        assert_eq!(store.read(&["a", "b"].map(hash)), [membership(&["s.g1"], &[]), membership(&[], &[])]);
        assert_eq!(store.cursor().as_deref(), Some("1"));
    }),
    ("without a cursor only an initial patch applies; any other means lost data", |store| {
        let later = patch("s.g1", "1", "2", list(&["a"], &[]));
        assert_eq!(store.writer.apply(&later, Cursor::Advance).unwrap(), PatchOutcome::DataLost);
        assert_eq!(store.cursor(), None);
        assert!(store.read_one("a").is_empty());
    }),
    ("removal wins over addition in the same list", |store| {
        store.include("s.g1", ("", "1"), list(&["a", "b"], &["a"]));
        assert_eq!(store.read(&["a", "b"].map(hash)), [membership(&[], &[]), membership(&["s.g1"], &[])]);
        let mut both = patch("s.g1", "1", "2", list(&[], &[]));
        both.changes.excluded = list(&["b", "c"], &["c"]);
        assert_eq!(store.writer.apply(&both, Cursor::Advance).unwrap(), PatchOutcome::Applied);
        assert_eq!(store.read_one("b"), membership(&["s.g1"], &["s.g1"]), "the lists are apart");
        assert!(store.read_one("c").is_empty());
    }),
    ("adding the present and removing the absent are fine", |store| {
        store.include("s.g1", ("", "1"), list(&["a", "a"], &["nobody"]));
        store.include("s.g1", ("1", "2"), list(&["a"], &["nobody", "nobody"]));
        assert_eq!(
            store.read(&["a", "nobody"].map(hash)),
            [membership(&["s.g1"], &[]), membership(&[], &[])]
        );
    }),
    ("a patch without changes moves the cursor", |store| {
        let shapes = ["", r#","changes":null"#, r#","changes":{}"#, r#","changes":{"included":null}"#];
        let lists = [r#","changes":{"included":{"add":null},"excluded":{"remove":null}}"#];
        for (n, changes) in shapes.iter().chain(&lists).enumerate() {
            let (previous, version) = (if n == 0 { String::new() } else { n.to_string() }, n + 1);
            let json = format!(
                r#"{{"segmentId":"s.g1","version":"{version}","previousVersion":"{previous}"{changes}}}"#
            );
            let outcome =
                store.writer.apply(&Patch::from_json(json.as_bytes()).unwrap(), Cursor::Advance).unwrap();
            assert_eq!(outcome, PatchOutcome::Applied, "{json}");
            assert_eq!(store.cursor(), Some(version.to_string()));
        }
    }),
    ("a patch of no segment is refused, and nothing changes", |store| {
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        let error =
            store.writer.apply(&patch("no ref", "1", "2", list(&["b"], &[])), Cursor::Advance).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSegmentRef);
        assert_eq!(store.cursor().as_deref(), Some("1"));
    }),
    ("parts of a patch leave the cursor, and heed it", |store| {
        let part = |keys: &[&str]| patch("s.g1", "", "1", list(keys, &["d"]));
        assert_eq!(store.writer.apply(&part(&["a", "d"]), Cursor::Keep).unwrap(), PatchOutcome::Applied);
        assert_eq!(store.writer.apply(&part(&["b"]), Cursor::Keep).unwrap(), PatchOutcome::Applied);
        assert_eq!(store.cursor(), None);
        assert_eq!(store.writer.apply(&part(&["c"]), Cursor::Advance).unwrap(), PatchOutcome::Applied);
        assert_eq!(store.cursor().as_deref(), Some("1"));
        let member = membership(&["s.g1"], &[]);
        let all = [member.clone(), member.clone(), member, membership(&[], &[])];
        assert_eq!(store.read(&["a", "b", "c", "d"].map(hash)), all);
        assert_eq!(store.writer.apply(&part(&["e"]), Cursor::Keep).unwrap(), PatchOutcome::AlreadyApplied);
        let stray = patch("s.g1", "0", "2", list(&["e"], &[]));
        assert_eq!(store.writer.apply(&stray, Cursor::Keep).unwrap(), PatchOutcome::OutOfOrder);
        assert!(store.read_one("e").is_empty());
    }),
    ("several patches apply in order, up to the first that does not", |store| {
        let step =
            |previous: &str, version: &str, key: &str| patch("s.g1", previous, version, list(&[key], &[]));
        let chain = [
            step("", "1", "a"),
            step("", "1", "b"),
            step("1", "2", "c"),
            step("1", "3", "d"),
            step("2", "3", "e"),
        ];
        let outcomes = store.writer.apply_all(&chain).unwrap();
        use PatchOutcome::{AlreadyApplied, Applied, OutOfOrder};
        assert_eq!(outcomes, [Applied, AlreadyApplied, Applied, OutOfOrder]);
        assert_eq!(store.cursor().as_deref(), Some("2"));
        let (member, none) = (membership(&["s.g1"], &[]), membership(&[], &[]));
        let all = [member.clone(), none.clone(), member, none.clone(), none];
        assert_eq!(store.read(&["a", "b", "c", "d", "e"].map(hash)), all);
        assert_eq!(store.writer.apply_all(&[]).unwrap(), []);
    }),
    ("a sync time is there once it was written, even if it says never", |store| {
        assert!(!store.writer.has_sync_time().unwrap());
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        assert!(!store.writer.has_sync_time().unwrap());
        for time in [0, 77, 0] {
            store.writer.set_synchronized_on(time).unwrap();
            assert!(store.writer.has_sync_time().unwrap());
        }
    }),
    ("a cursor that is taken away is gone, and nothing else is", |store| {
        store.writer.forget_cursor().unwrap();
        assert_eq!(store.cursor(), None);
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        store.writer.set_synchronized_on(77).unwrap();
        store.writer.forget_cursor().unwrap();
        assert_eq!(store.cursor(), None);
        assert_eq!(store.metadata().synchronized_on, Some(77));
        assert_eq!(store.read_one("a"), membership(&["s.g1"], &[]));
        let next = patch("s.g1", "1", "2", list(&["b"], &[]));
        assert_eq!(store.writer.apply(&next, Cursor::Advance).unwrap(), PatchOutcome::DataLost);
        store.include("s.g1", ("", "2"), list(&["b"], &[]));
        assert_eq!(store.cursor().as_deref(), Some("2"));
    }),
    ("patches leave the sync time alone", |store| {
        store.writer.set_synchronized_on(77).unwrap();
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        assert_eq!(store.metadata().synchronized_on, Some(77));
        assert_eq!(store.cursor().as_deref(), Some("1"));
        store.writer.set_synchronized_on(78).unwrap();
        assert_eq!(store.cursor().as_deref(), Some("1"), "and the other way round");
    }),
    ("any history of patches ends as the model says", |store| {
        let mut model = StoreModel::default();
        let mut rng = TestRng::new(20_260_101);
        for step in 0..rounds(300, 5000) {
            let patch = random_patch(&mut rng, model.cursor(), step);
            assert_eq!(
                store.writer.apply(&patch, Cursor::Advance).unwrap(),
                model.apply(&patch),
                "step {step}: {patch:?}"
            );
            assert_eq!(store.cursor().as_deref(), model.cursor(), "step {step}");
        }
        assert_holds(store, &model);
    }),
    ("two writers that race apply each patch once and agree with the model", |store| {
        let mut rng = TestRng::new(7);
        let mut model = StoreModel::default();
        let mut chain = Vec::new();
        for step in 0..60 {
            let mut patch = random_patch(&mut rng, model.cursor(), step);
            patch.previous_version = model.cursor().unwrap_or_default().to_owned();
            patch.version = format!("v{step}");
            assert_eq!(model.apply(&patch), PatchOutcome::Applied);
            chain.push(patch);
        }
        let applied = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| applied.fetch_add(follow(store, &chain), Ordering::Relaxed));
            }
        });
        assert_eq!(applied.into_inner(), chain.len());
        assert_eq!(store.cursor().as_deref(), model.cursor());
        assert_holds(store, &model);
    }),
];

/// Applies a chain from wherever the cursor is, together with others; returns how many patches fell
/// to this one.
fn follow(store: &StoreUnderTest, chain: &[Patch]) -> usize {
    let mut applied = 0;
    // Each round, this writer or the other one gets on by a patch, or else one sees a cursor of a
    // moment ago.
    for _ in 0..10 * chain.len() {
        let cursor = store.cursor().unwrap_or_default();
        let Some(next) = chain.iter().find(|patch| patch.previous_version == cursor) else { return applied };
        match store.writer.apply(next, Cursor::Advance).unwrap() {
            PatchOutcome::Applied => applied += 1,
            // The other was faster; the cursor has moved.
            PatchOutcome::AlreadyApplied | PatchOutcome::OutOfOrder => {}
            PatchOutcome::DataLost => panic!("the cursor was lost"),
        }
    }
    panic!("the writers get nowhere")
}

/// Draws a patch of a few contexts and segments; now and then one that does not fit.
fn random_patch(rng: &mut TestRng, cursor: Option<&str>, step: usize) -> Patch {
    let mut some = |limit| {
        let count = rng.below(limit);
        (0..count).map(|_| hash(&rng.below(40).to_string())).collect()
    };
    let mut patch = patch("", "", "", list(&[], &[]));
    patch.changes.included.add = some(6);
    patch.changes.included.remove = some(4);
    patch.changes.excluded.add = some(4);
    patch.changes.excluded.remove = some(4);
    patch.segment_id = format!("segment-{}.g{}", rng.below(5), rng.below(2));
    patch.version = match rng.below(12) {
        0 => cursor.unwrap_or_default().to_owned(),
        1 if step < 20 => String::new(),
        _ => format!("v{step}"),
    };
    patch.previous_version = match rng.below(12) {
        0 => String::new(),
        1 => format!("v{}", rng.below(step + 1)),
        _ => cursor.unwrap_or_default().to_owned(),
    };
    patch
}

fn assert_holds(store: &StoreUnderTest, model: &StoreModel) {
    let everyone: Vec<_> = (0..40).map(|n| hash(&n.to_string())).collect();
    let expected = model.memberships();
    for (hash, found) in everyone.iter().zip(store.read(&everyone)) {
        assert_eq!(found, expected.get(hash).cloned().unwrap_or_default(), "{hash}");
    }
    if let Some(scanner) = &store.scanner {
        model.assert_same(&**scanner);
    }
}
