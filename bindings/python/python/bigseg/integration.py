"""Integrations: keeping a store in step with its upstream."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from .errors import ErrorKind
from .options import store_config
from .lifecycle import watch

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from . import aio
    from ._native import ManualClock, Upstream
    from .options import StoreOptions, StorePlace

__all__ = ["Integration", "IntegrationProgress", "IntegrationState", "IntegrationStatus", "SyncCounters", "SyncFailure"]


class IntegrationState(enum.Enum):
    """How an integration is doing. The values are the names that every language uses."""

    OFF = "off"
    """It is turned off, or closed."""
    INITIALIZING = "initializing"
    """It fetches what the store does not have yet; the progress says how far it is."""
    HEALTHY = "healthy"
    """The store matches the source, and changes are followed as they happen."""
    FAILING = "failing"
    """The error says what keeps the store from matching the source; it is tried again and again."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class SyncFailure:
    """Something that went wrong with an integration; holds neither the SDK key nor any context."""

    kind: ErrorKind
    """What failed, for branching."""
    status_code: int | None
    """The HTTP status of the upstream's answer, if it gave one."""
    message: str
    """The sentence for a person."""
    since: int
    """When it happened first, in Unix milliseconds."""
    timestamp: int
    """When it happened last, in Unix milliseconds."""
    times: int
    """How often it happened in a row."""


@dataclass(frozen=True)
class IntegrationProgress:
    """How far the present filling of the store, or the last one, has come."""

    patches: int
    """Patches applied."""
    operations: int
    """Operations in them: a context that joins or leaves a list."""
    operations_per_second: int
    """Operations in a second, on average since it began."""


@dataclass(frozen=True)
class SyncCounters:
    """What happened since an integration was last turned on, or its store or its source changed."""

    patches: int
    """Patches applied."""
    operations: int
    """Operations in them."""
    repeated: int
    """Patches that the store had already."""
    pages: int
    """Pages fetched, empty ones included."""
    streams: int
    """Streams opened."""
    out_of_order: int
    """Times that a patch did not follow the store's cursor, or another writer had moved it."""
    data_losses: int
    """Times that the store had lost its cursor."""


@dataclass(frozen=True)
class IntegrationStatus:
    """The status of an integration at one moment."""

    state: IntegrationState
    """How it is doing."""
    since: int
    """Since when, in Unix milliseconds."""
    last_synchronized: int | None
    """When the store was last declared synchronised, in Unix milliseconds; ``None`` = never, as far as is known."""
    error: SyncFailure | None
    """What keeps the store from matching the source, while the state is ``FAILING``."""
    last_error: int | None
    """When something last failed, in Unix milliseconds; ``None`` = never, as far as the error log goes."""
    progress: IntegrationProgress
    """How far filling the store has come."""
    counters: SyncCounters
    """What happened so far."""


class Integration(_native.Integration):
    """Keeps a store in step with its upstream: fetches what it does not have yet, and follows the changes.

    It never gives up, whatever fails; every method may be called from any thread. One that nobody holds any more stops. After
    ``fork`` it goes on in the parent only: in the child it raises :class:`bigseg.ForkedError`.

    >>> import bigseg
    >>> upstream = bigseg.Upstream("sdk-key", base_url="http://127.0.0.1:1", stream_url="http://127.0.0.1:1")
    >>> with bigseg.Integration("production", upstream, "memory:mirror", on=False) as integration:
    ...     print(integration.status().state, integration.error_log())
    off []
    """

    def __new__(
        cls,
        id: str,
        upstream: Upstream,
        store: StorePlace,
        /,
        *,
        name: str | None = None,
        project: str = "",
        environment: str = "",
        on: bool = True,
        engines: Iterable[_native.Engine | aio.Engine] = (),
        change_listener: Callable[[str, list[str]], object] | None = None,
        state_directory: str | os.PathLike[str] | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> Self:
        """Starts an integration; it waits for neither the upstream nor the store.

        ``id`` is what programs call it: 1 to 64 letters, digits, ``-``, ``_`` or ``.``; ``name`` (by default the id),
        ``project`` and ``environment`` are for people. ``engines`` on the same store forget changed contexts at once.
        ``change_listener`` is called on a thread of the library with a segment ref and the hashes of contexts that may have
        changed in it, after the store has the change; the integration waits until it returns. In ``state_directory``, which
        exists, the error log outlives the process.

        Raises :class:`bigseg.InvalidConfigError`; :class:`bigseg.InternalError` when the machine refuses more threads.
        """
        labels = (id, name, project, environment, on)
        config = store_config(store, dict(options))
        natives = [native_engine(engine) for engine in engines]
        new = super().__new__(cls, labels, upstream, config, natives, change_listener, state_directory, clock)
        watch(new)
        return new

    def set_store(self, store: StorePlace, /, **options: Unpack[StoreOptions]) -> None:
        """Changes where patches go; does not wait. What the former store holds stays there."""
        self._set_store(store_config(store, dict(options)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<bigseg.Integration{' (closed)' if self.closed else ''}>"


def native_engine(engine: Any) -> _native.Engine:
    """Returns the native half of an engine of either kind."""
    native: _native.Engine = engine if isinstance(engine, _native.Engine) else engine._engine
    return native
