//! Decodes replies of the server.

use redis::{ServerError, Value};

use super::config::RedisConfig;
use super::keys::Keys;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;
use crate::store::BatchResult;

pub(super) const READING_MEMBERSHIPS: &str = "reading memberships";
pub(super) const READING_SYNC_TIME: &str = "reading the sync time";

/// Returns the text of a reply, if it is text.
pub(super) fn as_str(reply: &Value) -> Option<&str> {
    match reply {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Returns the first error among replies.
pub(super) fn first_error(replies: &[Value]) -> Option<&ServerError> {
    replies.iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(error),
        _ => None,
    })
}

/// Decodes the reply to `GET`: a string, or `None` if there is no such key.
pub(super) fn decode_string(
    config: &RedisConfig,
    operation: &str,
    reply: Option<&Value>,
) -> Result<Option<String>> {
    match reply {
        Some(Value::Nil) => Ok(None),
        Some(Value::BulkString(bytes)) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        Some(Value::ServerError(e)) => Err(config.server_error(operation, e)),
        _ => Err(config.error(ErrorKind::StoreData, operation, "unexpected reply to GET: not a string")),
    }
}

/// Decodes the replies to `MULTI`, the commands, and `EXEC`. Returns `true` if the transaction was
/// committed, and `false` if it was discarded because a watched key had changed.
///
/// # Errors
/// A command failed. If `EXEC` itself ran, the other commands took effect, because Redis does not
/// roll back.
pub(super) fn exec_committed(config: &RedisConfig, operation: &str, replies: &[Value]) -> Result<bool> {
    // The error of a command that could not be queued has the reason. The error of EXEC only says
    // that there was one.
    if let Some(error) = first_error(replies) {
        return Err(config.server_error(operation, error));
    }
    match replies.last() {
        Some(Value::Nil) => Ok(false),
        Some(Value::Array(results)) => match first_error(results) {
            Some(error) => Err(config.server_error(operation, error)),
            None => Ok(true),
        },
        _ => Err(config.error(ErrorKind::StoreData, operation, "unexpected reply to EXEC")),
    }
}

/// Decodes the replies to [`Keys::membership_commands`].
///
/// A context fails alone if its keys violate the schema, or if the cluster node that owns one of
/// them does not reply.
///
/// # Errors
/// Any other error concerns the server, and fails all contexts.
pub(super) fn decode_memberships(
    config: &RedisConfig,
    keys: &Keys,
    hashes: &[ContextHash],
    replies: &[Result<Value>],
) -> Result<BatchResult> {
    let mut memberships = Vec::with_capacity(hashes.len());
    for (hash, pair) in hashes.iter().zip(replies.chunks_exact(2)) {
        memberships.push(match (&pair[0], &pair[1]) {
            (Err(e), _) | (_, Err(e)) => Err(e.clone()),
            (Ok(included), Ok(excluded)) => {
                let included = decode_refs(config, || keys.include(*hash), included);
                let excluded = decode_refs(config, || keys.exclude(*hash), excluded);
                match (included, excluded) {
                    (Ok(included), Ok(excluded)) => Ok(Membership::new(included, excluded)),
                    (Err(e), _) | (_, Err(e)) if e.kind() == ErrorKind::StoreData => Err(e),
                    (Err(e), _) | (_, Err(e)) => return Err(e),
                }
            }
        });
    }
    BatchResult::new(hashes, memberships)
}

/// Decodes the reply to `SMEMBERS`.
fn decode_refs(config: &RedisConfig, key: impl Fn() -> String, reply: &Value) -> Result<Vec<SegmentRef>> {
    let members = match reply {
        Value::Array(members) | Value::Set(members) => members,
        Value::ServerError(e) => {
            return Err(config.server_error(&format!("{READING_MEMBERSHIPS} ({})", key()), e));
        }
        _ => return Err(schema_error(config, &key(), "unexpected reply to SMEMBERS: not a set")),
    };
    let refs = members.iter().map(|member| match member {
        Value::BulkString(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(SegmentRef::from_store(text)),
            Err(_) => Err(schema_error(
                config,
                &key(),
                "the set has a member that is not UTF-8; fix the program that writes it",
            )),
        },
        _ => Err(schema_error(config, &key(), "the set has a member that is not a string")),
    });
    refs.collect()
}

fn schema_error(config: &RedisConfig, key: &str, message: &str) -> Error {
    config.error(ErrorKind::StoreData, READING_MEMBERSHIPS, &format!("{key}: {message}"))
}
