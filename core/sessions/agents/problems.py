"""What is wrong with an agent's definition, said with file, line and key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ...base.errors import ValidationFault
from ...base.toml_lines import KeyPath
from .definition import AgentDefinition

_SHOWN_PROBLEMS = 8
_HIDDEN_KEYS = frozenset({"origin"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``key`` is whole: in the settings it begins with ``agents.NAME``.

    ``told`` says all of it in a line. ``hint`` may be empty.
    """

    file: str
    line: int | None
    key: str
    message: str
    hint: str
    told: str


class AgentInvalid(ValidationFault):
    """An agent's definition has unknown keys or unusable values; ``problems`` are all of them."""

    code = "agent_invalid"

    def __init__(self, problems: Sequence[Problem], agent: str) -> None:
        self.problems = tuple(problems)
        lines = [problem.told for problem in self.problems[:_SHOWN_PROBLEMS]]
        if len(self.problems) > _SHOWN_PROBLEMS:
            lines.append(f"... and {len(self.problems) - _SHOWN_PROBLEMS} more.")
        super().__init__("\n".join(lines), agent=agent)


class Spot(NamedTuple):
    """A place in a file, or a variable's or flag's name."""

    file: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Home:
    """Where a layer stands: the spot of each key, and in the settings the table that it is."""

    where: Callable[[KeyPath], Spot]
    table: str = ""

    @property
    def origin(self) -> str:
        """The file, and the table in it."""
        return self._shown(self.where(()).file)

    def place(self, path: KeyPath) -> str:
        """The file and, where known, the line of ``path``."""
        file, line = self.where(path)
        return self._shown(file) + ("" if line is None else f", line {line}")

    def stamp(self, path: KeyPath) -> str:
        """The same in short."""
        file, line = self.where(path)
        return self._shown(file) + ("" if line is None else f":{line}")

    def _shown(self, file: str) -> str:
        return f"{file}, [{self.table}]" if self.table else file


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a definition as it was read, with its place: the whole of a layer, or one rule."""

    raw: Any
    home: Home
    at: KeyPath

    @property
    def rule_id(self) -> Any:
        """The rule's id, if this is a rule that has one."""
        return self.raw.get("id") if isinstance(self.raw, dict) else None

    def stamped(self) -> Any:
        """The rule with its origin, for explanations; something else as it is."""
        if not isinstance(self.raw, dict) or "origin" in self.raw:
            return self.raw
        return {**self.raw, "origin": self.home.stamp(self.at)}

    def holds(self, path: tuple[Any, ...]) -> bool:
        """Whether a value stands at ``path``."""
        value = self.raw
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return False
        return True


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := _model_in(inner)) is not None:
            return found
    return None


def known_keys(path: tuple[Any, ...]) -> list[str]:
    """The keys that a definition may have at ``path``; none where any key is right."""
    model: type[BaseModel] | None = AgentDefinition
    for part in path:
        if model is None:
            return []
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    if model is None:
        return []
    return [key for key in model.model_fields if key not in _HIDDEN_KEYS]


def _shown_key(path: tuple[Any, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _said(problem: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and the nearest valid key."""
    path = problem["loc"]
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), known_keys(path[:-1]), n=1)
        return "unknown key", f"did you mean {near[0]}?" if near else ""
    if problem["type"] == "tuple_type":
        return "this is a list, such as [1, 2]", ""
    return problem["msg"].rstrip("."), ""


def _home(
    path: KeyPath, layers: Sequence[Piece], rules: Mapping[str, list[Piece]]
) -> tuple[Home, KeyPath]:
    """The layer that a problem is in, and the path there."""
    if len(path) > 1 and path[0] in rules and isinstance(path[1], int):
        rule = rules[str(path[0])][path[1]]
        return rule.home, (*rule.at, *path[2:])
    holding = next((layer for layer in reversed(layers) if layer.holds(path)), layers[-1])
    return holding.home, path


def problem_of(
    found: ErrorDetails, layers: Sequence[Piece], rules: Mapping[str, list[Piece]]
) -> Problem:
    """One of pydantic's findings: file, line, key, what is wrong, the nearest valid key."""
    said, hint = _said(found)
    home, path = _home(found["loc"], layers, rules)
    file, line = home.where(path)
    key = ".".join(map(str, path))
    told = f"{home.place(path)}: {_shown_key(found['loc'])}: {said}{f'; {hint}' if hint else '.'}"
    return Problem(
        file, line, f"{home.table}.{key}".strip("."), _sentence(said) + ".", _sentence(hint), told
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
