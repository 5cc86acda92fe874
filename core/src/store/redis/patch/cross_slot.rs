//! Applies patches where the keys lie in many slots of a cluster, so that no transaction covers two
//! of them.
//!
//! Why no write can undo a later patch:
//! 1. For each key, a writer watches the key, then reads the cursor, then writes the key. It writes
//!    only if the cursor still allows the patch.
//! 2. A later patch starts after the cursor has moved, so after that read, and so after the key was
//!    watched.
//! 3. If the later patch writes the key before this writer does, this writer's transaction fails.
//!    If it writes the key afterwards, its value stays, as it should.
//!
//! A watch belongs to a connection and ends with its `EXEC`. Therefore each master gets several
//! connections, on which groups of operations are watched and written in parallel.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Pipeline, Value};

use super::ops::{APPLYING, FORGETTING_CURSOR, Operation, READING_CURSOR, add_unwatch, outrun};
use crate::clock::{Clock, Moment};
use crate::error::{Error, Result};
use crate::patch::{Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::Cursor;
use crate::store::redis::cluster::{Cluster, parse_redirect};
use crate::store::redis::config::RedisAddress;
use crate::store::redis::keys::Keys;
use crate::store::redis::net::{Connector, ExclusiveConnection, Target};
use crate::store::redis::replies::{decode_string, exec_committed, first_error};
use crate::store::redis::retry::RetryBudget;

/// The most connections to each master.
const CONNECTIONS_PER_MASTER: usize = 16;
/// The most operations of one transaction.
const OPERATIONS_PER_TRANSACTION: usize = 500;
/// How often a patch is tried if other writers touch the cursor, while the cursor still allows it.
const MAX_ATTEMPTS: u32 = 20;
/// The pause after a node has failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);

/// The connections of a writer to a cluster.
pub(crate) struct CrossSlot {
    cluster: Arc<Cluster>,
    keys: Keys,
    /// Watches the cursor. It goes to the master that owns the slot of the cursor.
    cursor_connection: ExclusiveConnection,
    connections: HashMap<RedisAddress, Vec<WatchConnection>>,
}

/// A connection that watches one group while it writes another.
struct WatchConnection {
    connection: ExclusiveConnection,
    /// The watched group. It may be written once the cursor has been read again.
    watched: Option<Group>,
    /// The group to watch in the next step.
    next: Option<Group>,
}

/// Operations on keys of one slot.
struct Group {
    slot: u16,
    operations: Vec<Operation>,
    /// The node that is importing the slot, if it holds these keys already.
    importer: Option<RedisAddress>,
}

/// A patch being applied, and its limits.
struct PatchJob<'a> {
    patch: &'a Patch,
    segment: SegmentRef,
    budget: RetryBudget,
    deadline: Moment,
}

/// The outcome of a step for its groups.
enum StepResult {
    /// They are done, except for these, which are tried again.
    Retry(Vec<Group>),
    /// A node failed. These groups are tried again after a pause.
    Failed(Error, Vec<Group>),
}

impl CrossSlot {
    /// Creates a strategy for the cluster; `connector` makes the connections to its nodes.
    pub(crate) fn new(cluster: Arc<Cluster>, connector: Connector, keys: Keys) -> Self {
        let cursor_connection = ExclusiveConnection::new(connector);
        Self { cluster, keys, cursor_connection, connections: HashMap::new() }
    }

    /// Applies a patch: all of its operations, then the cursor, unless another writer touched the
    /// cursor meanwhile.
    pub(crate) async fn apply(&mut self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        let budget = RetryBudget::for_writer(self.cursor_connection.config());
        let deadline = Clock::System.now().after(budget.total_timeout);
        let job = PatchJob { patch, segment: patch.segment_ref()?, budget, deadline };
        if cursor == Cursor::Keep {
            return self.apply_operations(&job).await;
        }
        for _ in 0..MAX_ATTEMPTS {
            let outcome = self.apply_operations(&job).await?;
            if outcome != PatchOutcome::Applied || self.try_advance_cursor(&job).await? {
                return Ok(outcome);
            }
        }
        Err(outrun(self.cursor_connection.config(), MAX_ATTEMPTS))
    }

    /// Deletes the cursor. Other writers watch it, so their patches fail.
    pub(crate) async fn forget_cursor(&mut self) -> Result<()> {
        let config = self.cursor_connection.config();
        let budget = RetryBudget::for_writer(config);
        let mut commands = Pipeline::new();
        commands.cmd("DEL").arg(&self.keys.cursor);
        for reply in self.cluster.execute(FORGETTING_CURSOR, &commands, &budget).await? {
            if let Value::ServerError(e) = reply? {
                return Err(config.server_error(FORGETTING_CURSOR, &e));
            }
        }
        Ok(())
    }

    /// Watches the cursor, and runs all operations if it allows the patch.
    async fn apply_operations(&mut self, job: &PatchJob<'_>) -> Result<PatchOutcome> {
        let outcome = self.watch_cursor(job).await?;
        if outcome != PatchOutcome::Applied {
            return Ok(outcome);
        }
        self.run_operations(job, group_by_slot(Operation::from_patch(&self.keys, job.patch))).await
    }

