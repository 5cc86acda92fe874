//! Single flight and batching: what is asked, how often, and which caller gets which answer.

use std::collections::HashMap;
use std::time::Duration;

use bigseg::__internal::coalesce::{Batch, Batching, Coalescer, Joined, PendingAnswer};
use bigseg::clock::Moment;
use bigseg::store::BatchResult;
use bigseg::testkit::rounds;
use bigseg::testkit::samples::{hash, membership};
use bigseg::{ContextHash, Error, ErrorKind, Membership, Result};
use futures_util::FutureExt;
use proptest::prelude::*;

const TIMEOUT: Duration = Duration::from_millis(500);

fn coalescer(size: usize, at_once: usize) -> Coalescer {
    Coalescer::new(Batching { size, at_once, stuck_after: TIMEOUT })
}

fn at(millis: u64) -> Moment {
    Moment::DISTANT_PAST.after(Duration::from_millis(1 + millis))
}

fn join(coalescer: &Coalescer, key: &str) -> (PendingAnswer, Vec<Batch>) {
    let Joined { mut answers, batches, .. } = coalescer.join(&[hash(key)], at(0), |_| None);
    (answers.remove(0), batches)
}

/// Answers each context of a batch with a membership that names the query.
fn answers(batch: &Batch, query: usize) -> BatchResult {
    let answers = vec![Ok(membership(&[&format!("query.g{query}")], &[])); batch.hashes().len()];
    BatchResult::new(batch.hashes(), answers).unwrap()
}

/// Completes a batch and stores none of its answers.
fn complete(coalescer: &Coalescer, batch: Batch, query: usize) -> Option<Batch> {
    let answers = answers(&batch, query);
    coalescer.complete(batch, Ok(answers), at(0), |_, _| {})
}

fn answered(pending: &PendingAnswer) -> Option<Result<Membership>> {
    pending.clone().wait().now_or_never()
}

#[test]
fn an_answer_that_was_stored_meanwhile_is_not_fetched_again() {
    let coalescer = coalescer(128, 4);
    let cached_answer = membership(&["cached.g1"], &[]);
    let Joined { answers: pending, shared, batches } =
        coalescer.join(&[hash("a"), hash("b")], at(0), |known| {
            (*known == hash("a")).then(|| cached_answer.clone())
        });
    assert_eq!(answered(&pending[0]).unwrap().unwrap(), cached_answer);
    assert_eq!((shared, batches.len()), (1, 1));
    assert_eq!(batches[0].hashes(), [hash("b")]);
    // A query in flight is joined, whatever is cached: the cached answer is the older one.
    let again = coalescer.join(&[hash("b")], at(0), |_| Some(cached_answer.clone()));
    assert!(again.batches.is_empty() && answered(&again.answers[0]).is_none());
}

#[test]
fn a_thousand_misses_of_one_context_are_one_query() {
    let coalescer = coalescer(128, 4);
    let (first, mut batches) = join(&coalescer, "a");
    let others: Vec<PendingAnswer> = (0..999)
        .map(|_| {
            let joined = coalescer.join(&[hash("a")], at(0), |_| None);
            assert_eq!((joined.shared, joined.batches.len()), (1, 0));
            joined.answers.into_iter().next().unwrap()
        })
        .collect();
    assert!(answered(&first).is_none());
    assert!(complete(&coalescer, batches.remove(0), 1).is_none());
    for pending in others.iter().chain([&first]) {
        assert_eq!(answered(pending).unwrap().unwrap().check("query.g1"), Some(true));
    }
    assert_eq!(join(&coalescer, "a").1.len(), 1, "an answered request is not joined");
}

