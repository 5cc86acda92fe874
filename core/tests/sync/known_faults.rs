//! The known faults of the reference writer, one test each. The comments describe its faults.
//!
//! Other files test a store that is wiped under a healthy worker (`sync/stores.rs`), connections
//! cut at every byte of a transaction (`redis/interference.rs`), and a patch that is interrupted
//! between its transactions (`dynamodb/faults.rs`).

use bigseg::store::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::integration::{Integration, IntegrationConfig, IntegrationDefinition, IntegrationState};
use bigseg::patch::PatchOutcome;
use bigseg::sync::{SyncPhase, SyncWorker};
use bigseg::testkit::proxy::{Direction, Proxy};
use bigseg::testkit::{Child, Endpoint, FakeUpstream, RedisServer, UpstreamFault, child};
use bigseg::{ErrorKind, StoreConfig};

/// It should not retry a refused key, but compares the wrong type, and retries like after any
/// failure.
#[test]
fn a_refused_key_is_distinguished_from_a_failing_upstream() {
    let fake = FakeUpstream::start();
    fake.set_key("another");
    let (worker, clock) = start_on_manual_clock(&fake, "fault-refused");
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert_eq!((error.kind, error.status_code), (ErrorKind::UpstreamRefused, Some(401)));
    clock.advance(Duration::from_secs(60));
    assert_eq!(fake.requests().len(), 1, "not even a minute later");
    let waited = advance_until(&clock, Duration::from_secs(10), &worker, |status| {
        status.error.as_ref().is_some_and(|error| error.times == 2)
    });
    assert!(waited >= Duration::from_secs(80), "{waited:?}");
}

/// It treats a connection that breaks in a transaction as a patch out of order, and reports
/// nothing.
#[test]
fn a_broken_connection_is_not_a_patch_out_of_order() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let fake = FakeUpstream::start();
    let breaks = Arc::new(AtomicBool::new(false));
    let broken = breaks.clone();
    // Cuts the connection at EXEC.
    let proxy = Proxy::start(server.port(), move |direction, bytes| {
        let is_end = direction == Direction::Request && bytes.windows(4).any(|word| word == b"EXEC");
        if is_end && broken.load(Ordering::Relaxed) { 0 } else { bytes.len() }
    })
    .unwrap();
    let store = StoreConfig::parse(&format!("redis://127.0.0.1:{}", proxy.port())).unwrap();
    fake.append(step(1));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    breaks.store(true, Ordering::Relaxed);
    fake.publish(step(2));
    let status = wait_for(&worker, |status| status.error.is_some());
    assert_eq!(status.error.unwrap().kind, ErrorKind::StoreUnavailable);
    assert_eq!(status.counters.out_of_order, 0);
    breaks.store(false, Ordering::Relaxed);
    wait_for_cursor(&worker, &store, "v2");
    assert_holds(&store, 2);
}

/// On Redis it applies any patch to a store without a cursor, and so does not detect the loss of
/// data.
#[test]
fn a_store_without_a_cursor_accepts_only_an_initial_patch() {
    bigseg::needs!(Redis);
    let server = RedisServer::start();
    let directory = tempfile::tempdir().unwrap();
    let local = format!("local:{}?map_size=64M", directory.path().join("store").display());
    for store in [server.store("", ""), local, "memory:fault-beginning".to_owned()] {
        let writer = StoreConfig::parse(&store).unwrap().writer().unwrap();
        assert_eq!(writer.apply(&step(5), Cursor::Advance).unwrap(), PatchOutcome::DataLost, "{store}");
        assert_eq!(writer.cursor().unwrap(), None, "{store}");
        assert_eq!(writer.apply(&step(1), Cursor::Advance).unwrap(), PatchOutcome::Applied, "{store}");
    }
}

