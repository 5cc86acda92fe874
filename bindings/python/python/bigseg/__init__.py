"""Looks up big segments: is this context in that segment?

>>> import bigseg
>>> with bigseg.Import("memory:tour") as users:
...     users.add("alice", "beta.g1")
>>> engine = bigseg.Engine("memory:tour")
>>> engine.membership("alice").check("beta.g1")
True
>>> engine.membership("bob").check("beta.g1") is None
True
>>> engine.close()

``bigseg.Integration`` replicates an upstream into a store. ``bigseg.aio`` has the same classes for
asyncio. ``bigseg.launchdarkly`` has a store for the official SDK. Log records go to the logger
``bigseg``.
"""

from __future__ import annotations

from collections.abc import Mapping as _Mapping
from typing import TYPE_CHECKING, Any

from . import _native
from ._native import (
    Answer,
    Context,
    Evaluation,
    ManualClock,
    Membership,
    SegmentAnswer,
    StoreConfig,
    Upstream,
    __version__,
    classify,
)
from .engine import Engine
from .errors import BY_KIND as _BY_KIND
from .errors import (
    AlreadyUsedError,
    BigSegError,
    CircuitOpenError,
    ClosedError,
    ErrorKind,
    ForkedError,
    InternalError,
    InvalidArgumentError,
    InvalidConfigError,
    InvalidContextHashError,
    InvalidContextKeyError,
    InvalidInputError,
    InvalidSegmentRefError,
    StoreDataError,
    StoreFormatError,
    StoreFullError,
    StoreNotFoundError,
    StorePermissionError,
    StoreThrottledError,
    StoreTimeoutError,
    StoreUnavailableError,
    UnsupportedError,
    UpstreamDataError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from .evaluation import (
    BIG_SEGMENT_ENTRIES,
    Decider,
    Decision,
    EvaluationErrorKind,
    Explanation,
    Reason,
    ReasonKind,
    SegmentKind,
)
from .identifiers import ContextHash, SegmentRef
from .imports import Import, ImportReport
from .integration import (
    Integration,
    IntegrationProgress,
    IntegrationState,
    IntegrationStatus,
    SyncCounters,
    SyncFailure,
)
from .status import Limitation, LookupStatus, Metrics, Origin, LastError, StoreStatus

if TYPE_CHECKING:
    from . import aio as aio
    from . import launchdarkly as launchdarkly
    from .custom_store import CustomStore, StoreMetadata

__all__ = [
    "AlreadyUsedError",
    "Answer",
    "BIG_SEGMENT_ENTRIES",
    "BigSegError",
    "CircuitOpenError",
    "ClosedError",
    "Context",
    "ContextHash",
    "CustomStore",
    "Decider",
    "Decision",
    "Engine",
    "ErrorKind",
    "Evaluation",
    "EvaluationErrorKind",
    "Explanation",
    "ForkedError",
    "Import",
    "ImportReport",
    "Integration",
    "IntegrationProgress",
    "IntegrationState",
    "IntegrationStatus",
    "InternalError",
    "InvalidArgumentError",
    "InvalidConfigError",
    "InvalidContextHashError",
    "InvalidContextKeyError",
    "InvalidInputError",
    "InvalidSegmentRefError",
    "Limitation",
    "LookupStatus",
    "ManualClock",
    "Membership",
    "Metrics",
    "Origin",
    "Reason",
    "ReasonKind",
    "SegmentAnswer",
    "SegmentKind",
    "SegmentRef",
    "LastError",
    "StoreConfig",
    "StoreDataError",
    "StoreFormatError",
    "StoreFullError",
    "StoreMetadata",
    "StoreNotFoundError",
    "StorePermissionError",
    "StoreStatus",
    "StoreThrottledError",
    "StoreTimeoutError",
    "StoreUnavailableError",
    "SyncCounters",
    "SyncFailure",
    "UnsupportedError",
    "Upstream",
    "UpstreamDataError",
    "UpstreamRefusedError",
    "UpstreamTimeoutError",
    "UpstreamUnavailableError",
    "__version__",
    "classify",
]

if not TYPE_CHECKING:  # The stub already declares it.
    _Mapping.register(Membership)
_native.register_types(
    _BY_KIND,
    {
        "LookupStatus": LookupStatus,
        "Origin": Origin,
        "StoreStatus": StoreStatus,
        "LastError": LastError,
        "Limitation": Limitation,
        "Metrics": Metrics,
        "ImportReport": ImportReport,
        "IntegrationState": IntegrationState,
        "IntegrationStatus": IntegrationStatus,
        "IntegrationProgress": IntegrationProgress,
        "SyncFailure": SyncFailure,
        "SyncCounters": SyncCounters,
        "ReasonKind": ReasonKind,
        "EvaluationErrorKind": EvaluationErrorKind,
        "Decider": Decider,
        "SegmentKind": SegmentKind,
        "Reason": Reason,
        "Decision": Decision,
        "Explanation": Explanation,
    },
)


def __getattr__(name: str) -> Any:
    """Imports large and rarely used parts on first access."""
    import importlib

    if name in ("aio", "launchdarkly"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("CustomStore", "StoreMetadata"):
        return getattr(importlib.import_module(f"{__name__}.custom_store"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
