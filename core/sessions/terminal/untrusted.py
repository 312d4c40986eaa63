"""Text that a program wrote, made fit to be shown outside its own screen."""

from __future__ import annotations

import re

_UNSHOWABLE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line ends, bidirectional controls
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff"  # halves of surrogate pairs
    "]+"
)
"""Controls, bidirectional overrides and everything invisible that could hide or reorder text."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def one_line(text: str, limit: int) -> str:
    """``text`` on one line of at most ``limit`` characters, without controls and invisibles.

    Runs of controls become one space, what is merely invisible goes without a trace; blanks at
    the ends go.
    """
    return _UNSHOWABLE.sub(_replacement, text)[: limit * 2].strip()[:limit]


def _replacement(match: re.Match[str]) -> str:
    return " " if _CONTROL.search(match[0]) else ""


def has_control(text: str) -> bool:
    """Whether ``text`` holds a control character, C1 included."""
    return _CONTROL.search(text) is not None
