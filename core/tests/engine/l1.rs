//! Answers given again by a first-level cache above the engine: never one that the engine itself would not give.

use std::collections::HashMap;
use std::time::Duration;

use crate::fixture::{Fixture, START, context, eventually, in_thread, included_in};
use bigseg::engine::Source;
use bigseg::testkit::fault_store::{Fault, FaultStore};
use bigseg::testkit::push_store::PushStore;
use bigseg::testkit::rounds;
use bigseg::testkit::samples::TestRng;
use bigseg::{Answer, Clock, ContextHash, Engine, EngineConfig, ErrorKind, LookupStatus};

/// A first-level cache as a binding has one, on the engine's own clock.
struct FirstLevel {
    clock: Clock,
    epoch: u32,
    answers: HashMap<ContextHash, (Answer, bigseg::clock::Moment)>,
}

impl FirstLevel {
    fn new(fixture: &Fixture) -> Self {
        Self { clock: Clock::Manual(fixture.clock.clone()), epoch: 0, answers: HashMap::new() }
    }

    /// What is kept of a context, if it still holds.
    fn get(&self, engine: &Engine, hash: ContextHash) -> Option<&Answer> {
        let (answer, until) = self.answers.get(&hash)?;
        (engine.epoch().current() == self.epoch && self.clock.now() < *until).then_some(answer)
    }

    fn fill(&mut self, engine: &Engine, hash: ContextHash) {
        let (epoch, now) = (engine.epoch().current(), self.clock.now());
        if epoch != self.epoch {
            self.answers.clear();
            self.epoch = epoch;
        }
        if let Some(lease) = engine.membership(hash).leased().cached().unwrap() {
            self.answers.insert(hash, (lease.answer, now.after(lease.valid_for)));
        }
    }
}

/// Settled, on a store that tells of changes when it is told to.
fn telling_stage(edit: impl FnOnce(&mut EngineConfig)) -> (Fixture, std::sync::Arc<PushStore>) {
    let store = FaultStore::new();
    store.set_synchronized_on(Some(START));
    let telling = PushStore::new(store.clone());
    let source = Source::Custom(telling.clone());
    let fixture = Fixture::on(store, |config| {
        config.source = source;
        config.breaker_failures = 0;
        edit(config);
    });
    (fixture.settled(), telling)
}

#[test]
fn whatever_happens_an_answer_given_again_is_the_one_the_engine_gives() {
    let mut repeats = 0;
    for seed in 0..rounds(40, 2_000) {
        let mut rng = TestRng::new(seed as u64);
        let (fixture, telling) = telling_stage(|config| {
            config.context_cache_size = 3;
            config.stale_after = Some(Duration::from_secs(20));
        });
        let listener = telling.listener();
        let contexts: Vec<_> = ["a", "b", "c", "d"].map(context).into();
        let mut first_level = FirstLevel::new(&fixture);
        for _ in 0..300 {
            let hash = contexts[rng.below(4)];
            match rng.below(16) {
                0..=3 => fixture.clock.advance(Duration::from_millis(rng.below(1_500) as u64)),
                4 => fixture.store.put(hash, included_in(["x.g1", "y.g1"][rng.below(2)])),
                5 => fixture.engine.invalidate(hash).unwrap(),
                6 => listener.memberships_changed(&[hash]),
                7 if rng.flip() => listener.connected(),
                7 => listener.disconnected(),
                8 => fixture.store.set_synchronized_on(Some(START + 1000 * rng.below(60) as i64)),
                9 => drop(pollster::block_on(fixture.engine.refresh_status())),
                10 => {
                    let fault = [Fault::None, Fault::Fail(ErrorKind::StoreUnavailable)][rng.below(2)].clone();
                    fixture.store.set_fault(fault);
                }
                11 if rng.below(8) == 0 => fixture.engine.invalidate_all(),
                _ => {
                    fixture.engine.membership(hash).wait().unwrap();
                    first_level.fill(&fixture.engine, hash);
                }
            }
            for hash in &contexts {
                let Some(kept) = first_level.get(&fixture.engine, *hash) else { continue };
                let given = fixture.engine.membership(*hash).cached().unwrap();
                let is_same =
                    |given: &Answer| (&kept.membership, kept.status) == (&given.membership, given.status);
                if !given.as_ref().is_some_and(is_same) {
                    // Only because a poll in the background came in between.
                    eventually(&format!("{kept:?} is given up for {given:?} ({seed})"), || {
                        fixture.engine.epoch().current() != first_level.epoch
                    });
                }
                repeats += 1;
            }
        }
    }
    assert!(repeats > 1_000, "the test looked at {repeats} answers only");
}

#[test]
fn each_thing_that_ends_an_answer_changes_the_epoch() {
    let (fixture, telling) = telling_stage(|config| config.context_cache_size = 1);
    let (a, engine, listener) = (context("a"), &fixture.engine, telling.listener());
    let look_up = |hash| drop(engine.membership(hash).wait().unwrap());
    let changes = |what: &str, act: &dyn Fn()| {
        look_up(a);
        let before = engine.epoch().current();
        act();
        assert_ne!(engine.epoch().current(), before, "{what}");
    };
    changes("invalidate", &|| engine.invalidate(a).unwrap());
    changes("invalidate all", &|| engine.invalidate_all());
    changes("the store tells of a change", &|| listener.memberships_changed(&[a]));
    changes("the store begins to tell", &|| listener.connected());
    changes("the store ceases to tell", &|| listener.disconnected());
    changes("eviction", &|| look_up(context("b")));
    fixture.store.set_metadata_fault(Fault::Fail(ErrorKind::StoreUnavailable));
    changes("unavailable", &|| drop(pollster::block_on(engine.refresh_status())));
    fixture.store.set_metadata_fault(Fault::None);
    changes("available again", &|| drop(pollster::block_on(engine.refresh_status())));
    changes("close", &|| engine.close().wait());
}

