//! Decodes replies of the server.

use redis::Value;

use super::config::RedisConfig;
use super::keys::Keys;
use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;

const READING: &str = "reading memberships";
const APPLYING: &str = "applying a patch";

impl Keys {
    /// Reads two replies for each context. A context fails alone if its keys hold what the schema does not allow, or if
    /// the node of a cluster that has one of them does not answer; any other error is the server's and fails all.
    pub(super) fn memberships(
        &self,
        config: &RedisConfig,
        hashes: &[ContextHash],
        replies: &[Result<Value>],
    ) -> Result<Vec<Result<Membership>>> {
        let mut memberships = Vec::with_capacity(hashes.len());
        for (hash, pair) in hashes.iter().zip(replies.chunks_exact(2)) {
            memberships.push(match (&pair[0], &pair[1]) {
                (Err(e), _) | (_, Err(e)) => Err(e.clone()),
                (Ok(included), Ok(excluded)) => {
                    let included = refs(config, || self.include(*hash), included);
                    match (included, refs(config, || self.exclude(*hash), excluded)) {
                        (Ok(included), Ok(excluded)) => Ok(Membership::new(included, excluded)),
                        (Err(e), _) | (_, Err(e)) if e.kind() == ErrorKind::StoreData => Err(e),
                        (Err(e), _) | (_, Err(e)) => return Err(e),
                    }
                }
            });
        }
        Ok(memberships)
    }
}

fn refs(config: &RedisConfig, key: impl Fn() -> String, reply: &Value) -> Result<Vec<SegmentRef>> {
    let wrong = |what: &str| config.error(ErrorKind::StoreData, READING, &format!("{} {what}", key()));
    let members = match reply {
        Value::Array(members) | Value::Set(members) => members,
        Value::ServerError(e) => return Err(config.refusal(&format!("{READING} ({})", key()), e)),
        _ => return Err(wrong("was answered with something else than a set")),
    };
    members
        .iter()
        .map(|member| match member {
            Value::BulkString(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(SegmentRef::from_store(text)),
                Err(_) => Err(wrong("has a member that is not UTF-8; whatever writes there must be mended")),
            },
            _ => Err(wrong("has a member that is not text")),
        })
        .collect()
}

/// Reads the reply to `GET`.
pub(super) fn text(config: &RedisConfig, doing: &str, reply: Option<&Value>) -> Result<Option<String>> {
    match reply {
        Some(Value::Nil) => Ok(None),
        Some(Value::BulkString(bytes)) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        Some(Value::ServerError(e)) => Err(config.refusal(doing, e)),
        _ => Err(Error::new(
            ErrorKind::StoreData,
            format!("Redis at {}: {doing}: no text came", config.place()),
        )),
    }
}

/// Reads the replies to `MULTI`, commands and `EXEC`; returns whether they were carried out, which they were not if a
/// watched key was written.
///
/// # Errors
/// Also when they were carried out but for some, for Redis takes nothing back.
pub(super) fn executed(config: &RedisConfig, replies: &[Value]) -> Result<bool> {
    let error = |reply: &&Value| matches!(reply, Value::ServerError(_));
    let refused = |reply: &Value| match reply {
        Value::ServerError(e) => Err(config.refusal(APPLYING, e)),
        _ => Ok(true),
    };
    // A command that could not even be queued says why; EXEC then only says that there was one.
    if let Some(refusal) = replies.iter().find(error) {
        return refused(refusal);
    }
    match replies.last() {
        Some(Value::Nil) => Ok(false),
        Some(Value::Array(results)) => results.iter().find(error).map_or(Ok(true), refused),
        _ => Err(config.error(ErrorKind::StoreData, APPLYING, "EXEC was answered with something odd")),
    }
}
