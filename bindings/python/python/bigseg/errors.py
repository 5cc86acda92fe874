"""Errors: one exception for each kind, all derived from :class:`BigSegError`.

>>> import bigseg
>>> try:
...     bigseg.Engine("redis:/localhost")
... except bigseg.BigSegError as error:
...     print(error.kind, error.retryable)
invalid_config False
"""

from __future__ import annotations

import enum
from typing import ClassVar

__all__ = [
    "BigSegError",
    "ErrorKind",
    # <generated names from core/src/error.rs>
    "AlreadyUsedError",
    "CircuitOpenError",
    "ClosedError",
    "ForkedError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidConfigError",
    "InvalidContextHashError",
    "InvalidContextKeyError",
    "InvalidInputError",
    "InvalidSegmentRefError",
    "StoreDataError",
    "StoreFormatError",
    "StoreFullError",
    "StoreNotFoundError",
    "StorePermissionError",
    "StoreThrottledError",
    "StoreTimeoutError",
    "StoreUnavailableError",
    "UnsupportedError",
    "UpstreamDataError",
    "UpstreamRefusedError",
    "UpstreamTimeoutError",
    "UpstreamUnavailableError",
    # </generated>
]


class ErrorKind(enum.Enum):
    """The kind of a failure, for programs to branch on. Every language uses the same names."""

    # <generated members from core/src/error.rs>
    INVALID_ARGUMENT = "invalid_argument"
    """An argument is missing, out of range or contradictory."""
    INVALID_CONTEXT_KEY = "invalid_context_key"
    """A context key is empty or not UTF-8."""
    INVALID_CONTEXT_HASH = "invalid_context_hash"
    """A context hash is not 44 characters of padded standard base64."""
    INVALID_SEGMENT_REF = "invalid_segment_ref"
    """A segment ref is not ``{segmentKey}.g{generation}``."""
    INVALID_CONFIG = "invalid_config"
    """A store string or an option is malformed or out of range."""
    INVALID_INPUT = "invalid_input"
    """A line, record or patch to be written is malformed."""
    ALREADY_USED = "already_used"
    """An object that can be used only once was used again."""
    CLOSED = "closed"
    """The engine was closed."""
    FORKED = "forked"
    """The object was created before ``fork`` and cannot be used in the child process."""
    UNSUPPORTED = "unsupported"
    """The store, or this build of the library, does not support the operation."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The store cannot be reached, or failed during the request."""
    STORE_TIMEOUT = "store_timeout"
    """The store did not reply before the deadline."""
    CIRCUIT_OPEN = "circuit_open"
    """The store was not queried: it failed repeatedly and is probed in the background."""
    STORE_NOT_FOUND = "store_not_found"
    """The store does not exist yet."""
    STORE_FORMAT = "store_format"
    """The store is damaged, or is not a store of this library."""
    STORE_DATA = "store_data"
    """The store holds a value that the schema does not allow."""
    STORE_PERMISSION = "store_permission"
    """The store denied access."""
    STORE_FULL = "store_full"
    """The store has no space left."""
    STORE_THROTTLED = "store_throttled"
    """The store rejected the request because of its rate limit."""
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    """The upstream cannot be reached, or failed during the request."""
    UPSTREAM_TIMEOUT = "upstream_timeout"
    """The upstream did not reply in time, or its stream went silent."""
    UPSTREAM_REFUSED = "upstream_refused"
    """The upstream rejected the SDK key, or does not have the URL."""
    UPSTREAM_DATA = "upstream_data"
    """The upstream sent data that its protocol does not allow."""
    INTERNAL = "internal"
    """A defect of this library, caught before it caused damage."""
    # </generated>

    def __str__(self) -> str:
        return self.value


class BigSegError(Exception):
    """A failure. The text says what failed and what to do; it has no context keys or passwords.

    Lookups raise only on misuse. A failure of the store is part of the answer.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    """The kind of the failure."""
    number: ClassVar[int] = 900
    """The number of the kind, as in C."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without a change by the caller."""


# <generated exceptions from core/src/error.rs>


class InvalidArgumentError(BigSegError, ValueError):
    """An argument is missing, out of range or contradictory."""

    kind = ErrorKind.INVALID_ARGUMENT
    number = 100


class InvalidContextKeyError(BigSegError, ValueError):
    """A context key is empty or not UTF-8."""

    kind = ErrorKind.INVALID_CONTEXT_KEY
    number = 101


class InvalidContextHashError(BigSegError, ValueError):
    """A context hash is not 44 characters of padded standard base64."""

    kind = ErrorKind.INVALID_CONTEXT_HASH
    number = 102


