"""Integrations for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..integration import Integration as BlockingIntegration
from ._listeners import OnLoop, follow

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .. import _native
    from .._native import ManualClock, Upstream
    from ..integration import IntegrationStatus, SyncFailure
    from ..options import StoreOptions, StorePlace
    from ._engine import Engine

__all__ = ["Integration"]


class Integration:
    """Keeps a store in step with its upstream, as :class:`bigseg.Integration` does; what may wait is awaited.

    >>> import asyncio, bigseg.aio
    >>> async def state():
    ...     upstream = bigseg.Upstream("sdk-key", base_url="http://127.0.0.1:1", stream_url="http://127.0.0.1:1")
    ...     async with bigseg.aio.Integration("production", upstream, "memory:mirror", on=False) as integration:
    ...         async for status in integration.status_updates():
    ...             return str(status.state)
    >>> asyncio.run(state())
    'off'
    """

    __slots__ = ("__weakref__", "_ends", "_integration")

    def __init__(
        self,
        id: str,
        upstream: Upstream,
        store: StorePlace,
        /,
        *,
        name: str | None = None,
        project: str = "",
        environment: str = "",
        on: bool = True,
        engines: Iterable[_native.Engine | Engine] = (),
        change_listener: Callable[[str, list[str]], object] | None = None,
        state_directory: str | os.PathLike[str] | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> None:
        """Starts an integration, as :class:`bigseg.Integration` does."""
        self._ends: set[Callable[[], object]] = set()
        self._integration = BlockingIntegration(
            id,
            upstream,
            store,
            name=name,
            project=project,
            environment=environment,
            on=on,
            engines=engines,
            change_listener=change_listener,
            state_directory=state_directory,
            clock=clock,
            **options,
        )

    def status(self) -> IntegrationStatus:
        """Returns the status of this moment; never waits."""
        return self._integration.status()

    def error_log(self) -> list[SyncFailure]:
        """Returns the last errors, newest first; see :meth:`bigseg.Integration.error_log`."""
        return self._integration.error_log()

    def add_status_listener(self, callback: Callable[[IntegrationStatus], object], /) -> int:
        """Calls back with the present status and with every change, on the event loop that runs now.

        Returns a number for removing the listener. The latest status wins: a loop that is busy misses what lies between.
        """
        return self._integration.add_status_listener(OnLoop(callback).hear)

    def remove_status_listener(self, number: int, /) -> bool:
        """Removes a listener, and returns whether it was there."""
        return self._integration.remove_status_listener(number)

    def status_updates(self) -> AsyncGenerator[IntegrationStatus, None]:
        """Follows the status: the present one first, then each change, until the integration is closed; the latest wins."""
        return follow(self, self._ends)

    def set_sdk_key(self, sdk_key: str, /) -> None:
        """Replaces the SDK key from now on, without a restart; does not wait for the upstream."""
        self._integration.set_sdk_key(sdk_key)

    def set_on(self, on: bool, /) -> None:
        """Turns it on or off; does not wait. One that is turned off finishes the transaction under way; its state says when."""
        self._integration.set_on(on)

    def set_name(self, name: str, /) -> None:
        """Changes what people call it."""
        self._integration.set_name(name)

    def set_store(self, store: StorePlace, /, **options: Unpack[StoreOptions]) -> None:
        """Changes where patches go; does not wait. What the former store holds stays there."""
        self._integration.set_store(store, **options)

    async def close(self) -> None:
        """Stops it and waits until it no longer touches the store; closing twice is fine."""
        for end in list(self._ends):
            end()
        await self._integration._begin_close()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._integration.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<bigseg.aio.Integration{' (closed)' if self.closed else ''}>"
