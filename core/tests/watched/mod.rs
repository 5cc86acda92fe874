//! An engine on a real store, on a clock moved by hand, with a listener that remembers what it was told.
#![allow(dead_code, reason = "not every test program uses all of it")]

use std::sync::Arc;
use std::time::Duration;

use bigseg_core::patch::PatchOutcome;
use bigseg_core::testkit::RedisServer;
use bigseg_core::testkit::samples::{list, patch};
use bigseg_core::{
    Answer, Clock, Engine, EngineConfig, ErrorKind, LookupStatus, ManualClock, Origin, StoreConfig,
};
use parking_lot::Mutex;

use crate::stage::{START, eventually};

/// How long a caller waits at most, by the clock moved by hand.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(1);
/// The store's own timeout, which follows the machine's clock; never reached by a test that passes.
pub(crate) const PATIENT: &str = "response_timeout=60s&connect_timeout=60s";

/// What a test watches.
pub(crate) struct Watched {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: ManualClock,
    told: Arc<Mutex<Vec<bool>>>,
}

/// Puts the context `a` into the segment `s.g1`, and marks the store.
pub(crate) fn fill(server: &RedisServer) {
    let writer = StoreConfig::parse(&server.store("", "")).unwrap().writer().unwrap();
    assert_eq!(writer.apply(&patch("s.g1", "", "1", list(&["a"], &[]))).unwrap(), PatchOutcome::Applied);
    writer.set_synchronized_on(START).unwrap();
}

impl Watched {
    /// Opens an engine that caches nothing but last known answers, and waits until it is healthy.
    pub(crate) fn open(store: &str) -> Self {
        let clock = ManualClock::new(START);
        let config = EngineConfig {
            clock: Clock::Manual(clock.clone()),
            context_cache_time: Duration::ZERO,
            lookup_deadline: DEADLINE,
            status_poll_interval: INTERVAL,
            breaker_probe_interval: INTERVAL,
            stale_after: None,
            last_known_time: Duration::from_secs(24 * 3600),
            ..EngineConfig::new(store).unwrap()
        };
        let watched = Self { engine: Arc::new(Engine::open(config).unwrap()), clock, told: Arc::default() };
        let told = watched.told.clone();
        watched.engine.add_status_listener(move |status| told.lock().push(status.available)).unwrap();
        watched.becomes_healthy();
        watched
    }

    /// Looks up while time stands still: an answer proves that nobody waited for a deadline.
    pub(crate) fn ask(&self, key: &str) -> Answer {
        self.engine.blocking().membership(key).unwrap()
    }

    /// Waits, while time passes, until answers are right and everybody knows.
    pub(crate) fn becomes_healthy(&self) {
        eventually("the engine is healthy", || {
            self.clock.advance(INTERVAL / 10);
            let (known, unknown) = (self.ask("a"), self.ask("b"));
            let origins = [known.origin, unknown.origin] == [Origin::Store; 2];
            origins && known.status == LookupStatus::Healthy && self.engine.status().available
        });
        assert_eq!((self.ask("a").check("s.g1"), self.ask("b").check("s.g1")), (Some(true), None));
        assert_eq!(self.engine.metrics().circuit_open, 0);
        eventually("listeners hear of it", || self.told.lock().last() == Some(&true));
    }

    /// Asks until the breaker has opened: last known answers for those who have them, none for the rest.
    pub(crate) fn assert_outage(&self, words: &str) {
        for _ in 0..5 {
            let (known, unknown) = (self.ask("a"), self.ask("b"));
            assert_eq!((known.status, known.check("s.g1")), (LookupStatus::StoreError, Some(true)));
            assert!(matches!(known.origin, Origin::LastKnown { .. }), "{:?}", known.origin);
            // Its empty membership is known as well.
            assert_eq!((unknown.status, unknown.check("s.g1")), (LookupStatus::StoreError, None));
        }
        self.assert_open(words);
    }

    /// Makes sure that nobody asks the store any more, and that everybody knows why.
    pub(crate) fn assert_open(&self, words: &str) {
        let asked = self.engine.metrics().store_queries;
        assert_eq!(self.ask("stranger").error.unwrap().kind(), ErrorKind::CircuitOpen);
        assert_eq!(self.engine.metrics().store_queries, asked);
        let status = self.engine.status();
        assert!(!status.available);
        assert!(status.last_error.as_ref().unwrap().message.contains(words), "{status:?} lacks {words}");
        eventually("listeners hear of it", || self.told.lock().last() == Some(&false));
    }
}
