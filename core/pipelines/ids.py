"""Ids that follow from other things: the same in every engine that comes to the same point."""

from __future__ import annotations

from hashlib import sha256

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_STAMP = 10
_REST = 16


def derived_id(origin: str, *parts: str | int) -> str:
    """A ULID that follows from ``origin``, itself one, and ``parts``; it has its stamp."""
    told = "\0".join((origin, *map(str, parts)))
    number = int.from_bytes(sha256(told.encode()).digest()[:10])
    rest = "".join(_DIGITS[number >> place & 31] for place in range(5 * (_REST - 1), -5, -5))
    return origin[:_STAMP] + rest
