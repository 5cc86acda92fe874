//! The DynamoDB store, on the emulator of `tests/emulator` and on DynamoDB Local.

#[path = "../fixtures/fixture.rs"]
mod fixture;

mod credentials;
mod errors;
mod faults;
mod fork;
mod requests;
mod schema;
mod suite;
mod table;
