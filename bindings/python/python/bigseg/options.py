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

    prefix: str
    """The prefix of all keys. Default: ``launchdarkly`` in Redis."""
    raw_prefix: str
    """The first bytes of all keys, without a separator after them."""
    username: str
    """The user name for authentication."""
    password: str
    """The password for authentication; any characters."""
    database: int
    """The database number. Default: 0."""
    tls: bool
    """Whether to use TLS: ``redis://`` then means ``rediss://``."""
    ca_file: str | os.PathLike[str]
    """PEM file of trusted certificate authorities. Default: those of the operating system."""
    cert_file: str | os.PathLike[str]
    """PEM file of the client certificate, if the server requires one."""
    key_file: str | os.PathLike[str]
    """PEM file of the private key of ``cert_file``."""
    server_name: str
    """The name that the server certificate must contain. Default: the host."""
    connect_timeout: Duration
    """The timeout for connecting and authentication. Default: 0.75 s."""
    response_timeout: Duration
    """The timeout for a reply. Default: 0.5 s."""
    read_from: Literal["master", "replica"]
    """Which servers of a cluster or sentinel deployment are read. Default: ``master``."""
    sentinel_user: str
    """The user name for authentication at sentinels."""
    sentinel_password: str
    """The password for authentication at sentinels."""
    region: str
    """The AWS region of a DynamoDB table. Default: the region of the environment."""
    endpoint: str
    """The endpoint URL of DynamoDB, such as ``http://localhost:8000``.

    Default: that of the region.
    """
    consistency: Literal["strong", "eventual"]
    """The consistency of DynamoDB reads. Default: ``strong``."""
    profile: str
    """The profile of the AWS configuration files."""
    role_arn: str
    """The ARN of an IAM role to assume."""
    external_id: str
    """The external id that the role's trust policy requires."""
    session_name: str
    """The session name of the assumed role. Default: ``bigseg``."""
    write_units_per_second: int
    """The write capacity units per second that an import may use. Default: no limit."""
    map_size: int
    """The maximal size of an embedded store's file in bytes. Default: 16 GiB."""


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
