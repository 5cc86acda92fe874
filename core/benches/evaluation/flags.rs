//! The flags, segments and contexts of the benchmarks.

use std::sync::Arc;
use std::time::Duration;

use bigseg::engine::Source;
use bigseg::import::{Entry, Import, ImportOptions};
use bigseg::store::memory::MemoryStore;
use bigseg::{Context, ContextKey, Engine, EngineConfig};
use serde_json::{Map, Value, json};

/// Returns a flag with one clause about a segment.
fn flag(key: &str, segment: &str) -> Value {
    json!({
        "key": key, "version": 1, "on": true, "salt": "salt", "variations": [false, true],
        "offVariation": 0, "fallthrough": {"variation": 0}, "targets": [], "prerequisites": [],
        "rules": [{"id": "rule", "variation": 1, "trackEvents": false,
            "clauses": [{"attribute": "", "op": "segmentMatch", "values": [segment]}]}],
    })
}

/// Returns `count` flags, each with an ordinary segment of one context or with a big segment.
pub(crate) fn data(count: usize, big: bool) -> Value {
    let flags = (0..count).map(|number| {
        let key = format!("flag-{number}");
        (key.clone(), flag(&key, &format!("segment-{number}")))
    });
    let segments = (0..count).map(|number| {
        let key = format!("segment-{number}");
        let mut segment = json!({"key": key, "version": 1, "salt": "salt", "included": ["user-0"], "excluded": [], "rules": []});
        if big {
            segment["included"] = json!([]);
            segment["unbounded"] = json!(true);
            segment["generation"] = json!(1);
        }
        (key, segment)
    });
    json!({"flags": flags.collect::<Map<_, _>>(), "segments": segments.collect::<Map<_, _>>()})
}

/// Returns the JSON of a user.
pub(crate) fn user(number: usize) -> Value {
    json!({"kind": "user", "key": format!("user-{number}"), "email": "someone@example.com", "plan": "gold"})
}

/// Returns the context of a user.
pub(crate) fn context(number: usize) -> Context {
    Context::from_value(user(number)).expect("a user")
}

/// Opens an engine with data. Its store includes user-0 in segment-0, and excludes user-1.
pub(crate) fn engine(data: &Value) -> Engine {
    let store = MemoryStore::default();
    let mut import = Import::new(Arc::new(store.clone()), ImportOptions::default());
    for (key, entry) in [("user-0", Entry::Include), ("user-1", Entry::Exclude)] {
        let hash = ContextKey::new(key).expect("a key").hash();
        import.add(hash, "segment-0.g1", entry).expect("a good segment ref");
    }
    import.finish(&mut |_| {}).expect("a memory store takes it");
    let engine = Engine::open(
        EngineConfig::default()
            .with_source(Source::Custom(Arc::new(store)))
            .with_context_cache_time(Duration::from_secs(3600)),
    )
    .expect("a memory store opens");
    engine.set_data(&data.to_string()).expect("good data");
    for key in ["user-0", "user-1", "user-2"] {
        engine.membership(key).wait().expect("a good key");
    }
    engine
}
