//! The requirements on every store; one line in a test runs all of them.
//!
//! Each case gets an empty store, and uses only the store traits.

mod fixture;
mod loading;
mod patching;
mod reading;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use fixture::{Case, StoreUnderTest};

/// Returns every case.
pub fn cases() -> impl Iterator<Item = Case> {
    [reading::CASES, patching::CASES, loading::CASES].concat().into_iter()
}

/// Runs every case, each on a store of its own, and panics at the end with the names of those that
/// failed.
#[track_caller]
pub fn run(create: impl Fn() -> StoreUnderTest) {
    let failed = failures(create);
    assert!(failed.is_empty(), "the store failed {} cases: {failed:?}", failed.len());
}

/// Runs every case and returns the names of those that failed; why they did is on standard error.
pub fn failures(create: impl Fn() -> StoreUnderTest) -> Vec<&'static str> {
    let fails = |case: &Case| {
        let store = create();
        catch_unwind(AssertUnwindSafe(|| case.1(&store))).is_err()
    };
    cases().filter(fails).map(|(name, _)| name).collect()
}
