"""What evaluating flags and segments comes to, and what kind of segment a list makes."""

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
        """What a context of ``ldclient`` can do."""

        def to_dict(self) -> dict[str, Any]: ...

    AnyContext: TypeAlias = Context | Mapping[str, Any] | str | bytes | OfficialContext
    """What a context may be given as."""

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
"""The largest list that still travels in the flag payload."""


class ReasonKind(enum.Enum):
    """The main thing that decided an evaluation, in the words of the SDKs."""

    OFF = "OFF"
    """The flag is off."""
    FALLTHROUGH = "FALLTHROUGH"
    """The flag is on, and nothing in it is about this context."""
    TARGET_MATCH = "TARGET_MATCH"
    """The flag names the context."""
    RULE_MATCH = "RULE_MATCH"
    """A rule of the flag matches."""
    PREREQUISITE_FAILED = "PREREQUISITE_FAILED"
    """A prerequisite flag does not serve what it must."""
    ERROR = "ERROR"
    """There was nothing to evaluate, or it cannot be evaluated."""


class EvaluationErrorKind(enum.Enum):
    """What kept an evaluation from being one."""

    CLIENT_NOT_READY = "CLIENT_NOT_READY"
    """There are no data yet."""
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    """There is no such flag."""
    SEGMENT_NOT_FOUND = "SEGMENT_NOT_FOUND"
    """There is no such segment (in a question about a segment; flags take it for one that does not match)."""
    MALFORMED_FLAG = "MALFORMED_FLAG"
    """The flag or segment, or one it refers to, contradicts itself: a circle, a variation that is not there."""


class Decider(enum.Enum):
    """What decided whether a context is in a segment."""

    INCLUDED = "included"
    """The list: it includes the context."""
    EXCLUDED = "excluded"
    """The list: it excludes the context."""
    RULE = "rule"
    """One of the segment's rules, which includes the context; there was no value in the store."""
    NO_VALUE = "no_value"
    """There is no value in the store (or no store could be asked), and no rule includes the context."""
    NOT_CONSULTED = "not_consulted"
    """The context has no individual context of the segment's kind, so nobody was asked."""
    NOT_CONFIGURED = "not_configured"
    """The segment's generation is missing, so nobody could be asked."""

    @property
    def is_match(self) -> bool:
        """Whether the context is in the segment then."""
        return self in (Decider.INCLUDED, Decider.RULE)


class SegmentKind(enum.Enum):
    """How a list of contexts becomes a segment."""

    SMALL = "small"
    """An ordinary segment: its members travel in the flag payload."""
    BIG = "big"
    """A big segment: its members live in a store."""
    IMPOSSIBLE = "impossible"
    """Neither: too many entries for an ordinary segment, and a big one has exactly one context kind."""


@dataclass(frozen=True)
class Reason:
    """Why a flag serves what it serves; the fields of the SDKs' reasons."""

    kind: ReasonKind
    """The main thing that decided."""
    error_kind: EvaluationErrorKind | None = None
    """What went wrong, if ``kind`` is ``ERROR``."""
    rule_index: int | None = None
    """The index of the flag's rule, if ``kind`` is ``RULE_MATCH``."""
    rule_id: str | None = None
    """That rule's identifier, if it has one."""
    prerequisite_key: str | None = None
    """The flag that failed, if ``kind`` is ``PREREQUISITE_FAILED``."""
    in_experiment: bool = False
    """Whether the context takes part in an experiment."""
    big_segments_status: LookupStatus | None = None
    """The worst status of the lookups that were attempted or refused, and ``None`` if there were none."""


@dataclass(frozen=True)
class Decision:
    """How one segment decided."""

    segment_key: str
    """The segment's key."""
    segment_ref: str | None
    """Its ref; ``None`` when it is no big segment, or its generation is missing."""
    decider: Decider
    """What decided."""
    rule_index: int | None
    """The index of the rule that includes the context, if a rule does."""
    rule_id: str | None
    """That rule's identifier, if it has one."""
    status: LookupStatus | None
    """How far the lookup can be trusted; ``None`` when none was attempted or refused."""


@dataclass(frozen=True)
class Explanation:
    """Why a context is in a segment, or is not: everything that is known on the way."""

    answer: SegmentAnswer
    """The answer. Its first decision is the segment's own; the others are of big segments that its rules ask for."""
    hash: str | None
    """Under which hash the context was looked up; ``None`` when it was not: the segment is no big one, its generation is
    missing, or the context has no individual context of its kind."""
    value: bool | None
    """What the membership says: ``True`` = included, ``False`` = excluded, ``None`` = no value, or none was looked up."""
    origin: Origin | None
    """Where the membership comes from; ``None`` when none was looked up."""
    age: float | None
    """How many seconds ago the store said it; ``None`` when none was looked up."""
    embedded: bool
    """Whether the store is part of this process (a memory or embedded store), so that no network was asked."""
    error: BigSegError | None
    """Why the store was not heard, as an exception that was not raised; ``None`` when it was."""
