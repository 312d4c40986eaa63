"""Workflows that are started by the clock: each due time once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from ...base.clock import Clock
from ...base.derived_ids import id_of
from ...base.errors import QuarterdeckError, ValidationFault
from ...base.timetable import due_times, missed_times, nap_until
from ...protocol.events import SystemWarning
from ...telemetry.logs import logger
from ...workflows.ports import WorkflowStore
from ...workflows.records import RemoveSchedule, SaveSchedule, ScheduleRecord
from ..journal import Journal

Begin = Callable[[ScheduleRecord, str], Awaitable[None]]

_log = logger("engine.schedules")


class ScheduleUnknown(ValidationFault):
    """No schedule has this name."""

    code = "schedule_unknown"


def workflow_id_for(schedule_id: str, due: datetime) -> str:
    """The id of the workflow that a schedule starts at ``due``: always the same one."""
    return id_of(f"{schedule_id}@{due.isoformat()}", due)


def missed(record: ScheduleRecord, now: datetime) -> list[datetime]:
    """The due times up to ``now`` for which a workflow is to be started."""
    return missed_times(record.cron, record.zone, record.catch_up, record.next_at, now)


class Clockwork:
    """Holds the schedules, and wakes once at the next due time.

    ``begin(schedule, workflow_id)`` creates and starts the workflow, unless it is there already: it
    is called again for the same due time after a crash.
    """

    def __init__(self, store: WorkflowStore, journal: Journal, clock: Clock, begin: Begin) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._begin = begin
        self._records: dict[str, ScheduleRecord] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._round: asyncio.Task[None] | None = None
        self._again = False
        self._closed = False

    async def load(self) -> None:
        """Take up what is kept; what was missed is dealt with at once."""
        self._records = {record.name: record for record in await self._store.schedules()}
        self.look()

    async def close(self) -> None:
        """Start nothing more."""
        self._closed = True
        self._disarm()
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    def records(self) -> list[ScheduleRecord]:
        """Every schedule, by name."""
        return [self._records[name] for name in sorted(self._records)]

    def get(self, name: str) -> ScheduleRecord | None:
        """The schedule of that name."""
        return self._records.get(name)

    async def save(self, record: ScheduleRecord) -> None:
        """Keep a schedule in place of the one of its name."""
        await self._journal.record([SaveSchedule(record)], [])
        self._records[record.name] = record
        self.look()

    async def remove(self, name: str) -> None:
        """Remove a schedule.

        :raises ScheduleUnknown: if there is none of this name.
        """
        record = self._records.get(name)
        if record is None:
            known = ", ".join(sorted(self._records)) or "none"
            raise ScheduleUnknown(f"There is no schedule {name!r}; known are: {known}.", name=name)
        await self._journal.record([RemoveSchedule(record.id)], [])
        self._records.pop(name, None)
        self._arm()

    # ---- time ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Start what is due: the wall clock may have jumped, or the machine slept."""
        if self._closed:
            return
        now = self._clock.now()
        if not any(_due(record, now) for record in self._records.values()):
            self._arm()
        elif self._round is None:
            self._disarm()
            self._round = asyncio.get_running_loop().create_task(self._go_round())
            self._round.add_done_callback(self._came_round)
        else:
            self._again = True

    def _came_round(self, task: asyncio.Task[None]) -> None:
        self._round = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("schedules could not be kept", error)
        if self._again:
            self._again = False
            self.look()
        elif not self._closed:
            self._arm()

    async def _go_round(self) -> None:
        now = self._clock.now()
        for record in list(self._records.values()):
            if _due(record, now):
                await self._start_missed(record, now)

    async def _start_missed(self, record: ScheduleRecord, now: datetime) -> None:
        last = record.last_at
        for due in missed(record, now):
            await self._start(record, due)
            last = due
        if self._records.get(record.name) is not record:
            return  # it was replaced meanwhile
        kept = replace(record, last_at=last, next_at=self._following(record, now))
        await self._journal.record([SaveSchedule(kept)], [])
        if self._records.get(record.name) is record:
            self._records[record.name] = kept

    @staticmethod
    def _following(record: ScheduleRecord, now: datetime) -> datetime | None:
        return next(due_times(record.cron, record.zone, now), None)

    async def _start(self, record: ScheduleRecord, due: datetime) -> None:
        try:
            await self._begin(record, workflow_id_for(record.id, due))
        except QuarterdeckError as error:
            text = f"The schedule {record.name} could not start {record.source}: {error.message}"
            details = {"schedule": record.name, "cause": error.code, "due": due.isoformat()}
            warning = SystemWarning(code="schedule_failed", message=text, details=details)
            await self._journal.record([], [warning])

    def _arm(self) -> None:
        self._disarm()
        dues = [one.next_at for one in self._records.values() if one.enabled and one.next_at]
        if not dues:
            return
        nap = nap_until(min(dues), self._clock.now())
        self._timer = asyncio.get_running_loop().call_later(nap, self.look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _due(record: ScheduleRecord, now: datetime) -> bool:
    return record.enabled and record.next_at is not None and record.next_at <= now
