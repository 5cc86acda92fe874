"""The asyncio engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .. import _native
from ..engine import open_engine
from ._listeners import LoopListener, status_updates

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .._native import Answer, Evaluation, SegmentAnswer
    from ..custom_store import CustomStore
    from ..evaluation import AnyContext, Explanation
    from ..options import EngineOptions, StoreLike
    from ..status import Metrics, StoreStatus

__all__ = ["Engine"]


class Engine:
    """Looks up the segments that include or exclude a context, in the cache or in the store.

    Lookups may be awaited on any event loop. A lookup raises only on misuse; a failure of the
    store is in the answer.

    >>> import asyncio, bigseg.aio
    >>> async def main():
    ...     async with bigseg.aio.Engine("memory:") as engine:
    ...         answer = await engine.membership("alice")
    ...         return answer.check("beta.g1")
    >>> asyncio.run(main())
    """

    __slots__ = ("__weakref__", "_end_callbacks", "_engine")

    def __init__(
        self, store: StoreLike | CustomStore | None = None, /, **options: Unpack[EngineOptions]
    ) -> None:
        """Opens an engine with the arguments of :class:`bigseg.Engine`.

        An asynchronous custom store runs on the event loop that runs now.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self._engine = _native.Engine()
        self._end_callbacks: set[Callable[[], object]] = set()
        open_engine(self._engine, store, dict(options), loop)

    async def membership(self, context_key: str | bytes, /) -> Answer:
        """Looks up the membership of the context with this key."""
        engine = self._engine
        return engine.cached(context_key) or await _native.start_membership(engine, context_key)

    async def membership_by_hash(self, context_hash: str | bytes, /) -> Answer:
        """Looks up the membership of the context with this hash."""
        engine = self._engine
        return engine.cached_by_hash(context_hash) or await _native.start_membership_by_hash(
            engine, context_hash
        )

    async def memberships(self, context_keys: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up several contexts in as few queries as possible.

        The answers have the order of the keys.
        """
        return await _native.start_memberships(self._engine, context_keys)

    async def memberships_by_hash(self, context_hashes: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up several context hashes in as few queries as possible.

        The answers have the order of the hashes.
        """
        return await _native.start_memberships_by_hash(self._engine, context_hashes)

    def cached(self, context_key: str | bytes, /) -> Answer | None:
        """Returns the cached answer for a context key, or ``None``; never waits."""
        return self._engine.cached(context_key)

    def cached_by_hash(self, context_hash: str | bytes, /) -> Answer | None:
        """Returns the cached answer for a context hash, or ``None``; never waits."""
        return self._engine.cached_by_hash(context_hash)

    async def set_data(self, json: str | bytes, /) -> None:
        """Replaces the flags and segments by those of a JSON text, parsed on another thread.

        See :meth:`bigseg.Engine.set_data` for the format.
        """
        await asyncio.to_thread(self._engine.set_data, json)

    async def load_data(self, path: str | os.PathLike[str], /) -> None:
        """Replaces the flags and segments by those of a file, parsed on another thread.

        The path is remembered for ``reload_data``.
        """
        await asyncio.to_thread(self._engine.load_data, path)

    async def reload_data(self) -> bool:
        """Reads the file of ``load_data`` again if it has changed; returns whether it had."""
        return await asyncio.to_thread(self._engine.reload_data)

    async def evaluate(
        self, flag_key: str, context: AnyContext, /, default: Any = None
    ) -> Evaluation:
        """Evaluates a flag for a context; see :meth:`bigseg.Engine.evaluate`.

        >>> import asyncio, bigseg.aio
        >>> async def main():
        ...     async with bigseg.aio.Engine() as engine:
        ...         evaluation = await engine.evaluate("beta", {"kind": "user", "key": "alice"}, default=False)
        ...         return evaluation.value, evaluation.reason.error_kind.name
        >>> asyncio.run(main())
        (False, 'CLIENT_NOT_READY')
        """
        engine = self._engine
        context = _parsed(context)
        evaluation = engine.evaluate_now(flag_key, context, default)
        if evaluation is None:
            evaluation = await _native.start_evaluate(engine, flag_key, context, default)
        return evaluation

    def evaluate_now(
        self, flag_key: str, context: AnyContext, /, default: Any = None
    ) -> Evaluation | None:
        """Evaluates a flag without waiting; ``None`` if the store would have to be queried."""
        return self._engine.evaluate_now(flag_key, context, default)

    async def segment_contains(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer:
        """Returns whether a context is in a segment, and why.

        Looks up memberships like ``evaluate``.
        """
        engine = self._engine
        context = _parsed(context)
        answer = engine.segment_contains_now(segment_key, context)
        if answer is None:
            answer = await _native.start_segment_contains(engine, segment_key, context)
        return answer

    def segment_contains_now(
        self, segment_key: str, context: AnyContext, /
    ) -> SegmentAnswer | None:
        """Returns whether a context is in a segment without waiting.

        Returns ``None`` if the store would have to be queried.
        """
        return self._engine.segment_contains_now(segment_key, context)

    async def explain(self, segment_key: str, context: AnyContext, /) -> Explanation:
        """Returns whether a context is in a segment, with every fact that led to the answer."""
        return await _native.start_explain(self._engine, segment_key, context)

    def status(self) -> StoreStatus:
        """Returns the last known status of the store; does not query the store."""
        return self._engine.status()

    async def refresh_status(self) -> StoreStatus:
        """Reads the store's sync time now, and returns the status after that."""
        return await _native.start_refresh_status(self._engine)

    def add_status_listener(self, callback: Callable[[StoreStatus], object], /) -> int:
        """Calls back with the first status and with every change, on the event loop that runs now.

        Returns an id for removing the listener. A busy loop receives only the latest status.
        """
        return self._engine.add_status_listener(LoopListener(callback).forward)

    def remove_status_listener(self, listener_id: int, /) -> bool:
        """Removes a listener, and returns whether it existed."""
        return self._engine.remove_status_listener(listener_id)

    def status_updates(self) -> AsyncGenerator[StoreStatus, None]:
        """Yields the current status, then each change, until the engine is closed.

        A slow consumer receives only the latest status.

        >>> import asyncio, bigseg.aio
        >>> async def first_status():
        ...     async with bigseg.aio.Engine("memory:") as engine:
        ...         async for status in engine.status_updates():
        ...             return status.available
        >>> asyncio.run(first_status())
        True
        """
        return status_updates(self, self._end_callbacks)

    def invalidate(self, context_key: str | bytes, /) -> None:
        """Removes a context from the cache by its key.

        A query in progress does not store it again.
        """
        self._engine.invalidate(context_key)

    def invalidate_by_hash(self, context_hash: str | bytes, /) -> None:
        """Removes a context from the cache by its hash.

        A query in progress does not store it again.
        """
        self._engine.invalidate_by_hash(context_hash)

    def invalidate_all(self) -> None:
        """Empties the cache."""
        self._engine.invalidate_all()

    def metrics(self) -> Metrics:
        """Returns the engine's counters."""
        return self._engine.metrics()

    async def close(self) -> None:
        """Closes the engine, and waits until no listener and no call into a custom store runs.

        A second call has no effect.
        """
        for end in list(self._end_callbacks):
            end()
        await _native.start_close(self._engine)

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


def _parsed(context: AnyContext) -> _native.Context:
    """Parses a context once, for an attempt without waiting and one with."""
    return context if isinstance(context, _native.Context) else _native.Context(context)
