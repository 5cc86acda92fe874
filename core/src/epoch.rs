//! A number that changes when answers kept outside the engine may no longer hold.

use std::sync::atomic::{AtomicU32, Ordering};

/// Changes whenever an answer that the engine gave may no longer hold, other than because time
/// passes.
///
/// To use an answer again: read the epoch *before* the lookup, and compare it before each use. The
/// epoch advances after the change that caused it, so an unchanged epoch proves that the answer
/// holds.
///
/// It has 32 bits, so that every language can read it atomically. A wrong answer would need four
/// billion changes within the lifetime of one answer.
#[derive(Debug, Default)]
pub struct Epoch(AtomicU32);

impl Epoch {
    /// Returns the number.
    pub fn current(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Declares that earlier answers may no longer hold.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns the address of the number, for a language that reads it in place. The address is
    /// valid while `self` lives; reads must be atomic.
    #[doc(hidden)]
    pub fn as_ptr(&self) -> *mut u32 {
        self.0.as_ptr()
    }
}
