//! Random histories with random faults: the store always ends in the state of the model, and is
//! marked as synchronised only then.

use std::sync::Arc;
use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::patch::{Patch, PatchOutcome};
use bigseg::store::{Cursor, StoreWriter};
use bigseg::sync::{SyncConfig, SyncPhase, SyncStatus, SyncWorker};
#[cfg(feature = "dynamodb")]
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::samples::{TestRng, hash, list, patch};
use bigseg::testkit::{Endpoint, FakeUpstream, RedisServer, StoreModel, UpstreamFault, rounds};
use bigseg::{Result, StoreConfig};
use parking_lot::Mutex;

const CONTEXTS: usize = 30;

/// Draws a patch that follows a version.
fn next_patch(rng: &mut TestRng, previous: &str, step: usize) -> Patch {
    let mut some = |limit| {
        let count = rng.below(limit);
        (0..count).map(|_| hash(&rng.below(CONTEXTS).to_string())).collect()
    };
    let mut next = patch("", previous, &format!("v{step}"), list(&[], &[]));
    next.changes.included.add = some(8);
    next.changes.included.remove = some(5);
    next.changes.excluded.add = some(5);
    next.changes.excluded.remove = some(5);
    next.segment_id = format!("segment-{}.g{}", rng.below(4), rng.below(2));
    next
}

/// Draws a fault of a request.
fn fault(rng: &mut TestRng) -> UpstreamFault {
    match rng.below(6) {
        0 => UpstreamFault::Status([401, 404, 429, 500][rng.below(4)], ""),
        1 => UpstreamFault::Gzip,
        2 => UpstreamFault::Body(b"[{\"segmentId\":".to_vec()),
        3 => UpstreamFault::ContentType("text/html"),
        _ => UpstreamFault::CutAfter(rng.below(1500)),
    }
}

/// A writer that fails at random.
struct FailingWriter {
    inner: Arc<dyn StoreWriter>,
    rng: Mutex<TestRng>,
}

impl FailingWriter {
    fn wrap(inner: Arc<dyn StoreWriter>, seed: u64) -> Arc<Self> {
        Arc::new(Self { inner, rng: Mutex::new(TestRng::new(seed)) })
    }

    fn fail_at_random(&self) -> Result<()> {
        match self.rng.lock().below(12) {
            0 => Err(bigseg::Error::new(bigseg::ErrorKind::StoreUnavailable, "failed at random")),
            _ => Ok(()),
        }
    }
}

impl StoreWriter for FailingWriter {
    fn cursor(&self) -> Result<Option<String>> {
        self.fail_at_random()?;
        self.inner.cursor()
    }
    fn apply(&self, patch: &Patch, cursor: Cursor) -> Result<PatchOutcome> {
        self.fail_at_random()?;
        let outcome = self.inner.apply(patch, cursor)?;
        if cursor == Cursor::Advance {
            // The result is lost, although the patch was applied.
            self.fail_at_random()?;
        }
        Ok(outcome)
    }
    fn set_synchronized_on(&self, unix_millis: i64) -> Result<()> {
        self.fail_at_random()?;
        self.inner.set_synchronized_on(unix_millis)
    }
    fn has_sync_time(&self) -> Result<bool> {
        self.fail_at_random()?;
        self.inner.has_sync_time()
    }
    fn forget_cursor(&self) -> Result<()> {
        self.fail_at_random()?;
        self.inner.forget_cursor()
    }
    fn load(
        &self,
        plan: &bigseg::store::LoadPlan,
        contexts: &mut dyn bigseg::store::LoadSource,
        progress: &mut dyn FnMut(u64),
    ) -> Result<bigseg::store::LoadReport> {
        self.inner.load(plan, contexts, progress)
    }
}

