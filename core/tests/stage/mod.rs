//! An engine on a store under the test's control and on a clock moved by hand.
#![allow(dead_code, reason = "not every test program uses all of it")]

use std::sync::Arc;
use std::time::Duration;

use bigseg_core::engine::Source;
use bigseg_core::testkit::fault_store::FaultStore;
use bigseg_core::{
    Clock, ContextHash, ContextKey, Engine, EngineConfig, ManualClock, Membership, SegmentRef,
};

/// When every test begins, in Unix milliseconds.
pub(crate) const START: i64 = 1_700_000_000_000;

/// What a test plays with.
pub(crate) struct Stage {
    pub(crate) store: Arc<FaultStore>,
    pub(crate) clock: ManualClock,
    pub(crate) engine: Arc<Engine>,
}

impl Stage {
    /// Opens an engine on a healthy store that was synchronised just now.
    pub(crate) fn new(edit: impl FnOnce(&mut EngineConfig)) -> Self {
        let store = FaultStore::new();
        store.set_synchronized_on(Some(START));
        Self::on(store, edit)
    }

    /// Opens an engine on that store.
    pub(crate) fn on(store: Arc<FaultStore>, edit: impl FnOnce(&mut EngineConfig)) -> Self {
        let clock = ManualClock::new(START);
        let mut config = EngineConfig {
            source: Source::Custom(store.clone()),
            clock: Clock::Manual(clock.clone()),
            // Tests that are about something else must not be disturbed by polls.
            status_poll_interval: Duration::from_secs(24 * 3600),
            stale_after: None,
            ..EngineConfig::default()
        };
        edit(&mut config);
        Self { store, clock, engine: Arc::new(Engine::open(config).unwrap()) }
    }

    /// Waits for the first poll, which is in the background.
    pub(crate) fn settled(self) -> Self {
        eventually("the first poll is done", || self.engine.metrics().status_polls == 1);
        self
    }

    /// Looks up on a thread of its own.
    pub(crate) fn look_up(&self, name: &str) -> std::thread::JoinHandle<bigseg_core::Answer> {
        let (engine, hash) = (self.engine.clone(), context(name));
        in_thread(move || engine.blocking().membership_by_hash(hash).unwrap())
    }
}

/// Runs something on a thread of its own.
#[expect(clippy::disallowed_methods, reason = "tests have threads of their own")]
pub(crate) fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(work)
}

/// Names a context.
pub(crate) fn context(name: &str) -> ContextHash {
    ContextKey::new(name).unwrap().hash()
}

/// A membership in one segment.
pub(crate) fn included_in(segment_ref: &str) -> Membership {
    Membership::new([SegmentRef::parse(segment_ref).unwrap()], [])
}

/// Waits until a condition holds, which it will; a minute is for machines that are very busy.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("did not happen within a minute: {what}");
}
