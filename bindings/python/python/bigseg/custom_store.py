"""Stores written in Python: any object with ``get_metadata`` and ``get_membership``, plain or ``async``."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio

__all__ = ["CustomStore", "StoreAdapter", "StoreMetadata"]

T = TypeVar("T")


class StoreMetadata(Protocol):
    """What a custom store says about itself."""

    @property
    def last_up_to_date(self) -> int | None:
        """When the store was last known to match its source, in Unix milliseconds; ``None`` or 0 = never."""


class CustomStore(Protocol):
    """A store of the program's own. The official SDK's ``BigSegmentStore`` and ``AsyncBigSegmentStore`` are such stores.

    The engine does the rest: cache, batching, deadline, circuit breaker, status. The methods are called on threads of the
    engine's, up to 8 at once; if they are ``async``, on the event loop that the engine was opened in, or else on one of its
    own. They may block: lookups give up waiting at their deadline. They must not look things up in their own engine, which waits
    for them before it asks again. An exception means that the store failed; one of
    :mod:`bigseg.errors` also says how.

    A store may also have ``get_memberships(context_hashes)``, which answers many at once, in their order.
    """

    def get_metadata(self) -> StoreMetadata | None | Awaitable[StoreMetadata | None]:
        """Says when the store was last up to date; doubles as the health check."""

    def get_membership(
        self, context_hash: str, /
    ) -> Mapping[str, bool] | None | Awaitable[Mapping[str, bool] | None]:
        """Answers for one context: ``True`` for each segment ref it is included in, ``False`` for each it is excluded from."""


class StoreAdapter:
    """Makes every custom store look alike to the native half."""

    def __init__(self, store: CustomStore, loop: asyncio.AbstractEventLoop | None) -> None:
        for name in ("get_metadata", "get_membership"):
            if not callable(getattr(store, name, None)):
                raise TypeError(f"a store is a store string, a path, or an object with {name}, not {type(store).__name__}")
        self._store = store
        self._loop = loop
        self._get_many: Callable[[Sequence[str]], Any] | None = getattr(store, "get_memberships", None)

    def memberships(self, hashes: list[str]) -> Sequence[object]:
        """Answers for each context: a mapping, ``None``, or the exception that kept the store from answering."""
        if self._get_many is not None:
            many: Sequence[object] = self._finish(self._get_many(hashes))
            return many
        answers = [self._begin(context_hash) for context_hash in hashes]
        if any(inspect.isawaitable(answer) for answer in answers):
            return self._wait(_gather(answers))
        return _raise_if_all_failed(answers)

    def synchronized_on(self) -> int | None:
        """Returns when the store was last up to date, in Unix milliseconds."""
        metadata: StoreMetadata | None = self._finish(self._store.get_metadata())
        return None if metadata is None else metadata.last_up_to_date

    def _begin(self, context_hash: str) -> object:
        try:
            return self._store.get_membership(context_hash)
        except Exception as exception:
            return exception

    def _finish(self, result: Any) -> Any:
        return self._wait(_awaited(result)) if inspect.isawaitable(result) else result

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        import asyncio

        loop = self._loop if self._loop is not None else _own_loop()
        if loop.is_closed():
            work.close()
            raise RuntimeError("the event loop that the engine was opened in is closed")
        return asyncio.run_coroutine_threadsafe(work, loop).result()


def _raise_if_all_failed(answers: list[object]) -> list[object]:
    """Where not one context was answered for, it is the store that failed, which is worth more than a failed context."""
    if answers and all(isinstance(answer, Exception) for answer in answers):
        first = answers[0]
        assert isinstance(first, Exception)
        raise first
    return answers


async def _awaited(result: Awaitable[T]) -> T:
    return await result


async def _gather(answers: list[object]) -> list[object]:
    import asyncio

    async def settled(answer: object) -> object:
        return await answer if inspect.isawaitable(answer) else answer

    return _raise_if_all_failed(await asyncio.gather(*map(settled, answers), return_exceptions=True))


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_locks: dict[int, threading.Lock] = {}


def _own_loop() -> asyncio.AbstractEventLoop:
    """Returns the loop for asynchronous stores of engines that are not, which runs on a thread of its own."""
    import asyncio
    import os

    process = os.getpid()
    # In a forked child the lock may be held by a thread that exists no more; so each process has one of its own.
    with _locks.setdefault(process, threading.Lock()):
        loop = _loops.get(process)
        if loop is None:
            loop = _loops[process] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="bigseg-store", daemon=True).start()
        return loop
