//! Which table holds the store, how to get at it, and under which keys the store lies.

use std::fmt;
use std::time::Duration;

/// How fresh a read is, and what it costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Consistency {
    /// A read sees every write before it. One read unit for 4 KB.
    #[default]
    Strong,
    /// A read may miss what was written in the last second or so. Half the price.
    Eventual,
}

/// A role to assume before the table is asked, as one does for a table in another account.
#[derive(Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// The role's ARN.
    pub arn: String,
    /// What the role's trust policy asks for as `sts:ExternalId`.
    pub external_id: Option<String>,
    /// The name under which the session shows in the account's logs. Default: [`AssumedRole::DEFAULT_SESSION_NAME`].
    pub session_name: String,
}

impl AssumedRole {
    /// The name of a session that is given none.
    pub const DEFAULT_SESSION_NAME: &'static str = "bigseg";
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssumedRole({} as {})", self.arn, self.session_name)
    }
}

/// Which DynamoDB table holds the store; see [`StoreConfig::parse`](crate::StoreConfig::parse) for its string form.
///
/// It has no place for keys: credentials come from the environment, a profile, a web identity, the container or the
/// instance, in this order, as with every AWS SDK. Neither `Debug` nor the store string made of it shows the external id.
#[derive(Clone, PartialEq, Eq)]
pub struct DynamoDbConfig {
    /// The table's name.
    pub table: String,
    /// The table's region; `None` = that of the environment (`AWS_REGION`), the profile or the instance.
    pub region: Option<String>,
    /// What the namespaces begin with; a colon follows it. By default nothing, and no colon.
    pub prefix: String,
    /// Where DynamoDB answers, as a URL; `None` = where the region's does.
    pub endpoint: Option<String>,
    /// The profile of the AWS configuration files to use; `None` = `AWS_PROFILE`, or `default`.
    pub profile: Option<String>,
    /// The role to assume with the credentials found; `None` = none.
    pub role: Option<AssumedRole>,
    /// How fresh lookups are. Default: [`Consistency::Strong`]. Sync times, cursors and walks always are.
    pub consistency: Consistency,
    /// How long connecting may take. Default: [500 ms](Self::DEFAULT_CONNECT_TIMEOUT).
    pub connect_timeout: Duration,
    /// How long a reader waits for an answer, all attempts together; each may take half of it. Default:
    /// [900 ms](Self::DEFAULT_RESPONSE_TIMEOUT). Writers and walks wait [5 s](Self::WRITER_PATIENCE) for each answer at least.
    pub response_timeout: Duration,
    /// How many write units a bulk load may consume in a second; `None` = as many as it can.
    pub write_units_per_second: Option<u32>,
}

impl DynamoDbConfig {
    /// Shorter than the engine's lookup deadline, so that the error says what was waited for.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
    /// Likewise.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_millis(900);
    /// How long a writer waits for each answer, if `response_timeout` is not longer.
    pub const WRITER_PATIENCE: Duration = Duration::from_secs(5);
    /// The longest either timeout may be.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);

    /// Names a table, with default options.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            region: None,
            prefix: String::new(),
            endpoint: None,
            profile: None,
            role: None,
            consistency: Consistency::default(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            write_units_per_second: None,
        }
    }

    /// Returns where the table is, for a person.
    pub(super) fn place(&self) -> String {
        let mut place = format!("DynamoDB table {}", self.table);
        if let Some(region) = &self.region {
            place.push_str(&format!(" in {region}"));
        }
        if let Some(endpoint) = &self.endpoint {
            place.push_str(&format!(" at {endpoint}"));
        }
        place
    }
}

impl fmt::Debug for DynamoDbConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoDbConfig({self})")
    }
}
