"""Context hashes and segment refs, as the stores spell them."""

from __future__ import annotations

from . import _native

__all__ = ["ContextHash", "SegmentRef"]


class ContextHash(str):
    """The SHA-256 of a context key, in 44 characters of padded standard base64.

    The context kind is not part of the hash.

    >>> ContextHash.of("user-key")
    'CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0='
    """

    __slots__ = ()

    def __new__(cls, text: str | bytes) -> ContextHash:
        """Parses a context hash.

        Raises :class:`bigseg.InvalidContextHashError` for any other text.
        """
        return super().__new__(cls, _native.parse_context_hash(text))

    @classmethod
    def of(cls, context_key: str | bytes) -> ContextHash:
        """Hashes a context key without trimming and without Unicode normalisation.

        Raises :class:`bigseg.InvalidContextKeyError` when the key is empty or not UTF-8.
        """
        return super().__new__(cls, _native.context_hash(context_key))


class SegmentRef(str):
    """A segment key with a generation, as the stores spell it: a ``str`` with two properties.

    >>> ref = SegmentRef("beta", 3)
    >>> ref
    'beta.g3'
    >>> SegmentRef.parse("my.beta.g12").segment_key
    'my.beta'
    """

    segment_key: str
    """The segment key, which may contain dots."""
    generation: int
    """The generation."""

    def __new__(cls, segment_key: str, generation: int) -> SegmentRef:
        """Builds a ref from a segment key and a generation.

        Raises :class:`bigseg.InvalidSegmentRefError` when the key is empty, or begins or ends with
        white space.
        """
        ref = super().__new__(cls, _native.segment_ref(segment_key, generation))
        ref.segment_key = segment_key
        ref.generation = generation
        return ref

    @classmethod
    def parse(cls, text: str) -> SegmentRef:
        """Parses a segment ref; the key ends at the last ``.g``.

        Raises :class:`bigseg.InvalidSegmentRefError` for any other text.
        """
        return cls(*_native.parse_segment_ref(text))
