"""Texts that PostgreSQL can't hold: those with a NUL or half a surrogate pair, as file names have.

They are kept as JSON behind a mark; what begins with the mark by itself is kept so, too.
"""

from __future__ import annotations

import json
from typing import Any

MARK = "\ufdd0json:"
"""Begins with a character that stands for nothing, in any text."""


def to_kept(value: Any) -> Any:
    """``value`` as it can be kept."""
    if type(value) is str and not _is_plain(value):
        return MARK + json.dumps(value)
    return value


def from_kept(value: Any) -> Any:
    """What ``to_kept`` made ``value`` of."""
    if type(value) is str and value.startswith(MARK):
        return json.loads(value[len(MARK) :])
    return value


def _is_plain(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text and not text.startswith(MARK)