    /// Watches the cursor, and returns what it means for the patch.
    async fn watch_cursor(&mut self, job: &PatchJob<'_>) -> Result<PatchOutcome> {
        let owner = self.cluster.locate(READING_CURSOR, &self.keys.cursor, &job.budget).await?;
        self.cursor_connection.switch_to(&owner);
        let mut commands = Pipeline::new();
        add_unwatch(&mut commands);
        commands.cmd("WATCH").arg(&self.keys.cursor).cmd("GET").arg(&self.keys.cursor);
        self.read_cursor(job, &commands).await
    }

    /// Runs commands of which the last reads the cursor, and returns what the cursor means for the
    /// patch.
    async fn read_cursor(&mut self, job: &PatchJob<'_>, commands: &Pipeline) -> Result<PatchOutcome> {
        let replies = self.cursor_connection.execute_checked(READING_CURSOR, commands).await?;
        let cursor = decode_string(self.cursor_connection.config(), READING_CURSOR, replies.last())?;
        Ok(job.patch.outcome_on(cursor.as_deref()))
    }

    /// Moves the cursor. Returns whether it did: not if another writer touched the cursor since it
    /// was watched.
    async fn try_advance_cursor(&mut self, job: &PatchJob<'_>) -> Result<bool> {
        let mut commands = Pipeline::new();
        commands.cmd("MULTI").cmd("SET").arg(&self.keys.cursor).arg(&job.patch.version).cmd("EXEC");
        let replies = self.cursor_connection.execute(APPLYING, &commands).await?;
        exec_committed(self.cursor_connection.config(), APPLYING, &replies)
    }

    /// Runs groups of operations, step after step, until all are written or the cursor rejects the
    /// patch.
    async fn run_operations(
        &mut self,
        job: &PatchJob<'_>,
        mut waiting: VecDeque<Group>,
    ) -> Result<PatchOutcome> {
        loop {
            let slots = waiting.iter().map(|group| group.slot);
            let unknown = slots.filter(|slot| self.cluster.owner(*slot).is_none()).collect();
            self.discover_owners(job, unknown).await?;
            self.assign_groups(&mut waiting);
            if !self.connections().any(WatchConnection::is_busy) && waiting.is_empty() {
                return Ok(PatchOutcome::Applied);
            }
            if self.connections().any(|connection| connection.watched.is_some()) {
                let mut commands = Pipeline::new();
                commands.cmd("GET").arg(&self.keys.cursor);
                let outcome = self.read_cursor(job, &commands).await?;
                if outcome != PatchOutcome::Applied {
                    self.connections.clear();
                    return Ok(outcome);
                }
            }
            let Some((error, failed_slots)) = self.step(job, &mut waiting).await else { continue };
            if !error.retryable() || Clock::System.now() >= job.deadline {
                self.connections.clear();
                return Err(error);
            }
            self.cursor_connection.connector().sleep(PAUSE_AFTER_FAILURE).await;
            // The nodes that are left report the new owner.
            self.discover_owners(job, failed_slots).await?;
        }
    }

    fn connections(&self) -> impl Iterator<Item = &WatchConnection> {
        self.connections.values().flatten()
    }

    async fn discover_owners(&self, job: &PatchJob<'_>, slots: BTreeSet<u16>) -> Result<()> {
        self.cluster.discover_owners(APPLYING, &self.keys.prefix, slots, &job.budget).await
    }

    /// Gives a waiting group to every connection that has no next one, as long as there are any.
    fn assign_groups(&mut self, waiting: &mut VecDeque<Group>) {
        let mut unassigned = VecDeque::new();
        for group in waiting.drain(..) {
            let node = group.importer.clone().or_else(|| self.cluster.owner(group.slot));
            let Some(address) = node else {
                unassigned.push_back(group);
                continue;
            };
            let connections = self.connections.entry(address.clone()).or_default();
            if let Some(connection) = connections.iter_mut().find(|connection| connection.next.is_none()) {
                connection.next = Some(group);
            } else if connections.len() < CONNECTIONS_PER_MASTER {
                let target = Target::ClusterMaster(address);
                let connector = self.cursor_connection.connector().with_target(target);
                let connection = ExclusiveConnection::new(connector);
                connections.push(WatchConnection { connection, watched: None, next: Some(group) });
            } else {
                unassigned.push_back(group);
            }
        }
        *waiting = unassigned;
    }

    /// Runs one step on all connections, and puts the groups that must be tried again into
    /// `waiting`. Returns the error of a node that failed, and the slots that it held.
    async fn step(
        &mut self,
        job: &PatchJob<'_>,
        waiting: &mut VecDeque<Group>,
    ) -> Option<(Error, BTreeSet<u16>)> {
        let cluster = &*self.cluster;
        let connections = self.connections.values_mut().flatten().filter(|connection| connection.is_busy());
        let steps = connections.map(|connection| connection.step(cluster, &job.segment));
        let mut failure = None;
        for result in join_all(steps).await {
            match result {
                StepResult::Retry(groups) => waiting.extend(groups),
                StepResult::Failed(error, groups) => {
                    let slots = groups.iter().map(|group| group.slot).collect();
                    failure = Some((error, slots));
                    waiting.extend(groups);
                }
            }
        }
        failure
    }
}

