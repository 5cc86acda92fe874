//! One integration: state, error log, switch, SDK key and listeners.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::integration::{
    Integration, IntegrationConfig, IntegrationDefinition, IntegrationState, IntegrationStatus,
};
use bigseg::sync::SdkKey;
use bigseg::testkit::FakeUpstream;
use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::{Clock, Error, ErrorKind, ManualClock, StoreConfig};
use parking_lot::Mutex;

fn define(fake: &FakeUpstream, store: &StoreConfig) -> IntegrationConfig {
    IntegrationConfig::new(IntegrationDefinition::new("main", upstream(fake), store.clone()))
}

fn start(fake: &FakeUpstream, store: &StoreConfig) -> Integration {
    Integration::start(define(fake, store)).unwrap()
}

#[track_caller]
fn wait_for(integration: &Integration, wanted: impl Fn(&IntegrationStatus) -> bool) -> IntegrationStatus {
    wait_until("the status is as wanted", || wanted(&integration.status()));
    integration.status()
}

fn is_healthy(status: &IntegrationStatus) -> bool {
    status.state == IntegrationState::Healthy
}

#[test]
fn it_loads_its_store_and_reports_it() {
    let fake = FakeUpstream::start();
    let store = private_store("one-fills");
    let _alive = store.writer().unwrap();
    (1..=5).for_each(|n| fake.append(step(n)));
    let integration = start(&fake, &store);
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let recorder = recorded.clone();
    integration.add_status_listener(move |status| recorder.lock().push(status.clone()));
    let status = wait_for(&integration, is_healthy);
    assert_holds(&store, 5);
    assert_eq!((status.progress.patches, status.counters.patches, status.error), (5, 5, None));
    assert!(status.last_synchronized.is_some() && status.last_error.is_none());
    wait_until("the listener was called", || recorded.lock().last().is_some_and(is_healthy));
    integration.close().wait();
    assert_eq!(integration.status().state, IntegrationState::Off);
    assert_eq!(integration.set_on(true).map_err(|e| e.kind()), Err(ErrorKind::Closed));
}

#[test]
fn it_is_turned_off_and_on_again() {
    let fake = FakeUpstream::start();
    let store = private_store("one-switch");
    let _alive = store.writer().unwrap();
    fake.append(step(1));
    let config = define(&fake, &store);
    let off = IntegrationDefinition { on: false, ..config.definition.clone() };
    let integration = Integration::start(IntegrationConfig { definition: off, ..config }).unwrap();
    assert_eq!(integration.status().state, IntegrationState::Off);
    assert!(fake.requests().is_empty());
    integration.set_on(true).unwrap();
    let synchronized = wait_for(&integration, is_healthy).last_synchronized;
    integration.set_on(false).unwrap();
    let status = wait_for(&integration, |status| status.state == IntegrationState::Off);
    assert_eq!(status.last_synchronized, synchronized);
    fake.append(step(2));
    integration.set_on(true).unwrap();
    wait_for(&integration, is_healthy);
    assert_holds(&store, 2);
}

#[test]
fn it_moves_to_another_store() {
    let fake = FakeUpstream::start();
    let first = private_store("one-first");
    let second = private_store("one-second");
    let _alive = (first.writer().unwrap(), second.writer().unwrap());
    (1..=3).for_each(|n| fake.append(step(n)));
    second.writer().unwrap().set_synchronized_on(77).unwrap();
    let integration = start(&fake, &first);
    wait_for(&integration, is_healthy);
    fake.set_key("another-key");
    integration.set_store(second.clone()).unwrap();
    let status = wait_for(&integration, |status| status.state == IntegrationState::Failing);
    assert_eq!(status.last_synchronized, Some(77), "the sync time of the new store");
    integration.set_sdk_key(SdkKey::new("another-key").unwrap()).unwrap();
    wait_for(&integration, is_healthy);
    assert_holds(&second, 3);
}

#[test]
fn a_new_key_needs_no_restart() {
    let fake = FakeUpstream::start();
    let store = private_store("one-key");
    let _alive = store.writer().unwrap();
    fake.append(step(1));
    fake.set_key("new-key");
    let integration = start(&fake, &store);
    let status = wait_for(&integration, |status| status.state == IntegrationState::Failing);
    let error = status.error.unwrap();
    assert_eq!((error.kind, error.status_code), (ErrorKind::UpstreamRefused, Some(401)));
    assert_eq!(status.last_error, Some(error.timestamp));
    integration.set_sdk_key(SdkKey::new("new-key").unwrap()).unwrap();
    wait_for(&integration, is_healthy);
    let pages = integration.status().counters.pages;
    fake.set_key("newest-key");
    integration.set_sdk_key(SdkKey::new("newest-key").unwrap()).unwrap();
    fake.publish(step(2));
    wait_until("the stream is open with the newest key", || {
        fake.requests().last().is_some_and(|request| request.authorization == "newest-key")
    });
    let status = wait_for(&integration, |status| status.counters.pages > pages && is_healthy(status));
    assert!(status.error.is_none() && status.last_error.is_some());
    assert_eq!(integration.error_log().len(), 1, "a rotation is no error");
    integration.set_name("Another name").unwrap();
    assert_eq!(integration.definition().name, "Another name");
}

