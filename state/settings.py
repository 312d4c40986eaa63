"""What a store is opened with, checked: its URL and its durability."""

from __future__ import annotations

from .faults import BadStoreSetting

DURABILITIES = ("normal", "full")

BOUND = 10_000
"""Pending transactions above which ``ready`` waits."""

REFUSED_AT = 10
"""From so many times the bound on, transactions are refused: there is no unbounded queue."""


def rest_of_url(url: str, scheme: str) -> str:
    """What follows ``scheme://`` in ``url``, taken literally.

    :raises BadStoreSetting: if the URL has another scheme.
    """
    found, separator, rest = url.partition("://")
    if not separator or found != scheme:
        raise BadStoreSetting(
            f"{url!r} is no URL of this store. Write {scheme}:// and what follows it.", url=url
        )
    return rest


def check_durability(durability: str) -> str:
    """``durability``, if there is one of this name.

    :raises BadStoreSetting: if not.
    """
    if durability not in DURABILITIES:
        raise BadStoreSetting(
            f"Durability is one of {', '.join(DURABILITIES)}, not {durability!r}.",
            durability=durability,
        )
    return durability
