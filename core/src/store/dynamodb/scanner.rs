use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::AttributeValue;

use super::client::TableClient;
use super::config::DynamoDbConfig;
use super::error::Operation;
use super::schema::{self, EXCLUDED, INCLUDED, Item, PARTITION_KEY, Schema};
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;
use crate::store::StoreScanner;

const SCANNING: Operation = Operation::new("scanning the store", "Query");

/// Scans a store in DynamoDB with the action `Query`.
///
/// A scan reads the items of its own environment only, a megabyte at a time, and uses a read unit
/// for each 4 KB of them.
pub struct DynamoDbScanner {
    client: TableClient,
    schema: Schema,
}

impl DynamoDbScanner {
    /// Creates a scanner, which does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let schema = Schema::new(&config.prefix);
        let timeout = config.writer_timeout();
        Ok(Self { client: TableClient::new(config, timeout)?, schema })
    }
}

impl StoreScanner for DynamoDbScanner {
    /// Scans the contexts in the order of the hashes' text, while writers may go on writing.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission) when `Query` is not
    /// permitted; [`ErrorKind::StoreData`](crate::ErrorKind::StoreData) at the first item that the
    /// schema does not allow.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        scan_pages(&self.client, &self.schema, None, &mut |page| {
            for item in page {
                let Some(hash) = schema::hash(item) else { continue };
                let membership =
                    schema::membership(item).map_err(|e| e.at(self.client.config.describe_table()))?;
                // A context that has left all segments leaves an empty item behind.
                if !membership.is_empty() && visit(hash, membership).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// Reads the contexts' items, page by page, until `visit` breaks; only those of `segment`, if one
/// is given.
pub(super) fn scan_pages(
    client: &TableClient,
    schema: &Schema,
    segment: Option<&SegmentRef>,
    visit: &mut dyn FnMut(&[Item]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut position = None;
    loop {
        let request = client.request(SCANNING, |sdk| {
            let query = sdk
                .query()
                .table_name(&client.config.table)
                .key_condition_expression(format!("{PARTITION_KEY} = :namespace"))
                .expression_attribute_values(":namespace", AttributeValue::S(schema.memberships.clone()))
                .consistent_read(true)
                .set_exclusive_start_key(position.clone());
            match segment {
                None => query,
                Some(segment) => query
                    .filter_expression(format!(
                        "contains({INCLUDED}, :segment) OR contains({EXCLUDED}, :segment)"
                    ))
                    .expression_attribute_values(":segment", AttributeValue::S(segment.as_str().to_owned())),
            }
            .send()
        });
        let page = pollster::block_on(client.on_runtime(request))?;
        // The visitor is foreign code: it runs here, with no request in flight.
        if visit(&page.items.unwrap_or_default())?.is_break() {
            return Ok(());
        }
        position = page.last_evaluated_key.filter(|key| !key.is_empty());
        if position.is_none() {
            return Ok(());
        }
    }
}
