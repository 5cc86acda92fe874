//! Resolves a region and credentials from the usual sources, and makes a client of them.

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

/// How long before they expire credentials are renewed, at most a quarter of their life.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);
/// How often the client tries a request before it reports an error, and its first backoff.
const MAX_ATTEMPTS: u32 = 3;
const MIN_BACKOFF: Duration = Duration::from_millis(25);
/// The name of this operation in errors.
pub(super) const RESOLVING_CREDENTIALS: &str = "finding credentials";

/// A client, and how long its credentials are valid, in Unix milliseconds.
pub(super) struct AuthenticatedClient {
    pub(super) client: Client,
    pub(super) renew_at: i64,
    pub(super) expires_at: i64,
}

/// Resolves a region and credentials as every AWS SDK does, and makes a client of them.
///
/// Files and variables are read each time, because they may change while the process runs.
pub(super) async fn resolve_credentials(
    config: &DynamoDbConfig,
    http: SharedHttpClient,
    attempt_timeout: Duration,
) -> Result<Arc<AuthenticatedClient>> {
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
        return Err(config.error(ErrorKind::InvalidConfig, RESOLVING_CREDENTIALS, what));
    }
    let credentials = credentials(config, &sdk).await?;

    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.connect_timeout)
        .operation_attempt_timeout(attempt_timeout)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_initial_backoff(MIN_BACKOFF);
    let mut client = aws_sdk_dynamodb::config::Builder::from(&sdk)
        .credentials_provider(credentials.clone())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(endpoint) = &config.endpoint {
        client = client.endpoint_url(endpoint);
    }
    let (renew_at, expires_at) = lifetime(&credentials, Clock::System.unix_millis());
    Ok(Arc::new(AuthenticatedClient { client: Client::from_conf(client.build()), renew_at, expires_at }))
}

async fn credentials(config: &DynamoDbConfig, sdk: &SdkConfig) -> Result<Credentials> {
    let base = match &config.profile {
        // A named profile wins over keys in the environment, which the chain of providers would
        // prefer.
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
        let causes = causes(&e);
        // The providers' errors have no type of their own for a service that cannot be reached.
        let is_transient = ["dispatch failure", "timed out", "timeout"].iter().any(|word| causes.contains(word));
        let kind = if is_transient { ErrorKind::StoreUnavailable } else { ErrorKind::StorePermission };
        let advice = match &config.role {
            _ if is_transient => "the service that issues them did not answer",
            None => {
                "there are no usable ones in the environment, a profile, a web identity, the container or the instance"
            }
            Some(_) => {
                "the role could not be assumed; does its trust policy name this identity and the external id?"
            }
        };
        config.error(kind, RESOLVING_CREDENTIALS, &format!("{advice} ({causes})"))
    })
}

/// Returns when to renew credentials and when they expire, in Unix milliseconds.
fn lifetime(credentials: &Credentials, now: i64) -> (i64, i64) {
    let Some(expiry) = credentials.expiry() else { return (i64::MAX, i64::MAX) };
    let expires_at = expiry.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let margin = (expires_at.saturating_sub(now) / 4).clamp(0, RENEWAL_MARGIN.as_millis() as i64);
    (expires_at - margin, expires_at)
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
