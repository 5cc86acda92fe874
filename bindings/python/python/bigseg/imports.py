"""Imports of lists into a store."""

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
    from .options import StoreLike, StoreOptions

__all__ = ["Entry", "Import", "ImportReport", "ListFormat"]

ListFormat = Literal["csv", "csv_of_hashes", "ndjson"]
"""The format of a list.

``csv``: rows of context, segment, membership. A header row may name and reorder the columns:
``key`` or ``hash``, ``segment``, ``membership`` (``include`` or ``exclude``; missing or empty means
``include``). Without a header, contexts are keys. ``csv_of_hashes``: like ``csv``, but contexts are
hashes. ``ndjson``: one JSON object per line, with a ``key`` or a ``hash``, and with ``included``
and ``excluded``.
"""

Entry = Literal["include", "exclude"]
"""Whether an entry of a list includes the context in the segment or excludes it."""


@dataclass(frozen=True)
class ImportReport:
    """The counts of an import."""

    memberships: int
    """Memberships added to the list, including repeated ones."""
    contexts: int
    """Contexts in the list."""
    replaced: int
    """Contexts that the replaced segment had before."""


class Import(_native.Import):
    """Collects a list, which may be larger than memory; ``commit`` writes it to the store.

    ``commit`` also marks the store as synchronised; nothing is written before. An entry replaces
    the opposite entry in the store; if one list has both, ``include`` wins. As a context manager,
    an import commits at the end of the block, or discards the list if the block raises.

    >>> with Import("memory:") as users:
    ...     users.add("alice", "beta.g1")
    ...     users.add("bob", "beta.g1", "exclude")
    >>> users.report
    ImportReport(memberships=2, contexts=2, replaced=0)
    """

    report: ImportReport | None
    """The counts of the import, after ``commit``."""

    def __new__(
        cls,
        store: StoreLike,
        /,
        *,
        replace: str | None = None,
        clock: ManualClock | None = None,
        **options: Unpack[StoreOptions],
    ) -> Self:
        """Begins an import; creates the store where the backend supports that.

        ``replace`` is a segment whose current members are removed first. By default the list is
        merged into the store.

        Raises :class:`bigseg.InvalidConfigError`, or the error of opening the store for writing.
        """
        new = super().__new__(cls, store_config(store, dict(options)), replace, clock)
        new.report = None
        return new

    def add_all(self, context_keys: Iterable[str | bytes], segment_ref: str, entry: Entry = "include") -> None:
        """Adds one entry for each context key; the segment includes or excludes the contexts."""
        for context_key in context_keys:
            self.add(context_key, segment_ref, entry)

    def add_file(
        self,
        path: str | os.PathLike[str],
        format: ListFormat = "csv",
        *,
        segment_ref: str | None = None,
        skip_bad_lines: bool = False,
    ) -> int:
        """Adds every line of a file, which may be compressed with gzip.

        Returns the number of skipped lines. ``segment_ref`` is the segment of lines that name
        none. An invalid line raises :class:`bigseg.InvalidInputError`, or is skipped with
        ``skip_bad_lines``. Lines before it stay in the import.
        """
        return self._add_file(path, format, segment_ref, skip_bad_lines)

    def commit(self, progress: Callable[[int, int], object] | None = None) -> ImportReport:
        """Writes the list and marks the store as synchronised; possible once, even if it fails.

        ``progress`` is called with the numbers of contexts and memberships written so far. An
        exception of ``progress`` is raised after the whole list is written.

        Blocks until the list is written. Raises the error of the store. A memory or embedded store
        is then unchanged; other stores may contain part of the list.
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
