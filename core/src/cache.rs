//! Remembers memberships by context hash: a hard capacity, and the least recently used context goes first.
//!
//! It knows neither stores nor statuses, and decides nothing about freshness: it says how old an entry is.
//!
//! A hit is wait-free: no lock, no reference count, and at most one store to memory of its own. Each entry carries
//! the time of its last use; the heap in `Order` holds, for each entry, a use time that was true once. Evicting
//! takes the smallest: if the entry was used since, its record goes back with the time of that, otherwise it is the
//! least recently used of all. So a hit never has to maintain the order, and yet the order is as exact as the times
//! are: to the single use in a small cache, to `GRAIN` in a large one.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use papaya::HashMap;
use parking_lot::Mutex;

use crate::clock::Moment;
use crate::context_key::{BuildPrefixHasher, ContextHash};
use crate::epoch::Epoch;
use crate::membership::Membership;

/// Up to this capacity the order of eviction is exact to the single use.
const EXACT: usize = 1024;
/// Beyond it, an entry used again within this time keeps its use time, so that hits write nothing at all.
const GRAIN: Duration = Duration::from_millis(10);

/// In a small cache, a thread that uses the same context again within this time, with nothing inserted in between, leaves the use
/// time as it is: two threads on one hot context would otherwise fight over its cache line.
const SAME_USE: Duration = Duration::from_millis(1);

/// The cache; all methods take `&self` and may be called from any thread.
pub struct Cache {
    entries: HashMap<ContextHash, Entry, BuildPrefixHasher>,
    capacity: usize,
    id: u64,
    insertions: Padded<AtomicU64>,
    order: Padded<Mutex<Order>>,
    epoch: Arc<Epoch>,
}

struct Entry {
    membership: Membership,
    fetched: Moment,
    used: AtomicU64,
    /// The use time under which this entry's one valid record stands in the heap; changed under the lock only.
    queued: AtomicU64,
}

#[derive(Default)]
struct Order {
    records: BinaryHeap<Reverse<(u64, ContextHash)>>,
    entries: usize,
    evictions: u64,
    removals: u64,
}

/// Keeps what is written often away from what every hit reads.
#[repr(align(128))]
struct Padded<T>(T);

/// What the cache knows about a context.
#[derive(Debug, Clone)]
pub struct Cached {
    /// The membership.
    pub membership: Membership,
    /// When the store gave it.
    pub fetched: Moment,
}

#[derive(Clone, Copy, PartialEq)]
struct LastUse {
    cache: u64,
    insertions: u64,
    hash_prefix: u64,
    at: u64,
}

thread_local! {
    static LAST_USE: Cell<LastUse> =
        const { Cell::new(LastUse { cache: 0, insertions: 0, hash_prefix: 0, at: 0 }) };
}

impl Cache {
    /// Creates a cache for that many contexts; with 0 it stays empty. It advances `epoch` whenever an entry goes, or comes
    /// to say something else.
    pub fn new(capacity: usize, epoch: Arc<Epoch>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        Self {
            entries: HashMap::with_hasher(BuildPrefixHasher::default()),
            capacity,
            id: IDS.fetch_add(1, Ordering::Relaxed),
            insertions: Padded(AtomicU64::new(0)),
            order: Padded(Mutex::default()),
            epoch,
        }
    }

    /// Returns what is known about a context and counts as a use of it.
    pub fn get(&self, hash: &ContextHash, now: Moment) -> Option<Cached> {
        let entries = self.entries.pin();
        let entry = entries.get(hash)?;
        self.touch(entry, hash, now);
        Some(Cached { membership: entry.membership.clone(), fetched: entry.fetched })
    }

    fn touch(&self, entry: &Entry, hash: &ContextHash, now: Moment) {
        if self.capacity > EXACT {
            if now.since(Moment::from_nanos(entry.used.load(Ordering::Relaxed))) >= GRAIN {
                entry.used.store(now.nanos(), Ordering::Relaxed);
            }
            return;
        }
        let prefix = hash.as_bytes().first_chunk().expect("a hash has more than 8 bytes");
        let this = LastUse {
            cache: self.id,
            insertions: self.insertions.0.load(Ordering::Relaxed),
            hash_prefix: u64::from_le_bytes(*prefix),
            at: now.nanos(),
        };
        let last = LAST_USE.with(Cell::get);
        let again = LastUse { at: this.at, ..last } == this;
        if again && now.since(Moment::from_nanos(last.at)) < SAME_USE {
            return;
        }
        entry.used.store(this.at, Ordering::Relaxed);
        LAST_USE.with(|last| last.set(this));
    }

