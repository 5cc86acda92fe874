//! One caller that looks up one context after the other.

use crate::population::{hash, key, scatter};
use crate::raw_sdk::RawSdk;
use crate::rounds::compare;
use crate::server::{CONTEXTS, filled, uncached};

pub(crate) fn run() {
    let server = filled();
    let (engine, raw_sdk) = (uncached(&server), RawSdk::connect(&server));
    let lookup = |i| {
        let answer = engine.membership(&key(scatter(i, CONTEXTS))).wait().expect("usable");
        assert!(answer.error.is_none());
    };
    compare(
        "a lone lookup (floor: GetItem of the bare SDK)",
        100,
        |i| raw_sdk.get(hash(scatter(i, CONTEXTS))),
        lookup,
    );
}