#[test]
fn what_nobody_could_notice_leaves_the_epoch_alone() {
    let (fixture, telling) = telling_stage(|config| config.stale_after = Some(Duration::from_secs(60)));
    let (engine, listener) = (&fixture.engine, telling.listener());
    for hash in ["a", "b"].map(context) {
        engine.membership(hash).wait().unwrap();
    }
    let before = engine.epoch().current();
    listener.memberships_changed(&[context("not cached")]);
    engine.membership(context("a")).leased().cached().unwrap();
    fixture.clock.advance(Duration::from_secs(6));
    fixture.store.set_synchronized_on(Some(START + 6_000));
    drop(pollster::block_on(engine.refresh_status()));
    // Renewed, with the same membership.
    engine.membership(context("a")).wait().unwrap();
    assert_eq!(engine.epoch().current(), before);
}

#[test]
fn it_is_said_beforehand_when_an_answer_expires_and_when_it_becomes_stale() {
    let (fixture, _) = telling_stage(|config| {
        config.stale_after = Some(Duration::from_secs(8));
        config.context_cache_time = Duration::from_secs(5);
    });
    let lease = || {
        fixture.engine.membership(context("a")).wait().unwrap();
        let leased = fixture.engine.membership(context("a")).leased().cached().unwrap().unwrap();
        (leased.answer.status, Duration::from_secs_f64(leased.valid_for.as_secs_f64().round()))
    };
    assert_eq!(lease(), (LookupStatus::Healthy, Duration::from_secs(5)));
    fixture.clock.advance(Duration::from_secs(6));
    assert_eq!(lease(), (LookupStatus::Healthy, Duration::from_secs(2)), "stale before it expires");
    fixture.clock.advance(Duration::from_secs(2));
    assert_eq!(lease(), (LookupStatus::Stale, Duration::from_secs(3)));
}

#[test]
fn noted_repeats_are_hits_and_decide_who_is_evicted() {
    let (fixture, _) = telling_stage(|config| config.context_cache_size = 2);
    let [a, b, c] = ["a", "b", "c"].map(context);
    for hash in [a, b] {
        fixture.engine.membership(hash).wait().unwrap();
    }
    let hits = fixture.engine.metrics().cache_hits;
    fixture.engine.record_l1_hits(&[a], 7);
    assert_eq!(fixture.engine.metrics().cache_hits, hits + 7);
    fixture.engine.membership(c).wait().unwrap();
    assert!(fixture.engine.membership(a).cached().unwrap().is_some());
    assert!(fixture.engine.membership(b).cached().unwrap().is_none());
}

#[test]
fn a_deadline_of_ones_own_may_only_be_shorter() {
    let (fixture, _) = telling_stage(|config| config.lookup_deadline = Duration::from_secs(1));
    fixture.store.set_fault(Fault::Hang);
    for (deadline, waited) in [(300, 300), (5_000, 1_000)] {
        let (engine, asked) = (fixture.engine.clone(), fixture.engine.metrics().cache_misses);
        let lookup = in_thread(move || {
            let deadline = Duration::from_millis(deadline);
            pollster::block_on(engine.memberships([context("a")]).within(deadline)).unwrap()
        });
        eventually("it waits", || fixture.engine.metrics().cache_misses > asked || lookup.is_finished());
        eventually("it gives up", || {
            fixture.clock.advance(Duration::from_millis(10));
            lookup.is_finished()
        });
        let answer = lookup.join().unwrap().remove(0);
        assert_eq!(answer.status, LookupStatus::StoreError);
        let message = answer.error.expect("why it failed").to_string();
        assert!(message.ends_with(&format!("{:?}", Duration::from_millis(waited))), "{message}");
    }
}

#[cfg(feature = "segment")]
#[test]
fn an_evaluation_holds_as_long_as_its_memberships_and_the_data() {
    const DATA: &str = r#"{"segments": {"s": {"key": "s", "version": 1, "unbounded": true, "generation": 1},
        "ordinary": {"key": "ordinary", "version": 1}}}"#;
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("a"), included_in("s.g1"));
    let engine = &fixture.engine;
    engine.set_data(DATA).unwrap();
    let a = bigseg::Context::parse(r#"{"kind": "user", "key": "a"}"#).unwrap();
    assert!(
        engine.segment_contains("s", &a).leased().now().unwrap().is_none(),
        "the store would have to be asked"
    );
    assert!(engine.segment_contains("s", &a).wait().unwrap().is_match);
    fixture.clock.advance(Duration::from_secs(2));
    let leased = engine.segment_contains("s", &a).leased().now().unwrap().unwrap();
    let membership = engine.membership(context("a")).leased().cached().unwrap().unwrap();
    assert!(leased.answer.is_match);
    let seconds = |valid_for: Duration| valid_for.as_secs_f64().round();
    assert_eq!(seconds(leased.valid_for), seconds(membership.valid_for), "as long as the membership");
    let ordinary = engine.segment_contains("ordinary", &a).leased().now().unwrap().unwrap();
    assert!(ordinary.valid_for > Duration::from_secs(365 * 24 * 3600), "nothing that could expire");
    let epoch = engine.epoch().current();
    engine.set_data(DATA).unwrap();
    assert_ne!(engine.epoch().current(), epoch, "other data");
}
