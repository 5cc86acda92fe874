"""Custom stores: any object with ``get_metadata`` and ``get_membership``, plain or ``async``."""

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
    """The metadata of a custom store."""

    @property
    def last_up_to_date(self) -> int | None:
        """When the store last matched its source, in Unix milliseconds.

        ``None`` or 0 means never.
        """


class CustomStore(Protocol):
    """A store that the program implements.

    The official SDK's ``BigSegmentStore`` and ``AsyncBigSegmentStore`` also match this protocol.
    The engine adds cache, batching, deadline, circuit breaker and status.

    Threads of the engine call the methods, at most 8 at once. ``async`` methods run on the event
    loop that ran when the engine was opened, or on a loop of the module if none ran. The methods
    may block: a lookup stops waiting at its deadline. They must not look up contexts in their own
    engine, because its next query waits for them.

    An exception means that the store failed. A class of :mod:`bigseg.errors` gives the failure its
    kind.

    A store may also have ``get_memberships(context_hashes)``, which returns several memberships in
    the order of the hashes.
    """

    def get_metadata(self) -> StoreMetadata | None | Awaitable[StoreMetadata | None]:
        """Returns when the store was last up to date; the engine also uses it as a health check."""

    def get_membership(
        self, context_hash: str, /
    ) -> Mapping[str, bool] | None | Awaitable[Mapping[str, bool] | None]:
        """Returns the membership of one context: segment refs with ``True`` or ``False``.

        ``True`` means that the segment includes the context, ``False`` that it excludes it.
        """


class StoreAdapter:
    """Gives every custom store the two methods that the native half calls."""

    def __init__(self, store: CustomStore, loop: asyncio.AbstractEventLoop | None) -> None:
        for name in ("get_metadata", "get_membership"):
            if not callable(getattr(store, name, None)):
                raise TypeError(f"a store is a store string, a path, or an object with {name}, not {type(store).__name__}")
        self._store = store
        self._loop = loop
        self._get_memberships: Callable[[Sequence[str]], Any] | None = getattr(store, "get_memberships", None)

    def memberships(self, hashes: list[str]) -> Sequence[object]:
        """Returns a mapping, ``None`` or an exception for each context."""
        if self._get_memberships is not None:
            memberships: Sequence[object] = self._complete(self._get_memberships(hashes))
            return memberships
        answers = [self._start(context_hash) for context_hash in hashes]
        if any(inspect.isawaitable(answer) for answer in answers):
            return self._run(_gather(answers))
        return _raise_if_all_failed(answers)

    def synchronized_on(self) -> int | None:
        """Returns when the store was last up to date, in Unix milliseconds."""
        metadata: StoreMetadata | None = self._complete(self._store.get_metadata())
        return None if metadata is None else metadata.last_up_to_date

    def _start(self, context_hash: str) -> object:
        try:
            return self._store.get_membership(context_hash)
        except Exception as exception:
            return exception

    def _complete(self, result: Any) -> Any:
        return self._run(_awaited(result)) if inspect.isawaitable(result) else result

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        import asyncio

        loop = self._loop if self._loop is not None else _own_loop()
        if loop.is_closed():
            work.close()
            raise RuntimeError("the event loop that the engine was opened in is closed")
        return asyncio.run_coroutine_threadsafe(work, loop).result()


def _raise_if_all_failed(answers: list[object]) -> list[object]:
    """Raises the first exception if every answer is one: then the store failed, not one context."""
    if answers and all(isinstance(answer, Exception) for answer in answers):
        first = answers[0]
        assert isinstance(first, Exception)
        raise first
    return answers


async def _awaited(result: Awaitable[T]) -> T:
    return await result


async def _gather(answers: list[object]) -> list[object]:
    import asyncio

    async def resolved(answer: object) -> object:
        return await answer if inspect.isawaitable(answer) else answer

    return _raise_if_all_failed(await asyncio.gather(*map(resolved, answers), return_exceptions=True))


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_locks: dict[int, threading.Lock] = {}


def _own_loop() -> asyncio.AbstractEventLoop:
    """Returns the loop of this process for asynchronous stores of blocking engines."""
    import asyncio
    import os

    process = os.getpid()
    # One lock for each process: a thread that does not exist in a forked child may hold the parent's.
    with _locks.setdefault(process, threading.Lock()):
        loop = _loops.get(process)
        if loop is None:
            loop = _loops[process] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="bigseg-store", daemon=True).start()
        return loop
