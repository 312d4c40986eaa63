"""Names for new sessions."""

from __future__ import annotations

import re
from collections.abc import Collection

from ...core.protocol.rules import NAME_LIMIT

WORDS_TAKEN = 3
WORD_LIMIT = 30
_WORD = re.compile(r"[A-Za-z0-9]+")
_DULL = frozenset(
    [
        "a",
        "an",
        "and",
        "all",
        "at",
        "be",
        "can",
        "could",
        "do",
        "for",
        "from",
        "i",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "our",
        "please",
        "so",
        "some",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "this",
        "to",
        "up",
        "us",
        "we",
        "with",
        "would",
        "you",
        "your",
    ]
)


def suggest_name(prompt: str, agent: str, taken: Collection[str]) -> str:
    """A name made of the first telling words of ``prompt``, else of ``agent``; not in ``taken``."""
    words = [word.lower() for word in _WORD.findall(prompt[:500])]
    telling = [word for word in words if word not in _DULL][:WORDS_TAKEN]
    base = "-".join(telling)[:WORD_LIMIT].strip("-") or _plain(agent) or "session"
    return free_name(base, taken)


def free_name(base: str, taken: Collection[str]) -> str:
    """``base``, with a number if it is taken."""
    lowered = {name.casefold() for name in taken}
    name, number = base, 1
    while name.casefold() in lowered:
        number += 1
        ending = f"-{number}"
        name = base[: NAME_LIMIT - len(ending)] + ending
    return name


def _plain(text: str) -> str:
    return "-".join(_WORD.findall(text))[:WORD_LIMIT]
