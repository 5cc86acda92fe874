//! The network to the server: slow, cut at any byte of a reply, or dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::fixture::{eventually, in_thread};
use crate::redis_fixture::{DEADLINE, LONG_TIMEOUTS, RedisFixture, fill};
use bigseg::store::StoreReader;
use bigseg::testkit::RedisServer;
use bigseg::testkit::proxy::{Direction, Disconnect, Proxy};
use bigseg::testkit::samples::{hash, membership};
use bigseg::{ErrorKind, LookupStatus, Membership, Origin, Result, StoreConfig};
use parking_lot::{Condvar, Mutex};

fn store(port: u16, options: &str) -> String {
    format!("redis://127.0.0.1:{port}?{options}")
}

/// Holds replies back while it is shut.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn shut(&self) {
        *self.shut.lock() = true;
    }

    fn open(&self) {
        *self.shut.lock() = false;
        self.opened.notify_all();
    }

    /// Lets later replies pass. Those that are held back stay so for ever, as if their packets were
    /// lost.
    fn open_for_others(&self) {
        *self.shut.lock() = false;
    }

    fn pass(&self) {
        let mut shut = self.shut.lock();
        if *shut {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.opened.wait_while(&mut shut, |shut| *shut);
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Puts a gate between a server and its clients. Returns the port to connect to.
fn gated(server: &RedisServer) -> (Arc<Gate>, u16) {
    let gate = Arc::new(Gate::default());
    let proxy = Proxy::start(server.port(), {
        let gate = gate.clone();
        move |direction, bytes| {
            if direction == Direction::Reply {
                gate.pass();
            }
            bytes.len()
        }
    });
    (gate, proxy.unwrap().port())
}

#[test]
fn lookups_are_batched_for_a_server_a_hundred_milliseconds_away() {
    bigseg::needs!(Redis);
    const CALLERS: usize = 200;
    let server = RedisServer::start();
    fill(&server);
    let proxy = Proxy::start(server.port(), |direction, bytes| {
        if direction == Direction::Reply {
            std::thread::sleep(Duration::from_millis(100));
        }
        bytes.len()
    });
    let fixture = RedisFixture::open(&store(proxy.unwrap().port(), LONG_TIMEOUTS));
    let before = fixture.engine.metrics().store_queries;
    let keys: Vec<String> =
        (0..CALLERS).map(|i| if i == 150 { "a".to_owned() } else { format!("user-{i}") }).collect();
    let lookups =
        futures_util::future::join_all(keys.iter().map(|key| fixture.engine.membership(key).into_future()));
    for (answer, key) in pollster::block_on(lookups).into_iter().zip(&keys) {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.origin), (LookupStatus::Healthy, Origin::Store));
        assert_eq!(answer.check("s.g1"), (key == "a").then_some(true));
    }
    let queries = fixture.engine.metrics().store_queries - before;
    assert!(queries <= 1 + (CALLERS as u64 - 1).div_ceil(128), "{queries} queries");
}

#[test]
fn a_server_slower_than_the_deadline() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let (gate, port) = gated(&server);
    let fixture = RedisFixture::open(&store(port, LONG_TIMEOUTS));
    gate.shut();
    // Never the same context twice in a row: a caller would join the query that is being cancelled.
    for (key, expected) in [("a", Some(true)), ("b", None), ("a", Some(true))] {
        let (engine, before) = (fixture.engine.clone(), fixture.engine.metrics());
        let caller = in_thread(move || engine.membership(key).wait().unwrap());
        eventually("the store is queried", || fixture.engine.metrics().store_queries > before.store_queries);
        fixture.clock.advance(DEADLINE - Duration::from_millis(1));
        assert!(!caller.is_finished());
        fixture.clock.advance(Duration::from_millis(1));
        let answer = caller.join().unwrap();
        assert_eq!((answer.status, answer.check("s.g1")), (LookupStatus::StoreError, expected));
        assert_eq!(answer.error.unwrap().kind(), ErrorKind::StoreTimeout);
        assert!(matches!(answer.origin, Origin::LastKnown { .. }));
        eventually("the query has failed", || fixture.engine.metrics().store_errors > before.store_errors);
    }
    eventually("the breaker opens", || fixture.engine.metrics().circuit_open == 1);
    fixture.assert_open("within 1s");
    // The late replies come first, and must not be taken for replies to later commands.
    gate.open();
    fixture.becomes_healthy();
}

fn read(reader: &dyn StoreReader) -> Result<Membership> {
    let answers = pollster::block_on(reader.memberships(&[hash("a")]))?;
    answers.into_vec().pop().unwrap()
}

