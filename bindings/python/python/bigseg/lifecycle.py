"""Engines and integrations when the process forks and when the interpreter exits."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref

from . import _native

__all__ = ["close_at_exit"]

# `logging` and `threading` are imported here because their own `fork` handlers must be registered
# before ours, and before a thread of the engine imports them during a `fork`.

_open: weakref.WeakSet[_native.Engine | _native.Integration] = weakref.WeakSet()
_lock = threading.Lock()


def close_at_exit(opened: _native.Engine | _native.Integration) -> None:
    """Registers an engine or an integration to be closed when the interpreter exits."""
    with _lock:
        _open.add(opened)


def _close_all() -> None:
    """Closes everything, so that no library thread runs while the interpreter is finalized."""
    with _lock:
        everything = list(_open)
    for opened in everything:
        opened.close()
    _native.shut_down()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    _native.after_fork_in_child()
    for engine in [opened for opened in _open if isinstance(opened, _native.Engine)]:
        try:
            engine._after_fork_in_child()
        except Exception:
            logging.getLogger("bigseg").exception("opening an engine in a forked child failed; its next call retries")


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
