//! Finds a region and credentials in the usual places, and makes a client of them.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient,
};

use super::config::DynamoDbConfig;
use super::error::causes;
use crate::clock::Clock;
use crate::error::{ErrorKind, Result};

/// How long before they expire credentials are renewed, unless that is more than a quarter of their life.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);
/// How often the client tries a request before it says what is wrong, and how long it waits at first.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
pub(super) const FINDING: &str = "finding credentials";

/// A client, and how long its credentials are good for.
pub(super) struct Access {
    pub(super) client: Client,
    /// When to look for new credentials, and when these are worth nothing; in Unix milliseconds.
    pub(super) due: i64,
    pub(super) end: i64,
}

/// Looks for a region and for credentials in the usual places, and makes a client of them.
///
/// Everything is read anew each time, so that files and variables may change while the process lives.
pub(super) async fn find(
    config: &DynamoDbConfig,
    http: SharedHttpClient,
    attempt_timeout: Duration,
) -> Result<Arc<Access>> {
    let mut loader = ConfigLoader::default().behavior_version(BehaviorVersion::latest()).http_client(http);
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    let sdk = loader.load().await;
    if sdk.region().is_none() {
        let what = "no region is known; name it as ?region=, in AWS_REGION, or in the profile";
        return Err(config.error(ErrorKind::InvalidConfig, FINDING, what));
    }
    let credentials = credentials(config, &sdk).await?;

    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .operation_attempt_timeout(attempt_timeout)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE);
    let mut client = aws_sdk_dynamodb::config::Builder::from(&sdk)
        .credentials_provider(credentials.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(endpoint) = &config.endpoint {
        client = client.endpoint_url(endpoint);
    }
    let (due, end) = lifetime(&credentials, Clock::System.unix_millis());
    Ok(Arc::new(Access { client: Client::from_conf(client.build()), due, end }))
}

async fn credentials(config: &DynamoDbConfig, sdk: &SdkConfig) -> Result<Credentials> {
    let base = match &config.profile {
        // Who names a profile means it, also where the environment has keys, which the chain would prefer.
        Some(profile) => {
            let settings = ProviderConfig::without_region()
                .with_region(sdk.region().cloned())
                .with_http_client(sdk.http_client().expect("it was given").clone());
            let named = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&settings);
            SharedCredentialsProvider::new(named.build())
        }
        None => sdk.credentials_provider().expect("the loader has a chain of providers"),
    };
    let found = match &config.role {
        None => base.provide_credentials().await,
        Some(role) => {
            let mut assumed =
                AssumeRoleProvider::builder(&role.arn).session_name(&role.session_name).configure(sdk);
            if let Some(external_id) = &role.external_id {
                assumed = assumed.external_id(external_id);
            }
            assumed.build_from_provider(base).await.provide_credentials().await
        }
    };
    found.map_err(|e| {
        let words = causes(&e);
        // The providers' errors have no type of their own for a service that could not be asked.
        let in_passing = ["dispatch failure", "timed out", "timeout"].iter().any(|word| words.contains(word));
        let kind = if in_passing { ErrorKind::StoreUnavailable } else { ErrorKind::StorePermission };
        let advice = match &config.role {
            _ if in_passing => "the service that lends them did not answer",
            None => {
                "there are no usable ones in the environment, a profile, a web identity, the container or the instance"
            }
            Some(_) => {
                "the role could not be assumed; does its trust policy name this identity and the external id?"
            }
        };
        config.error(kind, FINDING, &format!("{advice} ({words})"))
    })
}

/// Returns when to renew credentials, and when they end, in Unix milliseconds.
fn lifetime(credentials: &Credentials, now: i64) -> (i64, i64) {
    let Some(expiry) = credentials.expiry() else { return (i64::MAX, i64::MAX) };
    let end = expiry.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let before = (end.saturating_sub(now) / 4).clamp(0, RENEWED_BEFORE.as_millis() as i64);
    (end - before, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_five_minutes_or_a_quarter_of_their_life_before_they_expire() {
        let expiring = |seconds| {
            let expiry = UNIX_EPOCH + Duration::from_secs(seconds);
            Credentials::new("id", "secret", None, Some(expiry), "test")
        };
        assert_eq!(lifetime(&expiring(10_000), 0), (9_700_000, 10_000_000));
        assert_eq!(lifetime(&expiring(900), 0), (675_000, 900_000));
        assert_eq!(lifetime(&expiring(900), 1_000_000), (900_000, 900_000), "they have expired");
        assert_eq!(lifetime(&Credentials::new("id", "secret", None, None, "test"), 5), (i64::MAX, i64::MAX));
    }
}
