"""The inputs of a workflow: words from a command line, or values, turned into what is asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...base.homes import expanded
from ...protocol.rules import quoted
from .faults import InputsInvalid
from .model import InputEntry
from .shapes import nearest

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def pairs(words: Sequence[str]) -> dict[str, str]:
    """``k=v`` words as a mapping.

    :raises InputsInvalid: if a word is none, or a name is given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InputsInvalid(f"An input is written NAME=VALUE, not {quoted(word)}.")
        if name in found:
            raise InputsInvalid(f"The input {name} is given twice.")
        found[name] = value
    return found


def convert_inputs(
    entries: Mapping[str, InputEntry], given: Mapping[str, Any], directory: Path
) -> dict[str, Any]:
    """A value for every input, of its type; text is read as a person would write it.

    Paths become absolute, from ``directory``.

    :raises InputsInvalid: with everything that is wrong, a line for each.
    """
    wrong = [
        f"{name}: There is no such input. {nearest(name, entries)}".rstrip()
        for name in given
        if name not in entries
    ]
    found: dict[str, Any] = {}
    for name, entry in entries.items():
        if name not in given and entry.required:
            told = f" ({entry.description})" if entry.description else ""
            wrong.append(f"{name}: It is missing; it is {_ARTICLES[entry.type]}{told}.")
            continue
        value = given.get(name, entry.default)
        if name not in given and value is None:
            found[name] = None
            continue
        try:
            found[name] = _convert(entry, value, directory)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise InputsInvalid("\n".join(wrong), inputs=wrong)
    return found


def convert_default(entry: InputEntry) -> str:
    """What is wrong with an input's default; empty if nothing is."""
    if entry.type == "choice" and not entry.choices:
        return ""
    try:
        _convert(entry.model_copy(update={"must_exist": False}), entry.default, Path())
    except ValueError as error:
        return str(error)
    return ""


def _convert(entry: InputEntry, value: Any, directory: Path) -> Any:
    made = _READERS[entry.type](value)
    shown = "what was given" if entry.secret else quoted(value)
    if made is None:
        raise ValueError(f"This is {_ARTICLES[entry.type]}, not {shown}.")
    if entry.type == "choice" and made not in entry.choices:
        hint = "" if entry.secret else nearest(made, entry.choices)
        raise ValueError(f"This is {' or '.join(entry.choices)}, not {shown}. {hint}".rstrip())
    if entry.type == "path":
        path = directory.absolute() / expanded(made)
        if entry.must_exist and not path.exists():
            raise ValueError(f"{path} is not there.")
        return str(path)
    return made


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _path(value: Any) -> str | None:
    return value if isinstance(value, str) and value and "\0" not in value else None


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return int(value.strip())
        except ValueError:
            return None
    return value if isinstance(value, int) else None


def _number(value: Any) -> float | int | None:
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().lstrip("+-").isdigit() else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    return value if isinstance(value, bool) else None


def _list(value: Any) -> list[Any] | None:
    """A list; as text it is JSON, or words with commas in between."""
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return [word.strip() for word in value.split(",")] if value.strip() else []
        value = _json(value)
    return value if isinstance(value, list) else None


def _object(value: Any) -> dict[str, Any] | None:
    found = _json(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "path": _path,
    "choice": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "list": _list,
    "object": _object,
}
_ARTICLES: Mapping[str, str] = {
    "string": "text",
    "path": "a path",
    "choice": "a choice",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list (JSON, or words with commas)",
    "object": "an object (JSON)",
}
