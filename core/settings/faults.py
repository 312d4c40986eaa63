"""What is wrong with settings: file, line, key, message, and the nearest valid word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..base.errors import ValidationFault
from ..base.toml_lines import KeyPath, line_of
from ..protocol.rules import quoted

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``file`` is a path, or names the variable or flag; ``hint`` may be empty."""

    file: str
    line: int | None
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}:" if self.key else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{place}:{key} {self.message}{hint}"


class SettingsInvalid(ValidationFault):
    """The settings have faults; ``faults`` holds all of them."""

    code = "settings_invalid"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            lines.append(f"... and {len(self.faults) - SHOWN} more")
        super().__init__("\n".join(lines), faults=[str(fault) for fault in self.faults])


def faults_of(
    error: ValidationError, model: type[BaseModel], file: str, lines: Mapping[KeyPath, int]
) -> list[Fault]:
    """Every finding of pydantic in the settings of ``file``, one for each key, by line."""
    found: dict[KeyPath, Fault] = {}
    for finding in error.errors(include_url=False):
        path = _key_path(model, finding["loc"])
        found.setdefault(path, _fault(finding, path, model, file, lines))
    return sorted(found.values(), key=lambda fault: fault.line or 0)


def _fault(
    finding: ErrorDetails,
    path: KeyPath,
    model: type[BaseModel],
    file: str,
    lines: Mapping[KeyPath, int],
) -> Fault:
    words = list(_choices(finding))
    if finding["type"] == "extra_forbidden":
        message, words = "There is no such setting.", _fields(model, path[:-1])
        given = str(path[-1])
    else:
        message, given = _said(finding), str(finding["input"])
    near = difflib.get_close_matches(given, words, n=1)
    hint = f"Did you mean {near[0]}?" if near else ""
    return Fault(file, line_of(lines, path), ".".join(map(str, path)), message, hint)


def _said(finding: ErrorDetails) -> str:
    if finding["type"] in {"model_type", "dict_type", "model_attributes_type"}:
        return "This is a table, such as [section] with keys below it."
    if finding["type"] == "tuple_type":
        return "This is a list, such as [1, 2]."
    if isinstance(finding["input"], dict | list | tuple):
        return f"{finding['msg'].rstrip('.')}."
    return f"{finding['msg'].rstrip('.')}, not {quoted(finding['input'])}."


def _choices(finding: ErrorDetails) -> Iterator[str]:
    """The words that a choice allows."""
    if finding["type"] == "literal_error":
        expected = str(finding.get("ctx", {}).get("expected", ""))
        yield from (word.strip(" '") for word in expected.replace(" or ", ",").split(","))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in get_args(annotation))
    return next((found for found in inner if found is not None), None)


def _fields(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that may stand at ``path``; none where any may."""
    at: type[BaseModel] | None = model
    for part in path:
        if at is not None and part in at.model_fields:
            at = _model_in(at.model_fields[str(part)].annotation)
    return list(at.model_fields) if at is not None else []


def _key_path(model: type[BaseModel], loc: tuple[int | str, ...]) -> KeyPath:
    """The keys of a finding's place, without pydantic's names for the members of a union."""
    path: list[str | int] = []
    at: type[BaseModel] | None = model
    free = False
    for part in loc:
        if at is not None and part in at.model_fields:
            annotation = at.model_fields[str(part)].annotation
            at, free = _model_in(annotation), _model_in(annotation) is None
            path.append(str(part))
        elif at is not None or free:
            path.append(part)
            free = False
    return tuple(path)
