"""What has to happen to engines and integrations when the process forks, and when the interpreter goes."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref

from . import _native

__all__ = ["watch"]

# `logging` and `threading` have handlers for `fork` of their own, which must be there before ours, and before a thread of the
# engine's could import them in the middle of one.

_open: weakref.WeakSet[_native.Engine | _native.Integration] = weakref.WeakSet()
_lock = threading.Lock()


def watch(opened: _native.Engine | _native.Integration) -> None:
    """Closes what was opened when the interpreter goes, unless it is closed or gone before."""
    with _lock:
        _open.add(opened)


def _leave() -> None:
    """Closes everything, so that no thread of theirs meets an interpreter that is being taken apart."""
    with _lock:
        everything = list(_open)
    for opened in everything:
        opened.close()
    _native.leave()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    _native.after_fork_in_child()
    for engine in [opened for opened in _open if isinstance(opened, _native.Engine)]:
        try:
            engine._after_fork_in_child()
        except Exception:
            logging.getLogger("bigseg").exception("an engine could not be opened in a forked child; its next call tries again")


atexit.register(_leave)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
