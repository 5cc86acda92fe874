//! Says what a failure of DynamoDB, or of the way to it, means for the person who has to act on it.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::config::DynamoDbConfig;
use crate::error::{Error, ErrorKind};

/// What is being done, and the action that must be allowed for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing {
    pub(super) what: &'static str,
    pub(super) action: &'static str,
}

impl Doing {
    pub(super) const fn new(what: &'static str, action: &'static str) -> Self {
        Self { what, action }
    }
}

/// Returns whether other credentials may help: these are expired, or were taken back.
pub(super) fn refuses_credentials(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ExpiredTokenException" | "ExpiredToken" | "UnrecognizedClientException" | "InvalidClientTokenId"
        )
    )
}

/// Returns whether a code says that too much is asked for.
pub(super) fn is_throttling(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ProvisionedThroughputExceededException"
                | "ProvisionedThroughputExceeded"
                | "ThrottlingException"
                | "ThrottlingError"
                | "RequestLimitExceeded"
        )
    )
}

/// Says what an error says, and what each of its causes adds.
pub(super) fn causes(error: &dyn StdError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words.push_str(": ");
            words.push_str(&more);
        }
        cause = error.source();
    }
    words
}

impl DynamoDbConfig {
    /// Makes an error that says where the table is and what was being done.
    pub(super) fn error(&self, kind: ErrorKind, doing: &str, what: &str) -> Error {
        Error::new(kind, format!("{}: {doing}: {what}", self.place()))
    }

    /// Puts whatever went wrong with a request into words.
    pub(super) fn failure<E>(&self, doing: Doing, error: &SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        use ErrorKind::{StoreTimeout, StoreUnavailable};
        let (kind, what) = match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                return self.refusal(doing, service.err().code(), service.err().message(), status);
            }
            SdkError::TimeoutError(_) => (StoreTimeout, "there was no answer in time".to_owned()),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => (
                StoreTimeout,
                "it could not be connected to in time; is the region right, and the way there open?"
                    .to_owned(),
            ),
            SdkError::DispatchFailure(failure) if failure.is_io() => (
                StoreUnavailable,
                format!("nothing answers there; are the region and the endpoint right? ({})", causes(error)),
            ),
            _ => (StoreUnavailable, format!("the request failed ({})", causes(error))),
        };
        self.error(kind, doing.what, &what)
    }

    /// Puts an error that DynamoDB answered with into words.
    pub(super) fn refusal(
        &self,
        doing: Doing,
        code: Option<&str>,
        message: Option<&str>,
        status: u16,
    ) -> Error {
        use ErrorKind::{
            StoreFormat, StoreFull, StoreNotFound, StorePermission, StoreThrottled, StoreUnavailable,
        };
        let words = message.unwrap_or_default();
        let (kind, advice) = match code.unwrap_or_default() {
            "ResourceNotFoundException" => {
                (StoreNotFound, "there is no such table; is the region right? `bigseg table create` makes one".to_owned())
            }
            "AccessDeniedException" | "NotAuthorized" => {
                (StorePermission, format!("the action is denied; grant dynamodb:{}", doing.action))
            }
            "UnrecognizedClientException" | "InvalidClientTokenId" | "MissingAuthenticationTokenException" => {
                (StorePermission, "the credentials are not known there".to_owned())
            }
            "ExpiredTokenException" | "ExpiredToken" => (StorePermission, "the credentials have expired".to_owned()),
            "InvalidSignatureException" | "IncompleteSignatureException" => {
                (StorePermission, "the signature is refused; is the secret key right, and this machine's clock?".to_owned())
            }
            code if is_throttling(Some(code)) => {
                (StoreThrottled, "the table is throttled: more is asked for than its capacity allows".to_owned())
            }
            "ValidationException" | "ValidationError" if is_about_keys(words) => {
                (StoreFormat, "the table has another key schema; it needs the partition key namespace and the sort key key, both strings".to_owned())
            }
            "ValidationException" | "ValidationError" if is_about_size(words) => {
                (StoreFull, "a context is in more segments than an item of 400 KB can hold".to_owned())
            }
            "ItemCollectionSizeLimitExceededException" | "ItemCollectionSizeLimitExceeded" => {
                (StoreFull, "a local secondary index limits the table to 10 GB".to_owned())
            }
            "ResourceInUseException" => (StoreUnavailable, "the table is being created, changed or deleted".to_owned()),
            _ if status >= 500 => (StoreUnavailable, "DynamoDB failed".to_owned()),
            _ => (StoreUnavailable, "DynamoDB refused the request".to_owned()),
        };
        let shown = code.map_or_else(|| status.to_string(), str::to_owned);
        self.error(kind, doing.what, &format!("{advice} ({})", format!("{shown} {words}").trim_end()))
    }
}

fn is_about_keys(words: &str) -> bool {
    words.contains("key element does not match")
        || words.contains("number of conditions on the keys")
        || words.contains("Missing the key")
        || words.contains("Query condition missed key schema element")
        || words.contains("Type mismatch for key")
}

fn is_about_size(words: &str) -> bool {
    words.contains("Item size")
}
