//! The cache against a model that is obviously right: a list in the order of use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bigseg::__internal::cache::Cache;
use bigseg::clock::Moment;
use bigseg::testkit::rounds;
use bigseg::testkit::samples::{TestRng, hash, membership};
use bigseg::{Clock, ManualClock, Membership};
use proptest::prelude::*;

/// The context used last stands last.
struct Model {
    capacity: usize,
    entries: Vec<(u8, Membership, Moment)>,
    evictions: u64,
    invalidations: u64,
}

impl Model {
    fn get(&mut self, key: u8) -> Option<(Membership, Moment)> {
        let position = self.entries.iter().position(|entry| entry.0 == key)?;
        let entry = self.entries.remove(position);
        self.entries.push(entry.clone());
        Some((entry.1, entry.2))
    }

    fn insert(&mut self, key: u8, membership: Membership, now: Moment) {
        self.entries.retain(|entry| entry.0 != key);
        if self.capacity == 0 {
            return;
        }
        if self.entries.len() == self.capacity {
            self.entries.remove(0);
            self.evictions += 1;
        }
        self.entries.push((key, membership, now));
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Get(u8),
    Insert(u8),
    /// An insertion whose query began that many invalidations ago.
    InsertUnlessRemoved(u8, u64),
    Remove(u8),
    Clear,
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = 0u8..26;
    prop_oneof![
        8 => key.clone().prop_map(Operation::Get),
        6 => key.clone().prop_map(Operation::Insert),
        2 => (key.clone(), 0u64..2).prop_map(|(key, ago)| Operation::InsertUnlessRemoved(key, ago)),
        2 => key.prop_map(Operation::Remove),
        1 => Just(Operation::Clear),
        2 => (0u64..3_000_000).prop_map(Operation::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: rounds(400, 50_000) as u32,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_cache_does_what_the_model_does(
        capacity in 0usize..=20,
        operations in prop::collection::vec(operation(), 0..400),
    ) {
        let hand = ManualClock::new(0);
        let clock = Clock::Manual(hand.clone());
        let cache = Cache::new(capacity, Arc::default());
        let mut model = Model { capacity, entries: Vec::new(), evictions: 0, invalidations: 0 };
        for (step, operation) in operations.iter().enumerate() {
            let now = clock.now();
            let of = |key: &u8| hash(&key.to_string());
            let value = membership(&[&format!("s.g{}", step % 50)], &[]);
            match operation {
                Operation::Get(key) => {
                    let found = cache.get(&of(key), now).map(|cached| (cached.membership, cached.fetched));
                    prop_assert_eq!(found, model.get(*key), "step {}", step);
                }
                Operation::Insert(key) => {
                    cache.insert(of(key), value.clone(), now);
                    model.insert(*key, value, now);
                }
                Operation::InsertUnlessRemoved(key, ago) => {
                    let began = model.invalidations.saturating_sub(*ago);
                    cache.insert_unless_invalidated(began, now, std::iter::once((&of(key), &value)));
                    if began == model.invalidations {
                        model.insert(*key, value, now);
                    }
                }
                Operation::Remove(key) => {
                    cache.remove(&of(key));
                    model.entries.retain(|entry| entry.0 != *key);
                    model.invalidations += 1;
                }
                Operation::Clear => {
                    cache.clear();
                    model.entries.clear();
                    model.invalidations += 1;
                }
                Operation::Wait(nanos) => hand.advance(Duration::from_nanos(*nanos)),
            }
            prop_assert_eq!(cache.len(), model.entries.len(), "step {}", step);
            prop_assert_eq!(cache.is_empty(), model.entries.is_empty());
            prop_assert_eq!(cache.evictions(), model.evictions, "step {}", step);
            prop_assert_eq!(cache.invalidations(), model.invalidations);
        }
        for key in 0..26 {
            let found = cache.get(&hash(&key.to_string()), clock.now()).map(|cached| cached.membership);
            let expected = model.entries.iter().find(|entry| entry.0 == key).map(|entry| entry.1.clone());
            prop_assert_eq!(found, expected, "in the end, {}", key);
        }
    }
}

/// docs/spec.md#cache: with room for two, looking up a, b, b, c, a asks the store for a, b, c, a.
#[test]
fn the_least_recently_used_goes_first() {
    let (clock, cache) = (Clock::Manual(ManualClock::new(0)), Cache::new(2, Arc::default()));
    let mut asked = String::new();
    for key in ["a", "b", "b", "c", "a"] {
        if cache.get(&hash(key), clock.now()).is_none() {
            asked.push_str(key);
            cache.insert(hash(key), Membership::empty(), clock.now());
        }
    }
    assert_eq!(asked, "abca");
}

#[test]
fn a_use_saves_from_eviction_but_renews_nothing() {
    let (clock, cache) = (Clock::Manual(ManualClock::new(0)), Cache::new(2, Arc::default()));
    let fetched = clock.now();
    cache.insert(hash("a"), Membership::empty(), fetched);
    cache.insert(hash("b"), Membership::empty(), clock.now());
    assert!(cache.get(&hash("a"), clock.now()).is_some());
    cache.insert(hash("c"), Membership::empty(), clock.now());
    assert!(cache.get(&hash("b"), clock.now()).is_none());
    assert_eq!(cache.get(&hash("a"), clock.now()).map(|cached| cached.fetched), Some(fetched));
}

#[test]
fn four_threads_never_exceed_the_capacity() {
    for capacity in [0, 1, 2, 7, 100, 2000] {
        let (clock, cache, hits) = (Clock::System, Cache::new(capacity, Arc::default()), AtomicUsize::new(0));
        let hashes: Vec<_> = (0..3 * capacity + 5).map(|n| hash(&n.to_string())).collect();
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let (clock, cache, hashes, hits) = (&clock, &cache, &hashes, &hits);
                scope.spawn(move || {
                    let mut rng = TestRng::new(seed);
                    for _ in 0..rounds(20_000, 2_000_000) {
                        let key = rng.below(hashes.len());
                        match rng.below(100) {
                            0 => cache.remove(&hashes[key]),
                            1 if rng.below(50) == 0 => cache.clear(),
                            1..50 => cache.insert(
                                hashes[key],
                                membership(&[&format!("s.g{}", key % 50)], &[]),
                                clock.now(),
                            ),
                            _ => {
                                let Some(found) = cache.get(&hashes[key], clock.now()) else { continue };
                                assert_eq!(
                                    found.membership.check(&format!("s.g{}", key % 50)),
                                    Some(true),
                                    "its own"
                                );
                                hits.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        assert!(cache.len() <= capacity);
                    }
                });
            }
        });
        let held = hashes.iter().filter(|hash| cache.get(hash, clock.now()).is_some()).count();
        assert_eq!(held, cache.len(), "what it says it holds is what it holds");
        assert_eq!(hits.into_inner() > 0, capacity > 0);
    }
}