#[test]
fn a_reply_may_be_cut_at_any_byte() {
    bigseg::needs!(Redis);
    cut_at_any_byte(Disconnect::Close);
}

#[test]
fn a_connection_may_be_reset_at_any_byte_of_a_reply() {
    bigseg::needs!(Redis);
    cut_at_any_byte(Disconnect::Reset);
}

fn cut_at_any_byte(disconnect: Disconnect) {
    let server = RedisServer::start();
    fill(&server);
    let expected = membership(&["s.g1"], &[]);
    for place in 0.. {
        let left = AtomicUsize::new(place);
        let cuts = Arc::new(AtomicUsize::new(0));
        let cut = cuts.clone();
        let proxy = Proxy::start_with(disconnect, server.port(), move |direction, bytes| {
            if direction == Direction::Request || cut.load(Ordering::SeqCst) > 0 {
                return bytes.len();
            }
            let passing = bytes.len().min(left.load(Ordering::SeqCst));
            left.fetch_sub(passing, Ordering::SeqCst);
            cut.fetch_add(usize::from(passing < bytes.len()), Ordering::SeqCst);
            passing
        });
        let reader =
            StoreConfig::parse(&store(proxy.unwrap().port(), LONG_TIMEOUTS)).unwrap().reader().unwrap();
        let first = read(&*reader);
        match &first {
            Ok(answer) => assert_eq!(*answer, expected, "{place}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{place}: {error:?}"),
        }
        // The replies are shorter than that: it was the last position.
        if cuts.load(Ordering::SeqCst) == 0 {
            assert!(first.is_ok() && place > 10, "{place}: {first:?}");
            break;
        }
        assert!(first.is_err(), "half a reply is an error: {place}");
        assert_eq!(read(&*reader).unwrap(), expected, "the next caller connects again: {place}");
    }
}

#[test]
fn a_network_that_truncates_every_reply_is_an_outage() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let cutting = Arc::new(AtomicBool::new(false));
    let proxy = Proxy::start(server.port(), {
        let cutting = cutting.clone();
        move |direction, bytes| match direction {
            Direction::Reply if cutting.load(Ordering::SeqCst) => bytes.len() - 1,
            _ => bytes.len(),
        }
    });
    let fixture = RedisFixture::open(&store(proxy.unwrap().port(), LONG_TIMEOUTS));
    cutting.store(true, Ordering::SeqCst);
    fixture.assert_outage("reading memberships: the connection");
    cutting.store(false, Ordering::SeqCst);
    fixture.becomes_healthy();
}

#[test]
fn a_connection_without_replies_is_replaced() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let (gate, port) = gated(&server);
    let store = store(port, "response_timeout=300ms&connect_timeout=60s");
    let reader = StoreConfig::parse(&store).unwrap().reader().unwrap();
    let read = || read(&*reader);
    eventually("an answer comes in time", || read().is_ok());
    gate.shut();
    assert_eq!(read().unwrap_err().kind(), ErrorKind::StoreTimeout);
    assert_eq!(gate.waiting.load(Ordering::SeqCst), 1);
    gate.open_for_others();
    eventually("an answer comes over another connection", || read().is_ok());
    assert_eq!(gate.waiting.load(Ordering::SeqCst), 1, "the old connection is not used");
}

/// The lookup deadline of the engine passes before the timeout of the store.
#[test]
fn a_connection_without_replies_is_replaced_even_if_its_callers_give_up_first() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    fill(&server);
    let (gate, port) = gated(&server);
    let fixture = RedisFixture::open(&store(port, "response_timeout=2s&connect_timeout=60s"));
    gate.shut();
    let caller = in_thread({
        let engine = fixture.engine.clone();
        move || engine.membership("a").wait().unwrap()
    });
    eventually("the reply is withheld", || gate.waiting.load(Ordering::SeqCst) > 0);
    fixture.clock.advance(DEADLINE);
    assert_eq!(caller.join().unwrap().error.unwrap().kind(), ErrorKind::StoreTimeout);
    gate.open_for_others();
    eventually("an answer comes over another connection", || {
        let caller = in_thread({
            let engine = fixture.engine.clone();
            move || engine.membership("a").wait().unwrap()
        });
        while !caller.is_finished() {
            fixture.clock.advance(DEADLINE / 10);
            std::thread::sleep(Duration::from_millis(1));
        }
        caller.join().unwrap().origin == Origin::Store
    });
}
