"""SQLite's named statements and its migrations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..statements import read_migrations, read_statements

HERE = Path(__file__).parent


def load_statements(name: str) -> Mapping[str, str]:
    """The statements of ``sql/NAME.sql`` by their names."""
    return read_statements(HERE / "sql" / f"{name}.sql")


def load_migrations(folder: Path = HERE / "migrations") -> list[tuple[str, str]]:
    """The migrations as (file name, SQL), as ``read_migrations`` gives them."""
    return read_migrations(folder)
