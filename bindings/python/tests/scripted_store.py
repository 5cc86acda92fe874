"""A custom store with scripted answers and failures."""

from __future__ import annotations

from bigseg.errors import BY_KIND


class Metadata:
    def __init__(self, last_up_to_date: int | None) -> None:
        self.last_up_to_date = last_up_to_date


class ScriptedStore:
    """A store whose answers and failures a test sets; it records each query."""

    def __init__(self) -> None:
        self.synchronized_on: int | None = None
        self.metadata_fault: str | None = None
        self.lookup_fault: str | None = None
        self.content: dict[str, dict[str, bool] | None] = {}
        self.failing: set[str] = set()
        self.queries: list[str] = []

    def get_metadata(self) -> Metadata:
        if self.metadata_fault is not None:
            raise BY_KIND[self.metadata_fault][1]("scripted failure")
        return Metadata(self.synchronized_on)

    def get_membership(self, context_hash: str) -> dict[str, bool] | None:
        self.queries.append(context_hash)
        if self.lookup_fault is not None or context_hash in self.failing:
            raise BY_KIND[self.lookup_fault or "store_data"][1]("scripted failure")
        return self.content.get(context_hash)
