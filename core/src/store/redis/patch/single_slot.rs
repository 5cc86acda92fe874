//! Applies patches where all keys lie in one slot: on any single server, or in a cluster if the
//! prefix has a hash tag.
//!
//! Every writer sets the lock key in each of its transactions, and watches it before it reads the
//! cursor. So a transaction fails if another writer came in between.

use std::sync::Arc;
use std::time::Duration;

use redis::Pipeline;

use super::ops::{APPLYING, FORGETTING_CURSOR, Operation, READING_CURSOR, add_unwatch, outrun};
use crate::backoff::Backoff;
use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::Cursor;
use crate::store::redis::client::RedisClient;
use crate::store::redis::keys::Keys;
use crate::store::redis::net::ExclusiveConnection;
use crate::store::redis::replies::{decode_string, exec_committed};
use crate::store::redis::retry::RetryBudget;

/// The most operations of one transaction: the server serves no other client meanwhile.
const OPERATIONS_PER_TRANSACTION: usize = 1000;
/// The most attempts of a transaction that loses to other writers, and the pause between them. Full
/// jitter keeps writers that conflicted from conflicting again.
const MAX_ATTEMPTS: u32 = 100;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(2), Duration::from_millis(20));

/// The connection of a writer to the server, or the cluster node, that holds all keys.
pub(crate) struct SingleSlot {
    client: Arc<RedisClient>,
    connection: ExclusiveConnection,
    keys: Keys,
}

impl SingleSlot {
    pub(crate) fn new(client: Arc<RedisClient>, keys: Keys) -> Self {
        let connection = ExclusiveConnection::new(client.connector().clone());
        Self { client, connection, keys }
    }

    /// Applies a patch: its operations in transactions of bounded size, then the cursor in a
    /// transaction of its own. Each transaction verifies that the cursor still allows the patch.
    pub(crate) async fn apply(&mut self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        self.switch_to_owner().await?;
        let segment = patch.segment_ref()?;
        let operations = Operation::from_patch(&self.keys, patch);
        for chunk in operations.chunks(OPERATIONS_PER_TRANSACTION) {
            let add_chunk = |commands: &mut Pipeline| {
                for operation in chunk {
                    operation.add_to(commands, &segment);
                }
            };
            let outcome = self.run_transaction(patch, add_chunk).await?;
            if outcome != PatchOutcome::Applied {
                return Ok(outcome);
            }
        }
        if cursor == Cursor::Keep {
            return Ok(PatchOutcome::Applied);
        }
        let cursor_key = self.keys.cursor.clone();
        let add_cursor = |commands: &mut Pipeline| {
            commands.cmd("SET").arg(&cursor_key).arg(&patch.version);
        };
        self.run_transaction(patch, add_cursor).await
    }

    /// Deletes the cursor and sets the lock, so that concurrent transactions of other writers fail.
    pub(crate) async fn forget_cursor(&mut self) -> Result<()> {
        self.switch_to_owner().await?;
        let mut commands = Pipeline::new();
        add_unwatch(&mut commands);
        commands.cmd("MULTI").cmd("SET").arg(&self.keys.lock).arg("");
        commands.cmd("DEL").arg(&self.keys.cursor).cmd("EXEC");
        let replies = self.connection.execute(FORGETTING_CURSOR, &commands).await?;
        exec_committed(self.connection.config(), FORGETTING_CURSOR, &replies).map(drop)
    }

    /// Switches to the cluster node that owns the slot at the moment. A single server stays.
    async fn switch_to_owner(&mut self) -> Result<()> {
        let budget = RetryBudget::for_writer(self.client.config());
        let owner = self.client.locate(READING_CURSOR, &self.keys.cursor, &budget).await?;
        self.connection.switch_to(&owner);
        Ok(())
    }

    /// Runs commands in a transaction, unless the cursor rejects the patch. Retries if other
    /// writers come first.
    async fn run_transaction(
        &mut self,
        patch: &Patch,
        add_commands: impl Fn(&mut Pipeline),
    ) -> Result<PatchOutcome> {
        for attempt in 0..MAX_ATTEMPTS {
            let outcome = self.watch(patch).await?;
            if outcome != PatchOutcome::Applied || self.try_commit(&add_commands).await? {
                return Ok(outcome);
            }
            self.connection.connector().sleep(BACKOFF.full_jitter(attempt)).await;
        }
        Err(outrun(self.connection.config(), MAX_ATTEMPTS))
    }

    /// Watches the lock, and returns what the cursor means for the patch.
    async fn watch(&mut self, patch: &Patch) -> Result<PatchOutcome> {
        let mut commands = Pipeline::new();
        add_unwatch(&mut commands);
        commands.cmd("WATCH").arg(&self.keys.lock).cmd("GET").arg(&self.keys.cursor);
        let replies = self.connection.execute_checked(READING_CURSOR, &commands).await?;
        let cursor = decode_string(self.connection.config(), READING_CURSOR, replies.last())?;
        Ok(patch.outcome_on(cursor.as_deref()))
    }

    /// Runs commands in a transaction. Returns whether it was committed: not if another writer came
    /// after [`SingleSlot::watch`].
    async fn try_commit(&mut self, add_commands: impl Fn(&mut Pipeline)) -> Result<bool> {
        let mut commands = Pipeline::new();
        commands.cmd("MULTI").cmd("SET").arg(&self.keys.lock).arg("");
        add_commands(&mut commands);
        commands.cmd("EXEC");
        let replies = self.connection.execute(APPLYING, &commands).await?;
        exec_committed(self.connection.config(), APPLYING, &replies)
    }
}
