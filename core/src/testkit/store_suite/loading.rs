//! Cases of loading whole lists.

use super::fixture::{Case, StoreUnderTest};
use crate::error::ErrorKind;
use crate::store::{LoadReport, Metadata};
use crate::testkit::StoreModel;
use crate::testkit::samples::{SampleList, TestRng, hash, list, membership};

pub(super) const CASES: &[Case] = &[
    ("a load fills an empty store and marks it synchronised", |store| {
        let list = SampleList::default().add(hash("a"), "s.g1", true).add(hash("a"), "t.g1", false).add(
            hash("b"),
            "t.g1",
            true,
        );
        assert_eq!(load(store, list, None, 1234), LoadReport { contexts: 2, replaced: 0 });
        assert_eq!(store.read_one("a"), membership(&["s.g1"], &["t.g1"]));
        assert_eq!(store.read_one("b"), membership(&["t.g1"], &[]));
        assert_eq!(store.metadata(), Metadata { synchronized_on: Some(1234) });
        assert_eq!(store.cursor(), None);
    }),
    ("a load merges into what is there", |store| {
        store.include("s.g1", ("", "7"), list(&["a", "b"], &[]));
        let list = SampleList::default().add(hash("b"), "t.g1", true).add(hash("c"), "s.g1", true);
        assert_eq!(load(store, list, None, 1), LoadReport { contexts: 2, replaced: 0 });
        assert_eq!(store.read_one("a"), membership(&["s.g1"], &[]));
        assert_eq!(store.read_one("b"), membership(&["s.g1", "t.g1"], &[]));
        assert_eq!(store.read_one("c"), membership(&["s.g1"], &[]));
        assert_eq!(store.cursor().as_deref(), Some("7"), "the cursor is not its business");
    }),
    ("a load takes the place of the opposite", |store| {
        load(
            store,
            SampleList::default().add(hash("a"), "s.g1", true).add(hash("b"), "s.g1", false),
            None,
            1,
        );
        load(
            store,
            SampleList::default().add(hash("a"), "s.g1", false).add(hash("b"), "s.g1", true),
            None,
            2,
        );
        assert_eq!(store.read_one("a"), membership(&[], &["s.g1"]));
        assert_eq!(store.read_one("b"), membership(&["s.g1"], &[]));
    }),
    ("where one list says both, included wins", |store| {
        let both = || SampleList::default().add(hash("a"), "s.g1", false).add(hash("a"), "s.g1", true);
        load(store, both(), None, 1);
        assert_eq!(store.read_one("a"), membership(&["s.g1"], &[]), "in an empty store");
        load(store, SampleList::default().add(hash("a"), "s.g1", false), None, 2);
        load(store, both(), None, 3);
        assert_eq!(store.read_one("a"), membership(&["s.g1"], &[]), "in a filled one");
    }),
    ("a replacing load forgets the segment's members, and them alone", |store| {
        let before = SampleList::default()
            .add(hash("a"), "s.g1", true)
            .add(hash("b"), "s.g1", false)
            .add(hash("b"), "t.g1", true)
            .add(hash("c"), "s.g1", true)
            .add(hash("d"), "t.g1", true);
        load(store, before, None, 1);
        let after = SampleList::default().add(hash("c"), "s.g1", true).add(hash("e"), "s.g1", true);
        assert_eq!(load(store, after, Some("s.g1"), 2), LoadReport { contexts: 2, replaced: 3 });
        assert!(store.read_one("a").is_empty());
        assert_eq!(store.read_one("b"), membership(&["t.g1"], &[]));
        assert_eq!(store.read_one("c"), membership(&["s.g1"], &[]));
        assert_eq!(store.read_one("d"), membership(&["t.g1"], &[]));
        assert_eq!(store.read_one("e"), membership(&["s.g1"], &[]));
    }),
    ("a segment can be replaced by nothing", |store| {
        load(store, SampleList::default().add(hash("a"), "s.g1", true), None, 1);
        let report = load(store, SampleList::default(), Some("s.g1"), 2);
        assert_eq!(report, LoadReport { contexts: 0, replaced: 1 });
        assert!(store.read_one("a").is_empty());
        assert_eq!(store.metadata(), Metadata { synchronized_on: Some(2) });
        if let Some(scanner) = &store.scanner {
            StoreModel::default().assert_same(&**scanner);
        }
    }),
    ("replacing a segment without members", |store| {
        let list = SampleList::default().add(hash("a"), "s.g1", true);
        assert_eq!(load(store, list, Some("s.g1"), 1), LoadReport { contexts: 1, replaced: 0 });
        assert_eq!(store.read_one("a"), membership(&["s.g1"], &[]));
    }),
    ("progress only grows, and ends with the number of contexts", |store| {
        let all = (0..10_000).map(|n| hash(&n.to_string()));
        let mut list = all.fold(SampleList::default(), |list, hash| list.add(hash, "s.g1", true));
        let mut heard = vec![0];
        let plan = list.plan(None, 1);
        store.writer.load(&plan, &mut list, &mut |done| heard.push(done)).unwrap();
        assert!(heard.is_sorted(), "{heard:?}");
        assert!(heard.len() > 2, "a long load is heard of more than once");
        assert_eq!(heard.last(), Some(&10_000));
    }),
    ("a list that breaks off is an error", |store| {
        load(store, SampleList::default().add(hash("a"), "s.g1", true), None, 1);
        let mut broken = SampleList::default().add(hash("b"), "t.g1", true).failing_at_end();
        let plan = broken.plan(Some("s.g1"), 2);
        let error = store.writer.load(&plan, &mut broken, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert_eq!(
            store.metadata(),
            Metadata { synchronized_on: Some(1) },
            "not synchronised by half a list"
        );
        if store.loads_atomically {
            assert_eq!(store.read_one("a"), membership(&["s.g1"], &[]), "the replaced segment is back");
            assert!(store.read_one("b").is_empty());
        }
    }),
    ("any sequence of loads ends as the model says", |store| {
        let mut model = StoreModel::default();
        let mut rng = TestRng::new(4711);
        for round in 0..12 {
            let mut all = SampleList::default();
            for _ in 0..rng.below(120) {
                let segment = format!("segment-{}.g1", rng.below(4));
                all = all.add(hash(&rng.below(60).to_string()), &segment, rng.flip());
            }
            let replace = rng.flip().then(|| format!("segment-{}.g1", rng.below(4)));
            model.load(&all, replace.as_deref());
            load(store, all, replace.as_deref(), round);
        }
        let expected = model.memberships();
        let everyone: Vec<_> = (0..60).map(|n| hash(&n.to_string())).collect();
        for (hash, found) in everyone.iter().zip(store.read(&everyone)) {
            assert_eq!(found, expected.get(hash).cloned().unwrap_or_default(), "{hash}");
        }
        if let Some(scanner) = &store.scanner {
            model.assert_same(&**scanner);
        }
    }),
];

fn load(store: &StoreUnderTest, mut list: SampleList, replace: Option<&str>, time: i64) -> LoadReport {
    let plan = list.plan(replace, time);
    store.writer.load(&plan, &mut list, &mut |_| {}).expect("the list is loaded")
}
