"""Checks shared by command payloads: each failure has a code and a text of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from ..base.ids import is_id
from ..base.topics import pattern_fault

NAME_LIMIT = 50
ENV_KEY_LIMIT = 100
ENV_VALUE_LIMIT = 1000
QUOTED_LIMIT = 60
TEXT_LIMIT = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9 _-]+")


def quoted(value: Any) -> str:
    """``value`` as a message may quote it: short, and text that can be encoded."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= QUOTED_LIMIT else text[:QUOTED_LIMIT] + "…"
    return short.encode(errors="backslashreplace").decode()


def _ulid(value: Any) -> Any:
    if not isinstance(value, str) or not is_id(value):
        raise PydanticCustomError(
            "bad_id",
            "{value} is no ULID: 26 characters of Crockford base 32.",
            {"value": quoted(value)},
        )
    return value


def _name(value: Any) -> Any:
    if not isinstance(value, str):
        raise PydanticCustomError("name_invalid", "A name is text.", {})
    if not value.strip():
        raise PydanticCustomError("name_empty", "A session needs a name.", {})
    if len(value) > NAME_LIMIT:
        raise PydanticCustomError(
            "name_too_long",
            "A name has at most {limit} characters; this one has {length}.",
            {"limit": NAME_LIMIT, "length": len(value)},
        )
    if not _NAME.fullmatch(value):
        raise PydanticCustomError(
            "name_invalid",
            "A name is made of letters, digits, spaces, _ and -; {value} is not.",
            {"value": quoted(value)},
        )
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise PydanticCustomError(
            "timestamp_naive", "A timestamp has a time zone, such as 2026-01-31T12:00:00Z.", {}
        )
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError(
            "timestamp_invalid", "The timestamp lies outside the years 1 to 9999 in UTC.", {}
        ) from error


def _env(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not key or "=" in key or "\0" in key + text:
            raise PydanticCustomError(
                "env_invalid", "{key} can't be an environment entry.", {"key": quoted(key)}
            )
        if len(key) > ENV_KEY_LIMIT:
            raise PydanticCustomError(
                "env_key_too_long",
                "An environment key has at most {limit} characters; {key} has more.",
                {"limit": ENV_KEY_LIMIT, "key": quoted(key)},
            )
        if len(text) > ENV_VALUE_LIMIT:
            raise PydanticCustomError(
                "env_value_too_long",
                "The value of {key} has {length} characters; at most {limit} are allowed.",
                {"limit": ENV_VALUE_LIMIT, "key": key, "length": len(text)},
            )
    return value


def _argument(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("argument_invalid", "An argument can't hold a NUL.", {})
    return value


def _pattern(value: str) -> str:
    fault = pattern_fault(value)
    if fault is not None:
        raise PydanticCustomError("topic_pattern_invalid", "{fault}", {"fault": fault})
    return value


Id = Annotated[str, BeforeValidator(_ulid)]
SessionName = Annotated[str, BeforeValidator(_name)]
Stamp = Annotated[datetime, AfterValidator(_aware)]
Environment = Annotated[dict[str, str], AfterValidator(_env)]
Argument = Annotated[str, AfterValidator(_argument)]
TopicPattern = Annotated[str, AfterValidator(_pattern)]
