"""The words that stores know contexts and segments by."""

from __future__ import annotations

from . import _native

__all__ = ["ContextHash", "SegmentRef"]


class ContextHash(str):
    """The SHA-256 of a context key, in 44 characters of padded standard base64; the context kind is not part of it.

    >>> ContextHash.of("user-key")
    'CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0='
    """

    __slots__ = ()

    def __new__(cls, text: str | bytes) -> ContextHash:
        """Takes a text that must be a context hash.

        Raises :class:`bigseg.InvalidContextHashError` otherwise.
        """
        return super().__new__(cls, _native.parse_context_hash(text))

    @classmethod
    def of(cls, context_key: str | bytes) -> ContextHash:
        """Hashes a context key as it is: no trimming, no unicode normalisation.

        Raises :class:`bigseg.InvalidContextKeyError` when it is empty or not UTF-8.
        """
        return super().__new__(cls, _native.context_hash(context_key))


class SegmentRef(str):
    """A segment's key and generation as the stores spell them; a ``str`` with two more properties.

    >>> ref = SegmentRef("beta", 3)
    >>> ref
    'beta.g3'
    >>> SegmentRef.parse("my.beta.g12").segment_key
    'my.beta'
    """

    segment_key: str
    """The segment's key, which may hold dots."""
    generation: int
    """The segment's generation."""

    def __new__(cls, segment_key: str, generation: int) -> SegmentRef:
        """Builds the ref of a segment's generation.

        Raises :class:`bigseg.InvalidSegmentRefError` when the key is empty, or begins or ends with white space.
        """
        ref = super().__new__(cls, _native.segment_ref(segment_key, generation))
        ref.segment_key, ref.generation = segment_key, generation
        return ref

    @classmethod
    def parse(cls, text: str) -> SegmentRef:
        """Takes a text that must be a segment ref; the key is cut at the last ``.g``.

        Raises :class:`bigseg.InvalidSegmentRefError` otherwise.
        """
        return cls(*_native.parse_segment_ref(text))
