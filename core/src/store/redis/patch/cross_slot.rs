//! Applies patches where the keys lie in many slots of a cluster, so that no transaction can hold two of them.
//!
//! Each key is watched before the cursor is looked at, and written after: if it was written in between, the write fails. So
//! nothing is ever written that a later patch has overtaken, for a later patch begins after the cursor has moved.
//! A watch belongs to a connection and ends with its `EXEC`; so several connections, lanes, go to each master.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Pipeline, Value};

use super::ops::{APPLYING, Operation, READING_CURSOR};
use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{Patch, PatchOutcome};
use crate::segment_ref::SegmentRef;
use crate::store::redis::cluster::Cluster;
use crate::store::redis::cluster::redirection;
use crate::store::redis::config::RedisAddress;
use crate::store::redis::hash_slot::slot_of;
use crate::store::redis::keys::Keys;
use crate::store::redis::net::Session;
use crate::store::redis::net::Target;
use crate::store::redis::replies::{executed, text};
use crate::store::redis::retry::Patience;

/// How many connections go to each master, at most.
const LANES: usize = 16;
/// How many operations of one slot are one transaction.
const CHUNK: usize = 500;
/// How often the cursor may be moved by others while a patch is applied that it still allows.
const ATTEMPTS: u32 = 20;
/// How long is waited after a node has failed.
const PAUSE: Duration = Duration::from_millis(20);

/// The connections of a writer to a cluster.
pub(crate) struct ManySlots {
    /// Watches the cursor.
    fence: Session,
    lanes: HashMap<RedisAddress, Vec<Lane>>,
}

/// A connection, and what it is at.
struct Lane {
    session: Session,
    /// Is watched, and may be written once the cursor was looked at again.
    watched: Option<Group>,
    /// Is watched next.
    next: Option<Group>,
}

/// Operations on keys of one slot.
struct Group {
    slot: u16,
    operations: Vec<Operation>,
    /// The node that is just taking over the slot, and has these keys already.
    asking: Option<RedisAddress>,
}

/// The patch that is applied, and what it takes.
struct Work<'a> {
    cluster: &'a Cluster,
    keys: &'a Keys,
    patch: &'a Patch,
    segment: SegmentRef,
    patience: Patience,
    until: Moment,
}

impl ManySlots {
    /// Takes the session that is to watch the cursor; all others are made from it.
    pub(crate) fn new(fence: Session) -> Self {
        Self { fence, lanes: HashMap::new() }
    }

    /// Applies the patch: all of its operations, then the cursor, if nobody has moved it since they began.
    pub(crate) async fn apply(
        &mut self,
        cluster: &Cluster,
        keys: &Keys,
        patch: &Patch,
    ) -> Result<PatchOutcome> {
        let work = self.work(cluster, keys, patch)?;
        for _ in 0..ATTEMPTS {
            let outcome = self.operate(&work).await?;
            if outcome != PatchOutcome::Applied || self.move_cursor(&work).await? {
                return Ok(outcome);
            }
        }
        let what =
            format!("other writers came first {ATTEMPTS} times in a row; the cursor stays where it was");
        Err(self.fence.config().error(ErrorKind::StoreUnavailable, APPLYING, &what))
    }

    /// Carries out the operations only, if the cursor allows the patch, and leaves the cursor where it is.
    pub(crate) async fn apply_part(
        &mut self,
        cluster: &Cluster,
        keys: &Keys,
        patch: &Patch,
    ) -> Result<PatchOutcome> {
        let work = self.work(cluster, keys, patch)?;
        self.operate(&work).await
    }

