//! Compares a flag with one clause about a big segment, with a cached membership, to the evaluation
//! crate alone on the same flag with an ordinary segment of one context.

use std::collections::HashMap;

use bigseg::Context;
use launchdarkly_server_sdk_evaluation as ld;
use serde_json::{Value, json};

use crate::flags::{context, data, engine, user};
use crate::rounds::compare;

const CALLS: usize = 20_000;

/// The store of an SDK: models by key.
struct SdkStore {
    flags: HashMap<String, ld::Flag>,
    segments: HashMap<String, ld::Segment>,
}

impl SdkStore {
    fn new(data: &Value) -> Self {
        let read = |part: &str| data[part].clone();
        Self {
            flags: serde_json::from_value(read("flags")).expect("flags"),
            segments: serde_json::from_value(read("segments")).expect("segments"),
        }
    }
}

impl ld::Store for SdkStore {
    fn flag(&self, key: &str) -> Option<ld::Flag> {
        self.flags.get(key).cloned()
    }

    fn segment(&self, key: &str) -> Option<ld::Segment> {
        self.segments.get(key).cloned()
    }
}

fn sdk_context(number: usize) -> ld::Context {
    serde_json::from_value(user(number)).expect("a user")
}

/// Compares for a context that is included, one that is excluded, and one without a value.
pub(crate) fn run() {
    let store = SdkStore::new(&data(1, false));
    let default = json!(null);
    let engine = engine(&data(1, true));
    let serve = |context: &Context| {
        engine
            .evaluate("flag-0", context)
            .default(&default)
            .now()
            .expect("usable")
            .expect("memory answers at once")
    };
    for (number, what) in [(0, "included"), (1, "excluded"), (2, "unknown to the store")] {
        let (sdk, ours) = (sdk_context(number), context(number));
        assert_eq!(serve(&ours).value, json!(number == 0), "{what}");
        let flag = &store.flags["flag-0"];
        compare(
            &format!("a flag with one big segment, the context {what}"),
            CALLS,
            |_| ld::evaluate(&store, flag, &sdk, None).value.cloned(),
            |_| serve(&ours),
        );
    }
    // The overhead of the engine when both have ordinary segments.
    let plain = crate::flags::engine(&data(1, false));
    let (sdk, ours) = (sdk_context(0), context(0));
    compare(
        "a flag with one ordinary segment",
        CALLS,
        |_| ld::evaluate(&store, &store.flags["flag-0"], &sdk, None).value.cloned(),
        |_| {
            plain
                .evaluate("flag-0", &ours)
                .default(&default)
                .now()
                .expect("usable")
                .expect("no store is needed")
        },
    );
}
