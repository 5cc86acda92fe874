//! The one table of things that can go wrong.
//!
//! C codes, Python exceptions and Node `error.code` are derived from [`ErrorKind`]; nothing else defines a kind.

use std::fmt;
use std::sync::Arc;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $number:literal, $name:literal, $retryable:literal;)+) => {
        /// What failed, as something a program can branch on.
        ///
        /// Numbers are part of the C ABI: they are grouped in blocks of 100, never change and are never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum ErrorKind { $($(#[doc = $doc])+ $kind = $number,)+ }

        impl ErrorKind {
            /// Every kind, in the order of its number.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)+];

            /// Returns the stable name, in `snake_case`; the bindings derive theirs from it.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => $name,)+ }
            }

            /// Returns whether the same call may succeed later without anything being changed by the caller.
            pub const fn retryable(self) -> bool {
                match self { $(ErrorKind::$kind => $retryable,)+ }
            }
        }
    };
}

error_kinds! {
    // 100: the caller's input
    /// An argument is missing, out of range or contradictory.
    InvalidArgument = 100, "invalid_argument", false;
    /// A context key is empty or not UTF-8 (docs/spec.md#context-hash).
    InvalidContextKey = 101, "invalid_context_key", false;
    /// A context hash is not 44 characters of padded standard base64 (docs/spec.md#context-hash).
    InvalidContextHash = 102, "invalid_context_hash", false;
    /// A segment ref is not `{segmentKey}.g{generation}` (docs/spec.md#segment-ref).
    InvalidSegmentRef = 103, "invalid_segment_ref", false;
    /// A store string or an option is malformed or out of range.
    InvalidConfig = 104, "invalid_config", false;
    /// A line, record or patch that was to be written cannot be understood.
    InvalidInput = 105, "invalid_input", false;
    /// A handle was already consumed by an earlier call.
    AlreadyUsed = 106, "already_used", false;
    // 200: the state of the engine
    /// The engine was closed.
    Closed = 200, "closed", false;
    /// The engine was opened before `fork` and is used in the child process.
    Forked = 201, "forked", false;
    /// The store cannot do what was asked of it.
    Unsupported = 202, "unsupported", false;
    // 300: the store
    /// The store cannot be reached, or failed while answering.
    StoreUnavailable = 300, "store_unavailable", true;
    /// The store did not answer before the deadline.
    StoreTimeout = 301, "store_timeout", true;
    /// The store was not asked: it failed repeatedly and is being probed in the background.
    CircuitOpen = 302, "circuit_open", true;
    /// There is no store at that place yet.
    StoreNotFound = 303, "store_not_found", true;
    /// What is at that place is damaged, or is not a store of ours.
    StoreFormat = 304, "store_format", false;
    /// The store answered with something the schema does not allow (docs/spec.md#store-schema).
    StoreData = 305, "store_data", false;
    /// The store refused access.
    StorePermission = 306, "store_permission", false;
    /// The store has no room left.
    StoreFull = 307, "store_full", false;
    /// The store refuses to do so much in so little time.
    StoreThrottled = 308, "store_throttled", true;
    // 400: the upstream, which a store is kept in step with
    /// The upstream cannot be reached, or failed while answering.
    UpstreamUnavailable = 400, "upstream_unavailable", true;
    /// The upstream did not answer, or fell silent.
    UpstreamTimeout = 401, "upstream_timeout", true;
    /// The upstream refused the SDK key, or has nothing at that address.
    UpstreamRefused = 402, "upstream_refused", false;
    /// The upstream answered with something its protocol does not allow (docs/spec.md#upstream-protocol).
    UpstreamData = 403, "upstream_data", false;
    // 900: us
    /// A defect of this library, caught before it could do harm.
    Internal = 900, "internal", false;
}

impl ErrorKind {
    /// Returns the stable number; 0 is never a kind and means success in C.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure: its kind, and one sentence saying what failed, where, and what to do.
///
/// Cheap to clone: one failed query is reported to every caller that waited for it. Neither the message nor the
/// source ever holds a context key or a password.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Creates an error.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    /// Creates an error that was caused by another one; the cause's text is not repeated in the message.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// Returns what failed, for branching.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the sentence for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns whether trying again may help; see [`ErrorKind::retryable`].
    pub fn retryable(&self) -> bool {
        self.0.kind.retryable()
    }

    /// Returns the same error with words put in front of its message, for a layer that knows where it happened.
    pub fn at(&self, place: impl fmt::Display) -> Self {
        Self::with_source(self.kind(), format!("{place}: {}", self.message()), self.clone())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, " (caused by: {source})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
