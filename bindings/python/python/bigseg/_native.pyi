# The types of the native half. Its source is bindings/python/src; a test compares the two.
import os
from asyncio import Future
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import timedelta
from typing import Any, TypeVar, final, overload

from typing_extensions import Self, Unpack

from .errors import BigSegError, ErrorKind
from .evaluation import AnyContext, Decision, EvaluationErrorKind, Explanation, Reason, SegmentKind
from .imports import Entry, ImportReport
from .integration import IntegrationStatus, SyncFailure
from .options import StoreOptions
from .status import LookupStatus, Metrics, Origin, StoreStatus

__version__: str

_T = TypeVar("_T")

@final
class Membership(Mapping[str, bool]):
    """A read-only mapping from segment refs to ``True`` (included) or ``False`` (excluded).

    A segment that is missing has no value in the store, and its rules decide.
    """

    def __new__(cls, included: list[str] | None = None, excluded: list[str] | None = None) -> Self: ...
    def check(self, segment_ref: str, /) -> bool | None:
        """Returns ``True`` when included, ``False`` when excluded, ``None`` when the store has no
        value.
        """
    @property
    def included(self) -> list[str]:
        """The refs of the segments that include the context, sorted."""
    @property
    def excluded(self) -> list[str]:
        """The refs of the segments that exclude the context, sorted.

        A ref that is also included is in both lists.
        """
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
        """Returns the pairs of refs and values."""
    def __eq__(self, other: object, /) -> bool: ...

@final
class Answer:
    """The answer to a lookup of one context: a membership, and how far it can be trusted."""

    def check(self, segment_ref: str, /) -> bool | None:
        """Returns ``True`` when included, ``False`` when excluded, ``None`` when the store has no
        value.

        With no value, the segment's rules decide.
        """
    @property
    def membership(self) -> Membership:
        """The segments that include or exclude the context; empty when nothing is known."""
    @property
    def status(self) -> LookupStatus:
        """How far the membership can be trusted."""
    @property
    def origin(self) -> Origin:
        """Where the membership comes from."""
    @property
    def age(self) -> float:
        """The age of the store's answer in seconds.

        It is 0 when the answer was read for this lookup, or when nothing is known.
        """
    @property
    def error(self) -> BigSegError | None:
        """Why the store gave no answer, as an exception that was not raised.

        ``None`` when it gave one.
        """

@final
class Context:
    """A parsed context, for repeated evaluation; immutable.

    Its ``repr`` shows no keys or attributes.
    """

    def __new__(cls, context: AnyContext, /) -> Self:
        """Parses a single-kind context, a multi-kind context, or a legacy user.

        Accepts a mapping, JSON text, or a context of ``ldclient``.

        Raises :class:`bigseg.InvalidContextKeyError` for an empty key,
        :class:`bigseg.InvalidArgumentError` for invalid JSON or an invalid context, and
        ``TypeError`` for any other type.
        """
    @property
    def kinds(self) -> list[str]:
        """The kinds of the individual contexts, sorted."""

@final
class Evaluation:
    """The result of evaluating a flag: a value and its reason."""

    @property
    def value(self) -> Any:
        """The value of the variation, or the caller's default.

        Each access returns a new list or dict, which the caller may change.
        """
    @property
    def variation(self) -> int | None:
        """The index of the variation; ``None`` when the value is the caller's default."""
    @property
    def reason(self) -> Reason:
        """The reason for the value."""
    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decision of each big segment that was consulted, in order."""

@final
class SegmentAnswer:
    """Whether a context is in a segment, and why; its truth value is that of ``is_match``."""

    def __bool__(self) -> bool: ...
    @property
    def is_match(self) -> bool:
        """Whether the context is in the segment."""
    @property
    def error_kind(self) -> EvaluationErrorKind | None:
        """Why the segment could not be evaluated, in which case ``is_match`` is ``False``.

        Else ``None``.
        """
    @property
    def status(self) -> LookupStatus | None:
        """The worst status of the attempted or refused lookups; ``None`` if there were none."""
    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decision of this segment, then of each big segment that its rules consulted, in
        order.
        """

@final
class ManualClock:
    """A clock for tests, which moves only when a test advances it."""

    def __new__(cls, unix_millis: int) -> Self: ...
    def advance(self, by: float | timedelta, /) -> None:
        """Advances both the monotonic and the wall-clock time, by seconds or a ``timedelta``."""
    def set_unix_millis(self, unix_millis: int, /) -> None:
        """Sets the wall-clock time only, as an administrator or NTP does."""

@final
class StoreConfig:
    """The configuration of a store, made from a store string or from the path of an embedded store.

    Its ``str`` contains no secrets.
    """

    @staticmethod
    def parse(text: str, /, **options: Unpack[StoreOptions]) -> StoreConfig:
        """Parses a store string, and applies options given by name.

        Raises :class:`bigseg.InvalidConfigError`.
        """
    @staticmethod
    def local(path: str | os.PathLike[str], /, **options: Unpack[StoreOptions]) -> StoreConfig:
        """Configures an embedded store by its path, which is taken literally, and by options.

        Raises :class:`bigseg.InvalidConfigError`.
        """

