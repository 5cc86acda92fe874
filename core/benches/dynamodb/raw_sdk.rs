//! The AWS SDK alone, on a runtime of its own.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use aws_smithy_http_client::Builder;
use bigseg::ContextHash;
use bigseg::testkit::DynamoDbServer;
use bigseg::testkit::dynamodb_server::{REGION, TABLE};
use tokio::runtime::Runtime;

/// A client and its runtime.
pub(crate) struct RawSdk {
    runtime: Runtime,
    client: Client,
}

impl RawSdk {
    pub(crate) fn connect(server: &DynamoDbServer) -> Self {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
            .endpoint_url(format!("http://127.0.0.1:{}", server.port()))
            .build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { runtime: runtime.expect("there are threads"), client: Client::from_conf(config) }
    }

    /// Reads one context, and waits.
    pub(crate) fn get(&self, hash: ContextHash) {
        let get = self.client.get_item().table_name(TABLE).consistent_read(true);
        let get = get.set_key(Some(key("big_segments_user", hash.to_string()))).send();
        assert!(self.runtime.block_on(get).expect("it answers").item.is_some());
    }

    /// Adds contexts to a segment, in sequential transactions of one check and that many updates.
    pub(crate) fn join(&self, hashes: &[ContextHash], updates: usize) {
        for hashes in hashes.chunks(updates) {
            let metadata = "big_segments_metadata";
            let check = ConditionCheck::builder()
                .table_name(TABLE)
                .set_key(Some(key(metadata, metadata.to_owned())))
                .condition_expression("attribute_not_exists(noCursor)")
                .build()
                .expect("complete");
            let mut items = vec![TransactWriteItem::builder().condition_check(check).build()];
            items.extend(hashes.iter().map(|hash| {
                let update = Update::builder()
                    .table_name(TABLE)
                    .set_key(Some(key("big_segments_user", hash.to_string())))
                    .update_expression("ADD included :segment")
                    .expression_attribute_values(":segment", AttributeValue::Ss(vec!["bare.g1".to_owned()]))
                    .build()
                    .expect("complete");
                TransactWriteItem::builder().update(update).build()
            }));
            let write = self.client.transact_write_items().set_transact_items(Some(items)).send();
            self.runtime.block_on(write).expect("it is written");
        }
    }
}

fn key(namespace: &str, key: String) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("namespace".to_owned(), AttributeValue::S(namespace.to_owned())),
        ("key".to_owned(), AttributeValue::S(key)),
    ])
}
