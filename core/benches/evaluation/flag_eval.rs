//! A flag with one clause about a big segment, its membership cached, beside the official crate alone on the same flag with an
//! ordinary segment of one context.

use std::collections::HashMap;

use bigseg_core::Context;
use launchdarkly_server_sdk_evaluation as official;
use serde_json::{Value, json};

use crate::flags::{context, data, engine, user};
use crate::rounds::compare;

const CALLS: usize = 20_000;

/// What the official SDK would keep.
struct OfficialStore {
    flags: HashMap<String, official::Flag>,
    segments: HashMap<String, official::Segment>,
}

impl OfficialStore {
    fn new(data: &Value) -> Self {
        let read = |part: &str| data[part].clone();
        Self {
            flags: serde_json::from_value(read("flags")).expect("flags"),
            segments: serde_json::from_value(read("segments")).expect("segments"),
        }
    }
}

impl official::Store for OfficialStore {
    fn flag(&self, key: &str) -> Option<official::Flag> {
        self.flags.get(key).cloned()
    }

    fn segment(&self, key: &str) -> Option<official::Segment> {
        self.segments.get(key).cloned()
    }
}

fn official_context(number: usize) -> official::Context {
    serde_json::from_value(user(number)).expect("a user")
}

/// Compares for a context that is included, one that is excluded and one that the store does not know.
pub(crate) fn run() {
    let (store, none) = (OfficialStore::new(&data(1, false)), json!(null));
    let engine = engine(&data(1, true));
    let serve = |context: &Context| {
        engine
            .evaluate("flag-0", context)
            .default(&none)
            .now()
            .expect("usable")
            .expect("memory answers at once")
    };
    for (number, what) in [(0, "included"), (1, "excluded"), (2, "unknown to the store")] {
        let (theirs, ours) = (official_context(number), context(number));
        assert_eq!(serve(&ours).value, json!(number == 0), "{what}");
        let flag = &store.flags["flag-0"];
        compare(
            &format!("a flag with one big segment, the context {what}"),
            CALLS,
            |_| official::evaluate(&store, flag, &theirs, None).value.cloned(),
            |_| serve(&ours),
        );
    }
    // Beside it, what only we have to pay for when both have ordinary segments.
    let plain = crate::flags::engine(&data(1, false));
    let (theirs, ours) = (official_context(0), context(0));
    compare(
        "a flag with one ordinary segment",
        CALLS,
        |_| official::evaluate(&store, &store.flags["flag-0"], &theirs, None).value.cloned(),
        |_| {
            plain.evaluate("flag-0", &ours).default(&none).now().expect("usable").expect("no store is needed")
        },
    );
}
