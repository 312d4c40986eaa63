"""Stores are found by the scheme of their URL, so that core needs to know none of them."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from .clock import Clock
from .errors import ValidationFault

GROUP = "quarterdeck.stores"
"""The entry points: each is called as ``open_store(url, clock=, durability=, home=)``."""


class StoreUnknown(ValidationFault):
    """No store is installed for this kind of URL."""

    code = "unknown_store"


def find_store(url: str, *, clock: Clock, durability: str = "normal", home: str = "") -> Any:
    """The store that ``url``'s scheme names, not yet opened.

    ``home`` names the engine's place where several share one database (``""``: the machine's).

    :raises StoreUnknown: if none has this scheme.
    """
    scheme = url.partition("://")[0]
    known = entry_points(group=GROUP)
    found = [entry for entry in known if entry.name == scheme]
    if not found:
        names = ", ".join(sorted({entry.name for entry in known})) or "none"
        raise StoreUnknown(f"No store is installed for {url!r}; known are: {names}.", url=url)
    return found[0].load()(url, clock=clock, durability=durability, home=home)
