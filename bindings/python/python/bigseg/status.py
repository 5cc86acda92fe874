"""How far answers can be trusted, and what an engine knows about its store."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .errors import ErrorKind

__all__ = ["LastError", "Limitation", "LookupStatus", "Metrics", "Origin", "StoreStatus"]


class LookupStatus(enum.IntEnum):
    """How far an answer can be trusted, from best to worst: the greater one is the worse.

    >>> max(LookupStatus.STALE, LookupStatus.HEALTHY).name
    'STALE'
    """

    HEALTHY = 0
    """The store answered, and it is up to date."""
    STALE = 1
    """The store answered, but nothing has kept it up to date lately."""
    STORE_ERROR = 2
    """The store failed; the membership is the last known one, or empty."""
    NOT_CONFIGURED = 3
    """There is no store, so no membership was looked up."""

    def worst(self, other: LookupStatus) -> LookupStatus:
        """Returns the worse of two, which is what several lookups in one evaluation report."""
        return max(self, other)

    def __str__(self) -> str:
        return self.name


class Origin(enum.Enum):
    """Where an answer comes from."""

    STORE = "store"
    """The store, just now."""
    CACHE = "cache"
    """The cache, younger than the cache time."""
    LAST_KNOWN = "last_known"
    """The cache, older than the cache time, because the store failed."""
    NOTHING = "nothing"
    """Nowhere: there is no store, or it failed and nothing is remembered. The membership is empty."""


@dataclass(frozen=True)
class LastError:
    """A failure, as the status remembers it."""

    kind: ErrorKind
    """What failed."""
    message: str
    """The sentence for a person."""
    at: int
    """When, in Unix milliseconds."""


@dataclass(frozen=True)
class Limitation:
    """Something a store is doing without, because it was refused."""

    feature: str
    """What it is doing without, in a word or two."""
    reason: str
    """Why, and what to do about it."""


@dataclass(frozen=True)
class StoreStatus:
    """The state of the store as the engine knew it at one moment."""

    available: bool
    """Whether the last poll, and the last lookup since, succeeded. ``False`` until the first poll is done."""
    stale: bool
    """Whether nothing has kept the store up to date lately; keeps its last known value while unavailable."""
    last_up_to_date: int | None
    """When the store was last up to date, in Unix milliseconds; ``None`` = never, as far as is known."""
    last_error: LastError | None
    """The last failure, also when it is over."""
    since: int
    """Since when ``available`` and ``stale`` have been as they are, in Unix milliseconds."""
    clock_skew: bool
    """Whether ``last_up_to_date`` lies in the future: this machine's clock, or the writer's, is wrong."""
    push_invalidation: bool
    """Whether the store tells of each change as it happens. Otherwise answers are renewed when they expire. Listeners are not
    called when this, or what follows, changes."""
    limitations: tuple[Limitation, ...]
    """What the store is doing without, because it was refused."""


@dataclass(frozen=True)
class Metrics:
    """The counters of an engine since it was opened in this process. Counters never decrease."""

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
