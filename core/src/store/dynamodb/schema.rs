//! The keys and attributes of one environment's items, byte for byte
//! (docs/spec.md#dynamodb-schema).

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::context_key::ContextHash;
use crate::error::{Error, ErrorKind, Result};
use crate::membership::Membership;
use crate::segment_ref::SegmentRef;
use crate::store::parse_synchronized_on;

pub(super) const PARTITION_KEY: &str = "namespace";
pub(super) const SORT_KEY: &str = "key";
pub(super) const INCLUDED: &str = "included";
pub(super) const EXCLUDED: &str = "excluded";
pub(super) const SYNCHRONIZED_ON: &str = "synchronizedOn";
pub(super) const CURSOR: &str = "lastVersion";

/// An item, or its key, as the SDK represents it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The namespaces of one environment.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    pub(super) memberships: String,
    metadata: String,
}

impl Schema {
    pub(super) fn new(prefix: &str) -> Self {
        let key_prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
        Self {
            memberships: format!("{key_prefix}big_segments_user"),
            metadata: format!("{key_prefix}big_segments_metadata"),
        }
    }

    /// Returns the key of a context's item.
    pub(super) fn membership_key(&self, hash: ContextHash) -> Item {
        key(&self.memberships, hash.to_string())
    }

    /// Returns the key of the environment's metadata item.
    pub(super) fn metadata_key(&self) -> Item {
        key(&self.metadata, self.metadata.clone())
    }

    /// Reads the sync time of a metadata item.
    pub(super) fn synchronized_on(&self, item: Option<&Item>) -> Result<Option<i64>> {
        let text = match item.and_then(|item| item.get(SYNCHRONIZED_ON)) {
            None => None,
            Some(AttributeValue::N(digits)) => Some(digits.as_str()),
            Some(_) => return Err(self.invalid(SYNCHRONIZED_ON, "is not a number")),
        };
        parse_synchronized_on(text).map_err(|e| e.at(&self.metadata))
    }

    /// Reads the cursor of a metadata item.
    pub(super) fn cursor(&self, item: Option<&Item>) -> Result<Option<String>> {
        match item.and_then(|item| item.get(CURSOR)) {
            None => Ok(None),
            Some(AttributeValue::S(cursor)) => Ok(Some(cursor.clone())),
            Some(_) => Err(self.invalid(CURSOR, "is not text")),
        }
    }

    fn invalid(&self, attribute: &str, what: &str) -> Error {
        let message =
            format!("{} has a {attribute} that {what}; fix the program that writes it", self.metadata);
        Error::new(ErrorKind::StoreData, message)
    }
}

fn key(namespace: &str, key: String) -> Item {
    HashMap::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(namespace.to_owned())),
        (SORT_KEY.to_owned(), AttributeValue::S(key)),
    ])
}

/// Returns the context of an item; `None` when its key is not a hash.
pub(super) fn hash(item: &Item) -> Option<ContextHash> {
    match item.get(SORT_KEY) {
        Some(AttributeValue::S(key)) => ContextHash::parse(key).ok(),
        _ => None,
    }
}

/// Reads a context's item.
pub(super) fn membership(item: &Item) -> Result<Membership> {
    let refs = |attribute: &str| match item.get(attribute) {
        None => Ok(Vec::new()),
        Some(AttributeValue::Ss(refs)) => {
            Ok(refs.iter().map(|text| SegmentRef::from_store(&**text)).collect())
        }
        Some(_) => {
            let context = hash(item).map_or_else(String::new, |hash| hash.to_string());
            let message = format!(
                "{context} has an attribute {attribute} that is not a set of strings; fix the program that writes it"
            );
            Err(Error::new(ErrorKind::StoreData, message))
        }
    };
    Ok(Membership::new(refs(INCLUDED)?, refs(EXCLUDED)?))
}

/// Makes a set; DynamoDB has no empty sets, so there must be at least one ref.
pub(super) fn set<'a>(refs: impl IntoIterator<Item = &'a SegmentRef>) -> AttributeValue {
    AttributeValue::Ss(refs.into_iter().map(|segment| segment.as_str().to_owned()).collect())
}
