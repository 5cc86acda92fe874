//! One caller, who asks for one context after the other.

use crate::bare::Bare;
use crate::population::{hash, key, scatter};
use crate::rounds::compare;
use crate::server::{CONTEXTS, filled, uncached};

pub(crate) fn run() {
    let server = filled();
    let (engine, bare) = (uncached(&server), Bare::connect(&server));
    let lookup = |i| {
        let answer = engine.membership(&key(scatter(i, CONTEXTS))).wait().expect("usable");
        assert!(answer.error.is_none());
    };
    compare(
        "a lone lookup (floor: GetItem of the bare SDK)",
        100,
        |i| bare.get(hash(scatter(i, CONTEXTS))),
        lookup,
    );
}
