//! What tests of this crate, of the bindings and of further stores have in common. It ships with no
//! product.

pub mod capability;
pub mod certificates;
pub mod child;
pub mod dynamodb_client;
pub mod dynamodb_faults;
pub mod dynamodb_server;
pub mod fake_upstream;
pub mod fault_store;
pub mod http;
pub mod http_proxy;
pub mod proxy;
pub mod push_store;
pub mod redis_client;
pub mod redis_cluster;
pub mod redis_sentinels;
pub mod redis_server;
mod rounds;
pub mod samples;
pub mod store_model;
pub mod store_suite;

pub use child::Child;
pub use dynamodb_client::DynamoDbClient;
pub use dynamodb_server::DynamoDbServer;
pub use fake_upstream::{Endpoint, FakeUpstream, UpstreamFault, UpstreamRequest};
pub use fault_store::{Fault, FaultStore};
pub use http_proxy::HttpProxy;
pub use redis_client::{RedisClient, Reply};
pub use redis_cluster::RedisCluster;
pub use redis_sentinels::RedisSentinels;
pub use redis_server::RedisServer;
pub use rounds::rounds;
pub use store_model::StoreModel;
pub use store_suite::StoreUnderTest;