#[test]
fn a_thousand_misses_of_as_many_contexts_share_queries() {
    for (size, at_once) in [(128, 1), (128, 4), (1, 1), (1000, 4), (10_000, 2)] {
        let coalescer = coalescer(size, at_once);
        let (mut pending, mut in_flight) = (Vec::new(), Vec::new());
        for n in 0..1000 {
            let (answer, batches) = join(&coalescer, &n.to_string());
            pending.push(answer);
            in_flight.extend(batches);
            assert!(in_flight.len() <= at_once);
        }
        let mut queries = 0;
        while let Some(batch) = in_flight.pop() {
            queries += 1;
            in_flight.extend(complete(&coalescer, batch, queries));
        }
        assert!(pending.iter().all(|pending| answered(pending).is_some_and(|answer| answer.is_ok())));
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
fn an_invalidated_answer_is_delivered_but_neither_stored_nor_joined() {
    for all in [false, true] {
        let coalescer = coalescer(128, 1);
        let (before, mut batches) = join(&coalescer, "a");
        if all {
            coalescer.invalidate_all()
        } else {
            coalescer.invalidate(&hash("a"))
        }
        let joined = coalescer.join(&[hash("a")], at(0), |_| None);
        assert_eq!(joined.shared, 0);
        let batch = batches.remove(0);
        let stale = answers(&batch, 1);
        let next =
            coalescer.complete(batch, Ok(stale), at(0), |_, _| panic!("outdated answers are not stored"));
        assert_eq!(answered(&before).unwrap().unwrap().check("query.g1"), Some(true));
        assert!(answered(&joined.answers[0]).is_none(), "an outdated answer is not given to later callers");
        let next = next.expect("the second request was queued");
        let mut stored = Vec::new();
        let fresh = answers(&next, 2);
        assert!(coalescer.complete(next, Ok(fresh), at(0), |hash, _| stored.push(hash)).is_none());
        assert_eq!(stored, [hash("a")]);
        assert_eq!(answered(&joined.answers[0]).unwrap().unwrap().check("query.g2"), Some(true));
    }
}

#[test]
fn the_caller_that_created_a_request_may_leave_without_stranding_the_others() {
    let coalescer = coalescer(128, 1);
    let (leader, mut batches) = join(&coalescer, "a");
    let (follower, _) = join(&coalescer, "a");
    drop(leader);
    complete(&coalescer, batches.remove(0), 1);
    assert!(answered(&follower).unwrap().is_ok());
    let (abandoned, batches) = join(&coalescer, "b");
    drop(batches);
    assert_eq!(
        answered(&abandoned).unwrap().unwrap_err().kind(),
        ErrorKind::Closed,
        "a lost batch fails its callers"
    );
}

#[test]
fn answers_reach_their_own_contexts_and_missing_ones_are_errors() {
    let coalescer = coalescer(128, 1);
    let keys = ["a", "b", "c"].map(hash);
    let Joined { answers: pending, mut batches, .. } = coalescer.join(&keys, at(0), |_| None);
    let given = vec![Ok(membership(&["a.g1"], &[])), Err(Error::new(ErrorKind::StoreData, "spoiled"))];
    let mut stored = Vec::new();
    let given = BatchResult::new(&keys[..2], given);
    coalescer.complete(batches.remove(0), given, at(0), |hash, _| stored.push(hash));
    assert_eq!(answered(&pending[0]).unwrap().unwrap().check("a.g1"), Some(true));
    assert_eq!(answered(&pending[1]).unwrap().unwrap_err().message(), "spoiled");
    assert_eq!(
        answered(&pending[2]).unwrap().unwrap_err().kind(),
        ErrorKind::StoreData,
        "fewer answers than asked"
    );
    assert_eq!(stored, [hash("a")], "errors are not stored");
}

#[derive(Debug, Clone)]
enum Operation {
    /// Looks up these contexts together.
    Join(Vec<u8>),
    /// Completes one of the batches in flight; well or not.
    Complete(usize, bool),
    Invalidate(u8),
    InvalidateAll,
    FailQueued,
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => prop::collection::vec(0u8..12, 1..4).prop_map(Operation::Join),
        5 => (0usize..8, prop::bool::weighted(0.8)).prop_map(|(which, well)| Operation::Complete(which, well)),
        2 => (0u8..12).prop_map(Operation::Invalidate),
        1 => Just(Operation::InvalidateAll),
        1 => Just(Operation::FailQueued),
        1 => (0u64..800).prop_map(Operation::Wait),
    ]
}

/// A model of the engine: holds the batches in flight and what it would cache.
struct EngineModel {
    coalescer: Coalescer,
    in_flight: Vec<(usize, Batch)>,
    queries: usize,
    now: u64,
    /// By context: the number of queries there had been when it was last invalidated.
    invalidated: HashMap<ContextHash, usize>,
    cached: HashMap<ContextHash, usize>,
    /// Each pending answer, with the number of queries there had been when it was last invalidated before.
    pending: Vec<(PendingAnswer, usize)>,
}

impl EngineModel {
    fn send(&mut self, batches: impl IntoIterator<Item = Batch>) {
        for batch in batches {
            self.queries += 1;
            self.in_flight.push((self.queries, batch));
        }
    }

    fn complete(&mut self, which: usize, well: bool) {
        let (query, batch) = self.in_flight.remove(which);
        let given = if well {
            Ok(answers(&batch, query))
        } else {
            Err(Error::new(ErrorKind::StoreUnavailable, "down"))
        };
        let (invalidated, cached) = (&self.invalidated, &mut self.cached);
        let store = |hash: ContextHash, _: &Membership| {
            let newest = invalidated.get(&hash).copied().unwrap_or_default();
            assert!(query > newest, "query {query} began before the context was invalidated, at {newest}");
            cached.insert(hash, query);
        };
        let next = self.coalescer.complete(batch, given, at(self.now), store);
        self.send(next);
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
    fn every_caller_gets_an_answer_that_is_recent_enough(
        size in 1usize..6,
        at_once in 1usize..4,
        operations in prop::collection::vec(operation(), 0..150),
    ) {
        let mut engine = EngineModel {
            coalescer: coalescer(size, at_once),
            in_flight: Vec::new(),
            queries: 0,
            now: 0,
            invalidated: HashMap::new(),
            cached: HashMap::new(),
            pending: Vec::new(),
        };
        let of = |key: &u8| hash(&key.to_string());
        for operation in operations {
            match operation {
                Operation::Join(keys) => {
                    let hashes: Vec<_> = keys.iter().map(of).collect();
                    let joined = engine.coalescer.join(&hashes, at(engine.now), |_| None);
                    prop_assert_eq!(joined.answers.len(), hashes.len());
                    for (answer, hash) in joined.answers.into_iter().zip(&hashes) {
                        engine.pending.push((answer, engine.invalidated.get(hash).copied().unwrap_or_default()));
                    }
                    engine.send(joined.batches);
                }
                Operation::Complete(which, well) if which < engine.in_flight.len() => engine.complete(which, well),
                Operation::Complete(..) => {}
                Operation::Invalidate(key) => {
                    engine.coalescer.invalidate(&of(&key));
                    engine.invalidated.insert(of(&key), engine.queries);
                }
                Operation::InvalidateAll => {
                    engine.coalescer.invalidate_all();
                    engine.invalidated.extend((0..12).map(|key| (of(&key), engine.queries)));
                }
                Operation::FailQueued => engine.coalescer.fail_queued(&Error::new(ErrorKind::CircuitOpen, "open")),
                Operation::Wait(millis) => engine.now += millis,
            }
            prop_assert!(engine.in_flight.len() <= at_once, "too many queries at once");
            for (_, batch) in &engine.in_flight {
                prop_assert!((1..=size).contains(&batch.hashes().len()));
            }
        }
        while !engine.in_flight.is_empty() {
            engine.complete(0, true);
        }
        for (pending, invalidated) in &engine.pending {
            let Some(answer) = answered(pending) else { return Err(TestCaseError::fail("a caller waits for ever")) };
            if let Ok(membership) = answer {
                let query: usize = membership.included()[0].generation().unwrap() as usize;
                prop_assert!(query > *invalidated, "an answer from before the context was invalidated");
            }
        }
    }
}
