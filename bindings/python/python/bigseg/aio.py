"""The engine for asyncio: the same words, awaited.

What is cached is answered on the spot, without a detour through the event loop; of everything else, many answers wake the
loop once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import _native
from .engine import open_engine
from .lists import Import as BlockingImport

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._native import Answer, ManualClock
    from .custom_store import CustomStore
    from .lists import ImportReport, ListFormat
    from .options import EngineOptions, StoreOptions, StorePlace
    from .status import Metrics, StoreStatus

__all__ = ["Engine", "Import"]


class Engine:
    """Answers "which segments is this context in?" from its cache, or else from the store.

    Lookups may be awaited on any event loop. A lookup raises only on misuse; whatever goes wrong with the store is in the
    answer.

    >>> import bigseg.aio
    >>> async def main():
    ...     async with bigseg.aio.Engine("memory:") as engine:
    ...         answer = await engine.membership("alice")
    ...         return answer.check("beta.g1")
    >>> asyncio.run(main())
    """

    __slots__ = ("__weakref__", "_ends", "_engine")

    def __init__(self, store: StorePlace | CustomStore | None = None, /, **options: Unpack[EngineOptions]) -> None:
        """Opens an engine, as :class:`bigseg.Engine` does; an asynchronous store runs on the loop that runs now."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self._engine = _native.Engine()
        self._ends: set[Callable[[], object]] = set()
        open_engine(self._engine, store, dict(options), loop)

    async def membership(self, context_key: str | bytes, /) -> Answer:
        """Looks up the membership of the context with that key."""
        engine = self._engine
        return engine.cached(context_key) or await engine._begin_membership(context_key)

    async def membership_by_hash(self, context_hash: str | bytes, /) -> Answer:
        """Looks up the membership of the context with that hash."""
        engine = self._engine
        return engine.cached_by_hash(context_hash) or await engine._begin_membership_by_hash(context_hash)

    async def memberships(self, context_keys: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up many contexts together, in their order; what is not cached is asked for in as few queries as possible."""
        return await self._engine._begin_memberships(context_keys)

    async def memberships_by_hash(self, context_hashes: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up many hashes together, in their order."""
        return await self._engine._begin_memberships_by_hash(context_hashes)

    def cached(self, context_key: str | bytes, /) -> Answer | None:
        """Returns an answer if there is one without asking anybody; never waits."""
        return self._engine.cached(context_key)

    def cached_by_hash(self, context_hash: str | bytes, /) -> Answer | None:
        """Does the same for a hash."""
        return self._engine.cached_by_hash(context_hash)

    def status(self) -> StoreStatus:
        """Returns the store's status as far as it is known now; does not ask the store."""
        return self._engine.status()

    async def refresh_status(self) -> StoreStatus:
        """Asks the store for its sync time now, and returns the status after that."""
        return await self._engine._begin_refresh_status()

    def add_status_listener(self, callback: Callable[[StoreStatus], object], /) -> int:
        """Calls back with the first status and with every change, on the event loop that runs now.

        Returns a number for removing the listener. The latest status wins: a loop that is busy misses what lies between.
        """
        return self._engine.add_status_listener(_OnLoop(callback).hear)

    def remove_status_listener(self, number: int, /) -> bool:
        """Removes a listener, and returns whether it was there."""
        return self._engine.remove_status_listener(number)

    async def status_updates(self) -> AsyncGenerator[StoreStatus, None]:
        """Follows the status: the current one first, then each change, until the engine is closed; the latest wins.

        >>> import bigseg.aio
        >>> async def first_status():
        ...     async with bigseg.aio.Engine("memory:") as engine:
        ...         async for status in engine.status_updates():
        ...             return status.available
        >>> asyncio.run(first_status())
        True
        """
        news: asyncio.Queue[StoreStatus | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def end() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.put_nowait, None)

        self._ends.add(end)
        number = self.add_status_listener(news.put_nowait)
        try:
            while not self._engine.closed:
                status = await news.get()
                while not news.empty():
                    status = news.get_nowait()
                if status is None:
                    return
                yield status
        finally:
            self._ends.discard(end)
            self.remove_status_listener(number)

    def invalidate(self, context_hash: str | bytes, /) -> None:
        """Forgets what is cached of a context; a query under way will not bring it back."""
        self._engine.invalidate(context_hash)

    def invalidate_all(self) -> None:
        """Forgets everything that is cached."""
        self._engine.invalidate_all()

    def metrics(self) -> Metrics:
        """Returns what the engine has done so far."""
        return self._engine.metrics()

    async def close(self) -> None:
        """Stops everything and waits until nothing runs any more; closing twice is fine."""
        for end in list(self._ends):
            end()
        await self._engine._begin_close()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._engine.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<bigseg.aio.Engine{' (closed)' if self.closed else ''}>"


class _OnLoop:
    """Carries what happens on the engine's threads to the event loop that ran when it was made."""

    __slots__ = ("_callback", "_loop")

    def __init__(self, callback: Callable[[StoreStatus], object]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()

    def hear(self, status: StoreStatus) -> None:
        # A loop that is closed has nobody left who listens.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._callback, status)


class Import:
    """A list being collected, as :class:`bigseg.Import` does; what may take long is awaited.

    >>> async def fill():
    ...     async with Import("memory:") as users:
    ...         users.add("alice", "beta.g1")
    ...     return users.report
    >>> asyncio.run(fill())
    ImportReport(memberships=1, contexts=1, replaced=0)
    """

    __slots__ = ("_list", "report")

    report: ImportReport | None
    """What the import did, once it was committed."""

    def __init__(
        self,
        store: StorePlace,
        /,
        *,
        replace: str | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> None:
        """Begins an import, creating the store where that is possible; see :class:`bigseg.Import`."""
        self._list = BlockingImport(store, replace=replace, clock=clock, **options)
        self.report = None

    def add(self, context_key: str | bytes, segment_ref: str, included: bool = True) -> None:
        """Adds a membership: the context is included in the segment, or excluded from it."""
        self._list.add(context_key, segment_ref, included)

    def add_hash(self, context_hash: str | bytes, segment_ref: str, included: bool = True) -> None:
        """Adds a membership by the context's hash."""
        self._list.add_hash(context_hash, segment_ref, included)

    async def add_file(
        self,
        path: str | os.PathLike[str],
        format: ListFormat = "csv",
        *,
        segment_ref: str | None = None,
        skip_bad_lines: bool = False,
    ) -> int:
        """Adds every line of a file, and returns how many were left out; see :meth:`bigseg.Import.add_file`."""
        return await asyncio.to_thread(
            self._list.add_file, path, format, segment_ref=segment_ref, skip_bad_lines=skip_bad_lines
        )

    async def commit(self) -> ImportReport:
        """Writes the list and declares the store synchronised. Being cancelled does not stop it."""
        self.report = await asyncio.to_thread(self._list.commit)
        return self.report

    def abandon(self) -> None:
        """Gives the list up; nothing is written."""
        self._list.abandon()

    def __len__(self) -> int:
        return len(self._list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
        elif self.report is None:
            await self.commit()