@final
class Upstream:
    """The service that an integration replicates. Its ``repr`` does not contain the SDK key."""

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
        """Configures an upstream; the URLs default to the public service.

        ``proxy`` is ``none``, ``environment``, or the URL of an HTTP proxy, which may contain a
        user and a password. ``environment`` reads ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``
        and ``NO_PROXY``. ``ca_file`` is a PEM file of trusted certificate authorities.

        Raises :class:`bigseg.InvalidConfigError`.
        """

class Engine:
    """The native half of ``bigseg.Engine`` and ``bigseg.aio.Engine``."""

    def __new__(cls, *arguments: Any, **options: Any) -> Self: ...
    def _open(self, store: StoreConfig | None, custom_store: object, options: dict[str, Any]) -> None: ...
    def membership(self, context_key: str | bytes, /) -> Answer:
        """Looks up the membership of the context with this key.

        Blocks up to ``lookup_deadline``.
        """
    def membership_by_hash(self, context_hash: str | bytes, /) -> Answer:
        """Looks up the membership of the context with this hash.

        Blocks up to ``lookup_deadline``.
        """
    def memberships(self, context_keys: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up several contexts in as few queries as possible.

        The answers have the order of the keys. Blocks up to ``lookup_deadline``.
        """
    def memberships_by_hash(self, context_hashes: Iterable[str | bytes], /) -> list[Answer]:
        """Looks up several context hashes in as few queries as possible.

        The answers have the order of the hashes. Blocks up to ``lookup_deadline``.
        """
    def cached(self, context_key: str | bytes, /) -> Answer | None:
        """Returns the cached answer for a context key, or ``None``; never waits."""
    def cached_by_hash(self, context_hash: str | bytes, /) -> Answer | None:
        """Returns the cached answer for a context hash, or ``None``; never waits."""
    def set_data(self, json: str | bytes, /) -> None:
        """Replaces the flags and segments by those of a JSON text:
        ``{"flags":{…},"segments":{…}}``.

        They are replaced as a whole, and evaluations in progress are not blocked. Raises
        :class:`bigseg.InvalidArgumentError` for invalid text, which changes nothing.
        """
    def load_data(self, path: str | os.PathLike[str], /) -> None:
        """Replaces the flags and segments by those of a file, and remembers its path for
        ``reload_data``.

        Raises :class:`bigseg.InvalidArgumentError` for an unreadable or invalid file, which changes
        nothing.
        """
    def reload_data(self) -> bool:
        """Reads the file of ``load_data`` again if it has changed; returns whether it had.

        The file is not watched. A call once a second is cheap. When it raises, the data are
        unchanged, and the next call retries.
        """
    def evaluate(self, flag_key: str, context: AnyContext, /, default: Any = None) -> Evaluation:
        """Evaluates a flag for a context, and returns the value with its reason.

        ``default`` is the value when the flag cannot be evaluated; the reason has the error kind.
        Memberships are looked up when a rule needs them, each at most once. Blocks up to
        ``lookup_deadline`` for each membership that is neither cached nor embedded. A
        :class:`bigseg.Context` is faster than a form that each call has to parse.
        """
    def evaluate_now(self, flag_key: str, context: AnyContext, /, default: Any = None) -> Evaluation | None:
        """Evaluates a flag without waiting; ``None`` if the store would have to be queried."""
    def segment_contains(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer:
        """Returns whether a context is in a segment, and why.

        Blocks up to ``lookup_deadline`` for each membership that is neither cached nor embedded.
        """
    def segment_contains_now(self, segment_key: str, context: AnyContext, /) -> SegmentAnswer | None:
        """Returns whether a context is in a segment without waiting.

        Returns ``None`` if the store would have to be queried.
        """
    def explain(self, segment_key: str, context: AnyContext, /) -> Explanation:
        """Returns whether a context is in a segment, with every fact that led to the answer.

        Blocks up to ``lookup_deadline`` for each membership that is neither cached nor embedded.
        """
    def status(self) -> StoreStatus:
        """Returns the last known status of the store; does not query the store."""
    def refresh_status(self) -> StoreStatus:
        """Reads the store's sync time now, and returns the status after that."""
    def add_status_listener(self, callback: Callable[[StoreStatus], object], /) -> int:
        """Calls back with the first status and with every change, on a thread of the engine.

        Returns an id for removing the listener. Calls of one listener never overlap. A slow
        listener receives only the latest status, and delays no other. An exception is logged, and
        the listener stays subscribed.
        """
    def remove_status_listener(self, listener_id: int, /) -> bool:
        """Removes a listener, and returns whether it existed; it is not called after this returns.

        Blocks while the listener runs, except from inside a listener of the same engine.
        """
    def invalidate(self, context_key: str | bytes, /) -> None:
        """Removes a context from the cache by its key.

        A query in progress does not store it again.
        """
    def invalidate_by_hash(self, context_hash: str | bytes, /) -> None:
        """Removes a context from the cache by its hash.

        A query in progress does not store it again.
        """
    def invalidate_all(self) -> None:
        """Empties the cache."""
    def metrics(self) -> Metrics:
        """Returns the engine's counters."""
    def close(self) -> None:
        """Closes the engine, and waits until no listener and no call into a custom store runs.

        A second call has no effect. A call from inside a listener of the same engine does not wait.
        Waits at most 5 s for listeners and custom stores. Later calls of other methods raise
        :class:`bigseg.ClosedError`.
        """
    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
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
        """Returns the current status; never waits."""
    def error_log(self) -> list[SyncFailure]:
        """Returns the last errors, newest first, at most 100; never waits.

        Consecutive occurrences of one error are one entry. With a state directory, the errors of
        earlier processes are included.
        """
    def add_status_listener(self, callback: Callable[[IntegrationStatus], object], /) -> int:
        """Calls back with the current status and with every change, on a thread of the library.

        Returns an id for removing the listener. Calls of one listener never overlap. A slow
        listener receives only the latest status, and delays no other. An exception is logged, and
        the listener stays subscribed.
        """
    def remove_status_listener(self, listener_id: int, /) -> bool:
        """Removes a listener, and returns whether it existed; it is not called after this returns.

        Blocks while the listener runs, except from inside a listener of the same integration.
        """
    def set_sdk_key(self, sdk_key: str, /) -> None:
        """Replaces the SDK key without a restart; does not wait for the upstream."""
    def set_on(self, on: bool, /) -> None:
        """Turns the integration on or off; does not wait.

        Turning it off lets the transaction in progress finish; the state then becomes ``OFF``.
        """
    def set_name(self, name: str, /) -> None:
        """Changes the display name."""
    def _set_store(self, store: StoreConfig, /) -> None: ...
    def close(self) -> None:
        """Stops the integration, and waits until it no longer writes to the store.

        The transaction in progress is finished. A second call has no effect. A call from inside a
        listener of the same integration does not wait. Waits at most 20 s. Later calls of setters
        raise :class:`bigseg.ClosedError`.
        """
    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""

class Import:
    """The native half of ``bigseg.Import``."""

    def __new__(cls, store: StoreConfig, replace: str | None, clock: ManualClock | None) -> Self: ...
    def add(self, context_key: str | bytes, segment_ref: str, entry: Entry = "include") -> None:
        """Adds an entry by the context's key: the segment includes or excludes the context.

        Raises :class:`bigseg.InvalidContextKeyError` or :class:`bigseg.InvalidSegmentRefError`,
        after which the import can continue. Raises :class:`bigseg.StoreFullError` when no room is
        left for a temporary file.
        """
    def add_by_hash(self, context_hash: str | bytes, segment_ref: str, entry: Entry = "include") -> None:
        """Adds an entry by the context's hash: the segment includes or excludes the context."""
    def _add_file(
        self, path: str | os.PathLike[str], format: str, segment_ref: str | None, skip_bad_lines: bool
    ) -> int: ...
    def __len__(self) -> int: ...
    def commit(self, progress: Callable[[int, int], object] | None = None) -> ImportReport: ...
    def abandon(self) -> None:
        """Discards the list; nothing is written. Has no effect after ``commit``."""

def classify(entries: int, context_kinds: int) -> SegmentKind:
    """Returns the kind of segment for a list.

    More than 15,000 entries of exactly one context kind make a big segment.
    """

def register_types(errors: Mapping[str, tuple[ErrorKind, type[BigSegError]]], classes: Mapping[str, type]) -> None: ...
def context_hash(context_key: str | bytes, /) -> str: ...
def parse_context_hash(text: str | bytes, /) -> str: ...
def segment_ref(segment_key: str, generation: int) -> str: ...
def parse_segment_ref(text: str) -> tuple[str, int]: ...
def start_membership(engine: Engine, context_key: str | bytes, /) -> Future[Answer]: ...
def start_membership_by_hash(engine: Engine, context_hash: str | bytes, /) -> Future[Answer]: ...
def start_memberships(engine: Engine, context_keys: Iterable[str | bytes], /) -> Future[list[Answer]]: ...
def start_memberships_by_hash(engine: Engine, context_hashes: Iterable[str | bytes], /) -> Future[list[Answer]]: ...
def start_evaluate(engine: Engine, flag_key: str, context: AnyContext, default: Any, /) -> Future[Evaluation]: ...
def start_segment_contains(engine: Engine, segment_key: str, context: AnyContext, /) -> Future[SegmentAnswer]: ...
def start_explain(engine: Engine, segment_key: str, context: AnyContext, /) -> Future[Explanation]: ...
def start_refresh_status(engine: Engine, /) -> Future[StoreStatus]: ...
def start_close(engine: Engine, /) -> Future[None]: ...
def start_close_integration(integration: Integration, /) -> Future[None]: ...
def store_option_names() -> list[str]: ...
def shut_down() -> None: ...
def after_fork_in_child() -> None: ...
