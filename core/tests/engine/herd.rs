//! Many callers at once: one query for one context, few queries for many.

use std::collections::HashSet;
use std::future::Future;
use std::task::{Context, Waker};

use crate::fixture::{Fixture, context, included_in};
use bigseg::testkit::fault_store::Fault;
use bigseg::{LookupStatus, Origin};

const HERD: usize = 1000;

#[test]
fn a_herd_on_one_cold_context_costs_one_query() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("hot"), included_in("a.g1"));
    fixture.store.set_fault(Fault::Hang);
    let herd: Vec<_> = (0..HERD).map(|_| fixture.engine.membership("hot").into_future()).collect();
    let answers = pollster::block_on(async {
        let release = async {
            fixture.store.release();
        };
        // Every future is polled once, and so waits, before the store answers.
        futures_util::future::join(futures_util::future::join_all(herd), release).await.0
    });
    assert_eq!(fixture.store.queries(), vec![vec![context("hot")]]);
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.check("a.g1")), (LookupStatus::Healthy, Some(true)));
    }
    assert_eq!(fixture.engine.metrics().coalesced_lookups, HERD as u64 - 1);
}

#[test]
fn a_herd_on_many_cold_contexts_shares_queries() {
    for batch_size in [1, 7, 128, 5000] {
        let fixture = Fixture::new(|config| config.batch_size = batch_size).settled();
        fixture.store.set_fault(Fault::Hang);
        let herd: Vec<_> =
            (0..HERD).map(|i| fixture.engine.membership(&format!("user-{i}")).into_future()).collect();
        pollster::block_on(async {
            let release = async {
                fixture.store.release();
            };
            futures_util::future::join(futures_util::future::join_all(herd), release).await
        });
        let queries = fixture.store.queries();
        assert!(queries.len() <= 1 + (HERD - 1).div_ceil(batch_size), "{} queries", queries.len());
        assert!(queries.iter().all(|query| query.len() <= batch_size));
        assert!(fixture.store.max_in_flight() <= 4);
        let asked: Vec<_> = queries.concat();
        assert_eq!((asked.len(), asked.iter().collect::<HashSet<_>>().len()), (HERD, HERD));
    }
}

#[test]
fn a_list_of_contexts_is_asked_for_together_and_answered_in_order() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("b"), included_in("b.g1"));
    fixture.engine.membership("c").wait().unwrap();
    let answers = fixture.engine.memberships(&["a", "b", "c", "b"]).wait().unwrap();
    let checks: Vec<_> = answers.iter().map(|answer| answer.check("b.g1")).collect();
    assert_eq!(checks, [None, Some(true), None, Some(true)]);
    assert!(matches!(answers[2].origin, Origin::Cache { .. }));
    assert_eq!(fixture.store.queries()[1..], [vec![context("a"), context("b")]], "each once, in one query");
}

#[test]
fn a_caller_that_gives_up_strands_nobody() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("hot"), included_in("a.g1"));
    fixture.store.set_fault(Fault::Hang);
    {
        let mut leader = Box::pin(fixture.engine.membership("hot").into_future());
        assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let follower = fixture.look_up("hot");
    fixture.store.wait_for_queries(1);
    crate::fixture::eventually("the follower has joined", || fixture.engine.metrics().coalesced_lookups == 1);
    fixture.store.release();
    assert_eq!(follower.join().unwrap().check("a.g1"), Some(true));
    assert_eq!(fixture.store.queries().len(), 1);
}
