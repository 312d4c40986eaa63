"""How a named action is carried out, and why it can't be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def always() -> None:
    """Nothing stands in the way."""


@dataclass(frozen=True, slots=True)
class Handler:
    """``run`` carries an action out; ``why_not`` says why it can't be now, or ``None``.

    One that is ``repeatable`` also runs for the repeats of a held key.
    """

    run: Callable[[], None]
    why_not: Callable[[], str | None] = always
    repeatable: bool = False


Handlers = Mapping[str, Handler]
"""Handlers by action name."""
