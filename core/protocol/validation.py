"""From raw data to a checked command: one error code for each cause."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..base.errors import ValidationFault
from .commands import PAYLOADS, Command, Payload
from .rules import QUOTED_LIMIT, quoted

VALUE_LIMIT = 10_000
"""The most values, nested ones and field names included, that a command may hold."""

_ENVELOPE = ("id", "type", "timestamp")


class CommandFault(ValidationFault):
    """A command that can't be carried out as sent; ``code`` tells its cause.

    The codes are listed in ``CODES``.
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.code = code  # type: ignore[misc]  # one class for a family of codes, each in CODES


CODES = {
    "malformed": "The line is no JSON object of a known kind.",
    "id_missing": "The command has no id.",
    "type_missing": "The command has no type.",
    "timestamp_missing": "The command has no timestamp.",
    "timestamp_invalid": "The timestamp can't be read.",
    "timestamp_naive": "The timestamp has no time zone.",
    "unknown_type": "No command has this type.",
    "bad_id": "An id is no ULID.",
    "name_empty": "A session's name is empty.",
    "name_too_long": "A session's name has more than 50 characters.",
    "name_invalid": "A session's name has other characters than letters, digits, space, _ and -.",
    "env_invalid": "An environment entry can't be one.",
    "env_key_too_long": "An environment key has more than 100 characters.",
    "env_value_too_long": "An environment value has more than 1000 characters.",
    "argument_invalid": "An argument holds a NUL.",
    "branch_invalid": "A text can't be the name of a branch.",
    "ref_invalid": "A text can't name a branch, a tag or a commit.",
    "worktree_both_ways": "A worktree is to be kept and to be discarded.",
    "topic_pattern_invalid": "A topic pattern is none.",
    "text_invalid": "A text holds half a surrogate pair, which is no Unicode.",
    "too_large": "A command holds more than 10 000 values.",
    "updates_empty": "An update changes nothing.",
    "keys_empty": "Neither keys nor text were given.",
    "answer_empty": "An answer has neither a choice nor text.",
    "field_missing": "A field that the command needs is missing.",
    "field_unknown": "The command has no field of this name.",
    "field_invalid": "A field's value has the wrong type or lies outside its range.",
}


def parse_command(raw: Mapping[str, Any]) -> tuple[Command, Payload]:
    """The command in ``raw`` and its typed payload.

    :raises CommandFault: naming the first thing that is wrong.
    """
    check_values(raw)
    for key in _ENVELOPE:
        if raw.get(key) in (None, ""):
            raise CommandFault(f"{key}_missing", f"A command needs a field {key}.")
    try:
        envelope = Command.model_validate(
            {key: raw[key] for key in raw if key in Command.model_fields}
        )
    except ValidationError as error:
        raise _fault(error, "command") from error
    return envelope, parse_payload(envelope.type, envelope.payload)


def parse_payload(kind: str, raw: Mapping[str, Any]) -> Payload:
    """The typed payload of a command of type ``kind``.

    :raises CommandFault: naming the first thing that is wrong.
    """
    model = PAYLOADS.get(kind)
    if model is None:
        near = difflib.get_close_matches(kind[:QUOTED_LIMIT], PAYLOADS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        shown = quoted(kind)
        raise CommandFault("unknown_type", f"There is no command {shown}.{hint}", type=shown)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _fault(error, kind) from error


def check_values(raw: Any) -> None:
    """Refuse data that is too much to check, or text that can't be stored or sent.

    :raises CommandFault: code ``too_large`` or ``text_invalid``.
    """
    pending = [raw]
    count = 0
    while pending:
        value = pending.pop()
        count += 1
        if isinstance(value, Mapping):
            pending.extend(value)
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
        elif isinstance(value, str):
            _check_text(value)
        if count + len(pending) > VALUE_LIMIT:
            raise CommandFault("too_large", f"A command holds at most {VALUE_LIMIT} values.")


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise CommandFault(
            "text_invalid", f"{quoted(value)} holds half a surrogate pair, which is no Unicode."
        ) from error


def _fault(error: ValidationError, where: str) -> CommandFault:
    """The fault for the first of pydantic's findings."""
    first = error.errors(include_url=False)[0]
    field = quoted(".".join(str(part) for part in first["loc"]))
    code = _code(first)
    text = first["msg"]
    message = text if code in CODES and first["type"] in CODES else f"{field or where}: {text}."
    return CommandFault(code, message, field=field, command=where)


def _code(finding: ErrorDetails) -> str:
    kind = finding["type"]
    if kind in CODES:
        return kind
    if finding["loc"] and finding["loc"][0] == "timestamp":
        return "timestamp_invalid"
    if kind == "missing":
        return "field_missing"
    if kind == "extra_forbidden":
        return "field_unknown"
    return "field_invalid"
