"""The engine for asyncio: the methods of :class:`bigseg.Engine`, awaited.

A cached answer is returned without a detour through the event loop. Of all other answers, many
wake the loop once.
"""

from ._engine import Engine
from ._import import Import
from ._integration import Integration

__all__ = ["Engine", "Import", "Integration"]
