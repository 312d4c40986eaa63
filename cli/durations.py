"""Spans of time as a person writes them."""

from __future__ import annotations

import re

from .failing import fault

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str, option: str) -> float:
    """The seconds in ``30``, ``30s``, ``10m``, ``2h``, ``1d``.

    :raises CliFault: ``usage``, naming ``option``.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise fault("usage", f"{option} takes a time such as 30s, 10m or 2h, not {text!r}.")
    return float(found[1]) * _SECONDS[found[2]]
