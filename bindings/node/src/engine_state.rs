//! The state of an engine that the functions of the hot path share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bigseg::{ContextHash, Engine, Error};
use napi_sys as sys;

use crate::answer_codec::MembershipTable;
use crate::pending_calls::{Outcome, PendingCalls};

/// The number of slots of the L1 cache in JavaScript; `lib/l1_cache.ts` has the same number.
pub(crate) const L1_SLOTS: usize = 1024;
/// The numbers at the start of the shared memory, 8 bytes each: the age of an answer, and how long
/// it is valid.
const NUMBERS: usize = 2;
/// The size of the shared memory: the numbers, then one slot index of 4 bytes for each L1 hit.
pub(crate) const SHARED_BYTES: usize = NUMBERS * 8 + L1_SLOTS * 4;

/// The state that the functions of an engine share; used on one thread only.
pub(crate) struct EngineState {
    pub(crate) engine: Arc<Engine>,
    /// Whether lookups never wait; see [`Engine::is_embedded`].
    pub(crate) is_embedded: bool,
    pub(crate) table: Rc<RefCell<MembershipTable>>,
    /// The contexts in the L1 cache of JavaScript, by slot.
    pub(crate) l1_slots: RefCell<Vec<ContextHash>>,
    pub(crate) shared: Cell<Option<SharedMemory>>,
    /// The error of the last synchronous lookup, if it failed.
    pub(crate) last_failure: RefCell<Option<Error>>,
    pub(crate) calls: Rc<PendingCalls>,
}

impl EngineState {
    pub(crate) fn start_lookups(
        &self,
        env: sys::napi_env,
        call_id: u32,
        hashes: Vec<ContextHash>,
        deadline: Duration,
    ) {
        let engine = self.engine.clone();
        self.calls.start(env, call_id, async move {
            Outcome::Answers(engine.memberships(&hashes).within(deadline).await)
        });
    }
}

/// Memory that JavaScript owns and that both sides use, on one thread only.
#[derive(Clone, Copy)]
pub(crate) struct SharedMemory(pub(crate) *mut u8);

impl SharedMemory {
    pub(crate) fn set_numbers(&self, age: f64, valid_for: f64) {
        // SAFETY: the array buffer is large enough, aligned like every allocation, and the
        // functions keep it alive.
        unsafe { self.0.cast::<[f64; NUMBERS]>().write([age, valid_for]) };
    }

    pub(crate) fn l1_hit(&self, index: usize) -> usize {
        // SAFETY: the array buffer is large enough for every `index` below `L1_SLOTS`.
        let slot = unsafe { self.0.add(NUMBERS * 8).cast::<u32>().add(index).read() };
        slot as usize
    }
}