    /// Remembers what the store said at `now`, evicting others as needed.
    pub fn insert(&self, hash: ContextHash, membership: Membership, now: Moment) {
        self.insert_locked(&mut self.order.0.lock(), hash, membership, now);
    }

    /// Does the same for many, unless anything was removed since [`Cache::removals`] returned `removals`: what the store
    /// said may then be out of date already.
    pub fn insert_unless_removed<'a>(
        &self,
        removals: u64,
        now: Moment,
        memberships: impl Iterator<Item = (&'a ContextHash, &'a Membership)>,
    ) {
        if self.capacity == 0 {
            return;
        }
        let mut order = self.order.0.lock();
        if order.removals == removals {
            for (hash, membership) in memberships {
                self.insert_locked(&mut order, *hash, membership.clone(), now);
            }
        }
    }

    /// Lets no answer in whose query began before now; see [`Cache::insert_unless_removed`].
    pub fn overtake(&self) {
        self.order.0.lock().removals += 1;
    }

    /// Returns how many removals there have been.
    pub fn removals(&self) -> u64 {
        self.order.0.lock().removals
    }

    fn insert_locked(&self, order: &mut Order, hash: ContextHash, membership: Membership, now: Moment) {
        if self.capacity == 0 {
            return;
        }
        let used = now.nanos();
        let entries = self.entries.pin();
        let mut says_otherwise = false;
        // A renewed entry keeps its record, so that there is always exactly one.
        let queued = match entries.get(&hash) {
            Some(known) => {
                says_otherwise = known.membership != membership;
                known.queued.load(Ordering::Relaxed)
            }
            None => {
                while order.entries >= self.capacity {
                    self.evict(order);
                }
                order.records.push(Reverse((used, hash)));
                order.entries += 1;
                used
            }
        };
        let entry =
            Entry { membership, fetched: now, used: AtomicU64::new(used), queued: AtomicU64::new(queued) };
        entries.insert(hash, entry);
        if says_otherwise {
            self.epoch.advance();
        }
        self.insertions.0.fetch_add(1, Ordering::Relaxed);
    }

    fn evict(&self, order: &mut Order) {
        let entries = self.entries.pin();
        while let Some(Reverse((queued, hash))) = order.records.pop() {
            // Records of removed entries stay behind and are dropped here.
            let Some(entry) = entries.get(&hash).filter(|e| e.queued.load(Ordering::Relaxed) == queued)
            else {
                continue;
            };
            let used = entry.used.load(Ordering::Relaxed);
            if used > queued {
                entry.queued.store(used, Ordering::Relaxed);
                order.records.push(Reverse((used, hash)));
                continue;
            }
            entries.remove(&hash);
            self.epoch.advance();
            order.entries -= 1;
            order.evictions += 1;
            return;
        }
    }

    /// Forgets a context.
    pub fn remove(&self, hash: &ContextHash) {
        let mut order = self.order.0.lock();
        order.removals += 1;
        let entries = self.entries.pin();
        if entries.remove(hash).is_some() {
            self.epoch.advance();
            order.entries -= 1;
        }
        if order.records.len() > 2 * order.entries + 64 {
            order.records = entries
                .iter()
                .map(|(hash, entry)| Reverse((entry.queued.load(Ordering::Relaxed), *hash)))
                .collect();
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut order = self.order.0.lock();
        order.removals += 1;
        self.entries.pin().clear();
        self.epoch.advance();
        order.records.clear();
        order.entries = 0;
    }

    /// Returns how many contexts are remembered.
    pub fn len(&self) -> usize {
        self.order.0.lock().entries
    }

    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many contexts were evicted to make room, since the start.
    pub fn evictions(&self) -> u64 {
        self.order.0.lock().evictions
    }
}
