//! Codes
//!
//! A call that can fail returns a code. The number of a code never changes and is never reused. New
//! codes can be added.

use bigseg::ErrorKind;

use crate::checks::guard_value;
use crate::text::bigseg_str;

/// Success, or the kind of failure; in blocks of 100.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum bigseg_code {
    /// Success.
    BIGSEG_OK = 0,
    // <generated codes from core/src/error.rs>
    /// An argument is missing, out of range or contradictory.
    BIGSEG_INVALID_ARGUMENT = 100,
    /// A context key is empty or not UTF-8.
    BIGSEG_INVALID_CONTEXT_KEY = 101,
    /// A context hash is not 44 characters of padded standard base64.
    BIGSEG_INVALID_CONTEXT_HASH = 102,
    /// A segment ref is not `{segmentKey}.g{generation}`.
    BIGSEG_INVALID_SEGMENT_REF = 103,
    /// A store string or an option is malformed or out of range.
    BIGSEG_INVALID_CONFIG = 104,
    /// A line, record or patch to be written is malformed.
    BIGSEG_INVALID_INPUT = 105,
    /// An object that can be used only once was used again.
    BIGSEG_ALREADY_USED = 106,

    /// The engine was closed.
    BIGSEG_CLOSED = 200,
    /// The object was created before `fork` and cannot be used in the child process.
    BIGSEG_FORKED = 201,
    /// The store, or this build of the library, does not support the operation.
    BIGSEG_UNSUPPORTED = 202,

    /// The store cannot be reached, or failed during the request.
    BIGSEG_STORE_UNAVAILABLE = 300,
    /// The store did not reply before the deadline.
    BIGSEG_STORE_TIMEOUT = 301,
    /// The store was not queried: it failed repeatedly and is probed in the background.
    BIGSEG_CIRCUIT_OPEN = 302,
    /// The store does not exist yet.
    BIGSEG_STORE_NOT_FOUND = 303,
    /// The store is damaged, or is not a store of this library.
    BIGSEG_STORE_FORMAT = 304,
    /// The store holds a value that the schema does not allow.
    BIGSEG_STORE_DATA = 305,
    /// The store denied access.
    BIGSEG_STORE_PERMISSION = 306,
    /// The store has no space left.
    BIGSEG_STORE_FULL = 307,
    /// The store rejected the request because of its rate limit.
    BIGSEG_STORE_THROTTLED = 308,

    /// The upstream cannot be reached, or failed during the request.
    BIGSEG_UPSTREAM_UNAVAILABLE = 400,
    /// The upstream did not reply in time, or its stream went silent.
    BIGSEG_UPSTREAM_TIMEOUT = 401,
    /// The upstream rejected the SDK key, or does not have the URL.
    BIGSEG_UPSTREAM_REFUSED = 402,
    /// The upstream sent data that its protocol does not allow.
    BIGSEG_UPSTREAM_DATA = 403,

    /// A defect of this library, caught before it caused damage.
    BIGSEG_INTERNAL = 900,
    // </generated>
}

/// A code that the host passes, which can be any number; the header shows `bigseg_code`.
pub(crate) type raw_code = u32;

impl bigseg_code {
    /// Returns the code of a kind.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            // <generated arms from core/src/error.rs>
            ErrorKind::InvalidArgument => Self::BIGSEG_INVALID_ARGUMENT,
            ErrorKind::InvalidContextKey => Self::BIGSEG_INVALID_CONTEXT_KEY,
            ErrorKind::InvalidContextHash => Self::BIGSEG_INVALID_CONTEXT_HASH,
            ErrorKind::InvalidSegmentRef => Self::BIGSEG_INVALID_SEGMENT_REF,
            ErrorKind::InvalidConfig => Self::BIGSEG_INVALID_CONFIG,
            ErrorKind::InvalidInput => Self::BIGSEG_INVALID_INPUT,
            ErrorKind::AlreadyUsed => Self::BIGSEG_ALREADY_USED,
            ErrorKind::Closed => Self::BIGSEG_CLOSED,
            ErrorKind::Forked => Self::BIGSEG_FORKED,
            ErrorKind::Unsupported => Self::BIGSEG_UNSUPPORTED,
            ErrorKind::StoreUnavailable => Self::BIGSEG_STORE_UNAVAILABLE,
            ErrorKind::StoreTimeout => Self::BIGSEG_STORE_TIMEOUT,
            ErrorKind::CircuitOpen => Self::BIGSEG_CIRCUIT_OPEN,
            ErrorKind::StoreNotFound => Self::BIGSEG_STORE_NOT_FOUND,
            ErrorKind::StoreFormat => Self::BIGSEG_STORE_FORMAT,
            ErrorKind::StoreData => Self::BIGSEG_STORE_DATA,
            ErrorKind::StorePermission => Self::BIGSEG_STORE_PERMISSION,
            ErrorKind::StoreFull => Self::BIGSEG_STORE_FULL,
            ErrorKind::StoreThrottled => Self::BIGSEG_STORE_THROTTLED,
            ErrorKind::UpstreamUnavailable => Self::BIGSEG_UPSTREAM_UNAVAILABLE,
            ErrorKind::UpstreamTimeout => Self::BIGSEG_UPSTREAM_TIMEOUT,
            ErrorKind::UpstreamRefused => Self::BIGSEG_UPSTREAM_REFUSED,
            ErrorKind::UpstreamData => Self::BIGSEG_UPSTREAM_DATA,
            ErrorKind::Internal => Self::BIGSEG_INTERNAL,
            // </generated>
            // ErrorKind is non-exhaustive; the test below fails if a kind is missing.
            _ => Self::BIGSEG_INTERNAL,
        }
    }
}

/// Returns the error kind of a number; `None` for success and for unknown numbers.
pub(crate) fn kind_of(code: raw_code) -> Option<ErrorKind> {
    ErrorKind::ALL.iter().copied().find(|kind| kind.number() == code)
}

/// Returns the stable name of a code in `snake_case`, such as "store_timeout"; "ok" for
/// `BIGSEG_OK`, and empty for an unknown number. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_code_name(code: raw_code) -> bigseg_str {
    guard_value(bigseg_str::of(""), || {
        bigseg_str::of(match code {
            0 => "ok",
            code => kind_of(code).map_or("", ErrorKind::name),
        })
    })
}

/// Returns whether the same call can succeed later without a change by the caller; false for
/// `BIGSEG_OK` and for an unknown number.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_code_retryable(code: raw_code) -> bool {
    guard_value(false, || kind_of(code).is_some_and(ErrorKind::retryable))
}

/// Returns the number of codes of the loaded library, including `BIGSEG_OK`.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_code_count() -> usize {
    1 + ErrorKind::ALL.len()
}

/// Returns the code at `index`, from 0 to `bigseg_code_count() - 1`, in the order of the numbers;
/// `BIGSEG_OK` beyond that.
#[unsafe(no_mangle)]
pub extern "C" fn bigseg_code_at(index: usize) -> bigseg_code {
    guard_value(bigseg_code::BIGSEG_OK, || {
        let kind = index.checked_sub(1).and_then(|index| ErrorKind::ALL.get(index));
        kind.map_or(bigseg_code::BIGSEG_OK, |kind| bigseg_code::of(*kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_code_of_its_number_and_name() {
        for kind in ErrorKind::ALL {
            let code = bigseg_code::of(*kind);
            assert_eq!(code as u32, kind.number(), "{kind}: run xtask generate");
            assert_eq!(format!("{code:?}"), format!("BIGSEG_{}", kind.name().to_ascii_uppercase()));
        }
    }
}
