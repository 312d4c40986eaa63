"""Checking a message against the schema, formats included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .faults import HandoffValidationError

SCHEMA_FILE = Path(__file__).with_name("handoff.schema.json")


@cache
def schema() -> dict[str, Any]:
    """The schema, as shipped."""
    found: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return found


def check(message: Mapping[str, Any]) -> None:
    """Nothing, if ``message`` is valid.

    :raises HandoffValidationError: naming the first fault's path.
    """
    faults = sorted(_validator().iter_errors(message), key=lambda one: _path(one.absolute_path))
    if faults:
        first = faults[0]
        raise HandoffValidationError(_path(first.absolute_path), first.message, len(faults) - 1)


@cache
def _validator() -> Any:
    # Loaded with the first handoff: it would cost every start a tenth of a second.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def _path(parts: Iterable[str | int]) -> str:
    """``$.state.errors[0].message``."""
    named = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return "$" + "".join(named)
