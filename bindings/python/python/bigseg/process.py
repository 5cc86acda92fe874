"""What has to happen to engines when the process forks, and when the interpreter goes."""

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

_engines: weakref.WeakSet[_native.Engine] = weakref.WeakSet()
_lock = threading.Lock()


def watch(engine: _native.Engine) -> None:
    """Closes the engine when the interpreter goes, unless it is closed or gone before."""
    with _lock:
        _engines.add(engine)


def _leave() -> None:
    """Closes every engine, so that no thread of theirs meets an interpreter that is being taken apart."""
    with _lock:
        engines = list(_engines)
    for engine in engines:
        engine.close()
    _native.leave()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    _native.after_fork_in_child()
    for engine in list(_engines):
        try:
            engine._after_fork_in_child()
        except Exception:
            logging.getLogger("bigseg").exception("an engine could not be opened in a forked child; its next call tries again")


atexit.register(_leave)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
