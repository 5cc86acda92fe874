# The native half; bindings/python/src is its source, and a test compares the two.
import os
from asyncio import Future
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import timedelta
from typing import Any, TypeVar, final, overload

from typing_extensions import Self

from .errors import BigSegError, ErrorKind
from .evaluation import AnyContext, Decision, EvaluationErrorKind, Explanation, Reason, SegmentKind
from .integration import IntegrationStatus, SyncFailure
from .imports import ImportReport
from .status import LookupStatus, Metrics, Origin, StoreStatus

__version__: str

_T = TypeVar("_T")

@final
class Membership(Mapping[str, bool]):
    """A read-only mapping: ``True`` for each segment that the context is included in, ``False`` for each that it is excluded
    from; a segment that is not in it has no value, and its rules decide."""

    def __new__(cls, included: list[str] | None = None, excluded: list[str] | None = None) -> Self: ...
    def check(self, segment_ref: str, /) -> bool | None:
        """Returns ``True`` when included, ``False`` when excluded, ``None`` when the store has no value."""
    @property
    def included(self) -> list[str]:
        """The refs that the context is included in, sorted."""
    @property
    def excluded(self) -> list[str]:
        """The refs that the context is excluded from, sorted; one that is included too stands in both."""
    def __getitem__(self, key: str, /) -> bool: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    @overload
    def get(self, segment_ref: str, /) -> bool | None: ...
    @overload
    def get(self, segment_ref: str, default: bool, /) -> bool: ...
    @overload
    def get(self, segment_ref: str, default: _T, /) -> bool | _T: ...
    def keys(self) -> KeysView[str]:
        """Returns the refs."""
    def values(self) -> ValuesView[bool]:
        """Returns the values, in the order of ``keys``."""
    def items(self) -> ItemsView[str, bool]:
        """Returns the refs with their values."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Answer:
    """What the engine says about one context: a membership, and how far it can be trusted."""

    def check(self, segment_ref: str, /) -> bool | None:
        """Returns ``True`` when included, ``False`` when excluded, ``None`` when the store has no value: the segment's rules
        decide then."""
    @property
    def membership(self) -> Membership:
        """The segments the context is in and out of; empty when nothing is known."""
    @property
    def status(self) -> LookupStatus:
        """How far the membership can be trusted."""
    @property
    def origin(self) -> Origin:
        """Where the membership comes from."""
    @property
    def age(self) -> float:
        """How many seconds ago the store said it; 0 when it was just now, or when nothing is known."""
    @property
    def error(self) -> BigSegError | None:
        """Why the store was not heard, as an exception that was not raised; ``None`` when it was."""

@final
class Context:
    """A context, read once, to be evaluated often; immutable. It shows none of its keys and attributes."""

    def __new__(cls, context: AnyContext, /) -> Self:
        """Reads a context of one kind, of several, or a legacy user: a mapping, JSON text, or a context of ``ldclient``.

        Raises :class:`bigseg.InvalidContextKeyError` when a key is empty; :class:`bigseg.InvalidArgumentError` when it is
        not JSON, or not a context; ``TypeError`` when it is something else.
        """
    @property
    def kinds(self) -> list[str]:
        """The kinds of its individual contexts, sorted."""

@final
class Evaluation:
    """What a flag serves a context, and why."""

    @property
    def value(self) -> Any:
        """What it serves, or the caller's default. Lists and dicts are the caller's own each time."""
    @property
    def variation(self) -> int | None:
        """The index of the variation; ``None`` when the value is the caller's default."""
    @property
    def reason(self) -> Reason:
        """Why."""
    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What each big segment decided that was asked for, in order."""

@final
class SegmentAnswer:
    """Whether a context is in a segment, and why; it is true if it is."""

    def __bool__(self) -> bool: ...
    @property
    def is_match(self) -> bool:
        """Whether it is."""
    @property
    def error_kind(self) -> EvaluationErrorKind | None:
        """Why there is no real answer, which is "no" then; else ``None``."""
    @property
    def status(self) -> LookupStatus | None:
        """The worst status of the lookups that were attempted or refused; ``None`` if there were none."""
    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What this segment decided, then each big segment that its rules ask for, in order."""

@final
class ManualClock:
    """A clock for tests: it stands still until it is told to move."""

    def __new__(cls, unix_millis: int) -> Self: ...
    def advance(self, by: float | timedelta, /) -> None:
        """Moves both the monotonic and the wall-clock time forward, by seconds or a ``timedelta``."""
    def set_unix_millis(self, unix_millis: int, /) -> None:
        """Sets the wall-clock time alone, as an administrator or NTP would."""

@final
class StoreConfig:
    """Names a store; made from a store string, or from the path of an embedded store. ``str`` of it shows no secrets."""

    @staticmethod
    def parse(text: str, /) -> StoreConfig:
        """Reads a store string. Raises :class:`bigseg.InvalidConfigError`."""
    @staticmethod
    def local(path: str | os.PathLike[str], /) -> StoreConfig:
        """Names an embedded store by a path, which is taken literally."""

