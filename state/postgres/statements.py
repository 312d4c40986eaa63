"""PostgreSQL's named statements and its migrations.

Readers' and leases' statements have placeholders with names, ``:name``, as they have in SQLite;
here they become the numbered ones that PostgreSQL knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..statements import read_migrations, read_statements

HERE = Path(__file__).parent

_PLACEHOLDER = re.compile(r"(?<!:):([a-z]+)\b")


class Named(NamedTuple):
    """A statement with numbered placeholders, and the names of their values in order."""

    sql: str
    names: tuple[str, ...]

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The values for the placeholders."""
        return [given[name] for name in self.names]


def numbered(sql: str) -> Named:
    """``sql`` with ``$1``, ``$2`` ... for its named placeholders."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(sql)))
    return Named(_PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", sql), names)


def load_statements(name: str) -> Mapping[str, str]:
    """The statements of ``sql/NAME.sql`` by their names."""
    return read_statements(HERE / "sql" / f"{name}.sql")


def load_named(name: str) -> dict[str, Named]:
    """The statements of ``sql/NAME.sql``, which have named placeholders."""
    return {key: numbered(sql) for key, sql in load_statements(name).items()}


def load_migrations(folder: Path = HERE / "migrations") -> list[tuple[str, str]]:
    """The migrations as (file name, SQL); the first one leads to schema 1, and so on."""
    return read_migrations(folder)