#[test]
fn a_store_that_cannot_be_opened_is_reported_and_retried() {
    let fake = FakeUpstream::start();
    fake.append(step(1));
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("not-yet");
    let store =
        StoreConfig::parse(&format!("local:{}?map_size=64M", folder.join("store").display())).unwrap();
    let clock = ManualClock::new(1_000_000);
    let config = IntegrationConfig { clock: Clock::Manual(clock.clone()), ..define(&fake, &store) };
    let integration = Integration::start(config).unwrap();
    let status = wait_for(&integration, |status| status.state == IntegrationState::Failing);
    assert!(!status.is_available() && status.is_potentially_stale(1_000_000));
    std::fs::create_dir(&folder).unwrap();
    wait_until("it is in sync", || {
        clock.advance(Duration::from_millis(100));
        is_healthy(&integration.status())
    });
    assert_holds(&store, 1);
    let status = integration.status();
    assert!(status.is_available() && status.last_synchronized.is_some());
    assert!(!status.is_potentially_stale(status.last_synchronized.unwrap() + 119_999));
    assert!(status.is_potentially_stale(status.last_synchronized.unwrap() + 120_000));
}

fn failing_once(directory: &Path, name: &str) -> (FakeUpstream, Integration) {
    let fake = FakeUpstream::start();
    let store = private_store(name);
    fake.set_key("another-key");
    let config = IntegrationConfig { state_directory: Some(directory.to_owned()), ..define(&fake, &store) };
    let integration = Integration::start(config).unwrap();
    wait_for(&integration, |status| status.state == IntegrationState::Failing);
    (fake, integration)
}

#[test]
fn the_error_log_outlives_the_process_and_holds_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let (_fake, integration) = failing_once(directory.path(), "one-log");
    let first = integration.error_log();
    assert_eq!(first.len(), 1);
    // It is saved at once, because the process may be killed.
    wait_until("it is kept", || directory.path().join("main.errors.json").exists());
    integration.close().wait();
    let (_fake, integration) = failing_once(directory.path(), "one-log");
    wait_until("the newer error stands before the older", || integration.error_log().len() == 2);
    assert_eq!(integration.error_log()[1].message, first[0].message);
    assert!(integration.status().last_error >= Some(first[0].timestamp));
    let written = std::fs::read_to_string(directory.path().join("main.errors.json")).unwrap();
    let shown = format!(
        "{integration_status:?} {:?} {:?} {written}",
        integration.error_log(),
        integration.definition(),
        integration_status = integration.status()
    );
    assert!(written.contains("upstream_refused") && !shown.contains(SDK_KEY), "{shown}");
}

#[test]
fn an_invalid_definition_is_rejected_at_once() {
    let fake = FakeUpstream::start();
    let store = private_store("one-refused");
    let refusal = |change: &dyn Fn(&mut IntegrationDefinition)| -> Error {
        let mut config = define(&fake, &store);
        change(&mut config.definition);
        let error = Integration::start(config).err().expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error
    };
    for id in ["", ".hidden", "a/b", "ü", &"x".repeat(65)] {
        assert!(refusal(&|definition| definition.id = id.to_owned()).message().contains("id must be"));
    }
    assert!(refusal(&|definition| definition.name = " ".to_owned()).message().contains("name"));
    assert!(refusal(&|definition| definition.project = "a\nb".to_owned()).message().contains("project"));
    assert!(
        refusal(&|definition| definition.upstream.base_url = "x".to_owned()).message().contains("base_url")
    );
    assert!(
        refusal(&|definition| definition.upstream.ca_file = Some("/nowhere.pem".into()))
            .message()
            .contains("ca_file")
    );
    assert!(refusal(&|definition| definition.store = private_store("")).message().contains("memory store"));
    let integration = start(&fake, &store);
    let other = IntegrationDefinition { environment: "other".to_owned(), ..integration.definition() };
    assert_eq!(integration.set_definition(other).map_err(|e| e.kind()), Err(ErrorKind::InvalidConfig));
}

#[test]
fn its_own_listener_may_close_it() {
    let fake = FakeUpstream::start();
    let store = private_store("one-listener");
    let integration = Arc::new(start(&fake, &store));
    let weak = Arc::downgrade(&integration);
    integration.add_status_listener(move |_| {
        if let Some(integration) = weak.upgrade() {
            integration.close().wait();
        }
    });
    wait_until("it has stopped", || integration.status().state == IntegrationState::Off);
    integration.close().wait();
}
