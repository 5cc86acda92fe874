//! Single flight and batching: what is asked, how often, and who hears which answer.

use std::collections::HashMap;
use std::time::Duration;

use bigseg_core::clock::Moment;
use bigseg_core::coalesce::{Batch, Batching, Boarding, Coalescer, Flight};
use bigseg_core::testkit::rounds;
use bigseg_core::testkit::samples::{hash, membership};
use bigseg_core::{ContextHash, Error, ErrorKind, Membership, Result};
use futures_util::FutureExt;
use proptest::prelude::*;

const TIMEOUT: Duration = Duration::from_millis(500);

fn coalescer(size: usize, at_once: usize) -> Coalescer {
    Coalescer::new(Batching { size, at_once, patience: TIMEOUT })
}

fn at(millis: u64) -> Moment {
    Moment::DISTANT_PAST.after(Duration::from_millis(1 + millis))
}

fn join(coalescer: &Coalescer, key: &str) -> (Flight, Vec<Batch>) {
    let Boarding { mut flights, batches, .. } = coalescer.join(&[hash(key)], at(0), |_| None);
    (flights.remove(0), batches)
}

/// Answers each context of a batch with a membership that names the query.
fn answers(batch: &Batch, query: usize) -> Vec<Result<Membership>> {
    vec![Ok(membership(&[&format!("query.g{query}")], &[])); batch.hashes().len()]
}

/// Completes a batch whose answers nobody is interested in keeping.
fn complete(coalescer: &Coalescer, batch: Batch, query: usize) -> Option<Batch> {
    let answers = answers(&batch, query);
    coalescer.complete(batch, Ok(answers), at(0), |_, _| {})
}

fn landed(flight: &Flight) -> Option<Result<Membership>> {
    flight.clone().landed().now_or_never()
}

#[test]
fn an_answer_that_was_kept_meanwhile_is_not_asked_for_again() {
    let coalescer = coalescer(128, 4);
    let kept = membership(&["kept.g1"], &[]);
    let Boarding { flights, joined, batches } =
        coalescer.join(&[hash("a"), hash("b")], at(0), |known| (*known == hash("a")).then(|| kept.clone()));
    assert_eq!(landed(&flights[0]).unwrap().unwrap(), kept);
    assert_eq!((joined, batches.len()), (1, 1));
    assert_eq!(batches[0].hashes(), [hash("b")]);
    // While a query is under way its flight is joined, whatever is kept: the kept answer is the older one.
    let again = coalescer.join(&[hash("b")], at(0), |_| Some(kept.clone()));
    assert!(again.batches.is_empty() && landed(&again.flights[0]).is_none());
}

#[test]
fn a_thousand_misses_of_one_context_are_one_query() {
    let coalescer = coalescer(128, 4);
    let (first, mut batches) = join(&coalescer, "a");
    let others: Vec<Flight> = (0..999)
        .map(|_| {
            let boarding = coalescer.join(&[hash("a")], at(0), |_| None);
            assert_eq!((boarding.joined, boarding.batches.len()), (1, 0));
            boarding.flights.into_iter().next().unwrap()
        })
        .collect();
    assert!(landed(&first).is_none());
    assert!(complete(&coalescer, batches.remove(0), 1).is_none());
    for flight in others.iter().chain([&first]) {
        assert_eq!(landed(flight).unwrap().unwrap().check("query.g1"), Some(true));
    }
    assert_eq!(join(&coalescer, "a").1.len(), 1, "what has landed is not joined");
}

#[test]
fn a_thousand_misses_of_as_many_contexts_share_queries() {
    for (size, at_once) in [(128, 1), (128, 4), (1, 1), (1000, 4), (10_000, 2)] {
        let coalescer = coalescer(size, at_once);
        let (mut flights, mut under_way) = (Vec::new(), Vec::new());
        for n in 0..1000 {
            let (flight, batches) = join(&coalescer, &n.to_string());
            flights.push(flight);
            under_way.extend(batches);
            assert!(under_way.len() <= at_once);
        }
        let mut queries = 0;
        while let Some(batch) = under_way.pop() {
            queries += 1;
            under_way.extend(complete(&coalescer, batch, queries));
        }
        assert!(flights.iter().all(|flight| landed(flight).is_some_and(|answer| answer.is_ok())));
        assert!(queries <= 1 + 999_usize.div_ceil(size), "{queries} queries of {size}");
    }
}

