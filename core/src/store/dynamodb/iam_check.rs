//! Checks which of the actions that a store needs are permitted.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, KeysAndAttributes, TransactWriteItem};

use super::error::Operation;
use super::schema::{CURSOR, PARTITION_KEY};
use super::table::DynamoDbTable;
use crate::error::Result;

/// A condition that no item meets.
const IMPOSSIBLE: &str = "attribute_exists(lastVersion) AND attribute_not_exists(lastVersion)";

/// Whether one action is permitted.
#[derive(Debug, Clone)]
pub struct ActionCheck {
    /// The action, such as `GetItem`.
    pub action: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
    /// Why it cannot be used; `Ok` = it can.
    pub outcome: Result<()>,
}

/// The answer to an action that is permitted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Success,
    /// The condition cannot hold, and nothing else is wrong.
    ConditionFailure,
}

impl DynamoDbTable {
    /// Tries every action that readers, writers and scanners need; blocks. Nothing is changed:
    /// writes carry a condition that cannot hold.
    ///
    /// # Errors
    /// The table could not be reached at all.
    pub fn actions(&self) -> Result<Vec<ActionCheck>> {
        pollster::block_on(self.client.on_runtime(async {
            Ok(vec![
                self.try_get().await?,
                self.try_batch().await?,
                self.try_query().await?,
                self.try_update().await?,
                self.try_check().await?,
            ])
        }))
    }

    async fn try_get(&self) -> Result<ActionCheck> {
        let table = &self.client.config.table;
        let key = self.schema.metadata_key();
        let send = |client: Client| client.get_item().table_name(table).set_key(Some(key.clone())).send();
        let answer = self.client.send(send).await?;
        Ok(self.check("GetItem", "lookups, the sync time and the cursor", answer, Expected::Success))
    }

    async fn try_batch(&self) -> Result<ActionCheck> {
        let table = &self.client.config.table;
        let keys =
            KeysAndAttributes::builder().keys(self.schema.metadata_key()).build().expect("a key is given");
        let send = |client: Client| client.batch_get_item().request_items(table, keys.clone()).send();
        let answer = self.client.send(send).await?;
        Ok(self.check("BatchGetItem", "optional: many lookups in one request", answer, Expected::Success))
    }

    async fn try_query(&self) -> Result<ActionCheck> {
        let table = &self.client.config.table;
        let send = |client: Client| {
            let query = client.query().table_name(table).limit(1);
            let namespace = AttributeValue::S(self.schema.memberships.clone());
            query
                .key_condition_expression(format!("{PARTITION_KEY} = :namespace"))
                .expression_attribute_values(":namespace", namespace)
                .send()
        };
        let answer = self.client.send(send).await?;
        Ok(self.check("Query", "optional: stats, export, import --replace", answer, Expected::Success))
    }

    async fn try_update(&self) -> Result<ActionCheck> {
        let table = &self.client.config.table;
        let send = |client: Client| {
            let update = client.update_item().table_name(table).set_key(Some(self.schema.metadata_key()));
            update.update_expression(format!("REMOVE {CURSOR}")).condition_expression(IMPOSSIBLE).send()
        };
        let answer = self.client.send(send).await?;
        Ok(self.check("UpdateItem", "writing", answer, Expected::ConditionFailure))
    }

    async fn try_check(&self) -> Result<ActionCheck> {
        let check = ConditionCheck::builder()
            .table_name(&self.client.config.table)
            .set_key(Some(self.schema.metadata_key()))
            .condition_expression(IMPOSSIBLE)
            .build()
            .expect("table, key and condition are given");
        let check = TransactWriteItem::builder().condition_check(check).build();
        let send = |client: Client| client.transact_write_items().transact_items(check.clone()).send();
        let answer = self.client.send(send).await?;
        Ok(self.check("ConditionCheckItem", "applying patches", answer, Expected::ConditionFailure))
    }

    /// Compares the answer to an action with the expected one.
    fn check<T, E>(
        &self,
        action: &'static str,
        purpose: &'static str,
        answer: Result<T, SdkError<E>>,
        expected: Expected,
    ) -> ActionCheck
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let outcome = answer.map(drop).or_else(|e| match e.as_service_error().and_then(|e| e.code()) {
            Some("ConditionalCheckFailedException" | "TransactionCanceledException")
                if expected == Expected::ConditionFailure =>
            {
                Ok(())
            }
            _ => Err(self.client.config.request_error(Operation::new("checking permissions", action), &e)),
        });
        ActionCheck { action, purpose, outcome }
    }
}
