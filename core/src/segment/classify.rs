//! What kind of segment a list makes (docs/spec.md#big-segments).

/// The largest list that still travels in the flag payload.
pub const BIG_SEGMENT_ENTRIES: u64 = 15_000;

/// How a list of contexts becomes a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// An ordinary segment: its members travel in the flag payload.
    Small,
    /// A big segment: its members live in a store.
    Big,
    /// Neither: too many entries for an ordinary segment, and a big one has exactly one context kind.
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

/// Returns what a list of that many entries, of that many context kinds, makes: more than 15,000 entries of exactly
/// one kind make a big segment.
pub fn classify(entries: u64, context_kinds: u64) -> SegmentKind {
    match (entries > BIG_SEGMENT_ENTRIES, context_kinds) {
        (false, _) => SegmentKind::Small,
        (true, 1) => SegmentKind::Big,
        (true, _) => SegmentKind::Impossible,
    }
}
