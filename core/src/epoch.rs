//! A number by which someone who keeps answers of an engine elsewhere sees that they may no longer be right.

use std::sync::atomic::{AtomicU32, Ordering};

/// Changes whenever an answer that was right may have ceased to be, other than by the passing of time.
///
/// It changes after what it tells of, so whoever reads it *before* asking, and finds it unchanged when giving the answer
/// again, gives a right answer. 32 bits, so that every language can read it in one go: it would take four billion
/// changes within the lifetime of one answer to be fooled.
#[derive(Debug, Default)]
pub struct Epoch(AtomicU32);

impl Epoch {
    /// Returns the number.
    pub fn current(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Says that answers may have ceased to be right.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns where the number lies, for a language that reads it there, atomically and for as long as this lives.
    pub fn as_ptr(&self) -> *mut u32 {
        self.0.as_ptr()
    }
}
