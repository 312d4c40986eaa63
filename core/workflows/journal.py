"""The orchestrator's journal: the changes of one turn, one transaction for each instance.

Versions are given when changes are handed over, without waiting for those before. Where somebody
else has changed the instance meanwhile, what was refused is numbered anew and handed over again, in
order.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..base.clock import Clock
from ..base.errors import QuarterdeckError
from .deltas import status_body, task_body
from .instance import Instance
from .machine import Start, Stop
from .ports import WorkflowStore
from .records import (
    AddHistory,
    AddSignal,
    HistoryRecord,
    Lease,
    SaveAttempt,
    SaveTask,
    SignalRecord,
    UpdateWorkflow,
    WorkflowChange,
)
from .statuses import ENDED, WorkflowStatus

STALE = "stale_version"
TRIES = 50


@dataclass(slots=True)
class Batch:
    """What one turn brought for one instance, and what follows when it is on disk."""

    instance: Instance
    tasks: list[int] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    signals: list[SignalRecord] = field(default_factory=list)
    moved: bool = False
    ended: bool = False
    changes: list[WorkflowChange] = field(default_factory=list)
    tries: int = 0


Settled = Callable[[Batch, BaseException | None], None]


class Journal:
    """Hands batches to the store; ``settled`` is told each one's end, in order for each instance."""

    def __init__(
        self, store: WorkflowStore, engine_id: str, clock: Clock, monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._engine_id = engine_id
        self._clock = clock
        self._monotonic = monotonic
        self._refused: dict[Instance, deque[Batch]] = {}
        self._mending: set[asyncio.Task[None]] = set()
        self.pending = 0

    def keep(self, batch: Batch, settled: Settled) -> None:
        """Make a batch durable."""
        batch.changes = self._changes(batch)
        self.pending += 1
        self._hand_over(batch, settled)

    def _hand_over(self, batch: Batch, settled: Settled) -> None:
        instance = batch.instance
        if instance in self._refused:
            self._refused[instance].append(batch)
            return
        future = self._store.commit(batch.changes)
        future.add_done_callback(lambda ended: self._ended(batch, ended, settled))

    def _ended(self, batch: Batch, future: Future[None], settled: Settled) -> None:
        error = CutOff() if future.cancelled() else future.exception()
        stale = isinstance(error, QuarterdeckError) and error.code == STALE
        if stale and batch.tries < TRIES:
            self._put_aside(batch, settled)
            return
        self.pending -= 1
        settled(batch, error)

    # ---- numbering anew --------------------------------------------------------------------

    def _put_aside(self, batch: Batch, settled: Settled) -> None:
        """Collect what was refused, and what comes meanwhile; then hand it over again."""
        batch.tries += 1
        waiting = self._refused.get(batch.instance)
        if waiting is not None:
            waiting.append(batch)
            return
        self._refused[batch.instance] = deque([batch])
        task = asyncio.get_running_loop().create_task(self._mend(batch.instance, settled))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def _mend(self, instance: Instance, settled: Settled) -> None:
        await asyncio.sleep(0)  # those handed over after the first are refused in the same turn
        error: BaseException | None = None
        try:
            instance.version = await self._store.version(instance.id)
        except QuarterdeckError as fault:
            error = fault
        waiting = self._refused.pop(instance)
        for batch in sorted(waiting, key=_first_version):
            if error is not None:
                self.pending -= 1
                settled(batch, error)
            else:
                batch.changes = [self._renumbered(instance, one) for one in batch.changes]
                self._hand_over(batch, settled)

    @staticmethod
    def _renumbered(instance: Instance, change: WorkflowChange) -> WorkflowChange:
        if not isinstance(change, AddHistory):
            return change
        instance.version += 1
        return AddHistory(replace(change.record, version=instance.version))

    # ---- what is written -------------------------------------------------------------------

    def _changes(self, batch: Batch) -> list[WorkflowChange]:
        instance = batch.instance
        at = self._clock.now()
        changes: list[WorkflowChange] = [
            SaveAttempt(one) for one in instance.attempts_ended(self._engine_id, at)
        ]
        guard: Lease | None = instance.lease
        over = instance.run.status in ENDED
        if batch.moved and not over:
            changes += self._moved(instance, at)
        workflow_id, version = instance.id, instance.version
        for task in batch.tasks:
            record = instance.record_of(task, at, self._next_at(instance, task, at))
            version += 1
            changes.append(SaveTask(record, guard))
            body = task_body(record)
            line = HistoryRecord(workflow_id, version, at, "task", body, record.task_id)
            changes.append(AddHistory(line))
            guard = None  # once is enough for the transaction
        instance.version = version
        if batch.moved and over:
            changes += self._moved(instance, at)
        changes += [AddSignal(signal) for signal in batch.signals]
        return changes

    def _moved(self, instance: Instance, at: datetime) -> Sequence[WorkflowChange]:
        status = instance.run.status
        record = instance.record
        ended = status in ENDED
        started = record.started_at or (at if status is not WorkflowStatus.PENDING else None)
        instance.version += 1
        instance.record = record = replace(
            record,
            status=status,
            started_at=started,
            ended_at=at if ended else None,
            error=failure_of(instance) if status is WorkflowStatus.FAILED else None,
            version=instance.version,
        )
        line = HistoryRecord(record.id, record.version, at, "status", status_body(record))
        return [UpdateWorkflow(record, instance.lease), AddHistory(line)]

    def _next_at(self, instance: Instance, task: int, at: datetime) -> datetime | None:
        due = instance.run.next_at.get(task)
        return None if due is None else at + timedelta(seconds=due - self._monotonic())


class CutOff(Exception):
    """The store gave up a transaction without saying why."""


def failure_of(instance: Instance) -> str:
    """The critical tasks that failed, and why, as one text."""
    run = instance.run
    told = [
        f"{run.plan.ids[task]} ({instance.errors.get(task) or run.error_types.get(task)})"
        for task in run.critical
    ]
    return f"Critical tasks failed: {', '.join(told)}."


def _first_version(batch: Batch) -> int:
    return next(
        (change.record.version for change in batch.changes if isinstance(change, AddHistory)), 0
    )
