//! What cannot work is said in words that name the place and what to mend, and never a secret.

use bigseg::store::Cursor;
use std::sync::Arc;

use crate::fixture::eventually;
use bigseg::patch::PatchOutcome;
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_faults::{denied, error, internal, throttled};
use bigseg::testkit::dynamodb_server::{TABLE, store_at};
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::redis_server::free_port;
use bigseg::testkit::samples::{SampleList, hash, list, patch};
use bigseg::{Engine, EngineConfig, Error, ErrorKind, StoreConfig};
use serde_json::json;

/// Asks a store in every way, which must fail alike, and returns the reader's error.
#[track_caller]
fn failure(store: &str, kind: ErrorKind) -> Error {
    let config = StoreConfig::parse(store).unwrap();
    let reader = config.reader().unwrap();
    let error = pollster::block_on(reader.memberships(&[hash("a")])).unwrap_err();
    let others = [
        pollster::block_on(reader.memberships(&[hash("a"), hash("b")])).unwrap_err(),
        pollster::block_on(reader.metadata()).unwrap_err(),
        config.writer().unwrap().cursor().unwrap_err(),
        config.scanner().unwrap().scan(&mut |_, _| panic!("it holds nothing")).unwrap_err(),
    ];
    for error in others.iter().chain([&error]) {
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(!format!("{error:?} {config:?} {config}").contains("hunter2"), "{error:?}");
    }
    error
}

#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    for word in words {
        assert!(error.message().contains(word), "{error} lacks {word}");
    }
}

#[test]
fn a_missing_table_is_named_with_its_region() {
    let server = DynamoDbServer::start();
    let store = server.store("").replace(TABLE, "no-such-table");
    let error = failure(&store, ErrorKind::StoreNotFound);
    assert_says(&error, &["no-such-table", "eu-west-1", "bigseg table create"]);
    let config = StoreConfig::parse(&store).unwrap();
    let writer = config.writer().unwrap();
    assert_eq!(writer.set_synchronized_on(1).unwrap_err().kind(), ErrorKind::StoreNotFound);
}

#[test]
fn another_key_schema_is_said_to_be_one() {
    let server = DynamoDbServer::start();
    let create = |table: &str, keys: &[(&str, &str, &str)]| {
        let schema: Vec<_> =
            keys.iter().map(|(name, kind, _)| json!({"AttributeName": name, "KeyType": kind})).collect();
        let types: Vec<_> =
            keys.iter().map(|(name, _, of)| json!({"AttributeName": name, "AttributeType": of})).collect();
        let request = json!({
            "TableName": table, "KeySchema": schema, "AttributeDefinitions": types, "BillingMode": "PAY_PER_REQUEST",
        });
        server.client().run("CreateTable", request);
    };
    create("names", &[("id", "HASH", "S"), ("key", "RANGE", "S")]);
    create("single", &[("namespace", "HASH", "S")]);
    create("numbers", &[("namespace", "HASH", "S"), ("key", "RANGE", "N")]);
    for table in ["names", "single", "numbers"] {
        let config = StoreConfig::parse(&server.store("").replace(TABLE, table)).unwrap();
        let reader = config.reader().unwrap();
        for error in [
            pollster::block_on(reader.memberships(&[hash("a")])).unwrap_err(),
            pollster::block_on(reader.memberships(&[hash("a"), hash("b")])).unwrap_err(),
            pollster::block_on(reader.metadata()).unwrap_err(),
            config.writer().unwrap().set_synchronized_on(1).unwrap_err(),
            config
                .writer()
                .unwrap()
                .apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance)
                .unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::StoreFormat, "{table}: {error:?}");
            assert_says(&error, &[table, "partition key namespace", "sort key key"]);
        }
    }
}

