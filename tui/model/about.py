"""What an item, a cause or a line is about: ``budget/NAME/KEY``, ``payload/ID``, ``workflow/ID/TASK``."""

from __future__ import annotations

from typing import NamedTuple

WORDS = {
    "budget": "budget",
    "proposal": "proposal",
    "saga": "saga",
    "payload": "payload",
    "halt": "safety",
    "breaker": "breaker",
    "lock": "lock",
}
ID = 26
SHORT_ID = 6
"""The last letters of an id tell it apart from its neighbours; the first ones are the time."""


class About(NamedTuple):
    """``kind`` of thing, its ``id`` or name, and what of it: a task, a key, a handler."""

    kind: str
    id: str = ""
    part: str = ""


def about(text: str) -> About:
    """``text`` taken apart; a key may hold slashes."""
    kind, _, rest = text.partition("/")
    name, _, part = rest.partition("/")
    return About(kind, name, part)


def short_id(name: str) -> str:
    """The end of an id."""
    return name[-SHORT_ID:]


def about_words(text: str, called: str = "") -> str:
    """What ``text`` names, as words to read; ``called`` is the name of the id that it is of, if it has one."""
    kind, name, part = about(text)
    word = WORDS.get(kind, kind)
    if kind == "budget":
        return f"{word} {name} {called or (short_id(part) if len(part) == ID else part)}".strip()
    return f"{word} {short_id(name)}".strip() if kind in {"payload", "proposal", "saga"} else word
