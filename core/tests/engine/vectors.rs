//! Plays the scenarios of tests/vectors that need an engine, on a clock moved by hand: nothing here sleeps.

use std::sync::Arc;
use std::time::Duration;

use crate::fixture::{context, eventually};
use crate::vector_files::{cases, file, strings, text};
use bigseg::engine::Source;
use bigseg::testkit::fault_store::{Fault, FaultStore};
use bigseg::{
    Clock, ContextHash, Engine, EngineConfig, ErrorKind, ManualClock, Membership, Origin, SegmentRef,
};
use serde_json::Value;

fn in_segment_a() -> Membership {
    Membership::new([SegmentRef::parse("a.g1").unwrap()], [])
}

/// A test's engine, store and clock.
struct Fixture {
    store: Arc<FaultStore>,
    clock: ManualClock,
    config: EngineConfig,
    engine: Option<Engine>,
}

impl Fixture {
    fn new(start: i64, options: &Value) -> Self {
        let (store, clock) = (FaultStore::new(), ManualClock::new(start));
        store.put(context("user"), in_segment_a());
        let millis = |name: &str, default: u64| {
            Duration::from_millis(options.get(name).map_or(default, |value| value.as_u64().unwrap()))
        };
        let config = EngineConfig::default()
            .with_stale_after(match options.get("stale_after_ms") {
                Some(Value::Null) => None,
                _ => Some(millis("stale_after_ms", 120_000)),
            })
            .with_context_cache_time(millis("context_cache_ms", 0))
            .with_last_known_time(millis("last_known_ms", 300_000))
            .with_status_poll_interval(Duration::from_secs(24 * 3600))
            .with_breaker_failures(0)
            .with_clock(Clock::Manual(clock.clone()));
        Self { store, clock, config, engine: None }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the scenario opens the engine first")
    }

    fn play(&mut self, step: &Value) {
        let (name, value) = step.as_object().unwrap().iter().next().unwrap();
        let fault = || match value.as_str() {
            None => Fault::None,
            Some(kind) => Fault::Fail(*ErrorKind::ALL.iter().find(|k| k.name() == kind).unwrap()),
        };
        match name.as_str() {
            "synchronized_on" => self.store.set_synchronized_on(value.as_i64()),
            "metadata_fails" => self.store.set_metadata_fault(fault()),
            "lookups_fail" => self.store.set_fault(fault()),
            "open" => {
                if value == true {
                    self.config.source = Source::Custom(self.store.clone());
                }
                self.engine = Some(Engine::open(self.config.clone()).unwrap());
                eventually("the first poll is done", || {
                    !self.store_is_there() || self.engine().metrics().status_polls == 1
                });
            }
            "advance_ms" => self.clock.advance(Duration::from_millis(value.as_u64().unwrap())),
            "set_unix_ms" => self.clock.set_unix_millis(value.as_i64().unwrap()),
            "poll" => drop(self.engine().refresh_status().wait().unwrap()),
            "lookup" => self.look_up(value),
            "status" => self.look_at_status(value),
            other => panic!("unknown step {other}"),
        }
    }

    fn look_up(&self, expected: &Value) {
        let answer = self.engine().membership("user").wait().unwrap();
        assert_eq!(answer.status.name(), text(&expected["status"]), "{expected} {:?}", answer.error);
        let origin = match answer.origin {
            Origin::Store => "store",
            Origin::Cache { .. } => "cache",
            Origin::LastKnown { .. } => "last_known",
            Origin::Nothing => "nothing",
        };
        assert_eq!(origin, text(&expected["origin"]), "{expected}");
        if expected.get("included").is_some() {
            let included: Vec<&str> = answer.membership.included().iter().map(SegmentRef::as_str).collect();
            assert_eq!(included, strings(&expected["included"]), "{expected}");
        }
        assert_eq!(
            answer.error.is_some(),
            matches!(origin, "last_known" | "nothing") && self.store_is_there()
        );
    }

    fn store_is_there(&self) -> bool {
        !matches!(self.config.source, Source::None)
    }

    fn look_at_status(&self, expected: &Value) {
        let status = self.engine().status();
        for (field, value) in expected.as_object().unwrap() {
            let found = match field.as_str() {
                "available" => status.available.into(),
                "stale" => status.stale.into(),
                "clock_skew" => status.clock_skew.into(),
                "last_up_to_date" => status.last_up_to_date.map_or(Value::Null, Value::from),
                "last_error" => {
                    status.last_error.as_ref().map_or(Value::Null, |error| error.kind.name().into())
                }
                other => panic!("unknown field {other}"),
            };
            assert_eq!(found, *value, "{field} of {status:?}");
        }
    }
}

#[test]
fn status() {
    let file = file("status");
    let start = file["start_unix_ms"].as_i64().unwrap();
    for scenario in cases(&file, "scenarios") {
        println!("{}: {}", scenario["name"], scenario["why"]);
        let mut fixture = Fixture::new(start, &scenario["options"]);
        for step in scenario["steps"].as_array().unwrap() {
            fixture.play(step);
        }
    }
}

#[test]
fn cache() {
    for sequence in cases(&file("cache"), "sequences") {
        let words = |name: &str| -> Vec<ContextHash> {
            sequence[name].as_str().unwrap_or_default().split_whitespace().map(context).collect()
        };
        let lookups = words("lookups");
        for store in [FaultStore::new(), FaultStore::inline()] {
            store.set_synchronized_on(Some(1));
            for hash in &lookups {
                store.put(*hash, in_segment_a());
            }
            for hash in words("unknown") {
                store.put(hash, Membership::empty());
            }
            for hash in words("failing") {
                store.set_context_error(hash, Some(ErrorKind::StoreData));
            }
            let engine = Engine::open(
                EngineConfig::default()
                    .with_source(Source::Custom(store.clone()))
                    .with_context_cache_size(sequence["capacity"].as_u64().unwrap() as usize)
                    .with_breaker_failures(0)
                    .with_clock(Clock::Manual(ManualClock::new(1))),
            )
            .unwrap();
            for hash in &lookups {
                engine.membership(*hash).wait().unwrap();
            }
            assert_eq!(store.queries().concat(), words("queries"), "{sequence}");
        }
    }
}
