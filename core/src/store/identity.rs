//! Whether two configurations name the same data.

use super::StoreConfig;
#[cfg(feature = "redis")]
use super::redis::{RedisAddress, RedisConfig, RedisServers};

impl StoreConfig {
    /// Returns whether both name the same data, whatever the login, the timeouts and the like.
    /// Nothing is resolved: a host name and its address count as two machines.
    pub fn is_same_store(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory(name), Self::Memory(other)) => name == other && !name.is_empty(),
            (Self::Local(config), Self::Local(other)) => {
                let resolve = |path: &std::path::Path| {
                    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or(path.to_owned())
                };
                resolve(&config.path) == resolve(&other.path)
            }
            #[cfg(feature = "redis")]
            (Self::Redis(config), Self::Redis(other)) => {
                config.prefix.key_prefix() == other.prefix.key_prefix()
                    && config.database == other.database
                    && addresses(config).iter().any(|address| addresses(other).contains(address))
            }
            #[cfg(feature = "dynamodb")]
            (Self::DynamoDb(config), Self::DynamoDb(other)) => {
                let account = |config: &super::dynamodb::DynamoDbConfig| {
                    (config.profile.clone(), config.role.as_ref().map(|role| role.arn.clone()))
                };
                (&config.table, &config.region, &config.endpoint, &config.prefix)
                    == (&other.table, &other.region, &other.endpoint, &other.prefix)
                    && account(config) == account(other)
            }
            _ => false,
        }
    }
}

/// Returns the addresses of a store's servers, with the master's name for sentinels.
#[cfg(feature = "redis")]
fn addresses(config: &RedisConfig) -> Vec<(&RedisAddress, Option<&str>)> {
    match &config.servers {
        RedisServers::One(address) => vec![(address, None)],
        RedisServers::Cluster(nodes) => nodes.iter().map(|node| (node, None)).collect(),
        RedisServers::Sentinel(sentinels) => {
            sentinels.addresses.iter().map(|address| (address, Some(&*sentinels.master))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(feature = "redis", feature = "dynamodb"))]
    #[test]
    fn logins_and_timeouts_make_no_difference() {
        let same = |one: &str, other: &str| {
            let parse = |text: &str| StoreConfig::parse(text).unwrap();
            assert_eq!(parse(one).is_same_store(&parse(other)), parse(other).is_same_store(&parse(one)));
            parse(one).is_same_store(&parse(other))
        };
        assert!(same("redis://host", "redis://user:password@host:6379/0?prefix=&connect_timeout=1s"));
        assert!(same("redis://host?prefix=a", "rediss://host?raw_prefix=a:"));
        assert!(!same("redis://host?prefix=a", "redis://host?prefix=b"));
        assert!(!same("redis://host/1", "redis://host/2") && !same("redis://host", "redis://host:7000"));
        assert!(same("redis+cluster://a,b", "redis+cluster://b:6379,c"));
        assert!(!same("redis+sentinel://a/one", "redis+sentinel://a/other"));
        assert!(same("dynamodb://table?prefix=a", "dynamodb://table?prefix=a&consistency=eventual"));
        assert!(!same("dynamodb://table?region=eu-west-1", "dynamodb://table?region=us-east-1"));
        assert!(same("local:./x", "local:x") && !same("local:x", "local:y"));
        assert!(same("memory:x", "memory:x") && !same("memory:", "memory:") && !same("memory:x", "local:x"));
    }
}