impl WatchConnection {
    fn is_busy(&self) -> bool {
        self.watched.is_some() || self.next.is_some()
    }

    /// Writes the watched group and watches the next one, in one round trip.
    async fn step(&mut self, cluster: &Cluster, segment: &SegmentRef) -> StepResult {
        let written = self.watched.take();
        let next = self.next.take();
        let mut commands = Pipeline::new();
        if let Some(group) = &written {
            group.add_transaction(&mut commands, segment);
        }
        let transaction_length = commands.len();
        if let Some(group) = &next {
            group.add_watch(&mut commands);
        }
        let mut replies = match self.connection.execute(APPLYING, &commands).await {
            Ok(replies) => replies,
            Err(error) => return StepResult::Failed(error, written.into_iter().chain(next).collect()),
        };
        let watch_replies = replies.split_off(transaction_length);
        let mut result = StepResult::Retry(Vec::new());
        if let Some(group) = written {
            result = result.and(self.after_transaction(cluster, group, &replies));
        }
        if let Some(group) = next {
            result = result.and(self.after_watch(cluster, group, &watch_replies));
        }
        result
    }

    fn after_transaction(&self, cluster: &Cluster, group: Group, replies: &[Value]) -> StepResult {
        match exec_committed(self.connection.config(), APPLYING, replies) {
            Ok(true) => StepResult::Retry(Vec::new()),
            Ok(false) => StepResult::Retry(vec![group]),
            Err(error) => self.redirect_or_fail(cluster, group, replies, error),
        }
    }

    fn after_watch(&mut self, cluster: &Cluster, group: Group, replies: &[Value]) -> StepResult {
        match first_error(replies) {
            None => {
                self.watched = Some(group);
                StepResult::Retry(Vec::new())
            }
            Some(e) => {
                let error = self.connection.config().server_error(APPLYING, e);
                self.redirect_or_fail(cluster, group, replies, error)
            }
        }
    }

    /// Follows the redirect of a node, or fails with `error` if the replies contain none.
    fn redirect_or_fail(
        &self,
        cluster: &Cluster,
        group: Group,
        replies: &[Value],
        error: Error,
    ) -> StepResult {
        let (Some(e), Target::ClusterMaster(node)) = (first_error(replies), self.connection.target()) else {
            return StepResult::Failed(error, vec![group]);
        };
        match (e.code(), parse_redirect(e.details().unwrap_or_default(), node)) {
            ("MOVED", Some(owner)) => {
                cluster.set_owner(group.slot, &owner);
                StepResult::Retry(vec![Group { importer: None, ..group }])
            }
            ("ASK", Some(importer)) if group.operations.len() == 1 => {
                StepResult::Retry(vec![Group { importer: Some(importer), ..group }])
            }
            // Some of the keys have moved, and some have not.
            ("ASK" | "TRYAGAIN", _) => StepResult::Retry(group.split()),
            _ => StepResult::Failed(error, vec![group]),
        }
    }
}

impl StepResult {
    /// Combines the results of two groups. Of two errors, the later one is kept.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Retry(mut groups), Self::Retry(more)) => {
                groups.extend(more);
                Self::Retry(groups)
            }
            (Self::Failed(error, mut groups), Self::Retry(more))
            | (Self::Failed(_, mut groups) | Self::Retry(mut groups), Self::Failed(error, more)) => {
                groups.extend(more);
                Self::Failed(error, groups)
            }
        }
    }
}

impl Group {
    fn add_transaction(&self, commands: &mut Pipeline, segment: &SegmentRef) {
        self.add_asking(commands);
        commands.cmd("MULTI");
        for operation in &self.operations {
            operation.add_to(commands, segment);
        }
        commands.cmd("EXEC");
    }

    fn add_watch(&self, commands: &mut Pipeline) {
        self.add_asking(commands);
        commands.cmd("WATCH");
        for operation in &self.operations {
            commands.arg(&operation.key);
        }
    }

    /// A node that is importing a slot serves its keys only after `ASKING`.
    fn add_asking(&self, commands: &mut Pipeline) {
        if self.importer.is_some() {
            commands.cmd("ASKING");
        }
    }

    /// Splits the group into one for each operation.
    fn split(self) -> Vec<Self> {
        let slot = self.slot;
        let single = |operation| Self { slot, operations: vec![operation], importer: None };
        self.operations.into_iter().map(single).collect()
    }
}

/// Groups operations by slot, in chunks of bounded size.
fn group_by_slot(operations: Vec<Operation>) -> VecDeque<Group> {
    let mut slots: BTreeMap<u16, Vec<Operation>> = BTreeMap::new();
    for operation in operations {
        slots.entry(operation.slot()).or_default().push(operation);
    }
    let mut groups = VecDeque::new();
    for (slot, operations) in slots {
        for chunk in operations.chunks(OPERATIONS_PER_TRANSACTION) {
            groups.push_back(Group { slot, operations: chunk.to_vec(), importer: None });
        }
    }
    groups
}
