//! Converts errors of DynamoDB, and of the connection to it, into errors that say what to do.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::config::DynamoDbConfig;
use crate::error::{Error, ErrorKind};

/// An operation, for error messages, and the IAM action that it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) action: &'static str,
}

impl Operation {
    pub(super) const fn new(name: &'static str, action: &'static str) -> Self {
        Self { name, action }
    }
}

/// Returns whether other credentials may help: these are expired or revoked.
pub(super) fn refuses_credentials(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ExpiredTokenException" | "ExpiredToken" | "UnrecognizedClientException" | "InvalidClientTokenId"
        )
    )
}

/// Returns whether a code means that the capacity is exceeded.
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

/// Returns the text of an error, and what each of its causes adds.
pub(super) fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

impl DynamoDbConfig {
    /// Makes an error that names the table and the operation.
    pub(super) fn error(&self, kind: ErrorKind, operation: &str, what: &str) -> Error {
        Error::new(kind, format!("{}: {operation}: {what}", self.describe_table()))
    }

    /// Converts the error of a request.
    pub(super) fn request_error<E>(&self, operation: Operation, error: &SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        use ErrorKind::{StoreTimeout, StoreUnavailable};
        let (kind, what) = match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                return self.server_error(operation, service.err().code(), service.err().message(), status);
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
        self.error(kind, operation.name, &what)
    }

    /// Converts an error that DynamoDB answered with.
    pub(super) fn server_error(
        &self,
        operation: Operation,
        code: Option<&str>,
        message: Option<&str>,
        status: u16,
    ) -> Error {
        use ErrorKind::{
            StoreFormat, StoreFull, StoreNotFound, StorePermission, StoreThrottled, StoreUnavailable,
        };
        let message = message.unwrap_or_default();
        let (kind, advice) = match code.unwrap_or_default() {
            "ResourceNotFoundException" => {
                (StoreNotFound, "there is no such table; is the region right? `bigseg table create` makes one".to_owned())
            }
            "AccessDeniedException" | "NotAuthorized" => {
                (StorePermission, format!("the action is denied; grant dynamodb:{}", operation.action))
            }
            "UnrecognizedClientException" | "InvalidClientTokenId" | "MissingAuthenticationTokenException" => {
                (StorePermission, "the credentials are not known there".to_owned())
            }
            "ExpiredTokenException" | "ExpiredToken" => (StorePermission, "the credentials have expired".to_owned()),
            "InvalidSignatureException" | "IncompleteSignatureException" => {
                (StorePermission, "the signature is refused; is the secret key right, and this machine's clock?".to_owned())
            }
            code if is_throttling(Some(code)) => {
                (StoreThrottled, "the table is throttled: its capacity is exceeded".to_owned())
            }
            "ValidationException" | "ValidationError" if is_about_keys(message) => {
                (StoreFormat, "the table has another key schema; it needs the partition key namespace and the sort key key, both strings".to_owned())
            }
            "ValidationException" | "ValidationError" if is_about_size(message) => {
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
        let details = format!("{shown} {message}");
        self.error(kind, operation.name, &format!("{advice} ({})", details.trim_end()))
    }
}

fn is_about_keys(message: &str) -> bool {
    message.contains("key element does not match")
        || message.contains("number of conditions on the keys")
        || message.contains("Missing the key")
        || message.contains("Query condition missed key schema element")
        || message.contains("Type mismatch for key")
}

fn is_about_size(message: &str) -> bool {
    message.contains("Item size")
}
