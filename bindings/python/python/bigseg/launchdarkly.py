"""A big segment store for the official SDK, ``launchdarkly-server-sdk``.

.. code-block:: python

    config = ldclient.Config(sdk_key, big_segments=bigseg.launchdarkly.big_segments_config("redis://localhost"))

The SDK has a cache of its own in front of every store, which would hide how fresh the engine's answers are;
:func:`big_segments_config` makes it as small as it gets. The engine's cache does its work, in a tenth of the time.
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
    from .options import EngineOptions, StorePlace
    from .status import StoreStatus

if TYPE_CHECKING:
    from ldclient.interfaces import AsyncBigSegmentStore as _AsyncBigSegmentStore
else:
    # Older versions of the SDK have no asynchronous client.
    _AsyncBigSegmentStore = getattr(ldclient.interfaces, "AsyncBigSegmentStore", object)

__all__ = ["AsyncBigSegmentStore", "BigSegmentStore", "big_segments_config"]

_SDK_DEFAULT_POLL_INTERVAL = 5.0
_SDK_DEFAULT_STALE_AFTER = 120.0


class _Honesty:
    """Decides what the SDK may be told, which can hear either a membership or a failure, but not both.

    A last known membership must never pass for a healthy one. The SDK calls it ``STORE_ERROR`` only while it believes the
    store to be unavailable, so until its own poll has heard of the outage it gets the failure instead.
    """

    __slots__ = ("_sdk_knows_of_outage",)

    def __init__(self) -> None:
        self._sdk_knows_of_outage = False

    def metadata(self, status: StoreStatus) -> BigSegmentStoreMetadata:
        self._sdk_knows_of_outage = not status.available
        if not status.available:
            error = status.last_error
            raise StoreUnavailableError(error.message if error else "the store has not been heard of yet")
        return BigSegmentStoreMetadata(status.last_up_to_date)

    def membership(self, answer: Answer) -> Any:
        if answer.origin is Origin.LAST_KNOWN and self._sdk_knows_of_outage:
            return answer.membership
        if answer.origin in (Origin.LAST_KNOWN, Origin.NOTHING):
            raise answer.error or StoreUnavailableError("no store is configured")
        return answer.membership


class BigSegmentStore(_BigSegmentStore):
    """A store for ``BigSegmentsConfig``: an engine's, or one named as for :class:`bigseg.Engine`, with the same options.

    An engine that was handed over is not closed when the SDK stops.
    """

    def __init__(self, store: StorePlace | CustomStore | Engine, /, **options: Unpack[EngineOptions]) -> None:
        self._is_ours = not isinstance(store, Engine)
        self.engine = store if isinstance(store, Engine) else Engine(store, **options)
        """The engine, for its status and metrics."""
        self._honesty = _Honesty()

    def get_metadata(self) -> BigSegmentStoreMetadata:
        """Asks the store when it was last up to date; raises when it cannot be asked."""
        return self._honesty.metadata(self.engine.refresh_status())

    def get_membership(self, context_hash: str) -> Any:
        """Looks up a context; what it returns is a mapping of segment refs to ``bool``. Raises when nothing is known."""
        return self._honesty.membership(self.engine.membership_by_hash(context_hash))

    def stop(self) -> None:
        """Closes the engine, unless it was handed over."""
        if self._is_ours:
            self.engine.close()


class AsyncBigSegmentStore(_AsyncBigSegmentStore):
    """The same for the SDK's ``AsyncLDClient``, which is experimental there."""

    def __init__(self, store: StorePlace | CustomStore | AsyncEngine, /, **options: Unpack[EngineOptions]) -> None:
        self._is_ours = not isinstance(store, AsyncEngine)
        self.engine = store if isinstance(store, AsyncEngine) else AsyncEngine(store, **options)
        """The engine, for its status and metrics."""
        self._honesty = _Honesty()

    async def get_metadata(self) -> BigSegmentStoreMetadata:
        """Asks the store when it was last up to date; raises when it cannot be asked."""
        return self._honesty.metadata(await self.engine.refresh_status())

    async def get_membership(self, context_hash: str) -> Any:
        """Looks up a context; what it returns is a mapping of segment refs to ``bool``. Raises when nothing is known."""
        return self._honesty.membership(await self.engine.membership_by_hash(context_hash))

    async def stop(self) -> None:
        """Closes the engine, unless it was handed over."""
        if self._is_ours:
            await self.engine.close()


def big_segments_config(
    store: StorePlace | CustomStore | BigSegmentStore | AsyncBigSegmentStore, /, **options: Unpack[EngineOptions]
) -> BigSegmentsConfig:
    """Makes the SDK's configuration for a store, with the settings that keep its answers fresh.

    The SDK's own cache remembers one context for no time at all, and the SDK judges staleness as the engine does. Pass an
    :class:`AsyncBigSegmentStore` for the asynchronous client.
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


