"""Status listeners on an asyncio event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

__all__ = ["OnLoop", "follow"]


async def follow(owner: Any, ends: set[Callable[[], object]]) -> AsyncGenerator[Any, None]:
    """Follows the status of an engine or an integration until that is closed, which calls each of ``ends``."""
    news: asyncio.Queue[Any] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(news.put_nowait, None)

    ends.add(end)
    number = owner.add_status_listener(news.put_nowait)
    try:
        while not owner.closed:
            status = await news.get()
            while not news.empty():
                status = news.get_nowait()
            if status is None:
                return
            yield status
    finally:
        ends.discard(end)
        owner.remove_status_listener(number)


class OnLoop:
    """Carries what happens on the library's threads to the event loop that ran when it was made."""

    __slots__ = ("_callback", "_loop")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()

    def hear(self, status: object) -> None:
        # A loop that is closed has nobody left who listens.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._callback, status)
