use std::ops::ControlFlow;

use aws_sdk_dynamodb::types::AttributeValue;

use super::client::Link;
use super::config::DynamoDbConfig;
use super::error::Doing;
use super::schema::{self, EXCLUDED, INCLUDED, Item, Items, PARTITION_KEY};
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;
use crate::store::StoreScanner;

const WALKING: Doing = Doing::new("walking the store", "Query");

/// Walks a store in DynamoDB, with `Query`, which must be permitted.
///
/// A walk reads the items of its own environment only, a megabyte at a time, and consumes a read unit for 4 KB of them.
pub struct DynamoDbScanner {
    link: Link,
    items: Items,
}

impl DynamoDbScanner {
    /// Prepares to walk.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let items = Items::new(&config.prefix);
        let patience = config.response_timeout.max(DynamoDbConfig::WRITER_PATIENCE);
        Ok(Self { link: Link::new(config, patience)?, items })
    }
}

impl StoreScanner for DynamoDbScanner {
    /// Walks what is there, in the order of the hashes' text, while others go on writing.
    ///
    /// # Errors
    /// [`ErrorKind::StorePermission`](crate::ErrorKind::StorePermission) when `Query` is not permitted;
    /// [`ErrorKind::StoreData`](crate::ErrorKind::StoreData) at the first item that the schema does not allow.
    fn scan(&self, visit: &mut dyn FnMut(ContextHash, Membership) -> ControlFlow<()>) -> Result<()> {
        walk(&self.link, &self.items, None, &mut |page| {
            for item in page {
                let Some(hash) = schema::hash(item) else { continue };
                let membership = schema::membership(item).map_err(|e| e.at(self.link.config.place()))?;
                // Who has left all segments leaves an item behind that says nothing.
                if !membership.is_empty() && visit(hash, membership).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// Walks through the contexts' items, page by page, until `visit` breaks; only those of `segment`, if one is given.
pub(super) fn walk(
    link: &Link,
    items: &Items,
    segment: Option<&SegmentRef>,
    visit: &mut dyn FnMut(&[Item]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut position = None;
    loop {
        let ask = link.ask(WALKING, |client| {
            let query = client
                .query()
                .table_name(&link.config.table)
                .key_condition_expression(format!("{PARTITION_KEY} = :namespace"))
                .expression_attribute_values(":namespace", AttributeValue::S(items.memberships.clone()))
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
        let page = pollster::block_on(link.within(ask))?;
        // What is visited is foreign code: it runs here, with nothing under way.
        if visit(&page.items.unwrap_or_default())?.is_break() {
            return Ok(());
        }
        position = page.last_evaluated_key.filter(|key| !key.is_empty());
        if position.is_none() {
            return Ok(());
        }
    }
}
