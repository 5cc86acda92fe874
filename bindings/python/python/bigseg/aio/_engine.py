"""The asyncio engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .. import _native
from ..engine import open_engine
from ._listeners import OnLoop, follow

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .._native import Answer, Evaluation, SegmentAnswer
    from ..custom_store import CustomStore
    from ..evaluation import AnyContext, Explanation
    from ..options import EngineOptions, StorePlace
    from ..status import Metrics, StoreStatus

__all__ = ["Engine"]


class Engine:
    """Answers "which segments is this context in?" from its cache, or else from the store.

    Lookups may be awaited on any event loop. A lookup raises only on misuse; whatever goes wrong with the store is in the
    answer.

    >>> import asyncio, bigseg.aio
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

    async def set_data(self, json: str | bytes, /) -> None:
        """Sets the flags and segments, as :meth:`bigseg.Engine.set_data` does; they are read on another thread."""
        await asyncio.to_thread(self._engine.set_data, json)

    async def load_data(self, path: str | os.PathLike[str], /) -> None:
        """Does the same from a file, and remembers it for ``reload_data``."""
        await asyncio.to_thread(self._engine.load_data, path)

    async def reload_data(self) -> bool:
        """Reads the file of ``load_data`` again, if it has changed since; returns whether it had."""
        return await asyncio.to_thread(self._engine.reload_data)

    async def evaluate(self, flag_key: str, context: AnyContext, /, default: Any = None) -> Evaluation:
        """Evaluates a flag for a context: what it serves, and why; see :meth:`bigseg.Engine.evaluate`.

        >>> import asyncio, bigseg.aio
        >>> async def main():
        ...     async with bigseg.aio.Engine() as engine:
        ...         evaluation = await engine.evaluate("beta", {"kind": "user", "key": "alice"}, default=False)
        ...         return evaluation.value, evaluation.reason.error_kind.name
        >>> asyncio.run(main())
        (False, 'CLIENT_NOT_READY')
        """
        engine, context = self._engine, _read(context)
        evaluation = engine.evaluate_now(flag_key, context, default)
        return await engine._begin_evaluate(flag_key, context, default) if evaluation is None else evaluation

    def evaluate_now(self, flag_key: str, context: AnyContext, /, default: Any = None) -> Evaluation | None:
        """Does the same if it can be done without waiting; ``None`` if the store would have to be asked."""
        return self._engine.evaluate_now(flag_key, context, default)

    async def segment_contains(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer:
        """Answers whether a context is in a segment, and why; it looks up as ``evaluate`` does."""
        engine, context = self._engine, _read(context)
        answer = engine.segment_contains_now(segment_key, context)
        return await engine._begin_segment_contains(segment_key, context) if answer is None else answer

    def segment_contains_now(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer | None:
        """Does the same if it can be done without waiting; ``None`` if the store would have to be asked."""
        return self._engine.segment_contains_now(segment_key, context)

    async def explain(self, segment_key: str, context: AnyContext, /) -> Explanation:
        """Answers whether a context is in a segment, and explains it; it looks up as ``evaluate`` does."""
        return await self._engine._begin_explain(segment_key, context)

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
        return self._engine.add_status_listener(OnLoop(callback).hear)

    def remove_status_listener(self, number: int, /) -> bool:
        """Removes a listener, and returns whether it was there."""
        return self._engine.remove_status_listener(number)

    def status_updates(self) -> AsyncGenerator[StoreStatus, None]:
        """Follows the status: the current one first, then each change, until the engine is closed; the latest wins.

        >>> import asyncio, bigseg.aio
        >>> async def first_status():
        ...     async with bigseg.aio.Engine("memory:") as engine:
        ...         async for status in engine.status_updates():
        ...             return status.available
        >>> asyncio.run(first_status())
        True
        """
        return follow(self, self._ends)

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


def _read(context: AnyContext) -> _native.Context:
    """Reads a context once, for the two questions that may be asked about it."""
    return context if isinstance(context, _native.Context) else _native.Context(context)
