"""A big segment store for the official SDK, ``launchdarkly-server-sdk``.

.. code-block:: python

    config = ldclient.Config(sdk_key, big_segments=bigseg.launchdarkly.big_segments_config("redis://localhost"))

The SDK has its own cache in front of every store, which would delay invalidations.
:func:`big_segments_config` disables that cache as far as the SDK allows; the engine's cache replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ldclient.interfaces
from ldclient.config import BigSegmentsConfig
from ldclient.interfaces import BigSegmentStore as _BigSegmentStore
from ldclient.interfaces import BigSegmentStoreMetadata

from .aio import Engine as AsyncEngine
from .engine import Engine
from .errors import StoreUnavailableError
from .status import Origin

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._native import Answer
    from .custom_store import CustomStore
    from .options import EngineOptions, StoreLike
    from .status import StoreStatus

if TYPE_CHECKING:
    from ldclient.interfaces import AsyncBigSegmentStore as _AsyncBigSegmentStore
else:
    # Older versions of the SDK have no asynchronous client.
    _AsyncBigSegmentStore = getattr(ldclient.interfaces, "AsyncBigSegmentStore", object)

__all__ = ["AsyncBigSegmentStore", "BigSegmentStore", "big_segments_config"]

_SDK_DEFAULT_POLL_INTERVAL = 5.0
_SDK_DEFAULT_STALE_AFTER = 120.0


class _SdkResults:
    """Converts statuses and answers to what the SDK accepts: a value or an exception, not both.

    The SDK must not report a last known membership as ``HEALTHY``. It reports ``STORE_ERROR`` only
    after its own poll found the store unavailable. Until then it gets an exception instead of the
    last known membership.
    """

    __slots__ = ("_sdk_polled_outage",)

    def __init__(self) -> None:
        self._sdk_polled_outage = False

    def metadata(self, status: StoreStatus) -> BigSegmentStoreMetadata:
        self._sdk_polled_outage = not status.available
        if not status.available:
            error = status.last_error
            raise StoreUnavailableError(error.message if error else "the store was not polled yet")
        return BigSegmentStoreMetadata(status.last_up_to_date)

    def membership(self, answer: Answer) -> Any:
        if answer.origin is Origin.LAST_KNOWN and self._sdk_polled_outage:
            return answer.membership
        if answer.origin in (Origin.LAST_KNOWN, Origin.NOTHING):
            raise answer.error or StoreUnavailableError("no store is configured")
        return answer.membership


class BigSegmentStore(_BigSegmentStore):
    """A store for ``BigSegmentsConfig``, made from an engine or from the arguments of
    :class:`bigseg.Engine`.

    ``stop`` does not close an engine that was passed in.
    """

    def __init__(self, store: StoreLike | CustomStore | Engine, /, **options: Unpack[EngineOptions]) -> None:
        self._owns_engine = not isinstance(store, Engine)
        self.engine = store if isinstance(store, Engine) else Engine(store, **options)
        """The engine, for its status and metrics."""
        self._results = _SdkResults()

    def get_metadata(self) -> BigSegmentStoreMetadata:
        """Reads when the store was last up to date; raises when the store is unavailable."""
        return self._results.metadata(self.engine.refresh_status())

    def get_membership(self, context_hash: str) -> Any:
        """Looks up a context.

        Returns a mapping of segment refs to ``bool``, or raises if nothing is known.
        """
        return self._results.membership(self.engine.membership_by_hash(context_hash))

    def stop(self) -> None:
        """Closes the engine, unless it was passed in."""
        if self._owns_engine:
            self.engine.close()


class AsyncBigSegmentStore(_AsyncBigSegmentStore):
    """A store for the SDK's experimental ``AsyncLDClient``, made from an asyncio engine or its
    arguments.

    ``stop`` does not close an engine that was passed in.
    """

    def __init__(self, store: StoreLike | CustomStore | AsyncEngine, /, **options: Unpack[EngineOptions]) -> None:
        self._owns_engine = not isinstance(store, AsyncEngine)
        self.engine = store if isinstance(store, AsyncEngine) else AsyncEngine(store, **options)
        """The engine, for its status and metrics."""
        self._results = _SdkResults()

    async def get_metadata(self) -> BigSegmentStoreMetadata:
        """Reads when the store was last up to date; raises when the store is unavailable."""
        return self._results.metadata(await self.engine.refresh_status())

    async def get_membership(self, context_hash: str) -> Any:
        """Looks up a context.

        Returns a mapping of segment refs to ``bool``, or raises if nothing is known.
        """
        return self._results.membership(await self.engine.membership_by_hash(context_hash))

    async def stop(self) -> None:
        """Closes the engine, unless it was passed in."""
        if self._owns_engine:
            await self.engine.close()


def big_segments_config(
    store: StoreLike | CustomStore | BigSegmentStore | AsyncBigSegmentStore, /, **options: Unpack[EngineOptions]
) -> BigSegmentsConfig:
    """Makes the SDK's configuration for a store, with settings that do not delay invalidations.

    The SDK's own cache holds one context for 0 s, and the SDK uses the engine's limits for
    staleness. Pass an :class:`AsyncBigSegmentStore` for the asynchronous client.
    """
    poll_interval = _seconds(options.get("status_poll_interval", _SDK_DEFAULT_POLL_INTERVAL))
    stale_after = options.get("stale_after", _SDK_DEFAULT_STALE_AFTER)
    sdk_store: Any = store
    if not isinstance(store, (BigSegmentStore, AsyncBigSegmentStore)):
        sdk_store = BigSegmentStore(store, **options)
    return BigSegmentsConfig(
        store=sdk_store,
        context_cache_size=1,
        context_cache_time=0,
        status_poll_interval=poll_interval,
        stale_after=float("inf") if stale_after is None else _seconds(stale_after),
    )


def _seconds(duration: Any) -> float:
    return float(duration.total_seconds()) if hasattr(duration, "total_seconds") else float(duration)


