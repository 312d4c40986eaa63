"""What is read of workflows: from the store, as of one moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ...base.clock import Clock
from ...base.errors import BusinessFault
from ...protocol import workflow_commands as c
from ...protocol.workflow_views import (
    AttemptView,
    DifferenceView,
    GraphView,
    TaskDetailView,
    TaskView,
    VersionView,
    WholeWorkflowView,
    WorkflowView,
)
from ...workflows.encoding import definition_of
from ...workflows.executors.folders import attempt_folder
from ...workflows.executors.given import given_to
from ...workflows.graph import critical_path
from ...workflows.ports import WorkflowStore
from ...workflows.records import TaskRecord, WorkflowRecord
from ...workflows.state_faults import TaskUnknown, WorkflowUnknown
from ...workflows.state_manager import StateManager
from ...workflows.states import TaskState
from ...workflows.statuses import TaskStatus, WorkflowStatus
from .gazette import Gazette
from .views import (
    TaskViewer,
    artifact_view,
    attempt_view,
    difference_view,
    handoff_view,
    running_attempt,
    version_view,
    workflow_view,
)

GIVEN_SHOWN = 20
"""Attempts of a task of which it is told what they were given: the newest."""


class LogMissing(BusinessFault):
    """The attempt has no log: it has not begun, or what it does leaves none."""

    code = "log_missing"


class Reading:
    """Answers questions about workflows.

    ``artifacts`` is where logs and files lie, if anywhere; ``waiting`` tells why attempts wait where
    they were submitted, by place.
    """

    def __init__(
        self,
        states: StateManager,
        gazette: Gazette,
        clock: Clock,
        engine_id: str,
    ) -> None:
        self._states = states
        self._store: WorkflowStore = states.store
        self._gazette = gazette
        self._clock = clock
        self._engine_id = engine_id
        self.artifacts: Path | None = None
        self.waiting: Callable[[], Mapping[str, str]] = dict

    async def lines(self, wish: c.ListWorkflows) -> list[WorkflowView]:
        """Workflows that pass the filters, newest first."""
        records = await self._store.workflows(
            statuses=wish.statuses, name=wish.name, limit=wish.limit
        )
        counts = await self._store.task_counts([record.id for record in records])
        now = self._clock.now()
        return [self._line(record, counts[record.id], now) for record in records]

    async def line(self, workflow_id: str) -> WorkflowView:
        """One workflow.

        :raises WorkflowUnknown: if it is not kept.
        """
        record = await self._store.workflow(workflow_id)
        if record is None:
            raise WorkflowUnknown.of(workflow_id)
        counts = await self._store.task_counts([workflow_id])
        return self._line(record, counts[workflow_id], self._clock.now())

    def _line(
        self, record: WorkflowRecord, counts: Mapping[Any, int], now: datetime
    ) -> WorkflowView:
        standing = self._gazette.standing(record.id)
        waiting = () if standing is None else tuple(standing.waiting)
        view = workflow_view(record, counts, waiting=waiting, now=now)
        return view if standing is None else view.changed(engine_id=self._engine_id)

    async def whole(self, wish: c.ShowWorkflow) -> WholeWorkflowView:
        """One workflow with its tasks, as it stands or as of a version.

        :raises WorkflowUnknown: if it is not kept.
        :raises VersionUnknown: if it never had this version.
        """
        record, rows = await self._instance(wish.workflow_id)
        if wish.version is not None and wish.version != record.version:
            record, rows = await self._former(record, rows, wish.version)
        return self._whole(record, rows)

    def _whole(self, record: WorkflowRecord, rows: Sequence[TaskRecord]) -> WholeWorkflowView:
        definition = definition_of(record.definition)
        viewer = TaskViewer(definition, self.waiting())
        statuses = {row.task_id: row.status for row in rows}
        now = self._clock.now()
        tasks = tuple(
            viewer.view(row, record.version, statuses, why=self._why(record, row)) for row in rows
        )
        counts: dict[Any, int] = {}
        for status in statuses.values():
            counts[status] = counts.get(status, 0) + 1
        metadata = definition.metadata
        return WholeWorkflowView(
            workflow=self._line(record, counts, now),
            description=str(metadata.get("description", "")),
            inputs=_shown(record.inputs, metadata.get("secrets", ())),
            variables=_shown(record.variables, ()),
            on_failure=definition.on_failure.value,
            limit=definition.limit,
            tasks=tasks,
            critical=tuple(_critical(tasks, now)),
        )

    def _why(self, record: WorkflowRecord, row: TaskRecord) -> str:
        if row.status is not TaskStatus.READY:
            return ""
        if record.status is WorkflowStatus.PAUSED:  # no engine may drive it
            return "the workflow is paused"
        return self._gazette.why(row.workflow_id, row.task_id)

    async def _former(
        self, record: WorkflowRecord, rows: Sequence[TaskRecord], version: int
    ) -> tuple[WorkflowRecord, list[TaskRecord]]:
        then = await self._states.get_workflow(record.id, version)
        now = {row.task_id: row for row in rows}
        old = replace(
            record,
            status=then.status,
            started_at=then.started_at,
            ended_at=then.completed_at,
            error=then.error,
            restored_from=then.restored_from,
            version=version,
            lease=None,
        )
        return old, [_row(record.id, task, now.get(name)) for name, task in then.tasks.items()]

    async def task(self, wish: c.ShowTask) -> TaskDetailView:
        """All about one task.

        :raises WorkflowUnknown: if the workflow is not kept.
        :raises TaskUnknown: if it has no such task.
        """
        workflow_id, task_id = wish.workflow_id, wish.task_id
        record, rows = await self._instance(workflow_id)
        row = next((one for one in rows if one.task_id == task_id), None)
        if row is None:
            raise TaskUnknown.of(workflow_id, task_id)
        viewer = TaskViewer(definition_of(record.definition), self.waiting())
        statuses = {one.task_id: one.status for one in rows}
        ended = [attempt_view(one) for one in await self._store.attempts(workflow_id, task_id)]
        running = running_attempt(row)
        attempts = await self._with_given(
            workflow_id, task_id, ended if running is None else [*ended, running]
        )
        root = str(self.artifacts or "")
        given = viewer.definition(row)
        return TaskDetailView(
            workflow_id=workflow_id,
            task=viewer.view(row, record.version, statuses, why=self._why(record, row)),
            given=(attempts[-1].given if attempts else {})
            or ({} if given is None else _given(given.metadata)),
            result=None if row.result is None else json.loads(row.result),
            has_result=row.result is not None,
            attempts=tuple(attempts),
            handoffs=tuple(
                handoff_view(one)
                for one in await self._store.handoffs(workflow_id)
                if task_id in {one.source_task, one.target_task}
            ),
            artifacts=tuple(
                artifact_view(one, root)
                for one in await self._store.artifacts(workflow_id)
                if one.task_id == task_id
            ),
        )

    async def _with_given(
        self, workflow_id: str, task_id: str, attempts: list[AttemptView]
    ) -> list[AttemptView]:
        """The newest with what they were given."""
        root = self.artifacts
        if root is None:
            return attempts
        newest = attempts[-GIVEN_SHOWN:]
        folders = [attempt_folder(root, workflow_id, task_id, one.attempt) for one in newest]
        found = await asyncio.to_thread(lambda: [given_to(folder) or {} for folder in folders])
        told = [one.changed(given=given) for one, given in zip(newest, found, strict=True)]
        return [*attempts[:-GIVEN_SHOWN], *told]

    async def history(self, wish: c.WorkflowHistory) -> list[VersionView]:
        """Versions, oldest first.

        :raises WorkflowUnknown: if the workflow is not kept.
        """
        after = wish.after
        if after is None:
            after = max(await self._store.version(wish.workflow_id) - wish.limit, 0)
        found = await self._states.get_history(wish.workflow_id, after=after, limit=wish.limit)
        return [version_view(one) for one in found]

    async def compare(self, wish: c.CompareVersions) -> DifferenceView:
        """What differs between two versions.

        :raises VersionUnknown: if the workflow never had one of them.
        """
        found = await self._states.get_difference(wish.workflow_id, wish.before, wish.after)
        return difference_view(found, wish.before, wish.after)

    async def graph(self, wish: c.DrawWorkflow) -> GraphView:
        """The workflow drawn."""
        # Start-up time: the layout loads networkx and rich.
        from .picture import draw  # noqa: PLC0415

        record, rows = await self._instance(wish.workflow_id)
        tasks = self._whole(record, rows).tasks
        return await asyncio.to_thread(draw, tasks, wish.width, wish.unfolded)

    async def log(self, wish: c.ReadTaskLog) -> dict[str, Any]:
        """A piece of an attempt's output: ``attempt``, ``offset``, ``size``, ``text`` and ``running``.

        :raises LogMissing: if there is none.
        """
        row = await self._store.task(wish.workflow_id, wish.task_id)
        if row is None:
            await self._instance(wish.workflow_id)
            raise TaskUnknown.of(wish.workflow_id, wish.task_id)
        attempt = wish.attempt or row.attempt
        place = row.log if attempt == row.attempt else None
        for one in await self._store.attempts(wish.workflow_id, wish.task_id):
            if one.attempt == attempt:
                place = one.log or place
        if place is None or self.artifacts is None:
            what = f"Attempt {attempt} of {wish.task_id} has no log."
            if attempt == 0:
                what = f"{wish.task_id} has not begun, so it has no log yet."
            raise LogMissing(what, task_id=wish.task_id)
        path = self.artifacts / place
        found = await asyncio.to_thread(_piece, path, wish.offset, wish.limit)
        running = running_attempt(row) is not None and attempt == row.attempt
        return {"attempt": attempt, **found, "running": running}

    async def _instance(self, workflow_id: str) -> tuple[WorkflowRecord, list[TaskRecord]]:
        found = await self._store.instance(workflow_id)
        if found is None:
            raise WorkflowUnknown.of(workflow_id)
        return found


def _row(workflow_id: str, then: TaskState, now: TaskRecord | None) -> TaskRecord:
    """A former state of a task as a record; a part of a fan-out is still known as such."""
    return TaskRecord(
        workflow_id,
        then.task_id,
        then.agent_id,
        then.agent_type,
        then.status,
        then.attempt,
        then.losses,
        None,
        then.error,
        then.error_type,
        then.started_at,
        then.completed_at,
        then.next_attempt_at,
        None,
        then.log,
        None if now is None else now.scheduling,
    )


def _critical(tasks: Sequence[TaskView], now: datetime) -> list[str]:
    durations = {
        task.id: ((task.ended_at or now) - task.started_at).total_seconds()
        for task in tasks
        if task.started_at is not None
    }
    whole = [task for task in tasks if task.parent is None]
    known = {task.id for task in whole}
    needs = {task.id: [need for need in task.needs if need in known] for task in whole}
    return critical_path(needs, durations) if durations else []


def _given(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a task is given, as it stands in the file; its texts are templates."""
    return {key: value for key, value in metadata.items() if key not in {"workflow", "each"}}


def _shown(text: str, secrets: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return {name: "***" if name in secrets else value for name, value in found.items()}


def _piece(path: Path, offset: int | None, limit: int) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(size - limit, 0) if offset is None else min(offset, size)
            file.seek(start)
            data = file.read(limit)
    except FileNotFoundError:
        size = start = 0
        data = b""
    except OSError as error:
        raise LogMissing(f"The log {path} can't be read: {error.strerror}.") from error
    return {
        "offset": start,
        "size": size,
        "text": data.decode(errors="replace"),
        "next": start + len(data),
    }
