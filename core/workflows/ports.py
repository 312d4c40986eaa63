"""What the workflows room needs of others: a store, and executors."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from .records import (
    ArtifactRecord,
    AttemptRecord,
    HandoffRecord,
    HistoryRecord,
    Lease,
    ScheduleRecord,
    SignalRecord,
    TaskRecord,
    WorkflowChange,
    WorkflowRecord,
)
from .statuses import TaskStatus, WorkflowStatus


class WorkflowStore(Protocol):
    """Durable workflows. One writer; every change is on disk before its future ends."""

    async def open(self) -> None:
        """Open or create; bring an older schema up to date."""
        ...

    async def close(self) -> None:
        """Write what is pending, release; a second time does nothing."""
        ...

    async def begin(self, engine_id: str) -> int:
        """Enter a new engine; its epoch is one above every earlier one's."""
        ...

    def commit(self, changes: Sequence[WorkflowChange]) -> asyncio.Future[None]:
        """Queue ``changes`` as one transaction; futures end in the order of the calls.

        A refused one (``stale_version``, ``lease_lost``) leaves no trace, and the others alone.
        """
        ...

    def commit_each(
        self, transactions: Sequence[Sequence[WorkflowChange]]
    ) -> Sequence[asyncio.Future[None]]:
        """Queue each as a transaction, as ``commit`` does it.

        Where the disk is quick and nothing is before them, all are written before this returns, and
        their futures are done.
        """
        ...

    async def ready(self) -> None:
        """Wait while more transactions are pending than the store's bound."""
        ...

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
        """Take instances in ``statuses`` that are free; each with its new lease, oldest first.

        Free is what nobody holds, whose lease expired by ``now``, or what one of the ``former``
        engines holds. Two engines never get the same one. The records are whole.
        """
        ...

    async def take(
        self, workflow_id: str, engine_id: str, *, until: datetime, now: datetime
    ) -> Lease | None:
        """The lease on one instance; ``None`` if another engine holds it, or it is not kept.

        An engine that holds it gets its own one, prolonged.
        """
        ...

    async def renew(self, leases: Collection[tuple[str, Lease]], until: datetime) -> set[str]:
        """Prolong leases; the ids of the instances whose lease was still held.

        One that expired is still held while nobody else took it.
        """
        ...

    async def release(self, leases: Collection[tuple[str, Lease]]) -> None:
        """Give leases back; those no longer held are left alone."""
        ...

    async def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        """One instance; its version is that of its newest change."""
        ...

    async def instance(self, workflow_id: str) -> tuple[WorkflowRecord, list[TaskRecord]] | None:
        """One instance with its tasks, both as of one moment."""
        ...

    async def workflows(
        self,
        *,
        statuses: Collection[WorkflowStatus] = (),
        name: str | None = None,
        parent: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[WorkflowRecord]:
        """Instances created at or after ``since``, newest first, without definition and inputs."""
        ...

    async def workflow_counts(self) -> dict[WorkflowStatus, int]:
        """How many instances stand in each status; statuses without any are left out."""
        ...

    async def tasks(self, workflow_id: str) -> list[TaskRecord]:
        """The tasks of an instance, in the order in which they were first saved."""
        ...

    async def task(self, workflow_id: str, task_id: str) -> TaskRecord | None:
        """One task."""
        ...

    async def task_counts(
        self, workflow_ids: Collection[str]
    ) -> Mapping[str, Mapping[TaskStatus, int]]:
        """For each of the instances how many of its tasks stand in each status."""
        ...

    async def attempts(self, workflow_id: str, task_id: str | None = None) -> list[AttemptRecord]:
        """Ended attempts, in the order in which they ended."""
        ...

    async def changes(
        self, workflow_id: str, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[HistoryRecord]:
        """History with versions above ``after`` up to ``upto``, oldest first."""
        ...

    async def version(self, workflow_id: str) -> int:
        """The version of an instance's newest change; 0 if it is not kept."""
        ...

    async def unchanged(self, workflow_id: str, version: int) -> bool:
        """Whether ``version`` is an instance's newest, and nothing was signalled to it."""
        ...

    async def whole_version(self, workflow_id: str, upto: int) -> int:
        """The newest version up to ``upto`` whose body holds the whole state; 0 if there is none."""
        ...

    async def handoffs(self, workflow_id: str) -> list[HandoffRecord]:
        """Handoffs of an instance, oldest first."""
        ...

    async def artifacts(self, workflow_id: str) -> list[ArtifactRecord]:
        """Artifacts of an instance, oldest first."""
        ...

    async def signals(self, workflow_id: str) -> list[SignalRecord]:
        """Signals of an instance, oldest first."""
        ...

    async def schedules(self) -> list[ScheduleRecord]:
        """Every schedule, by name."""
        ...


class Context(Protocol):
    """What an executor is given of the attempt it runs."""

    @property
    def workflow_id(self) -> str:
        """The instance."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same for every engine that runs this attempt, another for every other attempt."""
        ...


class Executor(Protocol):
    """Runs attempts of one ``agent_type``: a callable, or an object with this method.

    The result must be JSON. An exception is the attempt's failure; cancelling ends the attempt's
    whole process tree before the call ends.
    """

    async def __call__(self, context: Any) -> Any:
        """The attempt's result."""
        ...
