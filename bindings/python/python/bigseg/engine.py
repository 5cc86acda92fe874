"""The engine for programs that may wait."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from . import _native
from .options import store_config, take_engine_options
from .lifecycle import watch

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .custom_store import CustomStore
    from .options import EngineOptions, StorePlace

__all__ = ["Engine"]


class Engine(_native.Engine):
    """Answers "which segments is this context in?" from its cache, or else from the store.

    One engine serves a whole process; every method may be called from any thread. A lookup raises only on misuse;
    whatever goes wrong with the store is in the answer. The GIL is released in every call that may wait.

    >>> import bigseg
    >>> with bigseg.Import("memory:doc") as users:
    ...     users.add("alice", "beta.g1")
    >>> engine = bigseg.Engine("memory:doc")
    >>> answer = engine.membership("alice")
    >>> answer.check("beta.g1"), answer.check("other.g1"), answer.status.name
    (True, None, 'HEALTHY')
    >>> engine.close()

    An engine that was opened before ``fork`` works in the child, too: it is opened anew there on first use, with an empty
    cache; or at once, if it has status listeners.
    """

    def __init__(self, store: StorePlace | CustomStore | None = None, /, **options: Unpack[EngineOptions]) -> None:
        """Opens an engine. It does not wait for the store; one that cannot be reached shows in the status.

        ``store`` is a store string, the path of an embedded store, an object of the program's own (:class:`CustomStore`), or
        ``None``: every lookup then answers ``NOT_CONFIGURED``.

        Raises :class:`bigseg.InvalidConfigError`; :class:`bigseg.InternalError` when the machine refuses more threads.
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
    """Opens the native half of an engine; ``loop`` is where an asynchronous store is to run."""
    engine_options = take_engine_options(options)
    config = custom = None
    if isinstance(store, (str, os.PathLike, _native.StoreConfig)):
        config = store_config(cast("StorePlace", store), options)
    elif options:
        from .errors import InvalidConfigError

        raise InvalidConfigError(f"{', '.join(sorted(options))} can be said only of a store that has a store string")
    elif store is not None:
        from .custom_store import StoreAdapter

        custom = StoreAdapter(cast("CustomStore", store), loop)
    engine._open(config, custom, engine_options)
    watch(engine)
