//! The table of error kinds, and the error type.
//!
//! `xtask generate` writes the table into the C header and the bindings: it is the only source of
//! C codes, Python exceptions and Node's `error.code`.

use std::fmt;
use std::sync::Arc;

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $number:literal, $name:literal, $retryable:literal;)+) => {
        /// The kind of a failure, for programs to branch on.
        ///
        /// Numbers are part of the C ABI: grouped in blocks of 100, never changed, never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum ErrorKind { $($(#[doc = $doc])+ $kind = $number,)+ }

        impl ErrorKind {
            /// Every kind, in the order of the numbers.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)+];

            /// Returns the stable name in `snake_case`, the same in every language.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => $name,)+ }
            }

            /// Returns whether the same call may succeed later without a change by the caller.
            pub const fn retryable(self) -> bool {
                match self { $(ErrorKind::$kind => $retryable,)+ }
            }
        }
    };
}

error_kinds! {
    // 100: input of the caller
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
    /// A line, record or patch to be written is malformed.
    InvalidInput = 105, "invalid_input", false;
    /// An object that can be used only once was used again.
    AlreadyUsed = 106, "already_used", false;
    // 200: state of the engine
    /// The engine was closed.
    Closed = 200, "closed", false;
    /// The object was created before `fork` and cannot be used in the child process.
    Forked = 201, "forked", false;
    /// The store, or this build of the library, does not support the operation.
    Unsupported = 202, "unsupported", false;
    // 300: the store
    /// The store cannot be reached, or failed during the request.
    StoreUnavailable = 300, "store_unavailable", true;
    /// The store did not reply before the deadline.
    StoreTimeout = 301, "store_timeout", true;
    /// The store was not queried: it failed repeatedly and is probed in the background.
    CircuitOpen = 302, "circuit_open", true;
    /// The store does not exist yet.
    StoreNotFound = 303, "store_not_found", true;
    /// The store is damaged, or is not a store of this library.
    StoreFormat = 304, "store_format", false;
    /// The store holds a value that the schema does not allow (docs/spec.md#store-schema).
    StoreData = 305, "store_data", false;
    /// The store denied access.
    StorePermission = 306, "store_permission", false;
    /// The store has no space left.
    StoreFull = 307, "store_full", false;
    /// The store rejected the request because of its rate limit.
    StoreThrottled = 308, "store_throttled", true;
    // 400: the upstream that a store is synchronized with
    /// The upstream cannot be reached, or failed during the request.
    UpstreamUnavailable = 400, "upstream_unavailable", true;
    /// The upstream did not reply in time, or its stream went silent.
    UpstreamTimeout = 401, "upstream_timeout", true;
    /// The upstream rejected the SDK key, or does not have the URL.
    UpstreamRefused = 402, "upstream_refused", false;
    /// The upstream sent data that its protocol does not allow (docs/spec.md#upstream-protocol).
    UpstreamData = 403, "upstream_data", false;
    // 900: this library
    /// A defect of this library, caught before it caused damage.
    Internal = 900, "internal", false;
}

impl ErrorKind {
    /// Returns the stable number. 0 is never a kind; it means success in C.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A failure: its kind, and a message that says what failed, where, and what to do.
///
/// Cloning is cheap: one failed query is reported to every caller that waited for it. Neither the
/// message nor the source contains a context key or a password.
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

    /// Creates an error with a cause, whose text is not repeated in the message.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns whether a retry may succeed; see [`ErrorKind::retryable`].
    pub fn retryable(&self) -> bool {
        self.0.kind.retryable()
    }

    /// Returns the error with the place of the failure in front of its message.
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