#[test]
fn a_query_that_is_stuck_does_not_hold_back_the_others_for_ever() {
    let coalescer = coalescer(128, 4);
    let (_, stuck) = join(&coalescer, "a");
    assert!(coalescer.join(&[hash("b")], at(TIMEOUT.as_millis() as u64 - 1), |_| None).batches.is_empty());
    let later = coalescer.join(&[hash("c")], at(TIMEOUT.as_millis() as u64), |_| None).batches;
    assert_eq!(later[0].hashes(), [hash("b"), hash("c")]);
    drop((stuck, later));
}

#[test]
fn an_overtaken_flight_is_heard_by_those_who_wait_but_neither_kept_nor_joined() {
    for all in [false, true] {
        let coalescer = coalescer(128, 1);
        let (before, mut batches) = join(&coalescer, "a");
        if all {
            coalescer.overtake_all()
        } else {
            coalescer.overtake(&hash("a"))
        }
        let boarding = coalescer.join(&[hash("a")], at(0), |_| None);
        assert_eq!(boarding.joined, 0);
        let batch = batches.remove(0);
        let stale = answers(&batch, 1);
        let next =
            coalescer.complete(batch, Ok(stale), at(0), |_, _| panic!("out of date answers are not kept"));
        assert_eq!(landed(&before).unwrap().unwrap().check("query.g1"), Some(true));
        assert!(landed(&boarding.flights[0]).is_none(), "an old answer is not for those who came later");
        let (next, mut kept) = (next.expect("the second flight was waiting"), Vec::new());
        let fresh = answers(&next, 2);
        assert!(coalescer.complete(next, Ok(fresh), at(0), |hash, _| kept.push(hash)).is_none());
        assert_eq!(kept, [hash("a")]);
        assert_eq!(landed(&boarding.flights[0]).unwrap().unwrap().check("query.g2"), Some(true));
    }
}

#[test]
fn whoever_started_a_flight_may_leave_without_stranding_the_others() {
    let coalescer = coalescer(128, 1);
    let (leader, mut batches) = join(&coalescer, "a");
    let (follower, _) = join(&coalescer, "a");
    drop(leader);
    complete(&coalescer, batches.remove(0), 1);
    assert!(landed(&follower).unwrap().is_ok());
    let (abandoned, batches) = join(&coalescer, "b");
    drop(batches);
    assert_eq!(
        landed(&abandoned).unwrap().unwrap_err().kind(),
        ErrorKind::Closed,
        "not even by a lost batch"
    );
}

#[test]
fn answers_reach_their_own_contexts_and_missing_ones_are_errors() {
    let coalescer = coalescer(128, 1);
    let keys = ["a", "b", "c"].map(hash);
    let Boarding { flights, mut batches, .. } = coalescer.join(&keys, at(0), |_| None);
    let given = vec![Ok(membership(&["a.g1"], &[])), Err(Error::new(ErrorKind::StoreData, "spoiled"))];
    let mut kept = Vec::new();
    coalescer.complete(batches.remove(0), Ok(given), at(0), |hash, _| kept.push(hash));
    assert_eq!(landed(&flights[0]).unwrap().unwrap().check("a.g1"), Some(true));
    assert_eq!(landed(&flights[1]).unwrap().unwrap_err().message(), "spoiled");
    assert_eq!(
        landed(&flights[2]).unwrap().unwrap_err().kind(),
        ErrorKind::StoreData,
        "fewer answers than asked"
    );
    assert_eq!(kept, [hash("a")], "errors are not kept");
}