/// Runs one history on an empty store with that many workers.
fn run_history(store: &StoreConfig, seed: u64, workers: usize) {
    let mut rng = TestRng::new(seed);
    let fake = FakeUpstream::start();
    fake.set_page_size(1 + rng.below(6));
    fake.set_write_size([1, 7, 100, usize::MAX][rng.below(4)]);
    let start = |rng: &mut TestRng| {
        let writer = FailingWriter::wrap(store.writer().unwrap(), rng.below(1 << 30) as u64);
        let quick = config(&fake, store);
        SyncWorker::start(SyncConfig { writer, sync_marker_interval: Duration::from_millis(2), ..quick })
            .unwrap()
    };
    let mut running: Vec<SyncWorker> = (0..workers).map(|_| start(&mut rng)).collect();
    let mut model = StoreModel::default();
    let mut history: Vec<Patch> = Vec::new();
    for step in 0..25 {
        let next = next_patch(&mut rng, model.cursor().unwrap_or_default(), step);
        assert_eq!(model.apply(&next), PatchOutcome::Applied);
        history.push(next.clone());
        match rng.below(8) {
            0 => fake.append(next),
            1 => {
                fake.publish(next.clone());
                fake.send_event(&[&next]);
            }
            2 => {
                fake.publish(next);
                let random = &history[rng.below(history.len())];
                fake.send_event(&[random]);
            }
            _ => fake.publish(next),
        }
        match rng.below(8) {
            0 => fake.disconnect_streams(),
            1 => fake.fault(Endpoint::Page, fault(&mut rng)),
            2 => fake.fault(Endpoint::Stream, fault(&mut rng)),
            3 => {
                let which = rng.below(running.len());
                // Stops one at an arbitrary moment, and starts another.
                drop(running.swap_remove(which));
                running.push(start(&mut rng));
            }
            4 => wait_until("a worker is in sync", || {
                running.iter().any(|worker| worker.status().is_healthy())
            }),
            _ => {}
        }
    }
    // Patches without an event are found when the streams are opened again.
    fake.disconnect_streams();
    let last = model.cursor().unwrap().to_owned();
    let writer = store.writer().unwrap();
    wait_until(&format!("seed {seed} converges: {:?}", running[0].status()), || {
        writer.cursor().unwrap().as_deref() == Some(&last)
    });
    for worker in &running {
        wait_for(worker, SyncStatus::is_healthy);
    }
    running.iter().for_each(|worker| worker.close().wait());
    assert!(running.iter().all(|worker| worker.status().phase == SyncPhase::Stopped));
    model.assert_same(&*store.scanner().unwrap());
}

#[test]
fn any_history_ends_in_the_state_of_the_model_in_memory() {
    for seed in 0..rounds(40, 1000) as u64 {
        let store = private_store(&format!("model-{seed}"));
        let _alive = store.writer().unwrap();
        run_history(&store, seed, 1 + seed as usize % 2);
    }
}

#[test]
fn any_history_ends_in_the_state_of_the_model_in_an_embedded_store() {
    for seed in 0..rounds(15, 1000) as u64 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let store = StoreConfig::parse(&format!("local:{}?map_size=64M", path.display())).unwrap();
        drop(store.writer().unwrap());
        run_history(&store, seed, 1 + seed as usize % 2);
    }
}

#[cfg(feature = "redis")]
#[test]
fn any_history_ends_in_the_state_of_the_model_in_redis() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    for seed in 0..rounds(15, 200) as u64 {
        let store = StoreConfig::parse(&server.store("", &format!("prefix=model-{seed}"))).unwrap();
        run_history(&store, seed, 1 + seed as usize % 2);
        server.client().run(&["FLUSHALL"]);
    }
}

#[cfg(feature = "dynamodb")]
#[test]
fn any_history_ends_in_the_state_of_the_model_in_dynamodb() {
    let server = DynamoDbServer::start();
    for seed in 0..rounds(5, 100) as u64 {
        // The test server may be slow.
        let options = format!("response_timeout=60s&prefix=model-{seed}");
        let store = StoreConfig::parse(&server.store(&options)).unwrap();
        run_history(&store, seed, 1 + seed as usize % 2);
    }
}
