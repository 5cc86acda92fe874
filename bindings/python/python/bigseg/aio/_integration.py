"""Integrations for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _native
from ..integration import Integration as BlockingIntegration
from ._listeners import LoopListener, status_updates

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .._native import ManualClock, Upstream
    from ..integration import IntegrationStatus, SyncFailure
    from ..options import StoreLike, StoreOptions
    from ._engine import Engine

__all__ = ["Integration"]


class Integration:
    """Replicates an upstream into a store, like :class:`bigseg.Integration`; ``close`` is awaited.

    >>> import asyncio, bigseg.aio
    >>> async def state():
    ...     upstream = bigseg.Upstream("sdk-key", base_url="http://127.0.0.1:1", stream_url="http://127.0.0.1:1")
    ...     async with bigseg.aio.Integration("production", upstream, "memory:mirror", on=False) as integration:
    ...         async for status in integration.status_updates():
    ...             return str(status.state)
    >>> asyncio.run(state())
    'off'
    """

    __slots__ = ("__weakref__", "_end_callbacks", "_integration")

    def __init__(
        self,
        id: str,
        upstream: Upstream,
        store: StoreLike,
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
        """Starts an integration with the arguments of :class:`bigseg.Integration`."""
        self._end_callbacks: set[Callable[[], object]] = set()
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
        """Returns the current status; never waits."""
        return self._integration.status()

    def error_log(self) -> list[SyncFailure]:
        """Returns the last errors, newest first; see :meth:`bigseg.Integration.error_log`."""
        return self._integration.error_log()

    def add_status_listener(self, callback: Callable[[IntegrationStatus], object], /) -> int:
        """Calls back with the current status and every change, on the event loop that runs now.

        Returns an id for removing the listener. A busy loop receives only the latest status.
        """
        return self._integration.add_status_listener(LoopListener(callback).forward)

    def remove_status_listener(self, listener_id: int, /) -> bool:
        """Removes a listener, and returns whether it existed."""
        return self._integration.remove_status_listener(listener_id)

    def status_updates(self) -> AsyncGenerator[IntegrationStatus, None]:
        """Yields the current status, then each change, until the integration is closed.

        A slow consumer receives only the latest status.
        """
        return status_updates(self, self._end_callbacks)

    def set_sdk_key(self, sdk_key: str, /) -> None:
        """Replaces the SDK key without a restart; does not wait for the upstream."""
        self._integration.set_sdk_key(sdk_key)

    def set_on(self, on: bool, /) -> None:
        """Turns the integration on or off; does not wait.

        Turning it off lets the transaction in progress finish; the state then becomes ``OFF``.
        """
        self._integration.set_on(on)

    def set_name(self, name: str, /) -> None:
        """Changes the display name."""
        self._integration.set_name(name)

    def set_store(self, store: StoreLike, /, **options: Unpack[StoreOptions]) -> None:
        """Changes the store that patches are written to; does not wait.

        The content of the previous store is kept.
        """
        self._integration.set_store(store, **options)

    async def close(self) -> None:
        """Stops the integration, and waits until it no longer writes to the store.

        A second call has no effect.
        """
        for end in list(self._end_callbacks):
            end()
        await _native.start_close_integration(self._integration)

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
