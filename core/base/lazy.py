"""Names that a room shows at its front door, loaded at their first use: start-up time counts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def find_name(room: str, name: str, homes: Mapping[str, str]) -> Any:
    """What ``name`` stands for at the door of ``room``; ``homes`` say in which module each lies.

    A home is written relative to the room, with ``:NAME`` behind it where the name differs there.

    :raises AttributeError: if the door has no such name.
    """
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {room!r} has no attribute {name!r}")
    module, _, given = home.partition(":")
    return getattr(import_module(module, room), given or name)