@final
class Upstream:
    """The service that a store is kept in step with; it holds the SDK key, and never shows it."""

    def __new__(
        cls,
        sdk_key: str,
        /,
        *,
        base_url: str | None = None,
        stream_url: str | None = None,
        proxy: str = "environment",
        ca_file: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Names an upstream; by default the public service.

        ``proxy`` is ``none``, the URL of an HTTP proxy, which may hold a user and a password, or ``environment``: as
        ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` say. ``ca_file`` names the authorities that may vouch
        for the upstream. Raises :class:`bigseg.InvalidConfigError`.
        """

class Engine:
    """The native half of ``bigseg.Engine`` and ``bigseg.aio.Engine``."""

    def __new__(cls, *arguments: Any, **options: Any) -> Self: ...
    def _open(self, store: StoreConfig | None, custom: object, options: dict[str, Any]) -> None: ...
    def membership(self, context_key: str | bytes, /) -> Answer:
        """Looks up the membership of the context with that key; waits at most for the lookup deadline."""
    def membership_by_hash(self, context_hash: str | bytes, /) -> Answer:
        """Looks up the membership of the context with that hash; waits at most for the lookup deadline."""
    def memberships(self, context_keys: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up many contexts together, in their order; what is not cached is asked for in as few queries as possible."""
    def memberships_by_hash(self, context_hashes: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up many hashes together, in their order."""
    def cached(self, context_key: str | bytes, /) -> Answer | None:
        """Returns an answer if there is one without asking anybody; never waits."""
    def cached_by_hash(self, context_hash: str | bytes, /) -> Answer | None:
        """Does the same for a hash."""
    def set_data(self, json: str | bytes, /) -> None:
        """Sets the flags and segments, from the JSON of the service: ``{"flags":{…},"segments":{…}}``.

        They are exchanged as a whole, without holding up anybody who evaluates. Raises :class:`bigseg.InvalidArgumentError` for
        a text that is refused, which changes nothing.
        """
    def load_data(self, path: str | os.PathLike[str], /) -> None:
        """Does the same from a file, and remembers it for ``reload_data``."""
    def reload_data(self) -> bool:
        """Reads the file of ``load_data`` again, if it has changed since; returns whether it had.

        Cheap enough to be called every second: nothing watches the file by itself. When it raises, the data stay as they were,
        and the next call tries again.
        """
    def evaluate(self, flag_key: str, context: AnyContext, /, default: Any = None) -> Evaluation:
        """Evaluates a flag for a context: what it serves, and why.

        ``default`` is the value when there is nothing to evaluate; the reason says so. Memberships are looked up as rules come
        to ask for them, each at most once; what is cached or embedded is there without waiting, and any other is waited for at
        most for the lookup deadline. A :class:`bigseg.Context` is quicker than what has to be read each time.
        """
    def evaluate_now(self, flag_key: str, context: AnyContext, /, default: Any = None) -> Evaluation | None:
        """Does the same if it can be done without waiting; ``None`` if the store would have to be asked."""
    def segment_contains(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer:
        """Answers whether a context is in a segment, and why; it looks up, and waits, as ``evaluate`` does."""
    def segment_contains_now(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer | None:
        """Does the same if it can be done without waiting; ``None`` if the store would have to be asked."""
    def explain(self, segment_key: str, context: AnyContext, /) -> Explanation:
        """Answers whether a context is in a segment, and explains it; it looks up, and waits, as ``evaluate`` does."""
    def status(self) -> StoreStatus:
        """Returns the store's status as far as it is known now; does not ask the store."""
    def refresh_status(self) -> StoreStatus:
        """Asks the store for its sync time now, and returns the status after that."""
    def add_status_listener(self, callback: Callable[[StoreStatus], object], /) -> int:
        """Calls back with the first status and with every change, on a thread of the engine's, never twice at once.

        Returns a number for removing the listener. The latest status wins: a listener that is slow misses what lies
        between, and delays nobody. What it raises is logged, and it stays subscribed.
        """
    def remove_status_listener(self, number: int, /) -> bool:
        """Removes a listener, and returns whether it was there; when this returns it does not run and will not run again.

        Blocks while it runs, except from inside a listener of the same engine.
        """
    def invalidate(self, context_hash: str | bytes, /) -> None:
        """Forgets what is cached of a context; a query under way will not bring it back."""
    def invalidate_all(self) -> None:
        """Forgets everything that is cached."""
    def metrics(self) -> Metrics:
        """Returns what the engine has done so far."""
    def close(self) -> None:
        """Stops everything and waits until nothing runs any more: no listener, no call into a custom store.

        Closing twice is fine. From inside a listener of the same engine it does not wait; and it gives up after 5 s on code
        of the program's that does not return. Later calls raise :class:`bigseg.ClosedError`.
        """
    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
    def _begin_membership(self, context_key: str | bytes, /) -> Future[Answer]: ...
    def _begin_membership_by_hash(self, context_hash: str | bytes, /) -> Future[Answer]: ...
    def _begin_memberships(self, context_keys: Iterable[str | bytes], /) -> Future[list[Answer]]: ...
    def _begin_memberships_by_hash(self, context_hashes: Iterable[str | bytes], /) -> Future[list[Answer]]: ...
    def _begin_evaluate(self, flag_key: str, context: AnyContext, default: Any) -> Future[Evaluation]: ...
    def _begin_segment_contains(self, segment_key: str, context: AnyContext) -> Future[SegmentAnswer]: ...
    def _begin_explain(self, segment_key: str, context: AnyContext) -> Future[Explanation]: ...
    def _begin_refresh_status(self) -> Future[StoreStatus]: ...
    def _begin_close(self) -> Future[None]: ...
    def _after_fork_in_child(self) -> None: ...

class Integration:
    """The native half of ``bigseg.Integration`` and ``bigseg.aio.Integration``."""

    def __new__(
        cls,
        labels: tuple[str, str | None, str, str, bool],
        upstream: Upstream,
        store: StoreConfig,
        engines: list[Engine],
        change_listener: Callable[[str, list[str]], object] | None,
        state_directory: str | os.PathLike[str] | None,
        clock: ManualClock | None,
    ) -> Self: ...
    def status(self) -> IntegrationStatus:
        """Returns the status of this moment; never waits."""
    def error_log(self) -> list[SyncFailure]:
        """Returns the last errors, newest first, at most 100; the same one in a row is one entry. Never waits.

        They are those of earlier processes, too, if there is a directory for the state.
        """
    def add_status_listener(self, callback: Callable[[IntegrationStatus], object], /) -> int:
        """Calls back with the present status and with every change, on a thread of the library's, never twice at once.

        Returns a number for removing the listener. The latest status wins: a listener that is slow misses what lies
        between, and delays nobody. What it raises is logged, and it stays subscribed.
        """
    def remove_status_listener(self, number: int, /) -> bool:
        """Removes a listener, and returns whether it was there; when this returns it does not run and will not run again.

        Blocks while it runs, except from inside a listener of the same integration.
        """
    def set_sdk_key(self, sdk_key: str, /) -> None:
        """Replaces the SDK key from now on, without a restart; does not wait for the upstream."""
    def set_on(self, on: bool, /) -> None:
        """Turns it on or off; does not wait. One that is turned off finishes the transaction under way; its state says when."""
    def set_name(self, name: str, /) -> None:
        """Changes what people call it."""
    def _set_store(self, store: StoreConfig, /) -> None: ...
    def close(self) -> None:
        """Stops it and waits until it no longer touches the store: the transaction under way is finished.

        Closing twice is fine. From inside a listener of the same integration it does not wait; and it gives up after 20 s. What
        would change the integration later raises :class:`bigseg.ClosedError`.
        """
    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
    def _begin_close(self) -> Future[None]: ...

class Import:
    """The native half of ``bigseg.Import``."""

    def __new__(cls, store: StoreConfig, replace: str | None, clock: ManualClock | None) -> Self: ...
    def add(self, context_key: str | bytes, segment_ref: str, included: bool = True) -> None:
        """Adds a membership: the context is included in the segment, or excluded from it.

        Raises :class:`bigseg.InvalidContextKeyError`, :class:`bigseg.InvalidSegmentRefError`, after which the import can go
        on; :class:`bigseg.StoreFullError` when there is no room for a temporary file.
        """
    def add_hash(self, context_hash: str | bytes, segment_ref: str, included: bool = True) -> None:
        """Adds a membership by the context's hash."""
    def _add_file(
        self, path: str | os.PathLike[str], format: str, segment_ref: str | None, skip_bad_lines: bool
    ) -> int: ...
    def __len__(self) -> int: ...
    def commit(self, progress: Callable[[int, int], object] | None = None) -> ImportReport: ...
    def abandon(self) -> None:
        """Gives the list up; nothing is written. An import that was committed stays so."""

def install(errors: Mapping[str, tuple[ErrorKind, type[BigSegError]]], classes: Mapping[str, type]) -> None: ...
def classify(entries: int, context_kinds: int) -> SegmentKind:
    """Returns what a list of that many entries, of that many context kinds, makes: more than 15,000 entries of exactly one
    kind make a big segment."""

def context_hash(context_key: str | bytes, /) -> str: ...
def parse_context_hash(text: str | bytes, /) -> str: ...
def segment_ref(segment_key: str, generation: int) -> str: ...
def parse_segment_ref(text: str) -> tuple[str, int]: ...
def leave() -> None: ...
def after_fork_in_child() -> None: ...
