"""The keyword options of engines and stores."""

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

    StoreLike: TypeAlias = str | os.PathLike[str] | StoreConfig
    """A store string, the path of an embedded store, or a store configuration."""

__all__ = ["EngineOptions", "StoreOptions", "store_config", "take_engine_options"]


class StoreOptions(TypedDict, total=False):
    """The options of a store, as keyword arguments instead of parts of the store string.

    The backend decides which options a store supports.
    """

    # <generated store_options from core/src/store/options.rs>
    prefix: str
    """The prefix of all keys. Default: ``launchdarkly`` in Redis, none in DynamoDB."""
    raw_prefix: str
    """The first bytes of all keys in Redis, for layouts without a prefix."""
    username: str
    """The user to log in to Redis as. Default: the default user."""
    password: str
    """The password for Redis; any characters. It is never shown."""
    database: int
    """The number of the Redis database. Default: 0."""
    tls: bool
    """Encrypts the connection to Redis: ``redis`` in the scheme becomes ``rediss``. Default: false.
    """
    ca_file: str | os.PathLike[str]
    """A PEM file of the authorities to trust. Default: those of the operating system."""
    cert_file: str | os.PathLike[str]
    """A PEM file with the client's certificate, for servers that require one."""
    key_file: str | os.PathLike[str]
    """A PEM file with the private key of ``cert_file``."""
    server_name: str
    """The name that the server's certificate must have. Default: the host."""
    connect_timeout: Duration
    """The limit for connecting and logging in. Default: 750 ms in Redis, 500 ms in DynamoDB."""
    response_timeout: Duration
    """The limit for a reader's reply. Default: 500 ms in Redis, 900 ms in DynamoDB."""
    read_from: Literal["master", "replica"]
    """The servers that a cluster or a sentinel store is read from. Default: ``master``."""
    sentinel_user: str
    """The user to log in to sentinels as. Default: the default user."""
    sentinel_password: str
    """The password for sentinels. It is never shown."""
    region: str
    """The region of the DynamoDB table. Default: that of the environment, the profile or the
    instance.
    """
    endpoint: str
    """The URL of DynamoDB, such as ``http://localhost:8000``. Default: that of the region."""
    consistency: Literal["strong", "eventual"]
    """The consistency of reads from DynamoDB. Default: ``strong``."""
    profile: str
    """The profile of the AWS configuration files. Default: ``AWS_PROFILE``."""
    role_arn: str
    """The ARN of a role to assume before the DynamoDB table is read or written."""
    external_id: str
    """The external id that the role's trust policy requires. It is never shown."""
    session_name: str
    """The name of the session in the logs of the role's account. Default: ``bigseg``."""
    write_units_per_second: int
    """The write units that an import into DynamoDB may use. Default: no limit."""
    map_size: int
    """The largest size of an embedded store's file. Default: 16 GiB."""
    # </generated>


class EngineOptions(StoreOptions, total=False):
    """The options of an engine, together with those of its store."""

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


def take_engine_options(options: dict[str, Any]) -> dict[str, Any]:
    """Removes the engine options from ``options``, and returns them."""
    return {name: options.pop(name) for name in list(options) if name in _ENGINE_OPTIONS}


def store_config(store: StoreLike, options: dict[str, Any]) -> StoreConfig:
    """Makes the configuration of a store from a store string or a path, and options."""
    if isinstance(store, StoreConfig):
        if options:
            names = ", ".join(sorted(options))
            raise InvalidConfigError(f"{names}: options cannot be added to a StoreConfig")
        return store
    if isinstance(store, str):
        return StoreConfig.parse(store, **options)
    return StoreConfig.local(store, **options)
