"""Identifiers: ULIDs, sortable by time, unique without coordination."""

from __future__ import annotations

import re

from ulid import ULID

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_id() -> str:
    """A fresh ULID as its 26 characters of Crockford base 32."""
    return str(ULID())


def is_id(text: str) -> bool:
    """Whether ``text`` is a well-formed ULID (upper case, in range)."""
    return _ULID.fullmatch(text) is not None
