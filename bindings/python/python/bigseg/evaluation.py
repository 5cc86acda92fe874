"""Results of evaluating flags and segments, and the classification of lists by size."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol, TypeAlias

    from ._native import Context, SegmentAnswer
    from .errors import BigSegError
    from .status import LookupStatus, Origin

    class OfficialContext(Protocol):
        """A context of ``ldclient``."""

        def to_dict(self) -> dict[str, Any]: ...

    AnyContext: TypeAlias = Context | Mapping[str, Any] | str | bytes | OfficialContext
    """The forms of a context that evaluation accepts."""

__all__ = [
    "BIG_SEGMENT_ENTRIES",
    "Decider",
    "Decision",
    "EvaluationErrorKind",
    "Explanation",
    "Reason",
    "ReasonKind",
    "SegmentKind",
]

BIG_SEGMENT_ENTRIES = 15_000
"""The largest number of entries that fits into the flag payload."""


class ReasonKind(enum.Enum):
    """The main reason for a value, with the names that the official SDKs use."""

    OFF = "OFF"
    """The flag is off."""
    FALLTHROUGH = "FALLTHROUGH"
    """The flag is on, and no target or rule matches the context."""
    TARGET_MATCH = "TARGET_MATCH"
    """The flag targets the context."""
    RULE_MATCH = "RULE_MATCH"
    """A rule of the flag matches."""
    PREREQUISITE_FAILED = "PREREQUISITE_FAILED"
    """A prerequisite flag does not serve the required variation."""
    ERROR = "ERROR"
    """The flag could not be evaluated; see the error kind."""


class EvaluationErrorKind(enum.Enum):
    """Why a flag or a segment could not be evaluated."""

    CLIENT_NOT_READY = "CLIENT_NOT_READY"
    """No flags and segments are loaded yet."""
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    """The flag does not exist."""
    SEGMENT_NOT_FOUND = "SEGMENT_NOT_FOUND"
    """The segment does not exist. For a flag, a missing segment does not match."""
    MALFORMED_FLAG = "MALFORMED_FLAG"
    """The flag or segment, or one it refers to, is invalid: a cycle, or a missing variation."""


class Decider(enum.Enum):
    """What decided whether a context is in a segment."""

    INCLUDED = "included"
    """The list includes the context."""
    EXCLUDED = "excluded"
    """The list excludes the context."""
    RULE = "rule"
    """The store has no value, and a rule of the segment includes the context."""
    NO_VALUE = "no_value"
    """The store has no value or is unavailable, and no rule includes the context."""
    NOT_CONSULTED = "not_consulted"
    """The context has no individual context of the segment's kind; the store was not queried."""
    NOT_CONFIGURED = "not_configured"
    """The segment has no generation; the store was not queried."""

    @property
    def is_match(self) -> bool:
        """Whether this decision means that the context is in the segment."""
        return self in (Decider.INCLUDED, Decider.RULE)


class SegmentKind(enum.Enum):
    """The kind of segment that a list of contexts becomes."""

    SMALL = "small"
    """An ordinary segment; its members are in the flag payload."""
    BIG = "big"
    """A big segment; its members are in a store."""
    IMPOSSIBLE = "impossible"
    """Too many entries for an ordinary segment, and not exactly one context kind."""


@dataclass(frozen=True)
class Reason:
    """Why a flag serves its value, with the fields of the official SDKs."""

    kind: ReasonKind
    """The main reason."""
    error_kind: EvaluationErrorKind | None = None
    """The error, if ``kind`` is ``ERROR``."""
    rule_index: int | None = None
    """The index of the matching rule, if ``kind`` is ``RULE_MATCH``."""
    rule_id: str | None = None
    """That rule's identifier, if it has one."""
    prerequisite_key: str | None = None
    """The prerequisite that failed, if ``kind`` is ``PREREQUISITE_FAILED``."""
    in_experiment: bool = False
    """Whether the context takes part in an experiment."""
    big_segments_status: LookupStatus | None = None
    """The worst status of the attempted or refused lookups; ``None`` if there were none."""


@dataclass(frozen=True)
class Decision:
    """The decision of one segment."""

    segment_key: str
    """The segment's key."""
    segment_ref: str | None
    """The segment ref; ``None`` for an ordinary segment, or when the generation is missing."""
    decider: Decider
    """What decided."""
    rule_index: int | None
    """The index of the rule that includes the context, if a rule does."""
    rule_id: str | None
    """That rule's identifier, if it has one."""
    status: LookupStatus | None
    """The status of the lookup; ``None`` when none was attempted or refused."""


@dataclass(frozen=True)
class Explanation:
    """Why a context is or is not in a segment, with every fact that led to the answer."""

    answer: SegmentAnswer
    """The answer.

    The first decision is that of the segment, the others are of big segments in its rules.
    """
    hash: str | None
    """The hash of the looked-up context; ``None`` when no lookup was needed or possible.

    That is an ordinary segment, a missing generation, or no individual context of the segment's
    kind.
    """
    value: bool | None
    """The value in the membership: ``True`` (included), ``False`` (excluded) or ``None`` (no value,
    or no lookup).
    """
    origin: Origin | None
    """Where the membership comes from; ``None`` without a lookup."""
    age: float | None
    """The age of the store's answer in seconds; ``None`` without a lookup."""
    embedded: bool
    """Whether the store is part of this process (a memory or embedded store) and needs no network.
    """
    error: BigSegError | None
    """Why the store gave no answer, as an exception that was not raised.

    ``None`` when it gave one.
    """