class InvalidSegmentRefError(BigSegError, ValueError):
    """A segment ref is not ``{segmentKey}.g{generation}``."""

    kind = ErrorKind.INVALID_SEGMENT_REF
    number = 103


class InvalidConfigError(BigSegError, ValueError):
    """A store string or an option is malformed or out of range."""

    kind = ErrorKind.INVALID_CONFIG
    number = 104


class InvalidInputError(BigSegError, ValueError):
    """A line, record or patch to be written is malformed."""

    kind = ErrorKind.INVALID_INPUT
    number = 105


class AlreadyUsedError(BigSegError):
    """An object that can be used only once was used again."""

    kind = ErrorKind.ALREADY_USED
    number = 106


class ClosedError(BigSegError):
    """The engine was closed."""

    kind = ErrorKind.CLOSED
    number = 200


class ForkedError(BigSegError):
    """The object was created before ``fork`` and cannot be used in the child process."""

    kind = ErrorKind.FORKED
    number = 201


class UnsupportedError(BigSegError):
    """The store, or this build of the library, does not support the operation."""

    kind = ErrorKind.UNSUPPORTED
    number = 202


class StoreUnavailableError(BigSegError):
    """The store cannot be reached, or failed during the request."""

    kind = ErrorKind.STORE_UNAVAILABLE
    number = 300
    retryable = True


class StoreTimeoutError(BigSegError, TimeoutError):
    """The store did not reply before the deadline."""

    kind = ErrorKind.STORE_TIMEOUT
    number = 301
    retryable = True


class CircuitOpenError(BigSegError):
    """The store was not queried: it failed repeatedly and is probed in the background."""

    kind = ErrorKind.CIRCUIT_OPEN
    number = 302
    retryable = True


class StoreNotFoundError(BigSegError):
    """The store does not exist yet."""

    kind = ErrorKind.STORE_NOT_FOUND
    number = 303
    retryable = True


class StoreFormatError(BigSegError):
    """The store is damaged, or is not a store of this library."""

    kind = ErrorKind.STORE_FORMAT
    number = 304


class StoreDataError(BigSegError):
    """The store holds a value that the schema does not allow."""

    kind = ErrorKind.STORE_DATA
    number = 305


class StorePermissionError(BigSegError):
    """The store denied access."""

    kind = ErrorKind.STORE_PERMISSION
    number = 306


class StoreFullError(BigSegError):
    """The store has no space left."""

    kind = ErrorKind.STORE_FULL
    number = 307


class StoreThrottledError(BigSegError):
    """The store rejected the request because of its rate limit."""

    kind = ErrorKind.STORE_THROTTLED
    number = 308
    retryable = True


class UpstreamUnavailableError(BigSegError):
    """The upstream cannot be reached, or failed during the request."""

    kind = ErrorKind.UPSTREAM_UNAVAILABLE
    number = 400
    retryable = True


class UpstreamTimeoutError(BigSegError, TimeoutError):
    """The upstream did not reply in time, or its stream went silent."""

    kind = ErrorKind.UPSTREAM_TIMEOUT
    number = 401
    retryable = True


class UpstreamRefusedError(BigSegError):
    """The upstream rejected the SDK key, or does not have the URL."""

    kind = ErrorKind.UPSTREAM_REFUSED
    number = 402


class UpstreamDataError(BigSegError):
    """The upstream sent data that its protocol does not allow."""

    kind = ErrorKind.UPSTREAM_DATA
    number = 403


class InternalError(BigSegError):
    """A defect of this library, caught before it caused damage."""

    kind = ErrorKind.INTERNAL
    number = 900
# </generated>


_EXCEPTIONS: tuple[type[BigSegError], ...] = (
    # <generated tuple from core/src/error.rs>
    InvalidArgumentError,
    InvalidContextKeyError,
    InvalidContextHashError,
    InvalidSegmentRefError,
    InvalidConfigError,
    InvalidInputError,
    AlreadyUsedError,
    ClosedError,
    ForkedError,
    UnsupportedError,
    StoreUnavailableError,
    StoreTimeoutError,
    CircuitOpenError,
    StoreNotFoundError,
    StoreFormatError,
    StoreDataError,
    StorePermissionError,
    StoreFullError,
    StoreThrottledError,
    UpstreamUnavailableError,
    UpstreamTimeoutError,
    UpstreamRefusedError,
    UpstreamDataError,
    InternalError,
    # </generated>
)

BY_KIND = {exception.kind.value: (exception.kind, exception) for exception in _EXCEPTIONS}
"""Maps the name of each kind to its :class:`ErrorKind` and exception, for the native module."""
