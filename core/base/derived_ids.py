"""Identifiers that follow from what they stand for: told twice, a thing is still one thing."""

from __future__ import annotations

import hashlib
from datetime import datetime

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def id_of(text: str, moment: datetime) -> str:
    """The ULID that stands for ``text``: always the same one; it sorts by ``moment``, which is aware."""
    digest = hashlib.sha256(text.encode()).digest()
    number = int(moment.timestamp() * 1000) << 80 | int.from_bytes(digest[:10], "big")
    return "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))