    fn work<'a>(&self, cluster: &'a Cluster, keys: &'a Keys, patch: &'a Patch) -> Result<Work<'a>> {
        let patience = Patience::of_writer(self.fence.config());
        let until = Clock::System.now().after(patience.whole);
        Ok(Work { cluster, keys, patch, segment: patch.segment_ref()?, patience, until })
    }

    /// Watches the cursor, and carries out all operations, unless it is against them.
    async fn operate(&mut self, work: &Work<'_>) -> Result<PatchOutcome> {
        let outcome = self.watch_cursor(work).await?;
        if outcome != PatchOutcome::Applied {
            return Ok(outcome);
        }
        self.carry_out(work, groups(&Operation::all(work.keys, work.patch))).await
    }

    /// Watches the cursor, and decides by it what is to become of the patch.
    async fn watch_cursor(&mut self, work: &Work<'_>) -> Result<PatchOutcome> {
        // Finds the node that has it now.
        work.cluster.locate(READING_CURSOR, &work.keys.cursor, &work.patience).await?;
        if let Some(owner) = work.cluster.owner(slot_of(work.keys.cursor.as_bytes())) {
            self.fence.turn_to(&Target::Node(owner));
        }
        let mut commands = Pipeline::new();
        // As in `OneSlot::watch`.
        commands.cmd("MULTI").cmd("EXEC");
        commands.cmd("WATCH").arg(&work.keys.cursor).cmd("GET").arg(&work.keys.cursor);
        self.decide(work, &commands).await
    }

    async fn decide(&mut self, work: &Work<'_>, commands: &Pipeline) -> Result<PatchOutcome> {
        let replies = self.fence.send(READING_CURSOR, commands).await?;
        for reply in &replies {
            if let Value::ServerError(e) = reply {
                return Err(self.fence.config().refusal(READING_CURSOR, e));
            }
        }
        let cursor = text(self.fence.config(), READING_CURSOR, replies.last())?;
        Ok(work.patch.outcome_on(cursor.as_deref()))
    }

    /// Moves the cursor, if nobody has touched it since it was watched.
    async fn move_cursor(&mut self, work: &Work<'_>) -> Result<bool> {
        let mut commands = Pipeline::new();
        commands.cmd("MULTI").cmd("SET").arg(&work.keys.cursor).arg(&work.patch.version).cmd("EXEC");
        let replies = self.fence.send(APPLYING, &commands).await?;
        executed(self.fence.config(), &replies)
    }

    /// Carries out all operations, unless the cursor is against it.
    async fn carry_out(&mut self, work: &Work<'_>, mut waiting: VecDeque<Group>) -> Result<PatchOutcome> {
        loop {
            let unknown = waiting.iter().map(|group| group.slot);
            let unknown = unknown.filter(|slot| work.cluster.owner(*slot).is_none()).collect();
            work.cluster.survey(APPLYING, &work.keys.lead, unknown, &work.patience).await?;
            let lanes = self.load_lanes(work, &mut waiting);
            if lanes.is_empty() && waiting.is_empty() {
                return Ok(PatchOutcome::Applied);
            }
            if lanes.iter().any(|lane| lane.watched.is_some()) {
                let mut commands = Pipeline::new();
                commands.cmd("GET").arg(&work.keys.cursor);
                let outcome = self.decide(work, &commands).await?;
                if outcome != PatchOutcome::Applied {
                    self.lanes.clear();
                    return Ok(outcome);
                }
            }
            let lanes = self.lanes.values_mut().flatten().filter(|lane| lane.is_busy());
            let mut failure = None;
            for result in join_all(lanes.map(|lane| lane.step(work))).await {
                match result {
                    Ok(left) => waiting.extend(left),
                    Err((e, left)) => {
                        failure = Some((e, left.iter().map(|group| group.slot).collect()));
                        waiting.extend(left);
                    }
                }
            }
            if let Some((e, lost)) = failure {
                if !e.retryable() || Clock::System.now() >= work.until {
                    self.lanes.clear();
                    return Err(e);
                }
                self.fence.connector.pause(PAUSE).await;
                // Whoever else is asked knows who has taken over.
                work.cluster.survey(APPLYING, &work.keys.lead, lost, &work.patience).await?;
            }
        }
    }

    /// Gives every lane that has nothing next a group, as long as there are any; returns the lanes that are busy.
    fn load_lanes(&mut self, work: &Work<'_>, waiting: &mut VecDeque<Group>) -> Vec<&Lane> {
        let mut left = VecDeque::new();
        for group in waiting.drain(..) {
            let owner = group.asking.clone().or_else(|| work.cluster.owner(group.slot));
            let Some(address) = owner else {
                left.push_back(group);
                continue;
            };
            let lanes = self.lanes.entry(address.clone()).or_default();
            if let Some(lane) = lanes.iter_mut().find(|lane| lane.next.is_none()) {
                lane.next = Some(group);
            } else if lanes.len() < LANES {
                let connector = self.fence.connector.towards(Target::Node(address));
                lanes.push(Lane { session: Session::new(connector), watched: None, next: Some(group) });
            } else {
                left.push_back(group);
            }
        }
        *waiting = left;
        self.lanes.values().flatten().filter(|lane| lane.is_busy()).collect()
    }
}