#[derive(Debug, Clone)]
enum Operation {
    /// Looks up these contexts together.
    Join(Vec<u8>),
    /// Completes one of the batches under way; well or not.
    Complete(usize, bool),
    Overtake(u8),
    OvertakeAll,
    FailQueued,
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => prop::collection::vec(0u8..12, 1..4).prop_map(Operation::Join),
        5 => (0usize..8, prop::bool::weighted(0.8)).prop_map(|(which, well)| Operation::Complete(which, well)),
        2 => (0u8..12).prop_map(Operation::Overtake),
        1 => Just(Operation::OvertakeAll),
        1 => Just(Operation::FailQueued),
        1 => (0u64..800).prop_map(Operation::Wait),
    ]
}

/// Plays the engine: holds the batches under way, and remembers what it would cache.
struct Play {
    coalescer: Coalescer,
    under_way: Vec<(usize, Batch)>,
    queries: usize,
    now: u64,
    /// By context: the number of queries there had been when it was last overtaken.
    overtaken: HashMap<ContextHash, usize>,
    cached: HashMap<ContextHash, usize>,
    /// Each flight, its context, and the number of queries there had been when it was last overtaken before.
    flights: Vec<(Flight, usize)>,
}

impl Play {
    fn launch(&mut self, batches: impl IntoIterator<Item = Batch>) {
        for batch in batches {
            self.queries += 1;
            self.under_way.push((self.queries, batch));
        }
    }

    fn complete(&mut self, which: usize, well: bool) {
        let (query, batch) = self.under_way.remove(which);
        let given = match well {
            true => Ok(answers(&batch, query)),
            false => Err(Error::new(ErrorKind::StoreUnavailable, "down")),
        };
        let (overtaken, cached) = (&self.overtaken, &mut self.cached);
        let keep = |hash: ContextHash, _: &Membership| {
            let newest = overtaken.get(&hash).copied().unwrap_or_default();
            assert!(query > newest, "query {query} began before the context was overtaken, at {newest}");
            cached.insert(hash, query);
        };
        let next = self.coalescer.complete(batch, given, at(self.now), keep);
        self.launch(next);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: rounds(300, 30_000) as u32,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everyone_hears_an_answer_that_is_recent_enough(
        size in 1usize..6,
        at_once in 1usize..4,
        operations in prop::collection::vec(operation(), 0..150),
    ) {
        let mut play = Play {
            coalescer: coalescer(size, at_once),
            under_way: Vec::new(),
            queries: 0,
            now: 0,
            overtaken: HashMap::new(),
            cached: HashMap::new(),
            flights: Vec::new(),
        };
        let of = |key: &u8| hash(&key.to_string());
        for operation in operations {
            match operation {
                Operation::Join(keys) => {
                    let hashes: Vec<_> = keys.iter().map(of).collect();
                    let boarding = play.coalescer.join(&hashes, at(play.now), |_| None);
                    prop_assert_eq!(boarding.flights.len(), hashes.len());
                    for (flight, hash) in boarding.flights.into_iter().zip(&hashes) {
                        play.flights.push((flight, play.overtaken.get(hash).copied().unwrap_or_default()));
                    }
                    play.launch(boarding.batches);
                }
                Operation::Complete(which, well) if which < play.under_way.len() => play.complete(which, well),
                Operation::Complete(..) => {}
                Operation::Overtake(key) => {
                    play.coalescer.overtake(&of(&key));
                    play.overtaken.insert(of(&key), play.queries);
                }
                Operation::OvertakeAll => {
                    play.coalescer.overtake_all();
                    play.overtaken.extend((0..12).map(|key| (of(&key), play.queries)));
                }
                Operation::FailQueued => play.coalescer.fail_queued(&Error::new(ErrorKind::CircuitOpen, "open")),
                Operation::Wait(millis) => play.now += millis,
            }
            prop_assert!(play.under_way.len() <= at_once, "too many queries at once");
            for (_, batch) in &play.under_way {
                prop_assert!((1..=size).contains(&batch.hashes().len()));
            }
        }
        while !play.under_way.is_empty() {
            play.complete(0, true);
        }
        for (flight, overtaken) in &play.flights {
            let Some(answer) = landed(flight) else { return Err(TestCaseError::fail("somebody waits for ever")) };
            if let Ok(membership) = answer {
                let query: usize = membership.included()[0].generation().unwrap() as usize;
                prop_assert!(query > *overtaken, "an answer from before the context was overtaken");
            }
        }
    }
}
