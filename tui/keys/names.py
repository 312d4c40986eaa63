"""What keys are called: in the keymap, in hints, and on their way to a session."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from textual.events import Key
from textual.keys import KEY_TO_UNICODE_NAME, REPLACED_KEYS

NAMED = frozenset(
    [
        "enter",
        "escape",
        "tab",
        "space",
        "backspace",
        "delete",
        "insert",
        "home",
        "end",
        "pageup",
        "pagedown",
        "up",
        "down",
        "left",
        "right",
    ]
) | {f"f{number}" for number in range(1, 25)}
"""The keys that have a name instead of a character."""

MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")
_SPELLED = {"comma": ",", " ": "space", "esc": "escape", "return": "enter", "del": "delete"}


def name_of(event: Key) -> str:
    """The name of the pressed key: its character if it has one, else such as ``ctrl+]``."""
    if event.character is not None and event.is_printable:
        return _SPELLED.get(event.character, event.character)
    return plain_name(event.key)


def wire_name(event: Key) -> str:
    """The pressed key as a session's input names it: a character as it stands, else its name."""
    if event.character is not None and event.is_printable:
        return event.character
    return plain_name(event.key)


@lru_cache(256)
def plain_name(key: str) -> str:
    """``key`` with its character in place of a spelled-out one: ``ctrl+right_square_bracket``."""
    head, plus, last = key.rpartition("+")
    return f"{head}{plus}{_character(last)}"


def _character(name: str) -> str:
    if len(name) == 1 or name in NAMED:
        return name
    spelled = REPLACED_KEYS.get(name, name)
    try:
        found = unicodedata.lookup(
            KEY_TO_UNICODE_NAME.get(spelled, spelled.replace("_", " ").upper())
        )
    except KeyError:
        return name
    return found if found.isprintable() else name


def parse_keys(text: str) -> tuple[str, ...]:
    """The key names in a comma-separated list; a comma itself is ``comma`` or a lone ``,``."""
    if text.strip() == ",":
        return (",",)
    parts = (part.strip() for part in text.split(","))
    return tuple(dict.fromkeys(_normal(part) for part in parts if part))


def _normal(name: str) -> str:
    head, plus, last = name.rpartition("+")
    if name == "+" or not last:
        return name
    return f"{head.lower()}{plus}{_SPELLED.get(last.lower(), last)}"


def is_key(name: str) -> bool:
    """Whether ``name`` is a key that can be pressed: a character or a named key, with modifiers."""
    if len(name) == 1:
        return name.isprintable() and name != " "
    head, _, last = name.rpartition("+")
    modifiers = head.split("+") if head else []
    known = last in NAMED or (len(last) == 1 and last.isprintable())
    return known and len(set(modifiers)) == len(modifiers) and set(modifiers) <= set(MODIFIERS)
