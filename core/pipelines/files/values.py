"""Small values that only pipelines have."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from ...protocol.rules import quoted
from ...workflows.files.values import wrong

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def rate_of(value: Any) -> float | None:
    """How many a second ``5/s`` or ``100/h`` are; ``None`` if it is no rate."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if value > 0 else None
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    return (float(found[1]) / _SECONDS[found[2]] or None) if found else None


def _rate(value: Any) -> float:
    found = rate_of(value)
    if found is None:
        raise wrong(f"{quoted(value)} is no rate.", "Write one such as 5/s, 30/m or 100/h.")
    return found


Rate = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema({"type": ["string", "number"], "examples": ["5/s", "100/h"]}),
]
