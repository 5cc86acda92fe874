//! How the keys of one environment are spelled, byte for byte (docs/spec.md#redis-schema).

use redis::Pipeline;

use super::config::KeyPrefix;
use super::hash_slot::hash_tag;
use crate::context_key::ContextHash;

/// The keys of one environment.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) lead: String,
    pub(super) synchronized_on: String,
    pub(super) cursor: String,
    pub(super) lock: String,
}

impl Keys {
    pub(super) fn new(prefix: &KeyPrefix) -> Self {
        let lead = prefix.lead();
        Self {
            synchronized_on: format!("{lead}big_segments_synchronized_on"),
            cursor: format!("{lead}big_segments_cursor"),
            lock: format!("{lead}big_segments_lock"),
            lead,
        }
    }

    /// Returns whether they all lie in one slot of a cluster, because their prefix holds a hash tag.
    pub(super) fn are_in_one_slot(&self) -> bool {
        hash_tag(self.lead.as_bytes()).is_some()
    }

    pub(super) fn include(&self, hash: ContextHash) -> String {
        self.key("big_segment_include:", hash)
    }

    pub(super) fn exclude(&self, hash: ContextHash) -> String {
        self.key("big_segment_exclude:", hash)
    }

    fn key(&self, list: &str, hash: ContextHash) -> String {
        [self.lead.as_str(), list, hash.encode(&mut [0; ContextHash::CHARACTERS])].concat()
    }

    /// What each include key, each exclude key, and the key of the sync time begin with.
    pub(super) fn leads(&self) -> [String; 3] {
        let (include, exclude) = ("big_segment_include:", "big_segment_exclude:");
        [format!("{}{include}", self.lead), format!("{}{exclude}", self.lead), self.synchronized_on.clone()]
    }

    /// A pattern for `SCAN` that fits every include and exclude key, and perhaps some others.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.lead.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "big_segment_*clude:*"
    }

    /// Reads an include key (`false`) or exclude key (`true`) back; nothing if it is neither.
    pub(super) fn parse(&self, key: &[u8]) -> Option<(ContextHash, bool)> {
        let rest = key.strip_prefix(self.lead.as_bytes())?;
        let (hash, excluded) = match rest.strip_prefix(b"big_segment_include:") {
            Some(hash) => (hash, false),
            None => (rest.strip_prefix(b"big_segment_exclude:")?, true),
        };
        Some((ContextHash::parse(hash).ok()?, excluded))
    }

    /// Makes the commands that [`Keys::memberships`] reads the replies of.
    pub(super) fn read(&self, hashes: &[ContextHash]) -> Pipeline {
        let mut commands = Pipeline::with_capacity(2 * hashes.len());
        for hash in hashes {
            commands.cmd("SMEMBERS").arg(self.include(*hash));
            commands.cmd("SMEMBERS").arg(self.exclude(*hash));
        }
        commands
    }
}
