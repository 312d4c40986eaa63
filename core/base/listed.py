"""Names in messages: the first of many, and how many there are besides."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], at_most: int = 8) -> str:
    """``a, b and 7 more``: the first ``at_most`` names, and how many are left out."""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more