#[test]
fn a_bad_address_is_named() {
    // Whatever is prepared for servers is wanted here, too.
    drop(DynamoDbServer::start());
    let port = free_port();
    let error = failure(&store_at(port, "response_timeout=10s"), ErrorKind::StoreUnavailable);
    assert_says(&error, &[TABLE, "eu-west-1", &format!("127.0.0.1:{port}"), "nothing answers"]);
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let server = DynamoDbServer::start();
    let silent = HttpProxy::start(server.port(), |_| Reaction::Stall);
    let reader =
        StoreConfig::parse(&store_at(silent.port(), "response_timeout=100ms")).unwrap().reader().unwrap();
    for hashes in [&[hash("a")][..], &[hash("a"), hash("b")]] {
        let error = pollster::block_on(reader.memberships(hashes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreTimeout, "{error:?}");
        assert_says(&error, &[TABLE, "eu-west-1"]);
    }
    assert_eq!(pollster::block_on(reader.metadata()).unwrap_err().kind(), ErrorKind::StoreTimeout);
}

#[test]
fn what_dynamodb_says_is_put_into_words() {
    let server = DynamoDbServer::start();
    let unknown =
        error(400, "UnrecognizedClientException", "The security token included in the request is invalid.");
    let signature =
        error(400, "InvalidSignatureException", "The request signature we calculated does not match");
    for (answer, kind, word) in [
        (denied("GetItem"), ErrorKind::StorePermission, "grant dynamodb:"),
        (unknown, ErrorKind::StorePermission, "not known there"),
        (signature, ErrorKind::StorePermission, "secret key"),
        (throttled(), ErrorKind::StoreThrottled, "throttled"),
        (internal(), ErrorKind::StoreUnavailable, "InternalServerError"),
        (error(400, "SomethingNew", "words"), ErrorKind::StoreUnavailable, "SomethingNew words"),
    ] {
        let proxy = HttpProxy::start(server.port(), move |_| Reaction::Respond(answer.clone()));
        let error = failure(&store_at(proxy.port(), "response_timeout=30s"), kind);
        assert_says(&error, &[word, TABLE]);
    }
}

#[test]
fn the_action_that_is_missing_is_named() {
    let server = DynamoDbServer::start();
    for missing in ["GetItem", "UpdateItem", "TransactWriteItems", "Query"] {
        let proxy = HttpProxy::start(server.port(), move |request| match action(request) {
            action if action == missing => Reaction::Respond(denied(action)),
            _ => Reaction::Pass,
        });
        let config = StoreConfig::parse(&store_at(proxy.port(), "")).unwrap();
        let writer = config.writer().unwrap();
        let load = |replace| {
            let mut list = SampleList::default().add(hash("a"), "s.g1", true);
            let plan = list.plan(replace, 1);
            writer.load(&plan, &mut list, &mut |_| {}).map(drop)
        };
        let apply = || writer.apply(&patch("s.g1", "", "1", list(&["a"], &[])), Cursor::Advance).map(drop);
        let (outcome, word) = match missing {
            "GetItem" => (apply(), "dynamodb:GetItem"),
            "UpdateItem" => (load(None), "dynamodb:UpdateItem"),
            "Query" => (load(Some("s.g1")), "dynamodb:Query"),
            _ => (apply(), "dynamodb:ConditionCheckItem"),
        };
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorePermission, "{missing}: {error:?}");
        assert_says(&error, &[word]);
    }
    assert_eq!(server.client().all().len(), 0, "nothing was written, or marked");
}

#[test]
fn an_item_that_is_full_is_named_and_nothing_is_lost() {
    let server = DynamoDbServer::start();
    let config = StoreConfig::parse(&server.store("response_timeout=60s")).unwrap();
    let writer = config.writer().unwrap();
    writer.apply(&patch("s.g1", "", "1", list(&["full", "other"], &[])), Cursor::Advance).unwrap();
    let refs = (0..390).map(|n| format!("{}-{n}.g1", "x".repeat(1000)));
    let mut fill = refs.fold(SampleList::default(), |all, segment| all.add(hash("full"), &segment, true));
    let plan = fill.plan(None, 5);
    writer.load(&plan, &mut fill, &mut |_| {}).unwrap();
    let long = format!("{}.g1", "y".repeat(20_000));
    let next = patch(&long, "1", "2", list(&["full", "other"], &[]));
    for _ in 0..2 {
        let error = writer.apply(&next, Cursor::Advance).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreFull, "{error:?}");
        assert_says(&error, &["400 KB", &hash("full").to_string()]);
        assert_eq!(writer.cursor().unwrap().as_deref(), Some("1"), "the cursor stays");
    }
    let mut more = SampleList::default().add(hash("full"), &long, true);
    let plan = more.plan(None, 6);
    let error = writer.load(&plan, &mut more, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreFull, "{error:?}");
    assert_says(&error, &["400 KB", &hash("full").to_string()]);
    let reader = config.reader().unwrap();
    assert_eq!(pollster::block_on(reader.metadata()).unwrap().synchronized_on, Some(5));
    let found =
        pollster::block_on(reader.memberships(&[hash("full")])).unwrap().into_vec().remove(0).unwrap();
    assert_eq!((found.len(), found.check("s.g1")), (391, Some(true)));
    // Once there is room, the same patch goes through.
    writer.apply(&patch("s.g1", "1", "1b", list(&[], &[])), Cursor::Advance).unwrap();
    let mut again = next.clone();
    (again.previous_version, again.changes.included) = ("1b".to_owned(), list(&["other"], &[]));
    assert_eq!(writer.apply(&again, Cursor::Advance).unwrap(), PatchOutcome::Applied);
}

#[test]
fn throttling_shows_in_the_status_and_in_the_metrics() {
    let server = DynamoDbServer::start();
    let proxy = HttpProxy::start(server.port(), |_| Reaction::Respond(throttled()));
    let engine = Engine::open(EngineConfig::new(&store_at(proxy.port(), "")).unwrap()).unwrap();
    let engine = Arc::new(engine);
    let answer = engine.membership("a").wait().unwrap();
    assert_eq!(answer.error.unwrap().kind(), ErrorKind::StoreThrottled);
    eventually("the status shows it", || {
        engine.status().last_error.is_some_and(|error| error.kind == ErrorKind::StoreThrottled)
    });
    assert!(engine.metrics().store_throttles >= 1);
}
