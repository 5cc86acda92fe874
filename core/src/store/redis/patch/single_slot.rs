//! Applies patches where one server may touch all keys together: any single server, or a cluster whose prefix holds a
//! hash tag.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use redis::Pipeline;

use super::ops::{APPLYING, Operation, READING_CURSOR};
use crate::error::{ErrorKind, Result};
use crate::patch::{Patch, PatchOutcome};
use crate::store::redis::keys::Keys;
use crate::store::redis::net::Session;
use crate::store::redis::replies::{executed, text};

/// How many operations one transaction holds: the server is at nobody else's service meanwhile.
const CHUNK: usize = 1000;
/// How often a transaction is tried that others thwart, and how long is waited in between, at most.
const ATTEMPTS: u32 = 100;
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A patch, and the connection on which it is applied.
pub(crate) struct OneSlot<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) keys: &'a Keys,
    pub(crate) patch: &'a Patch,
}

impl OneSlot<'_> {
    /// Applies the patch: all of its operations, then the cursor in a transaction of its own.
    pub(crate) fn apply(&mut self) -> Result<PatchOutcome> {
        let outcome = self.apply_part()?;
        if outcome != PatchOutcome::Applied {
            return Ok(outcome);
        }
        let (cursor, version) = (&self.keys.cursor, &self.patch.version);
        self.step(|commands| {
            commands.cmd("SET").arg(cursor).arg(version);
        })
    }

    /// Carries out the operations in transactions of bounded size, each of which makes sure that the cursor is still where
    /// the patch needs it, and leaves the cursor there.
    pub(crate) fn apply_part(&mut self) -> Result<PatchOutcome> {
        let segment = self.patch.segment_ref()?;
        for chunk in Operation::all(self.keys, self.patch).chunks(CHUNK) {
            let outcome = self
                .step(|commands| chunk.iter().for_each(|operation| operation.add_to(commands, &segment)))?;
            if outcome != PatchOutcome::Applied {
                return Ok(outcome);
            }
        }
        Ok(PatchOutcome::Applied)
    }

    /// Runs commands in a transaction as part of the patch, unless the cursor is against it.
    fn step(&mut self, add: impl Fn(&mut Pipeline)) -> Result<PatchOutcome> {
        for attempt in 1..=ATTEMPTS {
            let outcome = self.watch()?;
            if outcome != PatchOutcome::Applied || self.transact(&add)? {
                return Ok(outcome);
            }
            pollster::block_on(self.session.connector.pause(pause_after(attempt)));
        }
        let what =
            format!("other writers came first {ATTEMPTS} times in a row; the cursor stays where it was");
        Err(self.session.config().error(ErrorKind::StoreUnavailable, APPLYING, &what))
    }

    /// Watches the lock, and decides by the cursor what is to become of the patch.
    fn watch(&mut self) -> Result<PatchOutcome> {
        let mut commands = Pipeline::new();
        // An empty transaction lets go of a watch that an earlier decision left; UNWATCH is not among the commands that
        // a writer may count on.
        commands.cmd("MULTI").cmd("EXEC");
        commands.cmd("WATCH").arg(&self.keys.lock).cmd("GET").arg(&self.keys.cursor);
        let replies = self.session.exchange_all(READING_CURSOR, &commands)?;
        let cursor = text(self.session.config(), READING_CURSOR, replies.last())?;
        Ok(self.patch.outcome_on(cursor.as_deref()))
    }

    /// Runs commands in a transaction that fails when anybody wrote since [`OneSlot::watch`]; returns whether it was
    /// carried out.
    fn transact(&mut self, add: impl Fn(&mut Pipeline)) -> Result<bool> {
        let mut commands = Pipeline::new();
        commands.cmd("MULTI").cmd("SET").arg(&self.keys.lock).arg("");
        add(&mut commands);
        commands.cmd("EXEC");
        let replies = self.session.exchange(APPLYING, &commands)?;
        executed(self.session.config(), &replies)
    }
}

/// Draws how long to wait before trying again: writers that wait equally long would meet again.
fn pause_after(attempt: u32) -> Duration {
    let longest = Duration::from_millis(1).saturating_mul(1 << attempt.min(5)).min(LONGEST_PAUSE);
    let dice = RandomState::new().build_hasher().finish();
    longest.mul_f64(dice as f64 / u64::MAX as f64)
}
