"""What the memory store holds of workflows, and changes to it that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..core.base.errors import QuarterdeckError
from ..core.workflows import records as w
from ..core.workflows.statuses import WorkflowStatus
from ..core.workflows.turns import expanded
from . import faults as f
from .undoing import Undo, put, take

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it is kept: without a holder it remembers the epoch."""

    engine_id: str | None
    epoch: int
    expires_at: datetime

    def is_free(self, now: datetime) -> bool:
        """Whether nobody holds it at ``now``."""
        return self.engine_id is None or self.expires_at <= now

    def public(self) -> w.Lease | None:
        """The lease, if somebody holds it."""
        if self.engine_id is None:
            return None
        return w.Lease(self.engine_id, self.epoch, self.expires_at)


@dataclass
class WorkflowTables:
    """Everything that is kept of workflows."""

    workflows: dict[str, w.WorkflowRecord] = field(default_factory=dict)
    tasks: dict[str, dict[str, w.TaskRecord]] = field(default_factory=dict)
    changes: dict[str, list[w.HistoryRecord]] = field(default_factory=dict)
    attempts: dict[str, dict[Key, w.AttemptRecord]] = field(default_factory=dict)
    handoffs: dict[str, w.HandoffRecord] = field(default_factory=dict)
    artifacts: dict[str, w.ArtifactRecord] = field(default_factory=dict)
    signals: dict[Key, w.SignalRecord] = field(default_factory=dict)
    schedules: dict[str, w.ScheduleRecord] = field(default_factory=dict)
    leases: dict[str, Held] = field(default_factory=dict)

    def make(self, change: w.WorkflowChange) -> list[Undo]:
        """Make one change; what undoes it.

        :raises QuarterdeckError: if it is refused.
        """
        return self._makers[type(change)](change)

    def __post_init__(self) -> None:
        self._makers: dict[type, Callable[[Any], list[Undo]]] = {
            w.AddTurn: self._add_turn,
            w.SaveTask: self._save_task,
            w.AddHistory: self._add_history,
            w.SaveAttempt: self._save_attempt,
            w.SaveWorkflow: self._save_workflow,
            w.UpdateWorkflow: self._update_workflow,
            w.MoveWorkflow: self._move_workflow,
            w.RemoveTask: self._remove_task,
            w.SaveHandoff: lambda change: [put(self.handoffs, change.record.id, change.record)],
            w.AddArtifact: self._add_artifact,
            w.AddSignal: self._add_signal,
            w.SaveSchedule: lambda change: [put(self.schedules, change.record.id, change.record)],
            w.RemoveSchedule: lambda change: [take(self.schedules, change.schedule_id)],
            w.RemoveWorkflow: lambda change: self.remove(change.workflow_id),
        }

    def remove(self, workflow_id: str) -> list[Undo]:
        """Remove an instance and all that belongs to it; what undoes it."""
        undo = [
            _drop(table, [workflow_id])
            for table in (self.workflows, self.tasks, self.changes, self.attempts, self.leases)
        ]
        for others in (self.handoffs, self.artifacts, self.signals):
            mine = [key for key, kept in others.items() if kept.workflow_id == workflow_id]
            undo.append(_drop(others, mine))
        return undo

    def seen(self, workflow_id: str) -> w.WorkflowRecord:
        """An instance as a reader sees it: with its version and lease."""
        lines = self.changes.get(workflow_id)
        held = self.leases.get(workflow_id)
        return replace(
            self.workflows[workflow_id],
            version=lines[-1].version if lines else 0,
            lease=None if held is None else held.public(),
        )

    # ---- leases ----------------------------------------------------------------------------

    def free(
        self,
        statuses: Collection[WorkflowStatus],
        now: datetime,
        former: Collection[str],
    ) -> list[str]:
        """The instances in ``statuses`` that may be taken, oldest first."""
        found = [
            (record.created_at, record.id)
            for record in self.workflows.values()
            if record.status in statuses and self._may_take(record.id, now, former)
        ]
        return [workflow_id for _, workflow_id in sorted(found)]

    def give(self, workflow_id: str, engine_id: str, until: datetime) -> w.Lease:
        """Give an instance to an engine, under a new epoch."""
        kept = self.leases.get(workflow_id)
        lease = w.Lease(engine_id, kept.epoch + 1 if kept else 1, until)
        self.leases[workflow_id] = Held(engine_id, lease.epoch, until)
        return lease

    def holds(self, workflow_id: str, lease: w.Lease) -> bool:
        """Whether ``lease`` is the one in force."""
        kept = self.leases.get(workflow_id)
        return kept is not None and (kept.engine_id, kept.epoch) == (lease.engine_id, lease.epoch)

    def _may_take(self, workflow_id: str, now: datetime, former: Collection[str]) -> bool:
        held = self.leases.get(workflow_id)
        return held is None or held.is_free(now) or held.engine_id in former

    # ---- changes ---------------------------------------------------------------------------

    def _check(self, workflow_id: str, guard: w.Lease | None) -> None:
        if guard is not None and not self.holds(workflow_id, guard):
            raise f.LeaseLost.of(workflow_id, guard.engine_id, guard.epoch)

    def _save_workflow(self, change: w.SaveWorkflow) -> list[Undo]:
        self._check(change.record.id, change.guard)
        return [put(self.workflows, change.record.id, change.record)]

    def _update_workflow(self, change: w.UpdateWorkflow) -> list[Undo]:
        record = change.record
        self._check(record.id, change.guard)
        kept = self.workflows.get(record.id)
        if kept is None:
            raise f.WorkflowGone.of(record.id)
        whole = replace(record, definition=kept.definition, inputs=kept.inputs)
        return [put(self.workflows, record.id, whole)]

    def _add_turn(self, change: w.AddTurn) -> list[Undo]:
        self._check(change.workflow_id, change.guard)
        undo: list[Undo] = []
        try:
            for one in expanded(change):
                undo += self.make(one)
        except QuarterdeckError:
            for step in reversed(undo):
                step()
            raise
        return undo

    def _move_workflow(self, change: w.MoveWorkflow) -> list[Undo]:
        kept = self.workflows.get(change.workflow_id)
        if kept is None:
            raise f.WorkflowGone.of(change.workflow_id)
        moved = replace(
            kept,
            status=change.status,
            error=change.error,
            started_at=change.started_at,
            ended_at=change.ended_at,
            restored_from=change.restored_from,
        )
        return [put(self.workflows, kept.id, moved)]

    def _save_task(self, change: w.SaveTask) -> list[Undo]:
        record = change.record
        self._check(record.workflow_id, change.guard)
        return [put(self.tasks.setdefault(record.workflow_id, {}), record.task_id, record)]

    def _remove_task(self, change: w.RemoveTask) -> list[Undo]:
        self._check(change.workflow_id, change.guard)
        kept = self.tasks.get(change.workflow_id, {})
        if change.task_id not in kept:
            return []
        # Put back as it was, with its place among the others.
        undo = put(self.tasks, change.workflow_id, dict(kept))
        del self.tasks[change.workflow_id][change.task_id]
        return [undo]

    def _add_history(self, change: w.AddHistory) -> list[Undo]:
        record = change.record
        lines = self.changes.setdefault(record.workflow_id, [])
        if record.version != (lines[-1].version if lines else 0) + 1:
            raise f.StaleVersion.of_workflow(record.workflow_id, record.version)
        lines.append(record)
        return [lines.pop]

    def _save_attempt(self, change: w.SaveAttempt) -> list[Undo]:
        record = change.record
        mine = self.attempts.setdefault(record.workflow_id, {})
        return [put(mine, (record.task_id, str(record.attempt)), record)]

    def _add_artifact(self, change: w.AddArtifact) -> list[Undo]:
        if change.record.id in self.artifacts:
            raise f.InvalidChange.because(
                ValueError(f"artifact {change.record.id} is kept already")
            )
        return [put(self.artifacts, change.record.id, change.record)]

    def _add_signal(self, change: w.AddSignal) -> list[Undo]:
        record = change.record
        key = (record.workflow_id, record.name, record.key)
        return [] if key in self.signals else [put(self.signals, key, record)]


def _drop(table: dict[Any, Any], keys: Collection[Any]) -> Undo:
    """Remove ``keys``; what undoes it."""
    undo = [take(table, key) for key in keys]
    return lambda: [step() for step in reversed(undo)]


def stamps_of(change: w.WorkflowChange) -> list[datetime | None]:
    """The stamps in a change."""
    if isinstance(change, w.MoveWorkflow):
        return [change.started_at, change.ended_at]
    record = getattr(change, "record", None)
    names = _STAMPS.get(type(record), ())
    return [getattr(record, name) for name in names]


_STAMPS: dict[type, tuple[str, ...]] = {
    w.WorkflowRecord: ("created_at", "started_at", "ended_at"),
    w.TaskRecord: ("started_at", "ended_at", "next_attempt_at"),
    w.AttemptRecord: ("started_at", "ended_at"),
    w.HistoryRecord: ("at",),
    w.HandoffRecord: ("created_at", "changed_at"),
    w.ArtifactRecord: ("created_at",),
    w.SignalRecord: ("at",),
    w.ScheduleRecord: ("created_at", "last_at", "next_at"),
}
