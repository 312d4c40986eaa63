"""The journal of workflows' turns: appended to by commits, posted to the tables before they are read.

An append touches one page, whatever the turn brought. Posting brings the states, the history and the
attempts up to date and empties the journal, in one transaction, so that no reader sees a turn twice or
not at all. Blocking; used by the writer's connection, one thread at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from json import JSONDecoder
from typing import Any

from ...core.base.undisturbed import undisturbed
from ...core.workflows.turns import move_of, task_named
from .. import faults as f
from ..workflow_rows import TASK_COLUMNS, move_row
from .statements import load_statements
from .texts import encodable

_SQL = {**load_statements("workflow_journal"), **load_statements("workflow_changes")}

ADD_TURN = _SQL["add_turn"]
IS_JOURNALLED = _SQL["is_journalled"]
HAS_TURNS = _SQL["has_turns"]

SLICE = 500
SLICE_LINES = 1_000
"""Turns, and about how many lines of them, that are posted in one transaction (20 ms): commits wait so long."""

Row = tuple[Any, ...]

_decode = JSONDecoder().raw_decode
"""Half of what ``loads`` costs for a line, which was made here."""

_COUNTS = frozenset({"attempt", "losses"})
_SURROGATE = "\\ud"
"""How JSON writes what may be no valid Unicode, and what is beyond the first 65 536 characters."""


def checked(read: str) -> str:
    """A statement of one row, which says before it whether turns of ``:workflow`` are to be posted."""
    return (
        "SELECT EXISTS (SELECT 1 FROM workflow_journal WHERE workflow_id = :workflow), found.* "  # noqa: S608  # our own statements
        f"FROM ({read.rstrip().rstrip(';')}) AS found"
    )


class Refused(Exception):
    """One of several turns is refused: each is to be looked at by itself."""


class Turns:
    """The journal's newest versions, and its way into the tables.

    ``pending`` tells about how many lines this connection has added since the journal was empty.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self._heads: dict[str, int] = {}
        self._undo: list[tuple[str, int | None]] = []
        self._seen: int | None = None
        self._posted = False
        self.pending = 0

    def add(self, values: Sequence[Any]) -> None:
        """Append a turn.

        :raises StaleVersion: if its version is not the next one.
        :raises LeaseLost: if its lease is not in force.
        """
        workflow_id, version = values[0], values[1]
        head = self._heads.get(workflow_id)
        if head is None:
            head = self._find_head(workflow_id)
        if version == head + 1 and self._cursor.execute(ADD_TURN, values).rowcount:
            self._undo.append((workflow_id, self._heads.get(workflow_id)))
            self._heads[workflow_id] = values[2]
            self.pending += values[2] - version + 2
            return
        lease = (workflow_id, values[4], values[7])
        if self._cursor.execute(_SQL["holds"], lease).fetchone() is None:
            raise f.LeaseLost.of(*lease)
        if workflow_id in self._heads:
            self._heads[workflow_id] = max(head, self._kept_version(workflow_id))
        raise f.StaleVersion.of_workflow(workflow_id, version)

    def add_all(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append turns in order.

        :raises Refused: if one of them is; then all are to be undone.
        """
        heads, undo = self._heads, self._undo
        count = 0
        for row in rows:
            workflow_id, version, upto = row[:3]
            head = heads.get(workflow_id)
            if head is None:
                head = self._find_head(workflow_id)
            if version != head + 1:
                raise Refused
            undo.append((workflow_id, heads.get(workflow_id)))
            heads[workflow_id] = upto
            count += upto - version + 2
        if self._cursor.executemany(ADD_TURN, rows).rowcount != len(rows):
            raise Refused
        self.pending += count

    def mark(self) -> int:
        """Where ``undo`` may go back to."""
        return len(self._undo)

    def undo(self, mark: int = 0) -> None:
        """What was added since ``mark`` was not kept; nor was what was posted."""
        if self._posted:
            self._forget(None)
            return
        while len(self._undo) > mark:
            workflow_id, head = self._undo.pop()
            if head is None:
                self._heads.pop(workflow_id, None)
            else:
                self._heads[workflow_id] = head

    def keep(self) -> None:
        """What was done is on disk."""
        self._undo.clear()
        self._posted = False

    def post_all(self) -> None:
        """Bring the tables up to date. Inside of a transaction, which may be undone."""
        while self.post_some():
            pass

    def post_some(self) -> bool:
        """Take the oldest turns into the tables; whether more may be there."""
        found = self._cursor.execute(_SQL["journalled"], (SLICE,)).fetchall()
        rows = _first(found)
        if rows:
            self._posted = True
            with undisturbed():
                self._post(rows)
            self._cursor.execute(_SQL["posted"], (rows[-1][0],))
        if len(found) == SLICE or len(rows) < len(found):
            return True
        self._forget(self._others())
        self.pending = 0
        return False

    def _forget(self, seen: int | None) -> None:
        """Know no versions; ``seen`` is when the journal was last empty, ``None`` if it may not be."""
        self._heads.clear()
        self._undo.clear()
        self._seen = seen
        self.pending = 1

    # ---- versions --------------------------------------------------------------------------

    def _find_head(self, workflow_id: str) -> int:
        """The newest version. Rows of the journal that aren't in ``_heads`` came from others."""
        seen = self._others()
        if self._seen != seen:
            # All at once: to look for each of many workflows in a long journal takes far longer.
            for name, upto in self._cursor.execute(_SQL["journal_versions"]):
                self._heads[name] = max(upto, self._heads.get(name, upto))
            self._seen = seen
        return max(self._kept_version(workflow_id), self._heads.get(workflow_id, 0))

    def _kept_version(self, workflow_id: str) -> int:
        found: int = self._cursor.execute(_SQL["kept_version"], (workflow_id,)).fetchone()[0]
        return found

    def _others(self) -> int:
        """A number that changes when another connection has written."""
        found: int = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        return found

    # ---- into the tables -------------------------------------------------------------------

    def _post(self, rows: Sequence[Row]) -> None:
        history: list[Row] = []
        tasks: dict[tuple[str, str], str] = {}
        attempts: list[Row] = []
        moves: dict[str, str] = {}
        for _, workflow_id, version, at, engine_id, lines, ends in rows:
            if ends:
                attempts += [_attempt(workflow_id, engine_id, at, end) for end in ends.split("\n")]
            if not lines:
                continue
            for number, line in enumerate(lines.split("\n"), version):
                task_id = task_named(line)
                if task_id is None:
                    moves[workflow_id] = line
                    history.append((workflow_id, number, at, "status", None, line))
                else:
                    tasks[workflow_id, task_id] = line
                    history.append((workflow_id, number, at, "task", task_id, line))
        written = {
            "post_history": history,
            "save_task": [_task(key[0], line) for key, line in tasks.items()],
            "save_attempt": attempts,
            "move_workflow": [move_row(move_of(*one)) for one in moves.items()],
        }
        odd = any(_SURROGATE in row[5] or _SURROGATE in row[6] for row in rows)
        for name, found in written.items():
            self._cursor.executemany(_SQL[name], map(encodable, found) if odd else found)


def _first(rows: Sequence[Row]) -> Sequence[Row]:
    """As many of them as hold so many lines, but one at least."""
    count = 0
    for place, row in enumerate(rows, 1):
        count += row[5].count("\n") + 1
        if count >= SLICE_LINES:
            return rows[:place]
    return rows


def _task(workflow_id: str, line: str) -> Row:
    get = _decode(line)[0].get
    return (
        workflow_id,
        *[get(name, 0) if name in _COUNTS else get(name) for name in TASK_COLUMNS[1:]],
    )


def _attempt(workflow_id: str, engine_id: str, at: str, end: str) -> Row:
    task_id, attempt, status, started, error, error_type, log = _decode(end)[0]
    return (
        workflow_id, task_id, attempt, status, started, at, engine_id, error, error_type, log,
    )  # fmt: skip
