"""Reading the settings: files, environment, flags; later wins, and each value knows its origin."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from pydantic import ValidationError

from ..base.homes import expanded
from ..base.toml_lines import KeyPath, line_map, line_of
from .faults import Fault, SettingsInvalid, faults_of
from .model import PROGRAM, ProfiledSettings, Settings
from .safety import added

FILE_NAME = "quarterdeck.toml"
PREFIX = "QUARTERDECK_"
NESTED = "__"
PROFILES = ("dev", "staging", "prod")
_SYNTAX_LINE = re.compile(r"\(at line (\d+)")


ADDED = frozenset({("safety", "constraints"), ("budgets",)})
"""Lists of rules: a later source adds to them, so that a project takes none of the user's away."""
AGENTS = "agents"
"""Its tables are checked elsewhere, so the place of every part of them is kept."""


class Kind(StrEnum):
    """What sort of source a value comes from, weakest first."""

    DEFAULT = "default"
    USER = "user file"
    PROJECT = "project file"
    FILE = "--config"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from; ``place`` is a file, a variable or a flag."""

    kind: Kind
    place: str = ""
    line: int | None = None
    profile: str = ""

    def __str__(self) -> str:
        if self.kind is Kind.DEFAULT:
            return "default"
        line = "" if self.line is None else f":{self.line}"
        profile = f" (profile {self.profile})" if self.profile else ""
        return f"{self.place}{line}{profile}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source's values as nested tables, with the lines they stand on."""

    kind: Kind
    place: str
    values: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    profile: str = ""

    def origin(self, path: KeyPath) -> Origin:
        """Where the value at ``path`` comes from."""
        at = ("profiles", self.profile, *path) if self.profile else path
        return Origin(self.kind, self.place, line_of(self.lines, at), self.profile)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force; ``origins`` by key, such as ``engine.worker_count``."""

    settings: Settings
    origins: Mapping[str, Origin]
    files: tuple[Path, ...]

    def origin(self, key: str) -> Origin:
        """Where the value of ``key`` comes from."""
        return self.origins.get(key, Origin(Kind.DEFAULT))

    def rows(self) -> list[tuple[str, Any, Origin]]:
        """Every key with its value and its origin, section by section."""
        values = self.settings.model_dump(mode="json")
        return [(key, value, self.origin(key)) for key, value in _leaves(values)]


@dataclass(frozen=True, slots=True)
class Examined:
    """All that is wrong with the settings, and what they say of agents all the same.

    ``agents`` are the tables that could be read, which the agents' loader checks, and ``origins`` their places.
    """

    faults: tuple[Fault, ...]
    agents: Mapping[str, Any]
    origins: Mapping[str, Origin]


def config_files(
    *, project: Path | None = None, config: Path | None = None, user_dir: Path | None = None
) -> list[tuple[Kind, Path]]:
    """The files that would be read, weakest first, whether they are there or not.

    ``project`` is a directory: the nearest ``quarterdeck.toml`` in it or above it counts, up to
    the top of its repository.
    """
    user = user_config_path(PROGRAM, appauthor=False) if user_dir is None else user_dir
    files = [(Kind.USER, user / FILE_NAME)]
    if project is not None:
        files.append((Kind.PROJECT, _project_file(expanded(project).absolute())))
    if config is not None:
        files.append((Kind.FILE, expanded(config).absolute()))
    return files


def _project_file(start: Path) -> Path:
    for place in (start, *start.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
        if (place / ".git").exists():
            break
    return start / FILE_NAME


def load_settings(
    *,
    project: Path | None = None,
    config: Path | None = None,
    profile: str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    user_dir: Path | None = None,
) -> Loaded:
    """The settings in force.

    ``flags`` maps keys such as ``engine.worker_count`` to values; ``None`` values are left out.
    The sections of ``[profiles.NAME]`` of every file stand above all files' plain sections.

    :raises SettingsInvalid: if anything is wrong; it lists all faults.
    """
    found = config_files(project=project, config=config, user_dir=user_dir)
    layers, faults = _all_layers(found, profile, environment, flags)
    if faults:
        raise SettingsInvalid(faults)
    return _combined(layers, tuple(path for kind, path in found if _is_read(kind, path)))


def examine(
    files: Iterable[tuple[Kind, Path]],
    *,
    profile: str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Examined:
    """Everything that is wrong with the settings in ``files`` and above them, as ``load_settings`` reads them."""
    layers, faults = _all_layers(files, profile, environment, flags)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for layer in layers:
        agents = _table(layer.values.get(AGENTS))
        tables = {name: table for name, table in agents.items() if isinstance(table, Mapping)}
        _merge(values, {AGENTS: tables}, (), layer, origins)
    return Examined(tuple(faults), values.get(AGENTS, {}), origins)


def _all_layers(
    files: Iterable[tuple[Kind, Path]],
    profile: str | None,
    environment: Mapping[str, str] | None,
    flags: Mapping[str, Any] | None,
) -> tuple[list[Layer], list[Fault]]:
    """Every source that could be read, weakest first, and every fault."""
    layers, faults = _file_layers(files)
    faults += _profile_faults(profile, layers)
    variables = os.environ if environment is None else environment
    over = [*_environment_layers(variables), *_flag_layers(flags or {})]
    faults += [fault for layer in over for fault in _layer_faults(layer)]
    return [*layers, *_profile_layers(layers, profile), *over], faults


def check_files(paths: Iterable[Path]) -> list[Fault]:
    """Every fault of the settings files ``paths``; a missing one is a fault, too."""
    return _file_layers([(Kind.FILE, path) for path in paths])[1]


def _combined(layers: Iterable[Layer], files: tuple[Path, ...]) -> Loaded:
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for layer in layers:
        plain = {key: part for key, part in layer.values.items() if key != "profiles"}
        _merge(values, plain, (), layer, origins)
    return Loaded(Settings.model_validate(values), origins, files)


def _merge(
    into: dict[str, Any],
    values: Mapping[str, Any],
    path: tuple[str, ...],
    layer: Layer,
    origins: dict[str, Origin],
) -> None:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, Mapping):
            inner = into.get(key)
            into[key] = dict(inner) if isinstance(inner, Mapping) else {}
            if layer.lines and here[0] == AGENTS:
                origins[".".join(here)] = layer.origin(here)
            _merge(into[key], value, here, layer, origins)
        else:
            into[key] = added(into.get(key), value) if here in ADDED else value
            if isinstance(value, list) and here[0] == AGENTS:
                _note_parts(value, here, layer, origins)
            origins[".".join(here)] = layer.origin(here)


def _note_parts(value: list[Any], at: KeyPath, layer: Layer, origins: dict[str, Origin]) -> None:
    """Where each table of a list stands, and each key in it, in place of what stood there before."""
    name = _dotted(at)
    for key in [key for key in origins if key.startswith(f"{name}.")]:
        del origins[key]
    for number, part in enumerate(value):
        here = (*at, number)
        for path in (here, *((*here, key) for key in _table(part))):
            origins[_dotted(path)] = layer.origin(path)


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path))


def _leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        elif not isinstance(value, Mapping):
            yield ".".join((*path, key)), value


# Files


def _file_layers(files: Iterable[tuple[Kind, Path]]) -> tuple[list[Layer], list[Fault]]:
    layers: list[Layer] = []
    faults: list[Fault] = []
    for kind, path in files:
        if not _is_read(kind, path):
            continue
        read = _read(kind, path)
        if isinstance(read, Fault):
            faults.append(read)
        else:
            layers.append(read)
            faults += _layer_faults(read)
    return layers, faults


def _is_read(kind: Kind, path: Path) -> bool:
    """Whether a file counts: one that was asked for has to be there."""
    return kind is Kind.FILE or path.exists()


def _read(kind: Kind, path: Path) -> Layer | Fault:
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        return Fault(str(path), None, "", f"The file can't be read: {error.strerror}.")
    except UnicodeDecodeError:
        return Fault(str(path), None, "", "The file is no UTF-8 text.")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        # "(at end of document)": the last line is where the parser stood.
        line = int(found[1]) if found else len(text.splitlines()) or 1
        said = str(error).partition(" (at ")[0]
        return Fault(str(path), line, "", f"This is no TOML: {said}.")
    return Layer(kind, str(path), values, line_map(text))


def _layer_faults(layer: Layer) -> list[Fault]:
    try:
        ProfiledSettings.model_validate(layer.values)
    except ValidationError as error:
        return faults_of(error, ProfiledSettings, layer.place, layer.lines)
    return []


# Profiles


def _profile_faults(profile: str | None, layers: Iterable[Layer]) -> list[Fault]:
    named = {name for layer in layers for name in _table(layer.values.get("profiles"))}
    if profile is None or profile in named or profile in PROFILES:
        return []
    known = ", ".join(sorted({*PROFILES, *named}))
    return [Fault("--profile", None, "", f"There is no profile {profile}.", f"Known: {known}.")]


def _profile_layers(layers: Iterable[Layer], profile: str | None) -> Iterator[Layer]:
    for layer in layers:
        values = _table(layer.values.get("profiles")).get(profile or "")
        if isinstance(values, dict) and profile is not None:
            yield Layer(layer.kind, layer.place, values, layer.lines, profile)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# Environment and flags


def _environment_layers(variables: Mapping[str, str]) -> Iterator[Layer]:
    """One layer for each variable whose name holds ``__``; others with the prefix are no settings."""
    for name in sorted(variables):
        if name.startswith(PREFIX) and NESTED in name:
            path = [part.lower() for part in name.removeprefix(PREFIX).split(NESTED)]
            yield Layer(Kind.ENVIRONMENT, name, _nested(path, _from_text(variables[name])))


def _flag_layers(flags: Mapping[str, Any]) -> Iterator[Layer]:
    for key, value in flags.items():
        if value is not None:
            yield Layer(Kind.FLAG, f"--{key}", _nested(key.split("."), value))


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _from_text(text: str) -> Any:
    """A list or a table written as TOML; anything else stays text, for its field to read."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
