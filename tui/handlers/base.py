"""How a named action is carried out, and why it can't be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def always() -> None:
    """Nothing stands in the way."""


def no_word() -> str:
    """The line of keys says what it always says."""
    return ""


@dataclass(frozen=True, slots=True)
class Handler:
    """``run`` carries an action out; ``why_not`` says why it can't be now, or ``None``.

    One that is ``repeatable`` also runs for the repeats of a held key. ``word`` is what the line of keys says of it now,
    or empty: its usual hint.
    """

    run: Callable[[], None]
    why_not: Callable[[], str | None] = always
    repeatable: bool = False
    word: Callable[[], str] = no_word


Handlers = Mapping[str, Handler]
"""Handlers by action name."""
