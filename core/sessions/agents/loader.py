"""Agent definitions from files and settings: shipped ones, then the user's, the later over the earlier."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...base.errors import ValidationFault
from ...base.toml_lines import KeyPath, line_map, line_of
from ..practice import crew_path
from .definition import AgentDefinition
from .problems import AgentInvalid, Home, Piece, Problem, Spot, problem_of

RULE_LISTS = ("title_rules", "screen_rules")
_MERGED_TABLES = frozenset({"env", "prompt", "resume", "meanings", "timing", "oneshot"})
_SYNTAX_LINE = re.compile(r"\(at line (\d+)")
_PLACEHOLDER = re.compile(r"\{(python|practice|shell)\}")


class AgentFileSyntax(ValidationFault):
    """An agent file is no TOML."""

    code = "agent_file_syntax"


Places = Mapping[str, tuple[str, int | None]]
UNKNOWN = "settings"


class AgentFileUnreadable(ValidationFault):
    """An agent file can't be read."""

    code = "agent_file_unreadable"


@dataclass(frozen=True, slots=True)
class AgentCatalog:
    """All agents by name, and what was wrong with those that were left out or left as shipped."""

    definitions: Mapping[str, AgentDefinition]
    faults: tuple[ValidationFault, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong, one by one."""
        return [problem for fault in self.faults for problem in _problems_of(fault)]


def _problems_of(fault: ValidationFault) -> Sequence[Problem]:
    if isinstance(fault, AgentInvalid):
        return fault.problems
    file, line, what = (fault.details.get(key) for key in ("file", "line", "what"))
    return (Problem(str(file), line, "", f"{what}.", "", fault.message),)


@dataclass(frozen=True, slots=True)
class Layer:
    """One source's word on one agent: a file, or a table of the settings."""

    name: str
    raw: Mapping[str, Any]
    home: Home


def default_expansions(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What ``{python}``, ``{practice}`` and ``{shell}`` stand for on this machine."""
    environ = os.environ if environ is None else environ
    return {
        "python": sys.executable,
        "practice": str(crew_path()),
        "shell": environ.get("SHELL") or "/bin/sh",
    }


def _read_layer(path: Path, origin: str) -> Layer:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise AgentFileUnreadable(
            f"{path}: can't be read ({error}); mend or remove the file.",
            file=str(path), what=f"The file can't be read: {why}",
        ) from error  # fmt: skip
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        # "(at end of document)": the last line is where the parser stood.
        line = int(found[1]) if found else len(text.splitlines()) or 1
        raise AgentFileSyntax(
            f"{path}: no TOML: {error}.", file=str(path), line=line,
            what=f"This is no TOML: {str(error).partition(' (at ')[0]}",
        ) from error  # fmt: skip
    name, lines = raw.get("name", path.stem), line_map(text)
    home = Home(lambda at: Spot(origin or str(path), line_of(lines, at)))
    return Layer(str(name), raw, home)


def _read_folder(folder: Path, *, shipped: bool) -> tuple[list[Layer], list[ValidationFault]]:
    layers: list[Layer] = []
    faults: list[ValidationFault] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            layers.append(_read_layer(path, path.name if shipped else ""))
        except ValidationFault as fault:
            faults.append(fault)
    return layers, faults


def _expand(value: Any, expansions: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: expansions.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [_expand(item, expansions) for item in value]
    if isinstance(value, dict):
        return {key: _expand(item, expansions) for key, item in value.items()}
    return value


def _merge_table(key: str, old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    if key == "answers":
        kinds = [*old, *(kind for kind in new if kind not in old)]
        return {kind: _merge_table("env", old.get(kind, {}), new.get(kind, {})) for kind in kinds}
    return {**old, **new} if key in _MERGED_TABLES else new


def _rule_pieces(layer: Layer, key: str) -> list[Piece] | None:
    """The layer's rules of one kind, each with its place; ``None`` if it gives none."""
    rules = layer.raw.get(key)
    if not isinstance(rules, list):
        return None
    return [Piece(rule, layer.home, (key, n)) for n, rule in enumerate(rules)]


def _merge_rules(old: Sequence[Piece], new: list[Piece] | None, *, extend: bool) -> list[Piece]:
    if new is None:
        return list(old)
    if not extend:
        return new
    replaced = {piece.rule_id for piece in new}
    return [*new, *(piece for piece in old if piece.rule_id not in replaced)]


def _merge(layers: Sequence[Layer]) -> tuple[dict[str, Any], dict[str, list[Piece]]]:
    merged: dict[str, Any] = {}
    rules: dict[str, list[Piece]] = {key: [] for key in RULE_LISTS}
    for layer in layers:
        if "command" in layer.raw and "detect" not in layer.raw:
            merged.pop("detect", None)  # the former program's name says nothing of this one
        for key, value in layer.raw.items():
            if not (key in RULE_LISTS and isinstance(value, list)):
                merged[key] = _merge_table(key, merged.get(key), value)
        extend = layer.raw.get("extend") is True
        for key in RULE_LISTS:
            rules[key] = _merge_rules(rules[key], _rule_pieces(layer, key), extend=extend)
    return merged, rules


def build(layers: Sequence[Layer], expansions: Mapping[str, str]) -> AgentDefinition:
    """One agent from its layers, the last one over those before.

    :raises AgentInvalid: naming file, line and key of everything that is wrong.
    """
    merged, rules = _merge(layers)
    raw = _expand(merged, expansions)
    for key in RULE_LISTS:
        if key not in raw:
            raw[key] = [piece.stamped() for piece in rules[key]]
    raw.setdefault("name", layers[-1].name)
    raw["origin"] = layers[-1].home.origin
    try:
        return AgentDefinition.model_validate(raw)
    except ValidationError as error:
        pieces = [Piece(layer.raw, layer.home, ()) for layer in layers]
        found = [problem_of(one, pieces, rules) for one in error.errors()]
        raise AgentInvalid(found, layers[-1].name) from error


def _config_layers(config: Mapping[str, Any], places: Places) -> Iterable[Layer]:
    for name, raw in config.items():
        table = raw if isinstance(raw, Mapping) else {"command": raw}
        yield Layer(name, {**table, "name": name}, _home_of(f"agents.{name}", places))


def _home_of(table: str, places: Places) -> Home:
    """Where a table of the settings stands, and each of its keys: those of several files may make it up."""

    def where(path: KeyPath) -> Spot:
        for end in range(len(path), -1, -1):
            key = ".".join((table, *map(str, path[:end])))
            if key in places:
                return Spot(*places[key])
        inner = (place for key, place in places.items() if key.startswith(f"{table}."))
        return Spot(next(inner, (UNKNOWN, None))[0], None)

    return Home(where, table)


def _stack(
    layers: Iterable[Layer], expansions: Mapping[str, str], faults: list[ValidationFault]
) -> dict[str, AgentDefinition]:
    """Build every agent layer by layer, so that a faulty layer leaves the one below in force."""
    stacks: dict[str, list[Layer]] = {}
    definitions: dict[str, AgentDefinition] = {}
    for layer in layers:
        stack = stacks.setdefault(layer.name, [])
        try:
            definitions[layer.name] = build([*stack, layer], expansions)
        except AgentInvalid as fault:
            faults.append(fault)
        else:
            stack.append(layer)
    return definitions


def load_agents(
    *,
    user_dir: Path | None = None,
    config: Mapping[str, Any] | None = None,
    places: Places | None = None,
    expansions: Mapping[str, str] | None = None,
) -> AgentCatalog:
    """Every agent: shipped, then from ``user_dir``'s ``*.toml``, then from ``[agents.NAME]`` tables.

    A later word on an agent overrides an earlier one key by key; its rules replace the earlier
    ones, or with ``extend = true`` come before them and replace those of the same id. A file that
    is wrong is left out and reported; it never keeps the others from loading. ``places`` say where
    the tables stand: file and line by key, such as ``agents.NAME.command``.
    """
    expansions = default_expansions() if expansions is None else expansions
    layers, faults = _read_folder(Path(__file__).parent, shipped=True)
    if user_dir is not None:
        own, more = _read_folder(user_dir, shipped=False)
        layers += own
        faults += more
    layers += _config_layers(config or {}, places or {})
    definitions = _stack(layers, expansions, faults)
    return AgentCatalog(definitions, tuple(faults))
