//! The DynamoDB store passes the suite, on every server there is.

use std::cell::Cell;

use bigseg::StoreConfig;
use bigseg::store::dynamodb::DynamoDbTable;
use bigseg::testkit::dynamodb_faults::denied;
use bigseg::testkit::dynamodb_server::{ENDPOINT_VARIABLE, REGION, TABLE, store_at};
use bigseg::testkit::http_proxy::{HttpProxy, Reaction, action};
use bigseg::testkit::{DynamoDbServer, StoreUnderTest, store_suite};

/// Makes stores, each under a prefix of its own, from what gives a store string for a role and options.
fn stores(store: impl Fn(&str, &str) -> String) -> impl Fn() -> StoreUnderTest {
    let count = Cell::new(0);
    move || {
        count.set(count.get() + 1);
        // A server for tests may be slow, which is not what the suite is about.
        let options = format!("response_timeout=60s&prefix={}-{}", std::process::id(), count.get());
        let config = |role| StoreConfig::parse(&store(role, &options)).unwrap();
        StoreUnderTest {
            writer: config("writer").writer().unwrap(),
            reader: config("reader").reader().unwrap(),
            scanner: Some(config("scanner").scanner().unwrap()),
            // An item has 400 KB.
            most_refs: 9_000,
            loads_atomically: false,
        }
    }
}

#[test]
fn on_the_emulator() {
    let server = DynamoDbServer::start();
    store_suite::run(stores(|_, options| server.store(options)));
}

#[test]
fn on_dynamodb_local() {
    let Some(server) = DynamoDbServer::start_local() else { return };
    store_suite::run(stores(|_, options| server.store(options)));
}

/// Amazon's, for one; the table `segments` is made there if it is missing, and prefixes keep the stores apart.
#[test]
fn on_the_server_that_the_environment_names() {
    let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) else { return };
    let store = |options: &str| format!("dynamodb://{TABLE}?region={REGION}&endpoint={endpoint}&{options}");
    let StoreConfig::DynamoDb(config) = StoreConfig::parse(&store("")).unwrap() else {
        panic!("it is another")
    };
    DynamoDbTable::new(*config).unwrap().create().unwrap();
    store_suite::run(stores(|_, options| store(options)));
}

/// Also with no more than docs/spec.md#permissions asks for, but for loads that replace a segment, which need `Query`.
#[test]
fn with_minimal_permissions() {
    let server = DynamoDbServer::start();
    let allow = |actions: &'static [&'static str]| {
        HttpProxy::start(server.port(), move |request| match action(request) {
            action if actions.contains(&action) => Reaction::Pass,
            action => Reaction::Respond(denied(action)),
        })
    };
    let reader = allow(&["GetItem"]);
    // A transaction needs the actions of its parts, ConditionCheckItem and UpdateItem.
    let writer = allow(&["GetItem", "UpdateItem", "PutItem", "TransactWriteItems"]);
    let scanner = allow(&["Query"]);
    let port = |role: &str| match role {
        "reader" => reader.port(),
        "writer" => writer.port(),
        _ => scanner.port(),
    };
    let failures = store_suite::failures(stores(|role, options| store_at(port(role), options)));
    let replacing = [
        "a replacing load forgets the segment's members, and them alone",
        "a segment can be replaced by nothing",
        "replacing a segment without members",
        "a list that breaks off is an error",
        "any sequence of loads ends as the model says",
    ];
    assert_eq!(failures, replacing);
    let actions = |proxy: &HttpProxy| proxy.take_counts().into_keys().collect::<Vec<_>>();
    assert_eq!(actions(&reader), ["BatchGetItem", "GetItem"]);
    assert_eq!(actions(&writer), ["GetItem", "Query", "TransactWriteItems", "UpdateItem"]);
    assert_eq!(actions(&scanner), ["Query"]);
}
