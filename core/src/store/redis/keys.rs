//! The key schema (docs/spec.md#redis-schema): the names of all keys of one environment, and the
//! commands that read memberships.

use redis::Pipeline;

use super::config::KeyPrefix;
use super::hash_slot::hash_tag;
use crate::context_key::ContextHash;

const INCLUDE: &str = "big_segment_include:";
const EXCLUDE: &str = "big_segment_exclude:";

/// The keys of one environment.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The first bytes of all keys.
    pub(super) prefix: String,
    /// Holds the sync time.
    pub(super) synchronized_on: String,
    /// Holds the version of the last patch.
    pub(super) cursor: String,
    /// Set in each transaction of a single-slot writer, and watched before it.
    pub(super) lock: String,
}

/// One of the two sets of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MembershipSet {
    /// The segments that include the context.
    Include,
    /// The segments that exclude the context.
    Exclude,
}

impl Keys {
    pub(super) fn new(prefix: &KeyPrefix) -> Self {
        let prefix = prefix.key_prefix();
        Self {
            synchronized_on: format!("{prefix}big_segments_synchronized_on"),
            cursor: format!("{prefix}big_segments_cursor"),
            lock: format!("{prefix}big_segments_lock"),
            prefix,
        }
    }

    /// Returns whether all keys lie in one slot of a cluster, because the prefix contains a hash
    /// tag.
    pub(super) fn are_in_one_slot(&self) -> bool {
        hash_tag(self.prefix.as_bytes()).is_some()
    }

    pub(super) fn include(&self, hash: ContextHash) -> String {
        self.context_key(INCLUDE, hash)
    }

    pub(super) fn exclude(&self, hash: ContextHash) -> String {
        self.context_key(EXCLUDE, hash)
    }

    fn context_key(&self, set: &str, hash: ContextHash) -> String {
        [self.prefix.as_str(), set, hash.encode(&mut [0; ContextHash::CHARACTERS])].concat()
    }

    /// Returns the prefixes of the keys that a reader subscribes to: include keys, exclude keys,
    /// and the sync time.
    pub(super) fn tracked_prefixes(&self) -> [String; 3] {
        [
            format!("{}{INCLUDE}", self.prefix),
            format!("{}{EXCLUDE}", self.prefix),
            self.synchronized_on.clone(),
        ]
    }

    /// Returns a `SCAN` pattern that matches every include and exclude key, and possibly some
    /// others.
    pub(super) fn scan_pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "big_segment_*clude:*"
    }

    /// Parses an include or exclude key; `None` if it is neither.
    pub(super) fn parse(&self, key: &[u8]) -> Option<(ContextHash, MembershipSet)> {
        let rest = key.strip_prefix(self.prefix.as_bytes())?;
        let (hash, set) = match rest.strip_prefix(INCLUDE.as_bytes()) {
            Some(hash) => (hash, MembershipSet::Include),
            None => (rest.strip_prefix(EXCLUDE.as_bytes())?, MembershipSet::Exclude),
        };
        Some((ContextHash::parse(hash).ok()?, set))
    }

    /// Returns the commands that read memberships: two for each context, its include set first.
    pub(super) fn membership_commands(&self, hashes: &[ContextHash]) -> Pipeline {
        let mut commands = Pipeline::with_capacity(2 * hashes.len());
        for hash in hashes {
            commands.cmd("SMEMBERS").arg(self.include(*hash));
            commands.cmd("SMEMBERS").arg(self.exclude(*hash));
        }
        commands
    }
}
