//! The store in DynamoDB: `dynamodb://TABLE`, with the schema that every SDK reads.
//!
//! `items.rs` has the layout (SPEC §3). All sides send their requests through `link.rs`, with credentials that
//! `credentials.rs` finds. Readers need the action `GetItem` and use `BatchGetItem` where they may; writers need
//! `ConditionCheckItem`, `GetItem` and `UpdateItem`; walks need `Query`.

mod config;
mod credentials;
mod failure;
mod items;
mod link;
mod loader;
mod pace;
mod permissions;
mod reader;
mod scanner;
mod store_string;
mod table;
mod transaction;
mod writer;

pub use config::{AssumedRole, Consistency, DynamoDbConfig};
pub use permissions::ActionCheck;
pub use reader::DynamoDbReader;
pub use scanner::DynamoDbScanner;
pub use table::{DynamoDbTable, TableState};
pub use writer::DynamoDbWriter;
