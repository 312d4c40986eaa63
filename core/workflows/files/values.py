"""The small values of the format: how they are written, and what they mean."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ...base.priority import Priority
from ...protocol.rules import quoted

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SPAN = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
LONGEST = 366 * 86_400.0
SPAN_HELP = "a number of seconds, or a time such as 500ms, 90s, 5m, 1h30m, 2d"


def span_of(value: Any) -> float | None:
    """The seconds in ``90``, ``90s``, ``1h30m``; ``None`` if it is no time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 0 <= value <= LONGEST else None
    if not isinstance(value, str) or not _SPAN.fullmatch(value.strip()):
        return None
    found = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
    return found if found <= LONGEST else None


def _duration(value: Any) -> float:
    found = span_of(value)
    if found is None:
        raise wrong(f"{quoted(value)} is no time.", f"Write {SPAN_HELP}.")
    return found


def _positive(value: Any) -> float:
    found = _duration(value)
    if not found:
        raise wrong("This is longer than nothing.", f"Write {SPAN_HELP}.")
    return found


def _moment(value: Any) -> float | datetime:
    if (found := span_of(value)) is not None:
        return found
    try:
        stamp = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        stamp = None
    if stamp is None or stamp.tzinfo is None:
        raise wrong(
            f"{quoted(value)} is no point in time.",
            "Write one with its zone, such as 2026-01-31T12:00:00Z, or a time from the start, such as 2h.",
        )
    return stamp.astimezone(UTC)


def _command(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, list) and value and all(_is_word(one) for one in value):
        return [one if isinstance(one, str) else str(one) for one in value]
    raise wrong(
        f"{quoted(value)} is no command.",
        "Write a list of the program and its arguments, or one line with shell: true.",
    )


def _is_word(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _environment(value: Any) -> Any:
    if not isinstance(value, dict):
        raise wrong("This is a mapping of names to values.", "")
    for name, one in value.items():
        if not name or "=" in name or "\0" in name:
            raise wrong(f"{quoted(name)} is no variable's name.", "")
        if one is not None and not _is_word(one):
            raise wrong(
                f"The value of {quoted(name)} is text, or nothing to pass it through.",
                "Write true and false in quotes.",
            )
    return {name: one if one is None else str(one) for name, one in value.items()}


def _priority(value: Any) -> Priority:
    if isinstance(value, str) and value.upper() in Priority.__members__ and value == value.lower():
        return Priority[value.upper()]
    words = " or ".join(name.lower() for name in Priority.__members__)
    raise PydanticCustomError("choice", "{message}", {
        "message": f"This is {words}, not {quoted(value)}.",
        "words": [name.lower() for name in Priority.__members__],
    })  # fmt: skip


def _cron(value: Any) -> str:
    try:
        CronSim(value if isinstance(value, str) else "", datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise wrong(
            f"{quoted(value)} is no cron expression: {str(error).lower()}.",
            'Write minute, hour, day, month and weekday, such as "30 2 * * mon-fri".',
        ) from error
    return str(value)


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(value).key
    except (TypeError, ValueError, OSError, KeyError) as error:
        raise wrong(
            f"{quoted(value)} is no time zone.", "Write one such as Europe/Vienna or UTC."
        ) from error


def wrong(message: str, hint: str) -> PydanticCustomError:
    """A value that means nothing, with what to write instead."""
    return PydanticCustomError("value", "{message}", {"message": message, "hint": hint})


def resolve_moment(moment: float | datetime, now: datetime) -> datetime:
    """The point in time that ``moment`` means: itself, or so many seconds after ``now``."""
    return moment if isinstance(moment, datetime) else now + timedelta(seconds=moment)


_TIME = {"type": ["string", "number"], "examples": ["90s", "5m", "1h30m"]}
Duration = Annotated[float, BeforeValidator(_duration), WithJsonSchema(_TIME)]
PositiveDuration = Annotated[float, BeforeValidator(_positive), WithJsonSchema(_TIME)]
Moment = Annotated[
    Any,
    BeforeValidator(_moment),
    WithJsonSchema({"type": ["string", "number"], "examples": ["2h", "2026-01-31T12:00:00Z"]}),
]
RunCommand = Annotated[
    list[str] | str,
    BeforeValidator(_command),
    WithJsonSchema({
        "anyOf": [
            {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
            {"type": "string"},
        ]
    }),
]  # fmt: skip
Environment = Annotated[
    dict[str, str | None],
    BeforeValidator(_environment),
    WithJsonSchema({
        "type": "object", "additionalProperties": {"type": ["string", "number", "null"]},
    }),
]  # fmt: skip
Urgency = Annotated[
    Priority,
    BeforeValidator(_priority),
    WithJsonSchema({"enum": [name.lower() for name in Priority.__members__]}),
]
Cron = Annotated[str, BeforeValidator(_cron), WithJsonSchema({"type": "string"})]
Zone = Annotated[str, BeforeValidator(_zone), WithJsonSchema({"type": "string"})]
