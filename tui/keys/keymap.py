"""The keymap in force: a preset with the user's overrides, and what was wrong with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .actions import ACTIONS, PRESETS, Context
from .names import is_key, parse_keys

_NAMED = re.compile(r"<([a-z_]+\.[a-z_]+)>")
_NEIGHBOURS = {
    Context.DECK: (Context.BOARD, Context.APP),
    Context.FLOWS: (Context.BOARD, Context.APP),
    Context.PIPELINES: (Context.BOARD, Context.APP),
    Context.CREW: (Context.BOARD, Context.APP),
    Context.BOARD: (
        Context.DECK, Context.FLOWS, Context.PIPELINES, Context.CREW, Context.APP,
    ),
    Context.LOG: (Context.APP,),
    Context.APP: (
        Context.BOARD, Context.DECK, Context.FLOWS, Context.PIPELINES, Context.CREW, Context.LOG,
    ),
}  # fmt: skip
"""Which contexts are active together, so that a key can stand in one of them only."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """Keys by action; ``problems`` tells in sentences what was left out of the overrides."""

    keys: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...] = ()
    _places: dict[tuple[Context, str], str] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for name, keys in self.keys.items():
            for key in keys:
                self._places.setdefault((ACTIONS[name].context, key), name)

    def label(self, action: str) -> str:
        """The first key of ``action``; empty if it has none."""
        keys = self.keys[action]
        return keys[0] if keys else ""

    def told(self, text: str) -> str:
        """``text`` with the key of each action that it names as ``<action>``; one without a key is named itself."""
        return _NAMED.sub(lambda found: self._key_or_name(found[1]), text)

    def _key_or_name(self, name: str) -> str:
        return self.label(name) or name if name in ACTIONS else f"<{name}>"

    def find(self, context: Context, key: str) -> str | None:
        """The action that ``key`` stands for in ``context``."""
        return self._places.get((context, key))


def resolve(preset: str = "default", overrides: Mapping[str, str] | None = None) -> Keymap:
    """The keymap of ``preset`` with ``overrides`` (action name to comma-separated keys).

    A fault leaves out only what is faulty and is told in ``problems``: an unknown preset, action
    or key, and a key that already stands for another action, which then loses it.
    """
    problems: list[str] = []
    if preset not in PRESETS:
        known = ", ".join(PRESETS)
        problems.append(f"There is no preset of keys {preset!r}; there are {known}.")
    changes = PRESETS.get(preset, {})
    keys = {name: parse_keys(changes.get(name, action.keys)) for name, action in ACTIONS.items()}
    for name, text in (overrides or {}).items():
        problems += _override(keys, name, text)
    return Keymap(keys, tuple(problems))


def _override(keys: dict[str, tuple[str, ...]], name: str, text: str) -> Iterable[str]:
    """Put ``text`` in force for ``name``; what is wrong with it."""
    if name not in ACTIONS:
        near = difflib.get_close_matches(name, ACTIONS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        yield f"There is no action {name!r} to give keys to.{hint}"
        return
    wanted = parse_keys(text)
    wrong = [key for key in wanted if not is_key(key)]
    yield from (f"{key!r} for {name} is no key; keys are such as x, ctrl+x, f5." for key in wrong)
    usable = tuple(key for key in wanted if key not in wrong)
    if not usable and (wrong or ACTIONS[name].context is Context.ENTERED):
        yield f"{name} keeps {' and '.join(keys[name])}."
        return
    for key in usable:
        yield from _take_away(keys, key, name)
    keys[name] = usable


def _take_away(keys: dict[str, tuple[str, ...]], key: str, winner: str) -> Iterable[str]:
    for other in clashes(keys, key, winner):
        keys[other] = tuple(kept for kept in keys[other] if kept != key)
        left = " and ".join(keys[other]) or "no key"
        yield f"{key} now stands for {winner}; {other} has {left} left."


def clashes(keys: Mapping[str, tuple[str, ...]], key: str, name: str) -> list[str]:
    """The other actions that ``key`` stands for where ``name`` works too."""
    context = ACTIONS[name].context
    together = (context, *_NEIGHBOURS.get(context, ()))
    return [
        other
        for other, used in keys.items()
        if other != name and key in used and ACTIONS[other].context in together
    ]
