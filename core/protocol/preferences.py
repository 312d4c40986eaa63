"""The preferences a user can keep, with their types and defaults."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from ..base.errors import ValidationFault
from .rules import QUOTED_LIMIT, quoted


class UnknownPreference(ValidationFault):
    """No preference has this name."""

    code = "unknown_preference"


class InvalidPreference(ValidationFault):
    """A preference can't have this value."""

    code = "invalid_preference"


@dataclass(frozen=True, slots=True)
class Preference:
    """One preference: its default gives its type, ``choices`` its values where they are few."""

    name: str
    default: bool | int | str
    meaning: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0


PREFERENCES: dict[str, Preference] = {
    preference.name: preference
    for preference in (
        Preference("theme", "textual-dark", "the dashboard's theme"),
        Preference("keymap", "default", "the preset of keys", ("default", "vim", "vscode")),
        Preference("minimal", False, "start in minimal mode"),
        Preference("welcomed", False, "the welcome was seen"),
        Preference(
            "list_width", 0, "width of the left column, in cells; 0: its share", (), 20, 120
        ),
        Preference("group_by_repo", True, "group sessions by repository"),
        Preference("last_agent", "", "the agent offered first when a session is created"),
        Preference("mouse", True, "react to the mouse"),
        Preference("notify_bell", False, "ring the terminal's bell when someone is needed"),
        Preference("notify_osc9", False, "send OSC 9 notifications to the terminal"),
        Preference("notify_desktop", False, "send desktop notifications through notify-send"),
        Preference(
            "notify_kinds", "approval,question,gate,failure", "which attention items notify"
        ),
    )
}


def check_preference(name: str, value: JsonValue) -> bool | int | str:
    """The value to keep for ``name``; ``None`` stands for its default.

    :raises UnknownPreference: if there is none of this name.
    :raises InvalidPreference: if it can't have this value.
    """
    known = PREFERENCES.get(name)
    if known is None:
        near = difflib.get_close_matches(name[:QUOTED_LIMIT], PREFERENCES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        shown = quoted(name)
        raise UnknownPreference(f"There is no preference {shown}.{hint}", name=shown)
    if value is None:
        return known.default
    if type(value) is not type(known.default) or isinstance(value, dict | list | float):
        kind = {bool: "true or false", int: "a whole number", str: "text"}[type(known.default)]
        raise InvalidPreference(f"{name} is {kind}, not {quoted(value)}.", name=name)
    if known.choices and value not in known.choices:
        raise InvalidPreference(f"{name} is one of {', '.join(known.choices)}.", name=name)
    if known.high and value != known.default and not known.low <= int(value) <= known.high:
        raise InvalidPreference(f"{name} lies from {known.low} to {known.high}.", name=name)
    return value


def with_defaults(kept: dict[str, Any]) -> dict[str, Any]:
    """Every preference in force: the kept ones over the defaults."""
    return {name: kept.get(name, known.default) for name, known in PREFERENCES.items()}
