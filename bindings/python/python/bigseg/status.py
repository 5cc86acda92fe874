"""The status of lookups and of the store, and the metrics of an engine."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .errors import ErrorKind

__all__ = ["Limitation", "LookupStatus", "Metrics", "Origin", "LastError", "StoreStatus"]


class LookupStatus(enum.IntEnum):
    """How far an answer can be trusted, from best to worst: a greater value is worse.

    >>> max(LookupStatus.STALE, LookupStatus.HEALTHY).name
    'STALE'
    """

    HEALTHY = 0
    """The store answered, and it is up to date."""
    STALE = 1
    """The store answered, but it was not updated within ``stale_after``."""
    STORE_ERROR = 2
    """The store failed; the membership is the last known one, or empty."""
    NOT_CONFIGURED = 3
    """The engine has no store, so no membership was looked up."""

    def worst(self, other: LookupStatus) -> LookupStatus:
        """Returns the worse of two statuses.

        An evaluation with several lookups reports that one.
        """
        return max(self, other)

    def __str__(self) -> str:
        return self.name


class Origin(enum.Enum):
    """Where an answer comes from."""

    STORE = "store"
    """The store, for this lookup."""
    CACHE = "cache"
    """The cache; the answer has not expired."""
    LAST_KNOWN = "last_known"
    """The cache; the answer has expired, but the store failed."""
    NOTHING = "nothing"
    """No store, or it failed and no last known answer exists. The membership is empty."""


@dataclass(frozen=True)
class LastError:
    """A failure of the store."""

    kind: ErrorKind
    """The kind of the error."""
    message: str
    """The message for a person."""
    at: int
    """When it happened, in Unix milliseconds."""


@dataclass(frozen=True)
class Limitation:
    """A feature that the store disabled, because the server refused it."""

    feature: str
    """The disabled feature, in one or two words."""
    reason: str
    """Why, and what to do about it."""


@dataclass(frozen=True)
class StoreStatus:
    """The status of the store at one moment."""

    available: bool
    """Whether the last poll, and the last lookup since, succeeded.

    ``False`` until the first poll is done.
    """
    stale: bool
    """Whether the sync time is older than ``stale_after``.

    Keeps its last value while unavailable.
    """
    last_up_to_date: int | None
    """When the store was last up to date, in Unix milliseconds; ``None`` means never or unknown."""
    last_error: LastError | None
    """The last failure, also after the store recovered."""
    since: int
    """When ``available`` or ``stale`` last changed, in Unix milliseconds."""
    clock_skew: bool
    """Whether ``last_up_to_date`` is in the future: the clock here or at the writer is wrong."""
    push_invalidation: bool
    """Whether push invalidation is active; otherwise the cache relies on expiry.

    Listeners are not called when only this field or ``limitations`` changes."""
    limitations: tuple[Limitation, ...]
    """The features that the store disabled, because the server refused them."""


@dataclass(frozen=True)
class Metrics:
    """The counters of an engine since it was opened in this process, and its current sizes."""

    # <generated metrics from core/src/metrics.rs>
    cache_hits: int
    """Lookups answered from the cache."""
    cache_misses: int
    """Lookups that the cache could not answer."""
    coalesced_lookups: int
    """Misses that joined an in-flight query of the same context."""
    store_queries: int
    """Queries sent to the store."""
    store_contexts: int
    """Contexts in those queries."""
    store_errors: int
    """Queries that failed."""
    last_known_answers: int
    """Lookups answered with the last known membership because the store failed."""
    failed_lookups: int
    """Lookups without an answer because the store failed."""
    circuit_openings: int
    """Times the circuit breaker opened."""
    status_polls: int
    """Polls of the store's sync time."""
    status_poll_errors: int
    """Polls that failed."""
    pushed_invalidations: int
    """Contexts invalidated by a push of the store."""
    store_throttles: int
    """Queries and polls that the store rejected because of its rate limit."""
    cache_evictions: int
    """Contexts evicted from the cache because it was full."""
    cached_contexts: int
    """Contexts in the cache at present."""
    circuit_open: int
    """Whether the circuit breaker is open (0 or 1)."""
    # </generated>
