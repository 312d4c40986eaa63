"""Changes as statements with their values, in one store's dialect of SQL.

The stores name their statements alike and take the same values in the same order; so what a change
means is said once, here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.base.batches import AddBatch, Batch, DropBatches
from ..core.base.errors import QuarterdeckError
from ..core.engine.records import AddAudit, AddEvent, Change, SavePreference, SaveReply
from ..core.sessions.records import (
    AddStatus,
    RemoveSession,
    SaveItem,
    SaveSession,
    SaveSnapshot,
)
from ..core.workflows import records as w
from ..core.workflows.turns import expanded
from . import rows
from . import workflow_rows as wr
from .faults import BatchStale, LeaseLost, StaleVersion, WorkflowGone
from .stamps import to_text

Statement = tuple[str, tuple[Any, ...]]
Add = Callable[[Statement], None]
Maker = Callable[[Add, Any], None]
Values = Sequence[Any]

_OF_SESSION = ("remove_session", "remove_history", "remove_items", "remove_snapshot")
_OF_WORKFLOW = (
    "remove_workflow", "remove_definition", "remove_tasks", "remove_workflow_history",
    "remove_attempts", "remove_handoffs", "remove_artifacts", "remove_signals", "remove_lease",
)  # fmt: skip

_ONE_STATEMENT: Mapping[type, tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    AddEvent: ("add_event", lambda change: rows.event_row(change.event)),
    SaveSession: ("save_session", lambda change: rows.session_row(change.record)),
    AddStatus: ("add_status", lambda change: rows.status_row(change.entry)),
    SaveItem: ("save_item", lambda change: rows.item_row(change.item)),
    SaveSnapshot: ("save_snapshot", lambda change: rows.snapshot_row(change.snapshot)),
    AddBatch: ("add_batch", lambda change: _batch_row(change.batch)),
    DropBatches: ("drop_batches", lambda change: (change.log, change.number)),
    SaveReply: ("save_reply", lambda change: rows.reply_row(change.reply)),
    w.MoveWorkflow: ("move_workflow", wr.move_row),
    w.AddHistory: ("add_history", lambda change: wr.history_row(change.record)),
    w.SaveAttempt: ("save_attempt", lambda change: wr.attempt_row(change.record)),
    w.SaveHandoff: ("save_handoff", lambda change: wr.handoff_row(change.record)),
    w.AddArtifact: ("add_artifact", lambda change: wr.artifact_row(change.record)),
    w.AddSignal: ("add_signal", lambda change: wr.signal_row(change.record)),
    w.SaveSchedule: ("save_schedule", lambda change: wr.schedule_row(change.record)),
    w.RemoveSchedule: ("remove_schedule", lambda change: (change.schedule_id,)),
}

_LARGE = {
    "add_event": 4, "add_batch": 2, "save_snapshot": 4, "save_reply": 2, "save_definition": 1,
    "save_task": 15, "save_task_guarded": 15, "add_history": 6, "save_handoff": 7, "add_turn": 5,
    "add_audit": 1,
}  # fmt: skip
"""The statements with a value that may be large, and its place."""


class Encoder:
    """Makes statements out of changes; ``sql`` gives each by its name.

    ``refusals`` says, by statement, what it means if it changed no row.
    """

    def __init__(self, sql: Mapping[str, str]) -> None:
        self._sql = sql
        self._turn = sql.get("add_turn")
        self._large = {sql[name]: place for name, place in _LARGE.items() if name in sql}
        self._makers: dict[type, Maker] = {
            kind: _one(sql[name], row) for kind, (name, row) in _ONE_STATEMENT.items()
        }
        self._makers |= {
            w.AddTurn: self._add_turn,
            w.SaveTask: self._save_task,
            w.SaveWorkflow: self._save_workflow,
            w.UpdateWorkflow: self._update_workflow,
            w.RemoveTask: self._remove_task,
            w.RemoveWorkflow: self._remove_workflow,
            RemoveSession: self._remove_session,
            SavePreference: self._save_preference,
            AddAudit: self._add_audit,
        }
        self.refusals: Mapping[str, Callable[[Values], QuarterdeckError]] = {
            sql["save_session"]: lambda values: StaleVersion.of(values[0], values[1]),
            sql["add_history"]: lambda values: StaleVersion.of_workflow(values[0], values[1]),
            sql["add_batch"]: lambda values: BatchStale.of(values[0], values[1]),
            sql["update_workflow"]: lambda values: WorkflowGone.of(values[-1]),
            sql["move_workflow"]: lambda values: WorkflowGone.of(values[-1]),
        } | dict.fromkeys(
            (sql["save_task_guarded"], sql["update_workflow_guarded"], sql["check_lease"]),
            lambda values: LeaseLost.of(*values[-3:]),
        )

    @property
    def kinds(self) -> frozenset[type]:
        """The kinds of changes that it knows."""
        return frozenset(self._makers)

    def statements_of(self, changes: Sequence[Change]) -> list[Statement]:
        """The statements that make ``changes``, in their order.

        :raises ValueError: if a stamp has no time zone.
        :raises TypeError: if a value can't be JSON.
        """
        found: list[Statement] = []
        add, makers = found.append, self._makers
        for change in changes:
            maker = makers.get(type(change))
            if maker is None:
                msg = f"no change is of the kind {type(change).__name__}"
                raise AssertionError(msg)
            maker(add, change)
        return found

    def weight_of(self, statements: Sequence[Statement]) -> int:
        """The size of the large values in ``statements``, in bytes (of text: in characters)."""
        weight, large = 0, self._large
        for sql, values in statements:
            place = large.get(sql)
            if place is not None and values[place] is not None:
                weight += len(values[place])
        return weight

    def _add_turn(self, add: Add, change: w.AddTurn) -> None:
        """A row of the journal, in a store that has one; else all that the turn stands for."""
        if self._turn is not None:
            add((self._turn, wr.turn_row(change)))
            return
        self._check_lease(add, change.workflow_id, change.guard)
        for one in expanded(change):
            self._makers[type(one)](add, one)

    def _save_task(self, add: Add, change: w.SaveTask) -> None:
        row, guard = wr.task_row(change.record), change.guard
        if guard is None:
            add((self._sql["save_task"], row))
        else:
            keys = (change.record.workflow_id, guard.engine_id, guard.epoch)
            add((self._sql["save_task_guarded"], row + keys))

    def _save_workflow(self, add: Add, change: w.SaveWorkflow) -> None:
        record = change.record
        self._check_lease(add, record.id, change.guard)
        add((self._sql["save_workflow"], wr.workflow_row(record)))
        add((self._sql["save_definition"], (record.id, record.definition, record.inputs)))

    def _update_workflow(self, add: Add, change: w.UpdateWorkflow) -> None:
        record, guard = change.record, change.guard
        row = (*wr.changing_row(record), record.id)
        if guard is None:
            add((self._sql["update_workflow"], row))
        else:
            keys = (record.id, guard.engine_id, guard.epoch)
            add((self._sql["update_workflow_guarded"], row + keys))

    def _remove_task(self, add: Add, change: w.RemoveTask) -> None:
        self._check_lease(add, change.workflow_id, change.guard)
        add((self._sql["remove_task"], (change.workflow_id, change.task_id)))

    def _check_lease(self, add: Add, workflow_id: str, guard: w.Lease | None) -> None:
        if guard is not None:
            add((self._sql["check_lease"], (workflow_id, guard.engine_id, guard.epoch)))

    def _remove_workflow(self, add: Add, change: w.RemoveWorkflow) -> None:
        for name in _OF_WORKFLOW:
            add((self._sql[name], (change.workflow_id,)))

    def _remove_session(self, add: Add, change: RemoveSession) -> None:
        for name in _OF_SESSION:
            add((self._sql[name], (change.session_id,)))

    def _add_audit(self, add: Add, change: AddAudit) -> None:
        """A record, whose number and hash are found where it is written, so that none is ever left out."""
        add((self._sql["add_audit"], (to_text(change.at), change.body)))
        if "move_audit_head" in self._sql:
            add((self._sql["move_audit_head"], ()))

    def _save_preference(self, add: Add, change: SavePreference) -> None:
        if change.value is None:
            add((self._sql["forget_preference"], (change.name,)))
        else:
            add((self._sql["save_preference"], (change.name, json.dumps(change.value))))


def _batch_row(batch: Batch) -> tuple[Any, ...]:
    return batch.log, batch.number, batch.body, batch.log, batch.number


def _one(sql: str, row: Callable[[Any], tuple[Any, ...]]) -> Maker:
    """A maker of one statement."""

    def make(add: Add, change: Any) -> None:
        add((sql, row(change)))

    return make
