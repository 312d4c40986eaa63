"""What the program imports is what its package asks for, no more and no less."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("core", "state", "tui", "cli")

FORMATS = {
    "fqdn", "idna", "isoduration", "jsonpointer", "rfc3339-validator", "rfc3986-validator",
    "uri-template",
}  # fmt: skip
"""What jsonschema looks for by name, each to check a format."""

LATER = {"networkx", "pydantic-settings"}
"""Asked for by the design, used by work to come."""


def _imported() -> Iterator[str]:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    yield node.module.partition(".")[0]


def _named(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_each_format_of_schemas_is_checked_and_none_costs_a_second() -> None:
    known = Draft202012Validator.FORMAT_CHECKER.checkers
    assert {
        "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4",
        "ipv6", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference",
        "uri-template", "uuid",
    } <= known.keys()  # fmt: skip
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert "rfc3987-syntax" not in {_named(one) for one in asked}
    assert not any(one.startswith("jsonschema[") for one in asked), "an extra brings it along"


def test_everything_imported_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    users = [*project["dependencies"], *extras["postgres"], *extras["dask"]]
    asked = {_named(one) for one in users}
    homes = {**packages_distributions(), "pydantic_core": ["pydantic"]}  # one is the other's half
    # Both terminal back ends are looked for by name, so that either may be missing.
    used = {"par-term-emu-core-rust", "pyte"} | FORMATS
    for name in set(_imported()) - set(sys.stdlib_module_names) - {"quarterdeck"}:
        distributions = {home.lower().replace("_", "-") for home in homes.get(name, [name])}
        assert distributions & asked, f"{name} is imported, and no dependency brings it"
        used |= distributions & asked
    assert asked - used - LATER == set(), "asked for, and not used"