/// Groups operations by slot.
fn groups(operations: &[Operation]) -> VecDeque<Group> {
    let mut slots: BTreeMap<u16, Vec<Operation>> = BTreeMap::new();
    for operation in operations {
        slots.entry(operation.slot()).or_default().push(operation.clone());
    }
    let chunks = slots.into_iter().flat_map(|(slot, operations)| {
        let chunks: Vec<_> = operations.chunks(CHUNK).map(<[Operation]>::to_vec).collect();
        chunks.into_iter().map(move |operations| Group { slot, operations, asking: None })
    });
    chunks.collect()
}

impl Lane {
    fn is_busy(&self) -> bool {
        self.watched.is_some() || self.next.is_some()
    }

    /// Writes what is watched, and watches what is next. Returns what must be done again.
    async fn step(&mut self, work: &Work<'_>) -> Result<Vec<Group>, (Error, Vec<Group>)> {
        let (written, next) = (self.watched.take(), self.next.take());
        let mut commands = Pipeline::new();
        let mut writing = 0;
        if let Some(group) = &written {
            group.ask(&mut commands);
            commands.cmd("MULTI");
            group.operations.iter().for_each(|operation| operation.add_to(&mut commands, &work.segment));
            commands.cmd("EXEC");
            writing = commands.len();
        }
        if let Some(group) = &next {
            group.ask(&mut commands);
            commands.cmd("WATCH");
            for operation in &group.operations {
                commands.arg(&operation.key);
            }
        }
        let mut replies = match self.session.send(APPLYING, &commands).await {
            Ok(replies) => replies,
            Err(e) => return Err((e, written.into_iter().chain(next).collect())),
        };
        let watching = replies.split_off(writing);
        let mut again = Vec::new();
        let mut failure = None;
        if let Some(group) = written {
            match executed(self.session.config(), &replies) {
                Ok(true) => {}
                Ok(false) => again.push(group),
                Err(e) => match group.redirected(work, &replies, self.session.connector.target()) {
                    Ok(groups) => again.extend(groups),
                    Err(group) => {
                        failure = Some(e);
                        again.push(group);
                    }
                },
            }
        }
        if let Some(group) = next {
            match watching
                .iter()
                .find_map(|reply| if let Value::ServerError(e) = reply { Some(e) } else { None })
            {
                None => self.watched = Some(group),
                Some(e) => {
                    let error = self.session.config().refusal(APPLYING, e);
                    match group.redirected(work, &watching, self.session.connector.target()) {
                        Ok(groups) => again.extend(groups),
                        Err(group) => {
                            failure = Some(error);
                            again.push(group);
                        }
                    }
                }
            }
        }
        match failure {
            Some(e) => Err((e, again)),
            None => Ok(again),
        }
    }
}

impl Group {
    /// Announces that the key is looked for at a node that is just taking over its slot.
    fn ask(&self, commands: &mut Pipeline) {
        if self.asking.is_some() {
            commands.cmd("ASKING");
        }
    }

    /// Follows where a node's refusal points; gives the group back if it points nowhere.
    fn redirected(self, work: &Work<'_>, replies: &[Value], target: &Target) -> Result<Vec<Self>, Self> {
        let refusal =
            replies.iter().find_map(|reply| if let Value::ServerError(e) = reply { Some(e) } else { None });
        let (Some(e), Target::Node(asked)) = (refusal, target) else { return Err(self) };
        let to = redirection(e.details().unwrap_or_default(), asked);
        match (e.code(), to) {
            ("MOVED", Some(owner)) => {
                work.cluster.give(self.slot, &owner);
                Ok(vec![Self { asking: None, ..self }])
            }
            ("ASK", Some(next)) if self.operations.len() == 1 => {
                Ok(vec![Self { asking: Some(next), ..self }])
            }
            // Some of the keys are here and some are there.
            ("ASK" | "TRYAGAIN", _) => {
                let slot = self.slot;
                let alone = |operation| Self { slot, operations: vec![operation], asking: None };
                Ok(self.operations.into_iter().map(alone).collect())
            }
            _ => Err(self),
        }
    }
}
