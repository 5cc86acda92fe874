"""What can go wrong: one exception for each kind of error, all of them a :class:`BigSegError`.

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
]


class ErrorKind(enum.Enum):
    """What failed, as something a program can branch on. The values are the names that every language uses."""

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
    """A line, record or patch that was to be written cannot be understood."""
    ALREADY_USED = "already_used"
    """Something that can be used once was used before."""
    CLOSED = "closed"
    """The engine was closed."""
    FORKED = "forked"
    """Something was begun before ``fork`` that cannot go on in the child process."""
    UNSUPPORTED = "unsupported"
    """The store cannot do what was asked of it."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The store cannot be reached, or failed while answering."""
    STORE_TIMEOUT = "store_timeout"
    """The store did not answer before the deadline."""
    CIRCUIT_OPEN = "circuit_open"
    """The store was not asked: it failed repeatedly and is being probed in the background."""
    STORE_NOT_FOUND = "store_not_found"
    """There is no store at that place yet."""
    STORE_FORMAT = "store_format"
    """What is at that place is damaged, or is not a store of ours."""
    STORE_DATA = "store_data"
    """The store answered with something the schema does not allow."""
    STORE_PERMISSION = "store_permission"
    """The store refused access."""
    STORE_FULL = "store_full"
    """The store has no room left."""
    STORE_THROTTLED = "store_throttled"
    """The store refuses to do so much in so little time."""
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    """The upstream cannot be reached, or failed while answering."""
    UPSTREAM_TIMEOUT = "upstream_timeout"
    """The upstream did not answer, or fell silent."""
    UPSTREAM_REFUSED = "upstream_refused"
    """The upstream refused the SDK key, or has nothing at that address."""
    UPSTREAM_DATA = "upstream_data"
    """The upstream answered with something its protocol does not allow."""
    INTERNAL = "internal"
    """A defect of this library, caught before it could do harm."""

    def __str__(self) -> str:
        return self.value


class BigSegError(Exception):
    """A failure; its text is one sentence for a person, and holds neither context keys nor passwords.

    Lookups raise one only on misuse. Whatever goes wrong with the store is in the answer, because a program has to go on
    either way.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    """What failed, for branching."""
    number: ClassVar[int] = 900
    """The number that C knows the kind by."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without anything being changed by the caller."""


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
    """A line, record or patch that was to be written cannot be understood."""

    kind = ErrorKind.INVALID_INPUT
    number = 105


class AlreadyUsedError(BigSegError):
    """Something that can be used once was used before."""

    kind = ErrorKind.ALREADY_USED
    number = 106


class ClosedError(BigSegError):
    """The engine was closed."""

    kind = ErrorKind.CLOSED
    number = 200


class ForkedError(BigSegError):
    """Something was begun before ``fork`` that cannot go on in the child process."""

    kind = ErrorKind.FORKED
    number = 201


class UnsupportedError(BigSegError):
    """The store cannot do what was asked of it."""

    kind = ErrorKind.UNSUPPORTED
    number = 202


class StoreUnavailableError(BigSegError):
    """The store cannot be reached, or failed while answering."""

    kind = ErrorKind.STORE_UNAVAILABLE
    number = 300
    retryable = True


class StoreTimeoutError(BigSegError, TimeoutError):
    """The store did not answer before the deadline."""

    kind = ErrorKind.STORE_TIMEOUT
    number = 301
    retryable = True


class CircuitOpenError(BigSegError):
    """The store was not asked: it failed repeatedly and is being probed in the background."""

    kind = ErrorKind.CIRCUIT_OPEN
    number = 302
    retryable = True


class StoreNotFoundError(BigSegError):
    """There is no store at that place yet."""

    kind = ErrorKind.STORE_NOT_FOUND
    number = 303
    retryable = True


class StoreFormatError(BigSegError):
    """What is at that place is damaged, or is not a store of ours."""

    kind = ErrorKind.STORE_FORMAT
    number = 304


class StoreDataError(BigSegError):
    """The store answered with something the schema does not allow."""

    kind = ErrorKind.STORE_DATA
    number = 305


class StorePermissionError(BigSegError):
    """The store refused access."""

    kind = ErrorKind.STORE_PERMISSION
    number = 306


class StoreFullError(BigSegError):
    """The store has no room left."""

    kind = ErrorKind.STORE_FULL
    number = 307


class StoreThrottledError(BigSegError):
    """The store refuses to do so much in so little time."""

    kind = ErrorKind.STORE_THROTTLED
    number = 308
    retryable = True


class UpstreamUnavailableError(BigSegError):
    """The upstream cannot be reached, or failed while answering."""

    kind = ErrorKind.UPSTREAM_UNAVAILABLE
    number = 400
    retryable = True


class UpstreamTimeoutError(BigSegError, TimeoutError):
    """The upstream did not answer, or fell silent."""

    kind = ErrorKind.UPSTREAM_TIMEOUT
    number = 401
    retryable = True


class UpstreamRefusedError(BigSegError):
    """The upstream refused the SDK key, or has nothing at that address."""

    kind = ErrorKind.UPSTREAM_REFUSED
    number = 402


class UpstreamDataError(BigSegError):
    """The upstream answered with something its protocol does not allow."""

    kind = ErrorKind.UPSTREAM_DATA
    number = 403


class InternalError(BigSegError):
    """A defect of this library, caught before it could do harm."""

    kind = ErrorKind.INTERNAL
    number = 900


_EXCEPTIONS: tuple[type[BigSegError], ...] = (
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
)

BY_KIND = {exception.kind.value: (exception.kind, exception) for exception in _EXCEPTIONS}
"""Of each kind's name: its member of :class:`ErrorKind`, and its exception. For the native half."""
