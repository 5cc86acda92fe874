//! What the types promise: they cross threads, clones share one engine, and an id is a key or a hash.

use crate::fixture::{Fixture, context, included_in};
use bigseg::engine::{Request, RequestFuture};
use bigseg::status::StatusUpdates;
use bigseg::{Answer, ContextId, Engine, EngineConfig, ErrorKind, Operation, StoreConfig, StoreStatus};

#[test]
fn types_cross_threads() {
    fn assert_send_sync<T: Send + Sync>() {}
    fn assert_send<T: Send>() {}
    assert_send_sync::<Engine>();
    assert_send_sync::<EngineConfig>();
    assert_send_sync::<StoreConfig>();
    assert_send_sync::<Answer>();
    assert_send_sync::<StoreStatus>();
    assert_send_sync::<StatusUpdates>();
    assert_send_sync::<ContextId>();
    assert_send_sync::<bigseg::Error>();
    assert_send_sync::<Request<'_, bigseg::engine::MembershipQuery>>();
    assert_send::<RequestFuture<'_, bigseg::engine::MembershipQuery>>();
    assert_send::<Operation<'_, ()>>();
    #[cfg(feature = "segment")]
    {
        assert_send_sync::<Request<'_, bigseg::engine::FlagQuery<'_>>>();
        assert_send::<RequestFuture<'_, bigseg::engine::FlagQuery<'_>>>();
        assert_send_sync::<bigseg::segment::DataSet>();
        assert_send_sync::<bigseg::Context>();
    }
    #[cfg(feature = "sync")]
    assert_send_sync::<bigseg::sync::SyncWorker>();
    #[cfg(feature = "integration")]
    {
        assert_send_sync::<bigseg::integration::Integration>();
        assert_send_sync::<bigseg::integration::Registry>();
    }
}

#[test]
fn the_last_clone_stops_the_engine() {
    let engine = Engine::open(EngineConfig::new("memory:").unwrap()).unwrap();
    let mut updates = engine.status_updates();
    assert!(pollster::block_on(updates.next()).is_some());
    let clone = engine.clone();
    drop(engine);
    assert!(clone.membership("user").wait().unwrap().error.is_none(), "a clone keeps the engine open");
    let epoch = clone.epoch().clone();
    let before = epoch.current();
    drop(clone);
    assert!(pollster::block_on(updates.next()).is_none(), "the updates end");
    assert_ne!(epoch.current(), before, "answers kept outside the engine no longer hold");
}

#[test]
fn closing_one_clone_closes_all() {
    let engine = Engine::open(EngineConfig::new("memory:").unwrap()).unwrap();
    let clone = engine.clone();
    engine.close().wait();
    assert_eq!(clone.membership("user").wait().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn keys_and_hashes_name_the_same_context() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("user"), included_in("a.g1"));
    let engine = &fixture.engine;
    let key = "user".to_owned();
    let hash = context("user");
    let check = |id: ContextId| engine.membership(id).wait().unwrap().check("a.g1");
    let ids = [ContextId::from("user"), (&key).into(), (&"user").into(), hash.into(), (&hash).into()];
    for id in ids {
        assert_eq!(check(id), Some(true));
    }
    assert_eq!(fixture.store.queries(), vec![vec![hash]], "all but the first are cached");
    engine.invalidate(&key).unwrap();
    assert!(engine.membership(hash).cached().unwrap().is_none());
    assert_eq!(engine.invalidate("").unwrap_err().kind(), ErrorKind::InvalidContextKey);
}

#[test]
fn many_contexts_are_answered_in_every_way() {
    let fixture = Fixture::new(|_| {}).settled();
    fixture.store.put(context("b"), included_in("b.g1"));
    let engine = &fixture.engine;
    assert!(engine.memberships(["a", "b"]).cached().unwrap().is_none());
    assert!(engine.memberships(["a", "b"]).now().unwrap().is_none(), "the store is not embedded");
    assert!(fixture.store.queries().is_empty());
    let (sender, receiver) = std::sync::mpsc::channel();
    engine.memberships(["a", "b"]).then(move |answers| sender.send(answers).unwrap()).unwrap();
    let answers = receiver.recv().unwrap().unwrap();
    assert_eq!(answers[1].check("b.g1"), Some(true));
    let answers = engine.memberships(["a", "b"]).cached().unwrap().unwrap();
    assert_eq!(answers[1].check("b.g1"), Some(true));
    let answers = pollster::block_on(engine.memberships(["b"])).unwrap();
    assert_eq!(answers[0].check("b.g1"), Some(true));
    let leased = engine.memberships(["a", "b"]).leased().cached().unwrap().unwrap();
    assert!(!leased.valid_for.is_zero());
}
