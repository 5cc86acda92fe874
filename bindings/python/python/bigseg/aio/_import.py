"""Imports for asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..imports import Import as BlockingImport

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from .._native import ManualClock
    from ..imports import ImportReport, ListFormat
    from ..options import StoreOptions, StorePlace

__all__ = ["Import"]


class Import:
    """A list being collected, as :class:`bigseg.Import` does; what may take long is awaited.

    >>> import asyncio
    >>> async def fill():
    ...     async with Import("memory:") as users:
    ...         users.add("alice", "beta.g1")
    ...     return users.report
    >>> asyncio.run(fill())
    ImportReport(memberships=1, contexts=1, replaced=0)
    """

    __slots__ = ("_list", "report")

    report: ImportReport | None
    """What the import did, once it was committed."""

    def __init__(
        self,
        store: StorePlace,
        /,
        *,
        replace: str | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> None:
        """Begins an import, creating the store where that is possible; see :class:`bigseg.Import`."""
        self._list = BlockingImport(store, replace=replace, clock=clock, **options)
        self.report = None

    def add(self, context_key: str | bytes, segment_ref: str, included: bool = True) -> None:
        """Adds a membership: the context is included in the segment, or excluded from it."""
        self._list.add(context_key, segment_ref, included)

    def add_hash(self, context_hash: str | bytes, segment_ref: str, included: bool = True) -> None:
        """Adds a membership by the context's hash."""
        self._list.add_hash(context_hash, segment_ref, included)

    async def add_file(
        self,
        path: str | os.PathLike[str],
        format: ListFormat = "csv",
        *,
        segment_ref: str | None = None,
        skip_bad_lines: bool = False,
    ) -> int:
        """Adds every line of a file, and returns how many were left out; see :meth:`bigseg.Import.add_file`."""
        return await asyncio.to_thread(
            self._list.add_file, path, format, segment_ref=segment_ref, skip_bad_lines=skip_bad_lines
        )

    async def commit(self) -> ImportReport:
        """Writes the list and declares the store synchronised. Being cancelled does not stop it."""
        self.report = await asyncio.to_thread(self._list.commit)
        return self.report

    def abandon(self) -> None:
        """Gives the list up; nothing is written."""
        self._list.abandon()

    def __len__(self) -> int:
        return len(self._list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
        elif self.report is None:
            await self.commit()
