"""Names that a room shows at its front door, loaded at their first use: start-up time counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(room: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` for ``room``: each name of ``homes`` lies in the module given for it.

    A home is written relative to the room, with ``:NAME`` behind it where the name differs there.
    """

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        module, _, given = home.partition(":")
        return getattr(import_module(module, room), given or name)

    return find
