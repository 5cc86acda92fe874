//! A made-up population, the same on every machine: contexts that are each in one to three of twenty segments.

use std::io::{self, Write};

use bigseg_core::import::Import;
use bigseg_core::{ContextKey, Result};

/// How many segments there are.
pub(crate) const SEGMENTS: u64 = 20;

/// A population of that many contexts.
#[derive(Clone, Copy)]
pub(crate) struct DemoData {
    pub(crate) contexts: u64,
}

/// One membership of a made-up context.
struct Member {
    segment: u64,
    included: bool,
}

impl DemoData {
    /// Returns the key of a context, which belongs to nobody.
    pub(crate) fn key(index: u64) -> String {
        format!("user-{index}")
    }

    /// Returns the ref of a segment.
    fn segment(number: u64) -> String {
        format!("demo-{:02}.g1", number + 1)
    }

    /// Returns the ref of a segment that a context is in or out of.
    pub(crate) fn segment_of(index: u64) -> String {
        Self::segment(members(index).next().expect("everyone is in at least one").segment)
    }

    /// Adds everyone to an import; `progress` hears how many contexts are done.
    pub(crate) fn collect(self, import: &mut Import, progress: impl Fn(u64)) -> Result<()> {
        let segments: Vec<String> = (0..SEGMENTS).map(Self::segment).collect();
        for index in 0..self.contexts {
            let hash = ContextKey::new(&Self::key(index))?.hash();
            for member in members(index) {
                import.add(hash, &segments[member.segment as usize], member.included)?;
            }
            if index % 4096 == 0 {
                progress(index);
            }
        }
        Ok(())
    }

    /// Writes everyone as a CSV, for measuring an import.
    pub(crate) fn write_csv(self, out: &mut impl Write, progress: impl Fn(u64)) -> io::Result<()> {
        writeln!(out, "key,segment,membership")?;
        for index in 0..self.contexts {
            for Member { segment, included } in members(index) {
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

/// Makes up a context's memberships: one to three different segments, one membership in sixteen an exclusion.
fn members(index: u64) -> impl Iterator<Item = Member> {
    let random = scatter(index);
    let first = random % SEGMENTS;
    // Steps that have no factor in common with twenty never meet a segment twice.
    let step = [1, 3, 7, 9][(random >> 16) as usize % 4];
    (0..1 + (random >> 24) % 3).map(move |nth| Member {
        segment: (first + nth * step) % SEGMENTS,
        included: !(random >> (32 + 8 * nth)).is_multiple_of(16),
    })
}

/// Turns neighbouring numbers into unlike ones (the finalizer of SplitMix64).
fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_in_one_to_three_different_segments() {
        let mut met = [0; SEGMENTS as usize];
        for index in 0..10_000 {
            let mut segments: Vec<u64> = members(index).map(|member| member.segment).collect();
            segments.iter().for_each(|segment| met[*segment as usize] += 1);
            let count = segments.len();
            segments.sort_unstable();
            segments.dedup();
            assert!((1..=3).contains(&count) && segments.len() == count);
        }
        assert!(met.iter().all(|count| (800..1200).contains(count)), "{met:?}");
    }
}
