use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Pipeline, Value};

use super::config::RedisConfig;
use super::connector::Connector;
use super::keys::Keys;
use super::loader;
use super::reader::text;
use super::session::Session;
use crate::error::{ErrorKind, Result};
use crate::patch::{Patch, PatchOutcome};
use crate::store::{LoadPlan, LoadReport, LoadSource, StoreWriter};

/// How many operations one transaction holds: the server is at nobody else's service meanwhile.
const CHUNK: usize = 1000;
/// How often a transaction is tried that others thwart, and how long is waited in between, at most.
const ATTEMPTS: u32 = 100;
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

const APPLYING: &str = "applying a patch";
const READING_CURSOR: &str = "reading the cursor";
const MARKING: &str = "writing the sync time";

/// Writes a store in Redis, with no commands but `GET SET SADD SREM WATCH MULTI EXEC` (and `SCAN` for a load that
/// replaces a segment).
///
/// Nothing connects until it is asked. Any number of writers, here and elsewhere, may write to one store.
pub struct RedisWriter {
    session: Mutex<Session>,
    connector: Connector,
    keys: Keys,
}

/// One context joins or leaves one list.
struct Operation {
    key: String,
    joins: bool,
}

impl RedisWriter {
    /// Prepares to write.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let keys = Keys::new(&config.prefix);
        let connector = Connector::new(config)?;
        Ok(Self { session: Mutex::new(Session::new(connector.clone())), connector, keys })
    }

    fn operations(&self, patch: &Patch) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (hash, change) in patch.context_changes() {
            let keys =
                [(self.keys.include(hash), change.included), (self.keys.exclude(hash), change.excluded)];
            operations
                .extend(keys.into_iter().filter_map(|(key, joins)| Some(Operation { key, joins: joins? })));
        }
        operations
    }

    /// Watches the lock, and decides by the cursor what is to become of the patch.
    fn watch(&self, session: &mut Session, patch: &Patch) -> Result<PatchOutcome> {
        let mut commands = Pipeline::new();
        // An empty transaction lets go of a watch that an earlier decision left; UNWATCH is not among the commands that
        // a writer may count on.
        commands.cmd("MULTI").cmd("EXEC");
        commands.cmd("WATCH").arg(&self.keys.lock).cmd("GET").arg(&self.keys.cursor);
        let replies = session.exchange_all(READING_CURSOR, &commands)?;
        let cursor = text(session.config(), READING_CURSOR, replies.last())?;
        Ok(patch.outcome_on(cursor.as_deref()))
    }

    /// Runs commands in a transaction that fails when anybody wrote since [`RedisWriter::watch`]; returns whether it
    /// was carried out.
    ///
    /// # Errors
    /// Also when it was carried out but for some commands, for Redis takes nothing back.
    fn transact(&self, session: &mut Session, add: impl Fn(&mut Pipeline)) -> Result<bool> {
        let mut commands = Pipeline::new();
        commands.cmd("MULTI").cmd("SET").arg(&self.keys.lock).arg("");
        add(&mut commands);
        commands.cmd("EXEC");
        let mut replies = session.exchange(APPLYING, &commands)?;
        let executed = replies.pop().unwrap_or_default();
        let refused = |e| Err(session.config().refusal(APPLYING, e));
        let error = |reply: &Value| matches!(reply, Value::ServerError(_));
        // A command that could not even be queued says why; EXEC then only says that there was one.
        match (replies.iter().find(|reply| error(reply)), &executed) {
            (Some(Value::ServerError(e)), _) | (_, Value::ServerError(e)) => refused(e),
            (_, Value::Nil) => Ok(false),
            (_, Value::Array(results)) => match results.iter().find(|result| error(result)) {
                Some(Value::ServerError(e)) => refused(e),
                _ => Ok(true),
            },
            _ => Err(session.config().error(
                ErrorKind::StoreData,
                APPLYING,
                "EXEC was answered with something odd",
            )),
        }
    }

    /// Runs commands in a transaction as part of a patch, unless the cursor is against it.
    fn step(
        &self,
        session: &mut Session,
        patch: &Patch,
        add: impl Fn(&mut Pipeline),
    ) -> Result<PatchOutcome> {
        for attempt in 1..=ATTEMPTS {
            let outcome = self.watch(session, patch)?;
            if outcome != PatchOutcome::Applied || self.transact(session, &add)? {
                return Ok(outcome);
            }
            pollster::block_on(session.connector.pause(pause_after(attempt)));
        }
        let what =
            format!("other writers came first {ATTEMPTS} times in a row; the cursor stays where it was");
        Err(session.config().error(ErrorKind::StoreUnavailable, APPLYING, &what))
    }
}

/// Draws how long to wait before trying again: writers that wait equally long would meet again.
fn pause_after(attempt: u32) -> Duration {
    let longest = Duration::from_millis(1).saturating_mul(1 << attempt.min(5)).min(LONGEST_PAUSE);
    let dice = RandomState::new().build_hasher().finish();
    longest.mul_f64(dice as f64 / u64::MAX as f64)
}

impl StoreWriter for RedisWriter {
    fn cursor(&self) -> Result<Option<String>> {
        let mut session = self.session.lock();
        let mut commands = Pipeline::new();
        commands.cmd("GET").arg(&self.keys.cursor);
        let replies = session.exchange(READING_CURSOR, &commands)?;
        text(session.config(), READING_CURSOR, replies.last())
    }

    /// Applies the patch in transactions of bounded size, each of which makes sure that the cursor is still where the
    /// patch needs it. The cursor moves in a last one of its own, after every operation has succeeded.
    fn apply(&self, patch: &Patch) -> Result<PatchOutcome> {
        let segment = patch.segment_ref()?;
        let operations = self.operations(patch);
        let mut session = self.session.lock();
        for chunk in operations.chunks(CHUNK) {
            let outcome = self.step(&mut session, patch, |commands| {
                for Operation { key, joins } in chunk {
                    let command = if *joins { "SADD" } else { "SREM" };
                    commands.cmd(command).arg(key).arg(segment.as_str());
                }
            })?;
            if outcome != PatchOutcome::Applied {
                return Ok(outcome);
            }
        }
        self.step(&mut session, patch, |commands| {
            commands.cmd("SET").arg(&self.keys.cursor).arg(&patch.version);
        })
    }

    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        let mut commands = Pipeline::new();
        commands.cmd("SET").arg(&self.keys.synchronized_on).arg(unix_millis);
        self.session.lock().exchange_all(MARKING, &commands).map(drop)
    }

    /// Loads the list in pipelines. A failure leaves the part that was written, and the sync time as it was: loading
    /// the same list again completes it. Replacing a segment forgets its members first, so that until the end it
    /// has fewer than it should.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`], before anything is changed, when a segment is to be replaced and the user may
    /// not `SCAN`.
    fn load(
        &self,
        plan: &LoadPlan,
        contexts: &mut dyn LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<LoadReport> {
        // A session of its own: the source is foreign code, which must find no lock held.
        let report =
            loader::load(&mut Session::new(self.connector.clone()), &self.keys, plan, contexts, progress)?;
        self.set_synchronized_on(plan.synchronized_on)?;
        Ok(report)
    }
}
