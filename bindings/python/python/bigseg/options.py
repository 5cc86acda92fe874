"""The keyword options of engines and imports: those of the engine, and those that become part of the store string."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ._native import ManualClock, StoreConfig
from .errors import InvalidConfigError

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import TypeAlias

    Duration: TypeAlias = float | timedelta
    """Seconds, or a ``timedelta``."""

    StorePlace: TypeAlias = str | os.PathLike[str] | StoreConfig
    """A store of ours: its store string, or the path of an embedded store."""

__all__ = ["EngineOptions", "StoreOptions", "store_config", "take_engine_options"]


class StoreOptions(TypedDict, total=False):
    """What may be said about a store besides its store string, in words instead of inside it.

    Each is an option of the store string of the same name, and which ones a store takes depends on the store; except
    ``username``, ``password``, ``database`` and ``tls``, which stand elsewhere in it.
    """

    prefix: str
    """What all keys begin with. Default: ``launchdarkly`` in Redis."""
    raw_prefix: str
    """The very first bytes of all keys, for layouts without a prefix."""
    username: str
    """The user to log in as."""
    password: str
    """The password to log in with; any characters."""
    database: int
    """The number of the database. Default: 0."""
    tls: bool
    """Whether to encrypt: ``redis://`` then means ``rediss://``."""
    ca_file: str | os.PathLike[str]
    """The authorities that may vouch for the server. Default: those of the operating system."""
    cert_file: str | os.PathLike[str]
    """The client's certificate, for a server that asks for one."""
    key_file: str | os.PathLike[str]
    """The private key of ``cert_file``."""
    server_name: str
    """The name the server's certificate must bear. Default: the host."""
    connect_timeout: Duration
    """How long connecting and logging in may take. Default: 0.75 s."""
    response_timeout: Duration
    """How long to wait for a reply. Default: 0.5 s."""
    read_from: Literal["master", "replica"]
    """Where a cluster or a server found by sentinels is read. Default: ``master``."""
    sentinel_user: str
    """The user to log in to sentinels as."""
    sentinel_password: str
    """The password for sentinels."""
    region: str
    """The region of a DynamoDB table. Default: that of the environment."""
    endpoint: str
    """Another DynamoDB than the region's, such as ``http://localhost:8000``."""
    consistency: Literal["strong", "eventual"]
    """How DynamoDB is read. Default: ``strong``."""
    profile: str
    """A profile of the AWS configuration files."""
    role_arn: str
    """A role to assume first."""
    external_id: str
    """What the role's trust policy asks for."""
    session_name: str
    """The name in the role's logs. Default: ``bigseg``."""
    write_units_per_second: int
    """What an import into DynamoDB may consume. Default: no limit."""
    map_size: int
    """The most bytes an embedded store's file may ever take. Default: 16 GiB."""


class EngineOptions(StoreOptions, total=False):
    """The options of an engine."""

    # <generated options from core/src/engine/config.rs>
    context_cache_size: int
    """Contexts that the cache holds, a hard bound; 0 disables the cache. At most 2^30.
    Default: 1,000.
    """
    context_cache_time: Duration
    """Time for which an answer is served from the cache; 0 disables the cache. Default: 5 s."""
    push_invalidation: Literal["auto", "off"]
    """Whether the store pushes invalidations. With ``auto``, it does if it supports and permits
    them. Default: ``auto``.
    """
    push_cache_time: Duration
    """Time for which an answer is served from the cache while push invalidation works, if that is
    longer than ``context_cache_time``. A disabled cache stays disabled. At most 10 min, in case a
    message is lost. Default: 60 s.
    """
    status_poll_interval: Duration
    """Interval between reads of the store's sync time. A shorter ``stale_after`` shortens it.
    Default: 5 s.
    """
    stale_after: Duration | None
    """Age of the sync time from which answers are ``STALE``; ``None`` disables the check. A store
    that was never synchronized is stale in any case. Default: 120 s.
    """
    lookup_deadline: Duration
    """Time after which a lookup stops waiting for the store. Default: 1 s."""
    last_known_time: Duration
    """Greatest age of an answer that is served, as ``STORE_ERROR``, while the store fails; 0
    disables last known answers. Default: 300 s.
    """
    batch_size: int
    """Contexts per query of the store, from 1 to 10,000. Default: 128."""
    batches_at_once: int
    """Queries of the store in flight at the same time, from 1 to 1,024. Default: 4."""
    breaker_failures: int
    """Failed queries in a row after which the circuit breaker opens: lookups then fail without
    waiting for the store. 0 disables the breaker. Default: 3.
    """
    breaker_probe_interval: Duration
    """Interval between background probes of the store while the circuit breaker is open.
    Default: 1 s.
    """
    clock: ManualClock
    """Source of time; a manual clock is for tests. Default: the clocks of the machine."""
    # </generated>


_ENGINE_OPTIONS = frozenset(EngineOptions.__annotations__) - frozenset(StoreOptions.__annotations__)
_TIMEOUTS = frozenset({"connect_timeout", "response_timeout"})


def take_engine_options(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the options of the engine out of all the options, and returns them."""
    return {name: options.pop(name) for name in list(options) if name in _ENGINE_OPTIONS}


def store_config(store: StorePlace, options: dict[str, Any]) -> StoreConfig:
    """Names a store by its store string or path together with the options for it."""
    if isinstance(store, StoreConfig):
        if options:
            raise InvalidConfigError(f"a StoreConfig holds everything already; {_names(options)} cannot be added")
        return store
    if isinstance(store, os.PathLike) and not options:
        return StoreConfig.local(store)
    text = store if isinstance(store, str) else f"local:{os.fspath(store)}"
    return StoreConfig.parse(_with_options(text, options) if options else text)


def _with_options(text: str, options: dict[str, Any]) -> str:
    from urllib.parse import quote

    options = dict(options)
    scheme, colon, rest = text.partition(":")
    place, mark, query = rest.partition("?")
    if options.pop("tls", False) and scheme.partition("+")[0] == "redis":
        scheme = scheme.replace("redis", "rediss", 1)
    username, password = options.pop("username", None), options.pop("password", None)
    if username is not None or password is not None:
        if not place.startswith("//") or "@" in place:
            raise InvalidConfigError(f"{scheme}: username and password need a store string with // and without a login")
        login = quote(username or "", safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        place = f"//{login}@{place[2:]}"
    database = options.pop("database", None)
    if database is not None and scheme == "redis+unix":
        options["db"] = database
    elif database is not None:
        # What sentinels watch has a name, which comes before.
        names = 1 if scheme.endswith("+sentinel") else 0
        if place.removeprefix("//").rstrip("/").count("/") != names:
            raise InvalidConfigError(f"{scheme}: the database is given twice, or what comes before it is missing")
        place = f"{place.rstrip('/')}/{database}"
    added = [f"{quote(name)}={quote(_text(name, value), safe='')}" for name, value in options.items()]
    all_options = "&".join([query, *added] if query else added)
    return f"{scheme}{colon}{place}{mark or ('?' if all_options else '')}{all_options}"


def _text(name: str, value: Any) -> str:
    if name in _TIMEOUTS:
        seconds = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
        return f"{round(seconds * 1000)}ms"
    if isinstance(value, bool):
        return "true" if value else "false"
    return os.fspath(value) if isinstance(value, (str, os.PathLike)) else str(value)


def _names(options: dict[str, Any]) -> str:
    return ", ".join(sorted(options))
