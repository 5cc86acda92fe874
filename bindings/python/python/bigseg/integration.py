"""Integrations, which replicate an upstream into a store."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from .errors import ErrorKind
from .options import store_config
from .lifecycle import close_at_exit

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from . import aio
    from ._native import ManualClock, Upstream
    from .options import StoreOptions, StoreLike

__all__ = ["Integration", "IntegrationProgress", "IntegrationState", "IntegrationStatus", "SyncCounters", "SyncFailure"]


class IntegrationState(enum.Enum):
    """The state of an integration. Every language uses these values as names."""

    OFF = "off"
    """The integration is turned off or closed."""
    INITIALIZING = "initializing"
    """The initial load is in progress; see ``IntegrationStatus.progress``."""
    HEALTHY = "healthy"
    """The store matches the upstream, and changes are streamed into it."""
    FAILING = "failing"
    """The store does not match the upstream because of ``IntegrationStatus.error``.

    Retries continue.
    """

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class SyncFailure:
    """A failure of an integration; contains neither the SDK key nor a context."""

    kind: ErrorKind
    """The kind of the error, for branching."""
    status_code: int | None
    """The HTTP status of the upstream's response, if there was one."""
    message: str
    """The message for a person."""
    since: int
    """The time of the first occurrence, in Unix milliseconds."""
    timestamp: int
    """The time of the last occurrence, in Unix milliseconds."""
    times: int
    """The number of consecutive occurrences."""


@dataclass(frozen=True)
class IntegrationProgress:
    """The progress of the current or the last initial load."""

    patches: int
    """Patches applied."""
    operations: int
    """Operations in these patches: one context that joins or leaves a list."""
    operations_per_second: int
    """Operations per second, on average since the start of the load."""


@dataclass(frozen=True)
class SyncCounters:
    """Counters since the integration was turned on, or since its store or upstream changed."""

    patches: int
    """Patches applied."""
    operations: int
    """Operations in these patches."""
    repeated: int
    """Patches that the store already had."""
    pages: int
    """Pages fetched, empty ones included."""
    streams: int
    """Streams opened."""
    out_of_order: int
    """Patches that did not continue at the store's cursor, or found it moved by another writer."""
    data_losses: int
    """Losses of the store's cursor."""


@dataclass(frozen=True)
class IntegrationStatus:
    """The status of an integration at one moment."""

    state: IntegrationState
    """The state."""
    since: int
    """When the state last changed, in Unix milliseconds."""
    last_synchronized: int | None
    """When the store was last marked as synchronised, in Unix milliseconds.

    ``None`` means never.
    """
    error: SyncFailure | None
    """The current error, while the state is ``FAILING``."""
    last_error: int | None
    """When the newest error of the log occurred, in Unix milliseconds.

    ``None`` if the log is empty.
    """
    progress: IntegrationProgress
    """The progress of the initial load."""
    counters: SyncCounters
    """The counters."""


class Integration(_native.Integration):
    """Replicates an upstream into a store: loads what is missing, then follows the changes.

    Retries after every failure. Every method may be called from any thread. An integration without
    references is stopped. After ``fork`` it continues in the parent; in the child its methods raise
    :class:`bigseg.ForkedError`.

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
        store: StoreLike,
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
        """Starts an integration; waits for neither the upstream nor the store.

        ``id`` identifies the integration to programs: 1 to 64 letters, digits, ``-``, ``_`` or
        ``.``. ``name`` (default: the id), ``project`` and ``environment`` are for display.

        ``engines`` read the same store; each change invalidates the contexts in their caches.
        ``change_listener`` is called on a library thread, after each change was written. Its
        arguments are a segment ref and the hashes of contexts that may have changed. The
        integration waits until it returns.

        ``state_directory`` is an existing directory for the error log, which then survives the
        process.

        Raises :class:`bigseg.InvalidConfigError`, or :class:`bigseg.InternalError` when the system
        refuses to start threads.
        """
        labels = (id, name, project, environment, on)
        config = store_config(store, dict(options))
        natives = [native_engine(engine) for engine in engines]
        new = super().__new__(cls, labels, upstream, config, natives, change_listener, state_directory, clock)
        close_at_exit(new)
        return new

    def set_store(self, store: StoreLike, /, **options: Unpack[StoreOptions]) -> None:
        """Changes the store that patches are written to; does not wait.

        The content of the previous store is kept.
        """
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
    """Returns the native half of a blocking or an asyncio engine."""
    native: _native.Engine = engine if isinstance(engine, _native.Engine) else engine._engine
    return native
