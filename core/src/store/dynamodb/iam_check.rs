//! Which of the actions that a store needs are permitted.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, KeysAndAttributes, TransactWriteItem};

use super::error::Doing;
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

impl DynamoDbTable {
    /// Tries every action that readers, writers and walks need; blocks. Nothing is changed: writes carry a condition
    /// that cannot hold.
    ///
    /// # Errors
    /// The table could not be asked at all.
    pub fn actions(&self) -> Result<Vec<ActionCheck>> {
        pollster::block_on(self.link.within(async {
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
        let table = &self.link.config.table;
        let key = self.items.metadata_key();
        let send = |client: Client| client.get_item().table_name(table).set_key(Some(key.clone())).send();
        let answer = self.link.send(send).await?;
        Ok(self.judge("GetItem", "lookups, the sync time and the cursor", answer, false))
    }

    async fn try_batch(&self) -> Result<ActionCheck> {
        let table = &self.link.config.table;
        let keys =
            KeysAndAttributes::builder().keys(self.items.metadata_key()).build().expect("a key is given");
        let send = |client: Client| client.batch_get_item().request_items(table, keys.clone()).send();
        let answer = self.link.send(send).await?;
        Ok(self.judge("BatchGetItem", "optional: many lookups in one request", answer, false))
    }

    async fn try_query(&self) -> Result<ActionCheck> {
        let table = &self.link.config.table;
        let send = |client: Client| {
            let query = client.query().table_name(table).limit(1);
            let namespace = AttributeValue::S(self.items.memberships.clone());
            query
                .key_condition_expression(format!("{PARTITION_KEY} = :namespace"))
                .expression_attribute_values(":namespace", namespace)
                .send()
        };
        let answer = self.link.send(send).await?;
        Ok(self.judge("Query", "optional: stats, export, import --replace", answer, false))
    }

    async fn try_update(&self) -> Result<ActionCheck> {
        let table = &self.link.config.table;
        let send = |client: Client| {
            let update = client.update_item().table_name(table).set_key(Some(self.items.metadata_key()));
            update.update_expression(format!("REMOVE {CURSOR}")).condition_expression(IMPOSSIBLE).send()
        };
        let answer = self.link.send(send).await?;
        Ok(self.judge("UpdateItem", "writing", answer, true))
    }

    async fn try_check(&self) -> Result<ActionCheck> {
        let check = ConditionCheck::builder()
            .table_name(&self.link.config.table)
            .set_key(Some(self.items.metadata_key()))
            .condition_expression(IMPOSSIBLE)
            .build()
            .expect("table, key and condition are given");
        let check = TransactWriteItem::builder().condition_check(check).build();
        let send = |client: Client| client.transact_write_items().transact_items(check.clone()).send();
        let answer = self.link.send(send).await?;
        Ok(self.judge("ConditionCheckItem", "applying patches", answer, true))
    }

    /// Judges an action that should have succeeded or, with a condition that cannot hold, failed for that alone.
    fn judge<T, E>(
        &self,
        action: &'static str,
        purpose: &'static str,
        answer: Result<T, SdkError<E>>,
        conditional: bool,
    ) -> ActionCheck
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let outcome = answer.map(drop).or_else(|e| match e.as_service_error().and_then(|e| e.code()) {
            Some("ConditionalCheckFailedException" | "TransactionCanceledException") if conditional => Ok(()),
            _ => Err(self.link.config.failure(Doing::new("trying what is permitted", action), &e)),
        });
        ActionCheck { action, purpose, outcome }
    }
}
