"""Text that is no valid Unicode, such as a file name can hold: kept as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def encodable(values: Iterable[Any]) -> tuple[Any, ...]:
    """``values`` with bytes in the place of text that is no valid Unicode."""
    return tuple([_encodable(value) for value in values])


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value
