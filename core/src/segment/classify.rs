//! Decides whether a list of contexts becomes an ordinary segment or a big segment
//! (docs/spec.md#big-segments).

/// The most entries that a segment in the flag payload can have.
pub const BIG_SEGMENT_ENTRIES: u64 = 15_000;

/// The kind of segment that a list of contexts becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// An ordinary segment: its members are part of the flag payload.
    Small,
    /// A big segment: its members are in a store.
    Big,
    /// Neither: an ordinary segment cannot have so many entries, and a big segment has exactly one
    /// context kind.
    Impossible,
}

impl SegmentKind {
    /// Every kind.
    pub const ALL: &'static [SegmentKind] = &[Self::Small, Self::Big, Self::Impossible];

    /// Returns the stable name, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Big => "big",
            Self::Impossible => "impossible",
        }
    }
}

/// Returns the kind of segment for a list of `entries` entries of `context_kinds` context kinds:
/// more than [`BIG_SEGMENT_ENTRIES`] entries of exactly one kind become a big segment.
pub fn classify(entries: u64, context_kinds: u64) -> SegmentKind {
    if entries <= BIG_SEGMENT_ENTRIES {
        SegmentKind::Small
    } else if context_kinds == 1 {
        SegmentKind::Big
    } else {
        SegmentKind::Impossible
    }
}
