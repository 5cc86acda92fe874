"""Status listeners and status iterators on an asyncio event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

__all__ = ["LoopListener", "status_updates"]


async def status_updates(
    owner: Any, end_callbacks: set[Callable[[], object]]
) -> AsyncGenerator[Any, None]:
    """Yields the statuses of an engine or an integration until it is closed.

    ``close`` of the owner calls each of ``end_callbacks``.
    """
    queue: asyncio.Queue[Any] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, None)

    end_callbacks.add(end)
    listener_id = owner.add_status_listener(queue.put_nowait)
    try:
        while not owner.closed:
            status = await queue.get()
            while not queue.empty():
                status = queue.get_nowait()
            if status is None:
                return
            yield status
    finally:
        end_callbacks.discard(end)
        owner.remove_status_listener(listener_id)


class LoopListener:
    """Forwards statuses from a library thread to the event loop that runs now."""

    __slots__ = ("_callback", "_loop")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()

    def forward(self, status: object) -> None:
        """Schedules the callback, unless the loop is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._callback, status)
