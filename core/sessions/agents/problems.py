"""What is wrong with an agent's definition, said with file, line and key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ...base.errors import ValidationFault
from ...base.toml_lines import KeyPath, line_of
from .definition import AgentDefinition

_SHOWN_PROBLEMS = 8
_HIDDEN_KEYS = frozenset({"origin"})


class AgentInvalid(ValidationFault):
    """An agent's definition has unknown keys or unusable values."""

    code = "agent_invalid"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a definition as it was read, with its place: the whole of a layer, or one rule."""

    raw: Any
    origin: str
    lines: Mapping[KeyPath, int]
    at: KeyPath

    @property
    def rule_id(self) -> Any:
        """The rule's id, if this is a rule that has one."""
        return self.raw.get("id") if isinstance(self.raw, dict) else None

    def place(self, rest: tuple[Any, ...]) -> str:
        """The file and, where known, the line of ``rest`` within this piece."""
        line = line_of(self.lines, (*self.at, *rest))
        return self.origin if line is None else f"{self.origin}, line {line}"

    def stamped(self) -> Any:
        """The rule with its origin, for explanations; something else as it is."""
        if not isinstance(self.raw, dict) or "origin" in self.raw:
            return self.raw
        line = line_of(self.lines, self.at)
        return {**self.raw, "origin": self.origin if line is None else f"{self.origin}:{line}"}

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


def _said(problem: ErrorDetails) -> str:
    path = problem["loc"]
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), known_keys(path[:-1]), n=1)
        return "unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if problem["type"] == "tuple_type":
        return "this is a list, such as [1, 2]"
    return problem["msg"].rstrip(".")


def _place(path: tuple[Any, ...], layers: Sequence[Piece], rules: Mapping[str, list[Piece]]) -> str:
    if len(path) > 1 and path[0] in rules and isinstance(path[1], int):
        return rules[str(path[0])][path[1]].place(path[2:])
    for layer in reversed(layers):
        if layer.holds(path):
            return layer.place(path)
    return layers[-1].place(path)


def describe(
    problems: Sequence[ErrorDetails], layers: Sequence[Piece], rules: Mapping[str, list[Piece]]
) -> str:
    """Every problem on a line of its own: file, line, key, what is wrong, the nearest valid key."""
    lines = [
        f"{_place(problem['loc'], layers, rules)}: {_shown_key(problem['loc'])}: {_said(problem)}."
        for problem in problems[:_SHOWN_PROBLEMS]
    ]
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"... and {len(problems) - _SHOWN_PROBLEMS} more.")
    return "\n".join(lines).replace("?.", "?")
