//! A store behind sentinels.
#![cfg(feature = "redis")]

use bigseg_core::StoreConfig;
use bigseg_core::testkit::RedisSentinels;

#[test]
fn reads() {
    let set = RedisSentinels::start();
    let reader = StoreConfig::parse(&set.store("", "")).unwrap().reader().unwrap();
    pollster::block_on(reader.metadata()).unwrap();
}
