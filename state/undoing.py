"""Changes of dictionaries that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

Undo = Callable[[], object]


def put(table: dict[K, V], key: K, value: V) -> Undo:
    """Set ``table[key]``; what undoes it."""
    undo: Undo = partial(table.pop, key)
    if key in table:
        undo = partial(table.__setitem__, key, table[key])
    table[key] = value
    return undo


def take(table: dict[K, V], key: K) -> Undo:
    """Remove ``table[key]``, if it is there; what undoes it."""
    if key not in table:
        return lambda: None
    return partial(table.__setitem__, key, table.pop(key))
