//! The DynamoDB store passes the suite, on every server there is.
#![cfg(feature = "dynamodb")]

use std::cell::Cell;

use bigseg_core::StoreConfig;
use bigseg_core::testkit::{DynamoDbServer, StoreUnderTest, store_suite};

/// Makes stores, each under a prefix of its own.
fn stores(store: impl Fn(&str) -> String) -> impl Fn() -> StoreUnderTest {
    let count = Cell::new(0);
    move || {
        count.set(count.get() + 1);
        let config =
            StoreConfig::parse(&store(&format!("prefix={}&response_timeout=60s", count.get()))).unwrap();
        StoreUnderTest {
            writer: config.writer().unwrap(),
            reader: config.reader().unwrap(),
            scanner: Some(config.scanner().unwrap()),
            // Items have 400 KB.
            most_refs: 9_000,
            loads_atomically: false,
        }
    }
}

#[test]
fn on_the_emulator() {
    let server = DynamoDbServer::start();
    store_suite::run(stores(|options| server.store(options)));
}
