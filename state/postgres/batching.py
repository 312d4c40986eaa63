"""Many transactions' statements in as few calls as can be.

Statements of one kind are sent together. One may be moved before another only if the two touch no
table in common, so what a group does is what its transactions do one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..encoding import Statement

_TABLE = re.compile(r"\b(?:INTO|FROM|UPDATE|JOIN)\s+([a-z_]+)")


@dataclass(slots=True)
class Batch:
    """One statement, for a list of values."""

    sql: str
    tables: frozenset[str]
    values: list[tuple[Any, ...]] = field(default_factory=list)


def tables_of(sql: str) -> frozenset[str]:
    """The tables that a statement reads or writes (names of its own parts may be among them)."""
    return frozenset(_TABLE.findall(sql))


class Batcher:
    """Groups statements; ``statements`` are all there are."""

    def __init__(self, statements: Iterable[str]) -> None:
        self._tables: Mapping[str, frozenset[str]] = {sql: tables_of(sql) for sql in statements}

    def batches(self, statements: Iterable[Statement]) -> list[Batch]:
        """``statements`` as batches, in an order that means the same."""
        found: list[Batch] = []
        for sql, values in statements:
            self._place(found, sql).values.append(values)
        return found

    def _place(self, batches: list[Batch], sql: str) -> Batch:
        """The batch that a statement may join: none stands after it that touches its tables."""
        tables = self._tables[sql]
        for batch in reversed(batches):
            if batch.sql == sql:
                return batch
            if tables & batch.tables:
                break
        batches.append(Batch(sql, tables))
        return batches[-1]
