//! The store in DynamoDB: `dynamodb://TABLE`, with the schema that every SDK reads.
//!
//! `schema.rs` has the layout of the items. Readers, writers and scanners send their requests
//! through `client.rs`, with credentials that `credentials.rs` finds. Readers need the action
//! `GetItem` and use `BatchGetItem` where they may; writers need `ConditionCheckItem`, `GetItem`
//! and `UpdateItem`; scans need `Query`.

mod bulk_load;
mod client;
mod config;
mod credentials;
mod error;
mod iam_check;
mod patch;
mod rate_limit;
mod reader;
mod scanner;
mod schema;
mod table;
mod table_writer;
mod transaction;
mod url;
mod writer;

pub use config::{AssumedRole, Consistency, DynamoDbConfig};
pub use iam_check::ActionCheck;
pub use reader::DynamoDbReader;
pub use scanner::DynamoDbScanner;
pub use table::{DynamoDbTable, TableState};
pub use writer::DynamoDbWriter;
