use std::sync::Arc;

use parking_lot::Mutex;
use redis::Pipeline;

use super::config::{ReadFrom, RedisConfig};
use super::connector::Connector;
use super::errand::Patience;
use super::keys::Keys;
use super::loader;
use super::many_slots::ManySlots;
use super::one_slot::OneSlot;
use super::operation::READING_CURSOR;
use super::reader::text;
use super::servers::Servers;
use super::session::Session;
use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::{LoadPlan, LoadReport, LoadSource, StoreWriter};

const MARKING: &str = "writing the sync time";

/// Writes a store in Redis, with no commands but `GET SET SADD SREM WATCH MULTI EXEC` (and `SCAN` for a load that
/// replaces a segment; in a cluster also `PING`, and `CLUSTER`, `ASKING` where they are permitted).
///
/// Nothing connects until it is asked. Any number of writers, here and elsewhere, may write to one store.
pub struct RedisWriter {
    servers: Arc<Servers>,
    keys: Keys,
    way: Mutex<Way>,
}

/// How patches are applied.
enum Way {
    OneSlot(Session),
    ManySlots(ManySlots),
}

impl RedisWriter {
    /// Prepares to write.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        let connector = Connector::new(config)?;
        let servers = Arc::new(Servers::new(connector.clone(), ReadFrom::Master));
        let session = Session::new(connector);
        let way = match servers.cluster() {
            Some(_) if !keys.are_in_one_slot() => Way::ManySlots(ManySlots::new(session)),
            _ => Way::OneSlot(session),
        };
        Ok(Self { servers, keys, way: Mutex::new(way) })
    }

    fn patience(&self) -> Patience {
        Patience::of_writer(self.servers.config())
    }

    /// Turns to the node that has the one slot of all keys now, if there are several.
    fn find_slot(&self, session: &mut Session) -> Result<()> {
        if let Some(cluster) = self.servers.cluster() {
            let patience = self.patience();
            let owner = pollster::block_on(cluster.locate(READING_CURSOR, &self.keys.cursor, &patience))?;
            session.turn_to(&owner);
        }
        Ok(())
    }
}

impl StoreWriter for RedisWriter {
    fn cursor(&self) -> Result<Option<String>> {
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(&self.keys.cursor);
        let replies = pollster::block_on(self.servers.ask(READING_CURSOR, &commands, &self.patience()))?;
        text(self.servers.config(), READING_CURSOR, replies.into_iter().next().transpose()?.as_ref())
    }

    fn apply(&self, patch: &Patch) -> Result<PatchOutcome> {
        match (&mut *self.way.lock(), self.servers.cluster()) {
            (Way::ManySlots(writer), Some(cluster)) => {
                pollster::block_on(writer.apply(cluster, &self.keys, patch))
            }
            (Way::ManySlots(_), None) => unreachable!("many slots are a cluster's"),
            (Way::OneSlot(session), _) => {
                self.find_slot(session)?;
                OneSlot { session, keys: &self.keys, patch }.apply()
            }
        }
    }

    fn apply_part(&self, part: &Patch) -> Result<PatchOutcome> {
        match (&mut *self.way.lock(), self.servers.cluster()) {
            (Way::ManySlots(writer), Some(cluster)) => {
                pollster::block_on(writer.apply_part(cluster, &self.keys, part))
            }
            (Way::ManySlots(_), None) => unreachable!("many slots are a cluster's"),
            (Way::OneSlot(session), _) => {
                self.find_slot(session)?;
                OneSlot { session, keys: &self.keys, patch: part }.apply_part()
            }
        }
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        let mut commands = Pipeline::new();
        commands.cmd("SET").arg(&self.keys.synchronized_on).arg(unix_millis);
        pollster::block_on(self.servers.ask_all(MARKING, &commands, &self.patience())).map(drop)
    }

    /// Loads the list in pipelines. A failure leaves the part that was written, and the sync time as it was: loading
    /// the same list again completes it. Replacing a segment forgets its members first, so that until the end it
    /// has fewer than it should.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission), before anything is changed, when a segment is
    /// to be replaced and the user may not `SCAN`.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        let report = loader::load(&self.servers, &self.keys, plan, contexts, progress)?;
        self.set_synchronized_on(plan.synchronized_on)?;
        Ok(report)
    }
}
