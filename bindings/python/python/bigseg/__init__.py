"""Big segments: is this context in that segment?

>>> import bigseg
>>> with bigseg.Import("memory:tour") as users:
...     users.add("alice", "beta.g1")
>>> engine = bigseg.Engine("memory:tour")
>>> engine.membership("alice").check("beta.g1")
True
>>> engine.membership("bob").check("beta.g1") is None
True
>>> engine.close()

``bigseg.aio`` has the same for asyncio, ``bigseg.launchdarkly`` a store for the official SDK. What the engine has to say goes
to the logger ``bigseg``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native
from ._native import Answer, ManualClock, Membership, StoreConfig, __version__
from .engine import Engine
from .errors import *  # noqa: F403
from .errors import BY_KIND as _BY_KIND
from .errors import __all__ as _errors
from .lists import Import, ImportReport
from .status import LookupStatus, Metrics, Origin, StatusError, StoreStatus
from .words import ContextHash, SegmentRef

if TYPE_CHECKING:
    from . import aio as aio
    from . import launchdarkly as launchdarkly
    from .custom_store import CustomStore, StoreMetadata

__all__ = [
    "Answer",
    "ContextHash",
    "CustomStore",
    "Engine",
    "Import",
    "ImportReport",
    "LookupStatus",
    "ManualClock",
    "Membership",
    "Metrics",
    "Origin",
    "SegmentRef",
    "StatusError",
    "StoreConfig",
    "StoreMetadata",
    "StoreStatus",
    "__version__",
]
__all__ += _errors

_native.install(
    _BY_KIND,
    {
        "LookupStatus": LookupStatus,
        "Origin": Origin,
        "StoreStatus": StoreStatus,
        "StatusError": StatusError,
        "Metrics": Metrics,
        "ImportReport": ImportReport,
    },
)


def __getattr__(name: str) -> Any:
    """Imports what is large, and what most programs do not need, when it is first asked for."""
    import importlib

    if name in ("aio", "launchdarkly"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in ("CustomStore", "StoreMetadata"):
        return getattr(importlib.import_module(f"{__name__}.custom_store"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
