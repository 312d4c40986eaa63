"""The orchestrator's journal: the changes of one turn, one transaction for each instance.

Versions are given when changes are made, without waiting for those before. Where somebody else has
changed the instance meanwhile, what was refused is numbered anew and handed over again, in order.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ..base.clock import Clock
from ..base.errors import QuarterdeckError
from .deltas import stamp_text, status_body
from .instance import Instance
from .machine import Start, Stop
from .ports import WorkflowStore
from .records import AddSignal, AddTurn, SignalRecord, WorkflowChange
from .statuses import ENDED, WorkflowStatus

STALE = "stale_version"
TRIES = 50


@dataclass(slots=True, eq=False)
class Batch:
    """What one turn brought for one instance, and what follows when it is on disk."""

    instance: Instance
    tasks: Sequence[int]
    starts: list[Start]
    stops: list[Stop]
    signals: Sequence[SignalRecord] = ()
    moved: bool = False
    ended: bool = False
    changes: Sequence[WorkflowChange] = ()
    tries: int = 0


Settled = Callable[[Sequence[Batch], BaseException | None], None]


class Journal:
    """Hands batches to the store; ``settled`` is told their ends, in order for each instance.

    Of one instance one transaction is under way at a time, and what comes meanwhile is the next one:
    so none can be kept while one before it was refused. ``away`` counts transactions that the store
    has not ended.
    """

    def __init__(
        self, store: WorkflowStore, engine_id: str, clock: Clock, monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._engine_id = engine_id
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: dict[Instance, list[Batch]] = {}
        self._mending: set[asyncio.Task[None]] = set()
        self.pending = 0
        self.away = 0

    def keep(self, batches: Collection[Batch], settled: Settled) -> None:
        """Make batches durable, each by itself; on a quick disk all of them are on return."""
        going: list[list[Batch]] = []
        at = self._clock.now()
        stamp = stamp_text(at)
        for batch in batches:
            batch.changes = self._changes(batch, at, stamp)
            waiting = self._waiting.get(batch.instance)
            if waiting is None:
                self._waiting[batch.instance] = []
                going.append([batch])
            else:
                waiting.append(batch)
        self.pending += len(batches)
        if going:
            self._hand_over(going, settled)

    def _hand_over(self, flights: Sequence[list[Batch]], settled: Settled) -> None:
        try:
            futures = self._store.commit_each(
                [
                    flight[0].changes if len(flight) == 1 else _changes_of(flight)
                    for flight in flights
                ]
            )
        except Exception as error:  # noqa: BLE001  # told to all who wait for it
            # A fault that the store does not know as its own: whoever waits must learn of it.
            self._settle(flights, settled, error)
            return
        kept: list[list[Batch]] = []
        for flight, future in zip(flights, futures, strict=True):
            if not future.done():
                self.away += 1
                future.add_done_callback(partial(self._landed, flight, settled))
            elif not future.cancelled() and future.exception() is None:
                kept.append(flight)
            else:
                self._ended(flight, settled, future)
        if kept:
            self._settle(kept, settled, None)

    def _landed(self, flight: list[Batch], settled: Settled, future: Future[None]) -> None:
        self.away -= 1
        self._ended(flight, settled, future)

    def _ended(self, flight: list[Batch], settled: Settled, future: Future[None]) -> None:
        error = CutOff() if future.cancelled() else future.exception()
        if error is None or not self._can_mend(flight, error):
            self._settle([flight], settled, error)
            return
        task = asyncio.get_running_loop().create_task(self._mend(flight, settled))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    def _settle(
        self, flights: Sequence[list[Batch]], settled: Settled, error: BaseException | None
    ) -> None:
        batches = flights[0] if len(flights) == 1 else [one for flight in flights for one in flight]
        self.pending -= len(batches)
        settled(batches, error)
        following: list[list[Batch]] = []
        for flight in flights:
            instance = flight[0].instance
            waiting = self._waiting.pop(instance)
            if waiting:
                self._waiting[instance] = []
                following.append(waiting)
        if following:
            self._hand_over(following, settled)

    # ---- numbering anew --------------------------------------------------------------------

    @staticmethod
    def _can_mend(flight: Sequence[Batch], error: BaseException) -> bool:
        """Whether somebody else was quicker, and it may be tried again."""
        flight[0].tries += 1
        stale = isinstance(error, QuarterdeckError) and error.code == STALE
        return stale and flight[0].tries <= TRIES

    async def _mend(self, flight: list[Batch], settled: Settled) -> None:
        """Number it anew, with what waits for it, and hand it over again."""
        instance = flight[0].instance
        try:
            instance.version = await self._store.version(instance.id)
        except QuarterdeckError as fault:
            self._settle([flight], settled, fault)
            return
        instance.shared = True
        for batch in (*flight, *self._waiting[instance]):
            batch.changes = [_renumbered(instance, change) for change in batch.changes]
        self._hand_over([flight], settled)

    # ---- what is written -------------------------------------------------------------------

    def _changes(self, batch: Batch, at: datetime, stamp: str) -> list[WorkflowChange]:
        instance = batch.instance
        ends = instance.take_ends(stamp) if instance.ended else ()
        lines = instance.lines_of(batch.tasks, stamp, self._stamp_due)
        version = instance.version + 1
        if batch.moved:
            self._add_move(instance, at, lines)
        instance.version += len(lines)
        changes: list[WorkflowChange] = []
        if lines or ends:
            changes.append(AddTurn(instance.id, version, stamp, instance.lease, lines, ends))
        if batch.signals:
            changes += [AddSignal(signal) for signal in batch.signals]
        return changes

    def _add_move(self, instance: Instance, at: datetime, lines: list[str]) -> None:
        """Add the line of the workflow's own change: first of all, but its end comes last."""
        status = self._moved(instance, at, instance.version + len(lines) + 1)
        if instance.run.status in ENDED:
            lines.append(status)
        else:
            lines.insert(0, status)

    def _moved(self, instance: Instance, at: datetime, version: int) -> str:
        status = instance.run.status
        record = instance.record
        instance.record = replace(
            record,
            status=status,
            started_at=record.started_at or (at if status is not WorkflowStatus.PENDING else None),
            ended_at=at if status in ENDED else None,
            error=_error_of(instance),
            version=version,
        )
        return status_body(instance.record)

    def _stamp_due(self, due: float) -> str:
        """The stamp of a time of the machine's."""
        return stamp_text(self._clock.now() + timedelta(seconds=due - self._monotonic()))


def _changes_of(flight: Sequence[Batch]) -> Sequence[WorkflowChange]:
    return [change for batch in flight for change in batch.changes]


def _renumbered(instance: Instance, change: WorkflowChange) -> WorkflowChange:
    if not isinstance(change, AddTurn):
        return change
    first = instance.version + 1
    instance.version += len(change.lines)
    return replace(change, version=first)


class CutOff(Exception):
    """The store gave up a transaction without saying why."""


def _error_of(instance: Instance) -> str | None:
    run = instance.run
    if run.status in ENDED:
        return failure_of(instance) if run.status is WorkflowStatus.FAILED else None
    return run.winding


def failure_of(instance: Instance) -> str:
    """The critical tasks that failed, and why, as one text."""
    run = instance.run
    told = [
        f"{run.plan.ids[task]} ({instance.errors.get(task) or run.error_types.get(task)})"
        for task in run.critical
    ]
    return f"Critical tasks failed: {', '.join(told)}."
