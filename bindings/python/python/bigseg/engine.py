"""The blocking engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from . import _native
from .lifecycle import close_at_exit
from .options import store_config, take_engine_options

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .custom_store import CustomStore
    from .options import EngineOptions, StoreLike

__all__ = ["Engine"]


class Engine(_native.Engine):
    """Looks up the segments that include or exclude a context, in the cache or in the store.

    One engine serves a whole process; every method may be called from any thread. A lookup raises
    only on misuse; a failure of the store is in the answer. Every call that may wait releases the
    GIL.

    >>> import bigseg
    >>> with bigseg.Import("memory:doc") as users:
    ...     users.add("alice", "beta.g1")
    >>> engine = bigseg.Engine("memory:doc")
    >>> answer = engine.membership("alice")
    >>> answer.check("beta.g1"), answer.check("other.g1"), answer.status.name
    (True, None, 'HEALTHY')
    >>> engine.close()

    An engine that was opened before ``fork`` also works in the child. The first call there opens
    it again, with an empty cache. With status listeners it is opened at once.
    """

    def __init__(
        self, store: StoreLike | CustomStore | None = None, /, **options: Unpack[EngineOptions]
    ) -> None:
        """Opens an engine. Does not wait for the store; the status shows one that is unreachable.

        ``store`` is a store string, the path of an embedded store, or a custom store
        (:class:`CustomStore`). With ``None`` every lookup answers ``NOT_CONFIGURED``.

        Raises :class:`bigseg.InvalidConfigError`, or :class:`bigseg.InternalError` when the system
        refuses to start threads.
        """
        open_engine(self, store, dict(options), loop=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<bigseg.Engine{' (closed)' if self.closed else ''}>"


def open_engine(
    engine: _native.Engine, store: object, options: dict[str, Any], loop: asyncio.AbstractEventLoop | None
) -> None:
    """Opens the native half of an engine; an asynchronous custom store runs on ``loop``."""
    engine_options = take_engine_options(options)
    config = custom_store = None
    if isinstance(store, (str, os.PathLike, _native.StoreConfig)):
        config = store_config(cast("StoreLike", store), options)
    elif options:
        from .errors import InvalidConfigError

        names = ", ".join(sorted(options))
        raise InvalidConfigError(f"{names}: not an engine option; store options need a store string or a path")
    elif store is not None:
        from .custom_store import StoreAdapter

        custom_store = StoreAdapter(cast("CustomStore", store), loop)
    engine._open(config, custom_store, engine_options)
    close_at_exit(engine)
