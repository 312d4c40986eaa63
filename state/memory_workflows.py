"""The half of the memory store that knows workflows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from ..core.workflows.deltas import WHOLE
from ..core.workflows.records import (
    ArtifactRecord,
    AttemptRecord,
    HandoffRecord,
    HistoryRecord,
    Lease,
    ScheduleRecord,
    SignalRecord,
    TaskRecord,
    WorkflowRecord,
)
from ..core.workflows.statuses import TaskStatus, WorkflowStatus
from .tables import Tables


def _listed(record: WorkflowRecord) -> bool:
    """Whether it is more than one handler's work on a payload."""
    parent = record.parent or ""
    return not (parent.startswith("payload/") and parent.count("/") > 1)


class MemoryWorkflows(ABC):
    """Reads and leases; changes go the way of all changes."""

    @abstractmethod
    def _check_open(self) -> Tables:
        """What is kept.

        :raises StoreClosed: if the store is not open.
        """

    async def lease(
        self,
        engine_id: str,
        *,
        until: datetime,
        now: datetime,
        statuses: Collection[WorkflowStatus],
        limit: int,
        former: Collection[str] = (),
    ) -> list[WorkflowRecord]:
        """Take instances in ``statuses`` that are free, oldest first."""
        flows = self._check_open().flows
        taken = flows.free(statuses, now, former)[: max(limit, 0)]
        for workflow_id in taken:
            flows.give(workflow_id, engine_id, until)
        return [flows.seen(workflow_id) for workflow_id in taken]

    async def take(
        self, workflow_id: str, engine_id: str, *, until: datetime, now: datetime
    ) -> Lease | None:
        """The lease on one instance; ``None`` if another engine holds it, or it is not kept."""
        flows = self._check_open().flows
        held = flows.leases.get(workflow_id)
        if workflow_id not in flows.workflows:
            return None
        if held is None or held.is_free(now):
            return flows.give(workflow_id, engine_id, until)
        if held.engine_id != engine_id:
            return None
        flows.leases[workflow_id] = replace(held, expires_at=until)
        return flows.leases[workflow_id].public()

    async def renew(self, leases: Collection[tuple[str, Lease]], until: datetime) -> set[str]:
        """Prolong leases; the ids of the instances whose lease was still held."""
        flows = self._check_open().flows
        held = {workflow_id for workflow_id, lease in leases if flows.holds(workflow_id, lease)}
        for workflow_id in held:
            flows.leases[workflow_id] = replace(flows.leases[workflow_id], expires_at=until)
        return held

    async def release(self, leases: Collection[tuple[str, Lease]]) -> None:
        """Give leases back; those no longer held are left alone."""
        flows = self._check_open().flows
        for workflow_id, lease in leases:
            if flows.holds(workflow_id, lease):
                kept = flows.leases[workflow_id]
                flows.leases[workflow_id] = replace(kept, engine_id=None)

    async def instance(self, workflow_id: str) -> tuple[WorkflowRecord, list[TaskRecord]] | None:
        """One instance with its tasks, both as of one moment."""
        record = await self.workflow(workflow_id)
        return None if record is None else (record, await self.tasks(workflow_id))

    async def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        """One instance."""
        flows = self._check_open().flows
        return flows.seen(workflow_id) if workflow_id in flows.workflows else None

    async def workflows(
        self,
        *,
        statuses: Collection[WorkflowStatus] = (),
        name: str | None = None,
        parent: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[WorkflowRecord]:
        """Instances, newest first, without definition and inputs."""
        flows = self._check_open().flows
        found = [
            record
            for record in flows.workflows.values()
            if (not statuses or record.status in statuses)
            and (name is None or record.name == name)
            and (_listed(record) if parent is None else record.parent == parent)
            and (since is None or record.created_at >= since)
        ]
        found.sort(key=lambda record: (record.created_at, record.id), reverse=True)
        return [
            replace(flows.seen(record.id), definition="", inputs="")
            for record in found[: max(limit, 0)]
        ]

    async def workflow_counts(self) -> dict[WorkflowStatus, int]:
        """How many instances stand in each status."""
        kept = self._check_open().flows.workflows.values()
        return dict(Counter(record.status for record in kept))

    async def tasks(self, workflow_id: str) -> list[TaskRecord]:
        """The tasks of an instance, in the order in which they were first saved."""
        return list(self._check_open().flows.tasks.get(workflow_id, {}).values())

    async def task(self, workflow_id: str, task_id: str) -> TaskRecord | None:
        """One task."""
        return self._check_open().flows.tasks.get(workflow_id, {}).get(task_id)

    async def task_counts(
        self, workflow_ids: Collection[str]
    ) -> Mapping[str, Mapping[TaskStatus, int]]:
        """For each of the instances how many of its tasks stand in each status."""
        kept = self._check_open().flows.tasks
        return {
            one: dict(Counter(task.status for task in kept.get(one, {}).values()))
            for one in workflow_ids
        }

    async def attempts(self, workflow_id: str, task_id: str | None = None) -> list[AttemptRecord]:
        """Ended attempts, in the order in which they ended."""
        kept = self._check_open().flows.attempts.get(workflow_id, {}).values()
        found = [record for record in kept if task_id is None or record.task_id == task_id]
        return sorted(found, key=lambda record: (record.ended_at, record.task_id, record.attempt))

    async def changes(
        self, workflow_id: str, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[HistoryRecord]:
        """History with versions above ``after`` up to ``upto``, oldest first."""
        lines = self._check_open().flows.changes.get(workflow_id, [])
        found = lines[max(after, 0) : upto if upto is None else max(upto, 0)]
        return found if limit is None else found[: max(limit, 0)]

    async def version(self, workflow_id: str) -> int:
        """The version of an instance's newest change; 0 if it is not kept."""
        return len(self._check_open().flows.changes.get(workflow_id, []))

    async def unchanged(self, workflow_id: str, version: int) -> bool:
        """Whether ``version`` is an instance's newest, and nothing was signalled to it."""
        same = await self.version(workflow_id) == version
        return same and not await self.signals(workflow_id)

    async def whole_version(self, workflow_id: str, upto: int) -> int:
        """The newest version up to ``upto`` whose body holds the whole state; 0 if none does."""
        lines = await self.changes(workflow_id, upto=upto)
        return next((line.version for line in reversed(lines) if line.kind in WHOLE), 0)

    async def handoffs(self, workflow_id: str) -> list[HandoffRecord]:
        """Handoffs of an instance, oldest first."""
        kept = self._check_open().flows.handoffs.values()
        mine = [record for record in kept if record.workflow_id == workflow_id]
        return sorted(mine, key=lambda record: (record.created_at, record.id))

    async def artifacts(self, workflow_id: str) -> list[ArtifactRecord]:
        """Artifacts of an instance, oldest first."""
        kept = self._check_open().flows.artifacts.values()
        mine = [record for record in kept if record.workflow_id == workflow_id]
        return sorted(mine, key=lambda record: (record.created_at, record.id))

    async def signals(self, workflow_id: str) -> list[SignalRecord]:
        """Signals of an instance, oldest first."""
        kept = self._check_open().flows.signals.values()
        mine = [record for record in kept if record.workflow_id == workflow_id]
        return sorted(mine, key=lambda record: (record.at, record.name, record.key))

    async def schedules(self) -> list[ScheduleRecord]:
        """Every schedule, by name."""
        kept = self._check_open().flows.schedules.values()
        return sorted(kept, key=lambda record: (record.name, record.id))
