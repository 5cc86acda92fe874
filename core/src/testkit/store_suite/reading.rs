//! Cases of reading.

use std::ops::ControlFlow;

use super::fixture::{Case, StoreUnderTest};
use crate::membership::Membership;
use crate::patch::PatchOutcome;
use crate::store::{Cursor, Metadata};
use crate::testkit::samples::{SampleList, hash, list, membership, patch};

pub(super) const CASES: &[Case] = &[
    ("a new store was never synchronised", |store| {
        assert_eq!(store.metadata(), Metadata { synchronized_on: None });
    }),
    ("a sync time of zero means never", |store| {
        store.writer.set_synchronized_on(1_700_000_000_123).unwrap();
        store.writer.set_synchronized_on(0).unwrap();
        assert_eq!(store.metadata(), Metadata { synchronized_on: None });
    }),
    ("a sync time is kept exactly", |store| {
        for millis in [1_700_000_000_123, 1, -5, i64::MAX, i64::MIN] {
            store.writer.set_synchronized_on(millis).unwrap();
            assert_eq!(store.metadata(), Metadata { synchronized_on: Some(millis) });
        }
    }),
    ("an unknown context is empty", |store| {
        assert!(store.read_one("nobody").is_empty(), "before the first write");
        store.include("s.g1", ("", "1"), list(&["somebody"], &[]));
        assert!(store.read_one("nobody").is_empty(), "after it");
    }),
    ("included only", |store| {
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        store.include("t.g2", ("1", "2"), list(&["a"], &[]));
        assert_eq!(store.read_one("a"), membership(&["s.g1", "t.g2"], &[]));
    }),
    ("excluded only", |store| {
        exclude(store, "s.g1", ("", "1"), &["a"]);
        assert_eq!(store.read_one("a"), membership(&[], &["s.g1"]));
    }),
    ("both, and included wins", |store| {
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        exclude(store, "s.g1", ("1", "2"), &["a"]);
        exclude(store, "t.g1", ("2", "3"), &["a"]);
        let found = store.read_one("a");
        assert_eq!(found, membership(&["s.g1"], &["s.g1", "t.g1"]), "both are kept");
        assert_eq!(found.check("s.g1"), Some(true));
        assert_eq!(found.check("t.g1"), Some(false));
        assert_eq!(found.check("u.g1"), None);
    }),
    ("a batch is answered in its order, repeats included", |store| {
        store.include("s.g1", ("", "1"), list(&["a"], &[]));
        store.include("t.g1", ("1", "2"), list(&["b"], &[]));
        let (a, b) = (membership(&["s.g1"], &[]), membership(&["t.g1"], &[]));
        let queried = ["b", "nobody", "a", "b", "b", "a"].map(hash);
        let expected = [b.clone(), Membership::empty(), a.clone(), b.clone(), b, a];
        assert_eq!(store.read(&queried), expected);
    }),
    ("a batch may be empty", |store| assert_eq!(store.read(&[]), [])),
    ("a batch of a thousand", |store| {
        let keys: Vec<String> = (0..1000).map(|n| format!("context-{n}")).collect();
        let even: Vec<&str> = keys.iter().step_by(2).map(String::as_str).collect();
        store.include("s.g1", ("", "1"), list(&even, &[]));
        let hashes: Vec<_> = keys.iter().map(|key| hash(key)).collect();
        for (n, found) in store.read(&hashes).iter().enumerate() {
            assert_eq!(found.check("s.g1"), (n % 2 == 0).then_some(true), "context {n}");
        }
    }),
    ("thousands of refs in one membership", |store| {
        let refs: Vec<String> =
            (0..store.most_refs.min(10_000)).map(|n| format!("segment-{n}.g{n}")).collect();
        let all = refs.iter().enumerate();
        let load =
            all.fold(SampleList::default(), |load, (n, segment)| load.add(hash("a"), segment, n % 3 != 0));
        load_it(store, load);
        let found = store.read_one("a");
        assert_eq!(found.len(), refs.len());
        for (n, segment) in refs.iter().enumerate() {
            assert_eq!(found.check(segment), Some(n % 3 != 0), "{segment}");
        }
    }),
    ("refs are kept byte for byte", |store| {
        let long = format!("{}.g1", "long".repeat(100));
        let odd = [
            "Mixed-CASE_0.g0",
            "dots.in.g7.key.g18446744073709551615",
            " spaces and\ttabs .g1",
            "composed-\u{e9}.g1",
            "decomposed-e\u{301}.g1",
            "сегмент-段-🎯.g3",
            "\"quoted\", {braces}: a/b+c=d?e&f%20.g4",
            "not a ref at all",
            &long,
        ];
        let all = odd.iter().fold(SampleList::default(), |all, segment| all.add(hash("a"), segment, true));
        load_it(store, all);
        assert_eq!(store.read_one("a"), membership(&odd, &[]));
    }),
    ("a scan finds every context once, and stops when the visitor does", |store| {
        let Some(scanner) = &store.scanner else { return };
        let keys: Vec<String> = (0..300).map(|n| format!("context-{n}")).collect();
        let all = keys.iter().fold(SampleList::default(), |all, key| all.add(hash(key), "s.g1", true));
        load_it(store, all);
        let mut expected: Vec<_> = keys.iter().map(|key| hash(key)).collect();
        expected.sort_unstable();
        let mut met = Vec::new();
        let scan = scanner.scan(&mut |hash, found| {
            assert_eq!(found, membership(&["s.g1"], &[]));
            met.push(hash);
            ControlFlow::Continue(())
        });
        scan.unwrap();
        met.sort_unstable();
        assert_eq!(met, expected);
        let mut left = 7;
        let scan = scanner.scan(&mut |_, _| {
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        scan.unwrap();
        assert_eq!(left, 0, "a scan ends exactly when it is stopped");
    }),
];

fn exclude(store: &StoreUnderTest, segment: &str, (previous, version): (&str, &str), keys: &[&str]) {
    let mut patch = patch(segment, previous, version, list(&[], &[]));
    patch.changes.excluded = list(keys, &[]);
    assert_eq!(store.writer.apply(&patch, Cursor::Advance).unwrap(), PatchOutcome::Applied);
}

fn load_it(store: &StoreUnderTest, mut list: SampleList) {
    let plan = list.plan(None, 1);
    store.writer.load(&plan, &mut list, &mut |_| {}).unwrap();
}
