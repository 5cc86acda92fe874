//! The table itself: creates it, and checks its schema.

use std::time::Duration;

use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
    TableStatus,
};

use super::client::TableClient;
use super::config::DynamoDbConfig;
use super::error::Operation;
use super::schema::{PARTITION_KEY, SORT_KEY, Schema};
use crate::clock::Clock;
use crate::error::{ErrorKind, Result};

/// The limit for the creation of a table, and how often its status is read.
const CREATION_TIMEOUT: Duration = Duration::from_secs(300);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

const CREATING: Operation = Operation::new("creating the table", "CreateTable");
const DESCRIBING: Operation = Operation::new("describing the table", "DescribeTable");

/// A table, for setup and diagnosis.
pub struct DynamoDbTable {
    pub(super) client: TableClient,
    pub(super) schema: Schema,
}

/// The description of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableState {
    /// The table's status, such as `ACTIVE`.
    pub status: String,
    /// Whether it is billed by request rather than by provisioned capacity.
    pub on_demand: bool,
    /// About how many items it holds, all environments together; DynamoDB counts every six hours.
    pub items: u64,
}

impl DynamoDbTable {
    /// Names a table.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn new(config: DynamoDbConfig) -> Result<Self> {
        let schema = Schema::new(&config.prefix);
        let timeout = config.writer_timeout();
        Ok(Self { client: TableClient::new(config, timeout)?, schema })
    }

    /// Creates the table with the schema of every SDK (docs/spec.md#dynamodb-schema), billed by
    /// request, and blocks until it can be used. Returns `false` if it existed already.
    ///
    /// # Errors
    /// [`ErrorKind::StoreFormat`] when there is one with another schema.
    pub fn create(&self) -> Result<bool> {
        pollster::block_on(self.client.on_runtime(async {
            let is_new = self.request_creation().await?;
            let deadline = Clock::System.now().after(CREATION_TIMEOUT);
            loop {
                match self.describe().await {
                    Ok(table) if table.table_status == Some(TableStatus::Active) => {
                        return self.check_schema(&table).map(|()| is_new);
                    }
                    // A table that was just created is not known everywhere at once.
                    Err(e) if !(is_new && e.kind() == ErrorKind::StoreNotFound) => return Err(e),
                    _ => {}
                }
                if Clock::System.now() >= deadline {
                    let what = format!("it is not ready after {CREATION_TIMEOUT:?}");
                    return Err(self.client.config.error(ErrorKind::StoreTimeout, CREATING.name, &what));
                }
                self.client.pause(POLL_INTERVAL).await;
            }
        }))
    }

    /// Describes the table; blocks.
    ///
    /// # Errors
    /// [`ErrorKind::StoreNotFound`]; [`ErrorKind::StoreFormat`] for another schema;
    /// [`ErrorKind::StorePermission`] also if the table may be used but `DescribeTable` is not
    /// permitted.
    pub fn state(&self) -> Result<TableState> {
        let table = pollster::block_on(self.client.on_runtime(self.describe()))?;
        self.check_schema(&table)?;
        let billing = table.billing_mode_summary.and_then(|summary| summary.billing_mode);
        Ok(TableState {
            status: table.table_status.map_or_else(String::new, |status| status.as_str().to_owned()),
            on_demand: billing == Some(BillingMode::PayPerRequest),
            items: table.item_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
        })
    }

    async fn request_creation(&self) -> Result<bool> {
        let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let text = |name| {
            let definition = AttributeDefinition::builder().attribute_name(name);
            definition.attribute_type(ScalarAttributeType::S).build()
        };
        let complete = "all parts are given";
        let keys = [(PARTITION_KEY, KeyType::Hash), (SORT_KEY, KeyType::Range)];
        let schema: Vec<_> = keys.map(|(name, kind)| key(name, kind).expect(complete)).into();
        let attributes: Vec<_> = [PARTITION_KEY, SORT_KEY].map(|name| text(name).expect(complete)).into();
        let answer = self
            .client
            .send(|client| {
                client
                    .create_table()
                    .table_name(&self.client.config.table)
                    .set_key_schema(Some(schema.clone()))
                    .set_attribute_definitions(Some(attributes.clone()))
                    .billing_mode(BillingMode::PayPerRequest)
                    .send()
            })
            .await?;
        match answer {
            Ok(_) => Ok(true),
            Err(e) if e.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {
                Ok(false)
            }
            Err(e) => Err(self.client.config.request_error(CREATING, &e)),
        }
    }

    async fn describe(&self) -> Result<TableDescription> {
        let table = &self.client.config.table;
        let answer = self
            .client
            .request(DESCRIBING, |client| client.describe_table().table_name(table).send())
            .await?;
        Ok(answer.table.unwrap_or_else(|| TableDescription::builder().build()))
    }

    fn check_schema(&self, table: &TableDescription) -> Result<()> {
        let keys = table.key_schema().iter().map(|key| (key.attribute_name(), key.key_type()));
        let is_text = |name: &str| {
            let types = table.attribute_definitions().iter();
            types
                .into_iter()
                .any(|a| a.attribute_name() == name && *a.attribute_type() == ScalarAttributeType::S)
        };
        let expected = [(PARTITION_KEY, &KeyType::Hash), (SORT_KEY, &KeyType::Range)];
        if keys.eq(expected) && is_text(PARTITION_KEY) && is_text(SORT_KEY) {
            return Ok(());
        }
        let found: Vec<_> = table
            .key_schema()
            .iter()
            .map(|key| format!("{} ({})", key.attribute_name(), key.key_type()))
            .collect();
        let what = format!(
            "the table has another key schema: it needs {PARTITION_KEY} (HASH) and {SORT_KEY} (RANGE), both strings, and has {}",
            found.join(" and ")
        );
        Err(self.client.config.error(ErrorKind::StoreFormat, DESCRIBING.name, &what))
    }
}
