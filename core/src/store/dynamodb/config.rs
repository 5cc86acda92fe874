//! The configuration of a DynamoDB store: table, endpoint, credentials and key prefix.

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

/// A role to assume before the table is used, such as for a table in another account.
#[derive(Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// The role's ARN.
    pub arn: String,
    /// The `sts:ExternalId` that the role's trust policy requires.
    pub external_id: Option<String>,
    /// The name of the session in the account's logs. Default:
    /// [`AssumedRole::DEFAULT_SESSION_NAME`].
    pub session_name: String,
}

impl AssumedRole {
    /// The default name of a session.
    pub const DEFAULT_SESSION_NAME: &'static str = "bigseg";
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssumedRole({} as {})", self.arn, self.session_name)
    }
}

/// The configuration of a DynamoDB store; [`StoreConfig::parse`](crate::StoreConfig::parse) reads
/// its string form.
///
/// It holds no access keys: credentials come from the environment, a profile, a web identity, the
/// container or the instance, in this order, as in every AWS SDK. Neither `Debug` nor `Display`
/// shows the external id.
#[derive(Clone, PartialEq, Eq)]
pub struct DynamoDbConfig {
    /// The table's name.
    pub table: String,
    /// The table's region; `None` = that of the environment (`AWS_REGION`), the profile or the
    /// instance.
    pub region: Option<String>,
    /// The prefix of the namespaces, followed by a colon. Default: none, and no colon.
    pub prefix: String,
    /// The URL of DynamoDB; `None` = that of the region.
    pub endpoint: Option<String>,
    /// The profile of the AWS configuration files to use; `None` = `AWS_PROFILE`, or `default`.
    pub profile: Option<String>,
    /// The role to assume with these credentials; `None` = none.
    pub role: Option<AssumedRole>,
    /// The consistency of lookups. Default: [`Consistency::Strong`]. Sync times, cursors and scans
    /// are always strong.
    pub consistency: Consistency,
    /// The limit for connecting. Default: [500 ms](Self::DEFAULT_CONNECT_TIMEOUT).
    pub connect_timeout: Duration,
    /// The limit for a reader's answer, all attempts together; each may take half of it. Default:
    /// [900 ms](Self::DEFAULT_RESPONSE_TIMEOUT). For writers and scanners it is at least
    /// [5 s](Self::WRITER_TIMEOUT) for each attempt.
    pub response_timeout: Duration,
    /// The write units that a bulk load may use in a second; `None` = no limit.
    pub write_units_per_second: Option<u32>,
}

impl DynamoDbConfig {
    /// Shorter than the engine's lookup deadline, so that the error names the step that took too
    /// long.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
    /// Shorter than the engine's lookup deadline, so that the error names the step that took too
    /// long.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_millis(900);
    /// The shortest limit for each answer to a writer or a scanner.
    pub const WRITER_TIMEOUT: Duration = Duration::from_secs(5);
    /// The longest either timeout may be.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);

    /// Creates a configuration with default options.
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

    /// Returns the limit for each answer to a writer or a scanner.
    pub(super) fn writer_timeout(&self) -> Duration {
        self.response_timeout.max(Self::WRITER_TIMEOUT)
    }

    /// Describes the table in messages.
    pub(super) fn describe_table(&self) -> String {
        let mut text = format!("DynamoDB table {}", self.table);
        if let Some(region) = &self.region {
            text.push_str(&format!(" in {region}"));
        }
        if let Some(endpoint) = &self.endpoint {
            text.push_str(&format!(" at {endpoint}"));
        }
        text
    }
}

impl fmt::Debug for DynamoDbConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoDbConfig({self})")
    }
}
