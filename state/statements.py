"""Named SQL statements from ``.sql`` files, and the numbered migrations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


def parse_statements(text: str, origin: str) -> dict[str, str]:
    """The statements in ``text``, each after a line ``-- name: its_name``.

    :raises ValueError: if a name comes twice, or a statement is not one and complete.
    """
    parts = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        sql = _COMMENT.sub("", body).strip()
        if name in found or not sql.endswith(";") or ";" in sql[:-1]:
            msg = f"{origin}: {name} is there twice, or is no single statement that ends with ;"
            raise ValueError(msg)
        found[name] = sql[:-1]
    return found


def read_statements(path: Path) -> Mapping[str, str]:
    """The statements of a file by their names."""
    return parse_statements(path.read_text(encoding="utf-8"), path.name)


def read_migrations(folder: Path) -> list[tuple[str, str]]:
    """The migrations as (file name, SQL); the first one leads to schema 1, and so on.

    :raises ValueError: if a file's number is not the one that comes next.
    """
    found: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.sql")):
        match = _MIGRATION.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            msg = (
                f"{path}: migrations are numbered without a gap, such as {len(found) + 1:04}_x.sql"
            )
            raise ValueError(msg)
        found.append((path.name, path.read_text(encoding="utf-8")))
    return found
