use std::sync::Arc;

use parking_lot::Mutex;
use redis::Pipeline;

use super::bulk_load;
use super::client::Servers;
use super::config::{ReadFrom, RedisConfig};
use super::keys::Keys;
use super::net::Connector;
use super::net::Session;
use super::patch::ManySlots;
use super::patch::OneSlot;
use super::patch::READING_CURSOR;
use super::replies::{executed, text};
use super::retry::Patience;
use crate::error::Result;
use crate::patch::{Patch, PatchOutcome};
use crate::store::{LoadPlan, LoadReport, LoadSource, StoreWriter};

const MARKING: &str = "writing the sync time";
const FORGETTING: &str = "taking the cursor away";
const READING_SYNC_TIME: &str = "reading the sync time";

/// Writes a store in Redis, with no commands but `GET SET SADD SREM DEL WATCH MULTI EXEC` (and `SCAN` for a load that
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

    fn get(&self, doing: &'static str, key: &str) -> Result<Option<String>> {
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(key);
        let replies = pollster::block_on(self.servers.ask(doing, &commands, &self.patience()))?;
        text(self.servers.config(), doing, replies.into_iter().next().transpose()?.as_ref())
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
        self.get(READING_CURSOR, &self.keys.cursor)
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

    fn has_sync_time(&self) -> Result<bool> {
        Ok(self.get(READING_SYNC_TIME, &self.keys.synchronized_on)?.is_some())
    }

    fn forget_cursor(&self) -> Result<()> {
        let mut commands = Pipeline::new();
        match &mut *self.way.lock() {
            // Whoever watches the cursor itself sees it go.
            Way::ManySlots(_) => {
                commands.cmd("DEL").arg(&self.keys.cursor);
                pollster::block_on(self.servers.ask_all(FORGETTING, &commands, &self.patience())).map(drop)
            }
            Way::OneSlot(session) => {
                self.find_slot(session)?;
                // As in `OneSlot::watch`.
                commands.cmd("MULTI").cmd("EXEC").cmd("MULTI");
                commands
                    .cmd("SET")
                    .arg(&self.keys.lock)
                    .arg("")
                    .cmd("DEL")
                    .arg(&self.keys.cursor)
                    .cmd("EXEC");
                let replies = session.exchange(FORGETTING, &commands)?;
                executed(session.config(), &replies).map(drop)
            }
        }
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
        let report = bulk_load::load(&self.servers, &self.keys, plan, contexts, progress)?;
        self.set_synchronized_on(plan.synchronized_on)?;
        Ok(report)
    }
}
