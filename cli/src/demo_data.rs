//! Generated data, the same on every machine: each context is in one to three of twenty segments.

use std::io::{self, Write};

use bigseg::import::{Entry, Import};
use bigseg::{ContextKey, Result};

/// The number of segments.
pub(crate) const SEGMENTS: u64 = 20;

/// Generated memberships of a number of contexts.
#[derive(Clone, Copy)]
pub(crate) struct DemoData {
    pub(crate) contexts: u64,
}

/// One membership of a generated context.
struct DemoMembership {
    segment: u64,
    included: bool,
}

impl DemoData {
    /// Returns the key of a generated context.
    pub(crate) fn key(index: u64) -> String {
        format!("user-{index}")
    }

    /// Returns the ref of a segment.
    fn segment(number: u64) -> String {
        format!("demo-{:02}.g1", number + 1)
    }

    /// Returns the ref of one segment that includes or excludes a context.
    pub(crate) fn segment_of(index: u64) -> String {
        Self::segment(memberships(index).next().expect("each context is in at least one segment").segment)
    }

    /// Adds every context to an import; `progress` is called with the number of contexts added.
    pub(crate) fn add_to(self, import: &mut Import, progress: impl Fn(u64)) -> Result<()> {
        let segments: Vec<String> = (0..SEGMENTS).map(Self::segment).collect();
        for index in 0..self.contexts {
            let hash = ContextKey::new(&Self::key(index))?.hash();
            for membership in memberships(index) {
                let entry = if membership.included { Entry::Include } else { Entry::Exclude };
                import.add(hash, &segments[membership.segment as usize], entry)?;
            }
            if index % 4096 == 0 {
                progress(index);
            }
        }
        Ok(())
    }

    /// Writes every context as CSV, to measure an import.
    pub(crate) fn write_csv(self, out: &mut impl Write, progress: impl Fn(u64)) -> io::Result<()> {
        writeln!(out, "key,segment,membership")?;
        for index in 0..self.contexts {
            for DemoMembership { segment, included } in memberships(index) {
                let membership = if included { "include" } else { "exclude" };
                writeln!(out, "{},{},{membership}", Self::key(index), Self::segment(segment))?;
            }
            if index % 4096 == 0 {
                progress(index);
            }
        }
        Ok(())
    }
}

/// Generates a context's memberships: one to three different segments; one in sixteen is an
/// exclusion.
fn memberships(index: u64) -> impl Iterator<Item = DemoMembership> {
    let random = splitmix64(index);
    let first = random % SEGMENTS;
    // A step coprime to twenty never selects a segment twice.
    let step = [1, 3, 7, 9][(random >> 16) as usize % 4];
    (0..1 + (random >> 24) % 3).map(move |nth| DemoMembership {
        segment: (first + nth * step) % SEGMENTS,
        included: !(random >> (32 + 8 * nth)).is_multiple_of(16),
    })
}

/// Mixes the bits of a number (the finalizer of SplitMix64).
fn splitmix64(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_context_is_in_one_to_three_different_segments() {
        let mut seen = [0; SEGMENTS as usize];
        for index in 0..10_000 {
            let mut segments: Vec<u64> = memberships(index).map(|membership| membership.segment).collect();
            segments.iter().for_each(|segment| seen[*segment as usize] += 1);
            let count = segments.len();
            segments.sort_unstable();
            segments.dedup();
            assert!((1..=3).contains(&count) && segments.len() == count);
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }
}