/// It refreshes the sync time as long as it runs, even if the upstream is silent.
#[test]
fn a_silent_upstream_does_not_keep_a_store_fresh() {
    let fake = FakeUpstream::start();
    fake.append(step(1));
    let (worker, clock) = start_on_manual_clock(&fake, "fault-silent");
    wait_until_synchronized(&worker);
    for _ in 0..1000 {
        fake.fault(Endpoint::Page, UpstreamFault::Status(503, ""));
    }
    // No byte arrives for minutes.
    let step = Duration::from_secs(10);
    wait_until("the stream is given up", || {
        clock.advance(step);
        worker.status().error.is_some()
    });
    let status = worker.status();
    assert_eq!(status.errors.last().unwrap().kind, ErrorKind::UpstreamTimeout);
    assert!(status.last_synchronized <= Some(status.errors.last().unwrap().timestamp));
    advance_until(&clock, step, &worker, |status| {
        status.error.as_ref().is_some_and(|error| error.times >= 5)
    });
    assert_eq!(worker.status().last_synchronized, status.last_synchronized, "nothing more is marked");
    assert!(worker.status().phase != SyncPhase::Synchronized);
}

/// Its `Close` does not cancel requests, so it waits for an upstream that does not respond.
#[test]
fn closing_does_not_wait_for_the_upstream() {
    for (endpoint, name) in [(Endpoint::Page, "fault-page"), (Endpoint::Stream, "fault-stream")] {
        let fake = FakeUpstream::start();
        fake.fault(endpoint, UpstreamFault::StallAfter(0));
        let (worker, _clock) = start_on_manual_clock(&fake, name);
        fake.wait_for_requests(|requests| requests.iter().any(|request| request.endpoint == endpoint));
        // The clock does not advance: no timeout ends the wait.
        worker.close().wait();
        assert_eq!(worker.status().phase, SyncPhase::Stopped);
    }
}

/// It releases timers and streams only when the function that opens them returns, which is never.
#[test]
fn a_stream_that_ends_leaves_nothing_behind() {
    Child::start(module_path!(), "cut streams", &[]).expect("nothing is left");
}

/// Runs in its own process, because it counts the file descriptors of the process.
#[test]
fn child_process() {
    child::serve(|role, _| {
        assert_eq!(role, "cut streams");
        cut_streams();
        child::report("nothing is left");
    });
}

fn cut_streams() {
    let fake = FakeUpstream::start();
    let store = private_store("fault-streams");
    let _alive = store.writer().unwrap();
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    wait_until_synchronized(&worker);
    let before = descriptors();
    for n in 1..=100 {
        fake.disconnect_streams();
        fake.publish(step(n));
        wait_until("another stream", || {
            worker.status().counters.streams > n as u64 && worker.status().is_healthy()
        });
    }
    wait_until("nothing is left open", || descriptors() <= before + 20);
    fake.wait_for_open_streams(1);
}

/// Its broadcaster holds a lock while it waits for a blocked listener; no listener can be removed
/// then.
#[test]
fn a_blocked_listener_delays_no_other() {
    let fake = FakeUpstream::start();
    let store = private_store("fault-listener");
    let definition = IntegrationDefinition::new("main", upstream(&fake), store.clone());
    let integration = Integration::start(IntegrationConfig::new(definition)).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (entered, inside) = std::sync::mpsc::channel();
    let held = parking_lot::Mutex::new(held);
    integration.add_status_listener(move |_| {
        // Both fail when the test has ended.
        let _ = entered.send(());
        let _ = held.lock().recv();
    });
    inside.recv().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let other = integration.add_status_listener(move |status| {
        if status.state == IntegrationState::Healthy {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    for n in 1..=50 {
        fake.publish(step(n));
    }
    wait_until("the other listener was called", || calls.load(Ordering::Relaxed) > 0);
    wait_until("the worker goes on", || integration.status().counters.patches == 50);
    assert!(integration.remove_status_listener(other));
    drop(release);
    integration.close().wait();
}
