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
    from ..imports import Entry, ImportReport, ListFormat
    from ..options import StoreLike, StoreOptions

__all__ = ["Import"]


class Import:
    """Collects a list for a store, like :class:`bigseg.Import`; slow calls are awaited.

    >>> import asyncio
    >>> async def fill():
    ...     async with Import("memory:") as users:
    ...         users.add("alice", "beta.g1")
    ...     return users.report
    >>> asyncio.run(fill())
    ImportReport(memberships=1, contexts=1, replaced=0)
    """

    __slots__ = ("_import", "report")

    report: ImportReport | None
    """The counts of the import, after ``commit``."""

    def __init__(
        self,
        store: StoreLike,
        /,
        *,
        replace: str | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> None:
        """Begins an import with the arguments of :class:`bigseg.Import`."""
        self._import = BlockingImport(store, replace=replace, clock=clock, **options)
        self.report = None

    def add(self, context_key: str | bytes, segment_ref: str, entry: Entry = "include") -> None:
        """Adds an entry by the context's key: the segment includes or excludes the context."""
        self._import.add(context_key, segment_ref, entry)

    def add_by_hash(self, context_hash: str | bytes, segment_ref: str, entry: Entry = "include") -> None:
        """Adds an entry by the context's hash: the segment includes or excludes the context."""
        self._import.add_by_hash(context_hash, segment_ref, entry)

    async def add_file(
        self,
        path: str | os.PathLike[str],
        format: ListFormat = "csv",
        *,
        segment_ref: str | None = None,
        skip_bad_lines: bool = False,
    ) -> int:
        """Adds every line of a file, and returns the number of skipped lines.

        See :meth:`bigseg.Import.add_file` for the parameters.
        """
        return await asyncio.to_thread(
            self._import.add_file, path, format, segment_ref=segment_ref, skip_bad_lines=skip_bad_lines
        )

    async def commit(self) -> ImportReport:
        """Writes the list and marks the store as synchronised; cancellation does not stop it."""
        self.report = await asyncio.to_thread(self._import.commit)
        return self.report

    def abandon(self) -> None:
        """Discards the list; nothing is written."""
        self._import.abandon()

    def __len__(self) -> int:
        return len(self._import)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
        elif self.report is None:
            await self.commit()
