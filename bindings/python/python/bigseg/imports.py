"""Imports: filling a store from lists."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from . import _native
from .options import store_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._native import ManualClock
    from .options import StoreOptions, StorePlace

__all__ = ["Import", "ImportReport", "ListFormat"]

ListFormat = Literal["csv", "csv_of_hashes", "ndjson"]
"""How a list is written down.

``csv``: rows of context, segment, membership. A header row may name and reorder the columns: ``key`` or ``hash``,
``segment``, ``membership`` (``include`` or ``exclude``; missing or empty = include). Without one, contexts are keys, or
hashes in ``csv_of_hashes``. ``ndjson``: one JSON object a line: a ``key`` or a ``hash``, with ``included`` and ``excluded``.
"""


@dataclass(frozen=True)
class ImportReport:
    """What an import did."""

    memberships: int
    """Memberships that were added to the list, repeats included."""
    contexts: int
    """Contexts in the list."""
    replaced: int
    """Contexts that were in the replaced segment before."""


class Import(_native.Import):
    """A list being collected, which may be far larger than memory; ``commit`` writes it and marks the store synchronised.

    Nothing is written before that. An imported membership takes the place of its opposite; if one list says both,
    included wins. As a context manager it commits at the end of the block, or gives up if the block raises.

    >>> with Import("memory:") as users:
    ...     users.add("alice", "beta.g1")
    ...     users.add("bob", "beta.g1", included=False)
    >>> users.report
    ImportReport(memberships=2, contexts=2, replaced=0)
    """

    report: ImportReport | None
    """What the import did, once it was committed."""

    def __new__(
        cls,
        store: StorePlace,
        /,
        *,
        replace: str | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> Self:
        """Begins an import, creating the store where that is possible.

        ``replace`` names the segment whose present members are forgotten first; by default the list is merged into what is
        there. Raises :class:`bigseg.InvalidConfigError`, or whatever keeps the store from being written.
        """
        new = super().__new__(cls, store_config(store, dict(options)), replace, clock)
        new.report = None
        return new

    def add_all(self, context_keys: Iterable[str | bytes], segment_ref: str, included: bool = True) -> None:
        """Adds many contexts to, or excludes them from, one segment."""
        for context_key in context_keys:
            self.add(context_key, segment_ref, included)

    def add_file(
        self,
        path: str | os.PathLike[str],
        format: ListFormat = "csv",
        *,
        segment_ref: str | None = None,
        skip_bad_lines: bool = False,
    ) -> int:
        """Adds every line of a file, which may be compressed with gzip, and returns how many were left out.

        ``segment_ref`` is the segment of lines that name none. A line that cannot be understood ends the reading with
        :class:`bigseg.InvalidInputError`, unless ``skip_bad_lines``; what was read before stays in the import.
        """
        return self._add_file(path, format, segment_ref, skip_bad_lines)

    def commit(self, progress: Callable[[int, int], object] | None = None) -> ImportReport:
        """Writes the list and declares the store synchronised; it can be done once, whatever comes of it.

        ``progress`` hears how many contexts and memberships are written so far; what it raises is raised at the end, for a
        list is not left half written. Blocks until everything is written. Raises whatever the store reports: a memory or
        embedded store is then as it was before, in others part of the list may have been written.
        """
        self.report = super().commit(progress)
        return self.report

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
        elif self.report is None:
            self.report = self.commit()
