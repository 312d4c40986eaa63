"""The state of workflows: kept, versioned, read back at any version, restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from platformdirs import user_state_path

from ..base.clock import SYSTEM_CLOCK, Clock, require_aware
from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..base.stores import find_store
from .changing import CREATED, UNSET, changed_task, changed_workflow
from .definition import TaskDefinition, WorkflowDefinition
from .deltas import Whole, replay, status_body, task_body, whole_body
from .encoding import definition_of, definition_text, value_text
from .heads import Head, Heads, reading
from .ports import WorkflowStore
from .records import (
    AddHistory,
    HistoryRecord,
    Lease,
    RemoveWorkflow,
    SaveTask,
    SaveWorkflow,
    TaskRecord,
    UpdateWorkflow,
    WorkflowChange,
    WorkflowRecord,
)
from .rollback import NOT_UNDONE, rollback_changes, running
from .state_faults import (
    StateConflict,
    StateInvalid,
    StateNotKept,
    TaskExists,
    TasksRunning,
    TaskUnknown,
    VersionUnknown,
    WorkflowExists,
    WorkflowHeld,
    WorkflowUnknown,
)
from .states import (
    Difference,
    TaskState,
    Version,
    WorkflowState,
    WorkflowSummary,
    difference_of,
    state_of,
    summary_of,
    version_of,
)
from .statuses import TaskStatus, WorkflowStatus

PROGRAM: Final = "quarterdeck"
FILE: Final = "workflows.db"
TRIES: Final = 10


def default_url() -> str:
    """Where state is kept unless said otherwise: an SQLite file in the user's state directory."""
    return f"sqlite://{Path(user_state_path(PROGRAM)) / FILE}"


class StateManager:
    """Workflows and their tasks, durable.

    ``connection_string`` is a store's URL: ``sqlite:///path/to/file.db``,
    ``postgresql://user@host/database``, ``memory://``. ``store`` is one that is open already and
    stays its owner's. Every change is one version of its workflow; a call returns when its change
    is on disk.

    :raises StoreUnknown: if no store has the URL's scheme.
    """

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        store: WorkflowStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        durability: str = "normal",
    ) -> None:
        self._clock = clock
        self._owns = store is None
        self._store: WorkflowStore = store or find_store(
            connection_string or default_url(), clock=clock, durability=durability
        )
        self._heads = Heads(self._store)

    @property
    def store(self) -> WorkflowStore:
        """The store, for whoever journals changes of his own."""
        return self._store

    async def initialize(self) -> None:
        """Open the store, and bring an older schema up to date; a second time does nothing.

        :raises StateNotKept: if that fails.
        """
        if self._owns:
            await reading(self._store.open())

    async def close(self) -> None:
        """Write what is pending and let go of the store; a second time does nothing."""
        if self._owns:
            await self._store.close()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---- creating --------------------------------------------------------------------------

    async def create_workflow(
        self,
        tasks: Sequence[TaskDefinition] | WorkflowDefinition,
        *,
        workflow_id: str | None = None,
        name: str = "",
        inputs: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        parent: str | None = None,
    ) -> WorkflowState:
        """Keep a new instance, all of its tasks pending; its version is 1.

        :raises WorkflowExists: if one of this id is kept.
        :raises TaskExists: if two tasks have the same id.
        :raises StateInvalid: if a value is no JSON.
        """
        definition = tasks
        if not isinstance(definition, WorkflowDefinition):
            definition = WorkflowDefinition(name or "workflow", tuple(definition))
        record = await self.create_record(
            definition, workflow_id=workflow_id, name=name, inputs=inputs, variables=variables,
            metadata=metadata, parent=parent,
        )  # fmt: skip
        return state_of(record, [_pending(record.id, task) for task in definition.tasks])

    async def create_record(
        self,
        definition: WorkflowDefinition,
        *,
        workflow_id: str | None = None,
        name: str = "",
        inputs: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        parent: str | None = None,
    ) -> WorkflowRecord:
        """As ``create_workflow``; the instance as it is kept."""
        record = WorkflowRecord(
            id=workflow_id or new_id(),
            name=name or definition.name,
            definition=definition_text(definition),
            status=WorkflowStatus.PENDING,
            created_at=self._clock.now(),
            inputs=value_text(dict(inputs or {}), "the inputs"),
            variables=value_text(dict(variables or {}), "the variables"),
            metadata=value_text(dict(metadata or {}), "the metadata"),
            parent=parent,
            version=CREATED,
        )
        rows = [_pending(record.id, task) for task in definition.tasks]
        _check_unique(record.id, rows)
        line = self._line(record.id, CREATED, "created", whole_body(record, rows))
        changes: list[WorkflowChange] = [AddHistory(line), SaveWorkflow(record)]
        if not await self._committed(changes + [SaveTask(row) for row in rows]):
            raise WorkflowExists(
                f"A workflow with the id {record.id!r} is kept already; choose another id.",
                workflow_id=record.id,
            )
        return record

    async def create_task(self, workflow_id: str, task: TaskDefinition) -> TaskState:
        """Add a task to an instance, pending; its definition has it from then on.

        :raises WorkflowUnknown: if the instance is not kept.
        :raises TaskExists: if it has a task of this id.
        """
        row = _pending(workflow_id, task)

        def make(head: Head, record: WorkflowRecord, version: int) -> Sequence[WorkflowChange]:
            definition = definition_of(record.definition)
            if any(one.task_id == task.task_id for one in definition.tasks):
                raise TaskExists.of(workflow_id, task.task_id)
            whole = replace(definition, tasks=(*definition.tasks, task))
            head.workflow = replace(record, definition=definition_text(whole))
            head.tasks[task.task_id] = row
            line = self._line(workflow_id, version, "task", task_body(row), task.task_id)
            return [SaveWorkflow(head.workflow), SaveTask(row), AddHistory(line)]

        await self._heads.change(workflow_id, self._heads.workflow, make)
        return await self.get_task(workflow_id, task.task_id)

    # ---- reading ---------------------------------------------------------------------------

    async def get_workflow(self, workflow_id: str, version: int | None = None) -> WorkflowState:
        """An instance with its tasks, as it stands or as it was at ``version``.

        :raises WorkflowUnknown: if it is not kept.
        :raises VersionUnknown: if it never had this version.
        """
        record, tasks = await self._instance(workflow_id)
        if version is None or version == record.version:
            return state_of(record, tasks)
        then = await self._whole(record, version)
        return state_of(then.workflow, then.tasks.values())

    async def get_task(self, workflow_id: str, task_id: str) -> TaskState:
        """One task.

        :raises WorkflowUnknown: if the instance is not kept.
        :raises TaskUnknown: if it has no such task.
        """
        state = await self.get_workflow(workflow_id)
        if task_id not in state.tasks:
            raise TaskUnknown.of(workflow_id, task_id)
        return state.tasks[task_id]

    async def list_workflows(
        self,
        status: WorkflowStatus | Collection[WorkflowStatus] | None = None,
        since: datetime | None = None,
        limit: int = 100,
        *,
        name: str | None = None,
        parent: str | None = None,
    ) -> list[WorkflowSummary]:
        """Instances created at or after ``since``, newest first.

        :raises StateInvalid: if ``since`` has no time zone, or there is no such status.
        """
        records = await reading(
            self._store.workflows(
                statuses=_statuses(status),
                name=name,
                parent=parent,
                since=None if since is None else _aware(since),
                limit=limit,
            )
        )
        counts = await reading(self._store.task_counts([record.id for record in records]))
        return [summary_of(record, counts[record.id]) for record in records]

    async def count_workflows(self) -> dict[WorkflowStatus, int]:
        """How many instances stand in each status, every status named."""
        found = await reading(self._store.workflow_counts())
        return {status: found.get(status, 0) for status in WorkflowStatus}

    async def get_history(
        self, workflow_id: str, *, after: int = 0, limit: int | None = None
    ) -> list[Version]:
        """The versions above ``after``, oldest first.

        :raises WorkflowUnknown: if the instance is not kept.
        """
        lines = await reading(self._store.changes(workflow_id, after=after, limit=limit))
        if not lines and not await reading(self._store.version(workflow_id)):
            raise WorkflowUnknown.of(workflow_id)
        return [version_of(line) for line in lines]

    async def get_difference(self, workflow_id: str, before: int, after: int) -> Difference:
        """What differs between two versions, in either direction.

        :raises VersionUnknown: if the instance never had one of them.
        """
        return difference_of(
            await self.get_workflow(workflow_id, before),
            await self.get_workflow(workflow_id, after),
        )

    # ---- changing --------------------------------------------------------------------------

    async def update_task(
        self,
        workflow_id: str,
        task_id: str,
        *,
        status: TaskStatus | None = None,
        result: Any = UNSET,
        error: str | None = UNSET,
        error_type: str | None = UNSET,
        retry_count: int | None = None,
        started_at: datetime | None = UNSET,
        completed_at: datetime | None = UNSET,
        next_attempt_at: datetime | None = UNSET,
        log: str | None = UNSET,
        guard: Lease | None = None,
    ) -> int:
        """Change what is given of a task; the version that this made.

        A result is kept as it is, ``None``, ``0``, ``""`` and ``{}`` included. Stamps follow from
        the status where they are not given. With ``guard`` the change is refused with
        ``lease_lost`` unless that lease is in force.

        :raises StateNotFoundError: if there is no such workflow or task.
        :raises StateInvalid: if the result is no JSON, or a stamp has no time zone.
        """
        given = {
            "status": UNSET if status is None else status,
            "result": result if result is UNSET else value_text(result, "the result"),
            "error": error,
            "error_type": error_type,
            "attempt": UNSET if retry_count is None else retry_count + 1,
            "started_at": started_at,
            "ended_at": completed_at,
            "next_attempt_at": next_attempt_at,
            "log": log,
        }
        made = 0

        def make(head: Head, record: TaskRecord, version: int) -> Sequence[WorkflowChange]:
            nonlocal made
            made, at = version, self._clock.now()
            row = head.tasks[task_id] = changed_task(record, given, at)
            line = HistoryRecord(workflow_id, version, at, "task", task_body(row), task_id)
            return [SaveTask(row, guard), AddHistory(line)]

        async def load(head: Head) -> TaskRecord:
            return await self._heads.task(head, task_id)

        await self._heads.change(workflow_id, load, make)
        return made

    async def update_workflow(
        self,
        workflow_id: str,
        *,
        status: WorkflowStatus | None = None,
        error: str | None = UNSET,
        variables: Mapping[str, Any] = UNSET,
        metadata: Mapping[str, Any] = UNSET,
        guard: Lease | None = None,
    ) -> int:
        """Change what is given of an instance; the version that this made.

        :raises WorkflowUnknown: if it is not kept.
        :raises StateInvalid: if a value is no JSON.
        """
        given = {
            "status": UNSET if status is None else status,
            "error": error,
            "variables": variables
            if variables is UNSET
            else value_text(dict(variables), "the variables"),
            "metadata": metadata
            if metadata is UNSET
            else value_text(dict(metadata), "the metadata"),
        }
        values = not (variables is UNSET and metadata is UNSET)
        made = 0

        def make(head: Head, record: WorkflowRecord, version: int) -> Sequence[WorkflowChange]:
            nonlocal made
            made, at = version, self._clock.now()
            row = head.workflow = changed_workflow(record, given, at)
            body = status_body(row, values=values)
            line = HistoryRecord(workflow_id, version, at, "status", body)
            return [UpdateWorkflow(row, guard), AddHistory(line)]

        await self._heads.change(workflow_id, self._heads.workflow, make)
        return made

    async def rollback_workflow(
        self, workflow_id: str, version: int, *, guard: Lease | None = None
    ) -> WorkflowState:
        """Restore the state as of ``version``, as a new version with ``restored_from``.

        History is never rewritten. Tasks that ran then are ready, a workflow that ran then is
        paused; attempts go on being counted. Sessions, files and other effects are not undone.

        :raises VersionUnknown: if the instance never had this version.
        :raises TasksRunning: if tasks run.
        :raises WorkflowHeld: if an engine drives it, unless ``guard`` is that engine's lease.
        """
        for _ in range(TRIES):
            record, tasks = await self._instance(workflow_id)
            self._check_at_rest(record, tasks, guard, "rolled back")
            then = await self._whole(record, version)
            now = Whole(record, {task.task_id: task for task in tasks})
            at, made = self._clock.now(), record.version + 1
            if await self._committed(rollback_changes(now, then, made, at, guard)):
                self._heads.forget(workflow_id)
                return await self.get_workflow(workflow_id)
        raise StateConflict(
            f"The workflow {workflow_id} is changed by others all the time, so it could not be "
            "rolled back.",
            workflow_id=workflow_id,
        )

    async def delete_workflow(self, workflow_id: str) -> None:
        """Remove an instance with its tasks, history, handoffs, artifacts and signals.

        :raises WorkflowUnknown: if it is not kept.
        :raises TasksRunning: if tasks run.
        :raises WorkflowHeld: if an engine drives it.
        """
        record, tasks = await self._instance(workflow_id)
        self._check_at_rest(record, tasks, None, "removed")
        await self._committed([RemoveWorkflow(workflow_id)])
        self._heads.forget(workflow_id)

    # ---- inside ----------------------------------------------------------------------------

    async def _committed(self, changes: Sequence[WorkflowChange]) -> bool:
        """Whether ``changes`` were kept; ``False`` if their version was taken."""
        try:
            await self._store.commit(changes)
        except QuarterdeckError as fault:
            if fault.code == "stale_version":
                return False
            if fault.code == "lease_lost":
                raise
            raise StateNotKept.because(fault) from fault
        return True

    async def _instance(self, workflow_id: str) -> tuple[WorkflowRecord, list[TaskRecord]]:
        found = await reading(self._store.instance(workflow_id))
        if found is None:
            raise WorkflowUnknown.of(workflow_id)
        return found

    async def _whole(self, record: WorkflowRecord, version: int) -> Whole:
        """The state as of ``version``, from the newest whole one and the changes since."""
        if not 1 <= version <= record.version:
            raise VersionUnknown.of(record.id, version, record.version)
        start = await reading(self._store.whole_version(record.id, version))
        lines = await reading(self._store.changes(record.id, after=start - 1, upto=version))
        return replay(record, lines)

    def _check_at_rest(
        self,
        record: WorkflowRecord,
        tasks: Sequence[TaskRecord],
        guard: Lease | None,
        what: str,
    ) -> None:
        names = running(tasks)
        if names:
            raise TasksRunning(
                f"The workflow {record.id} can't be {what} while tasks run: {', '.join(names)}. "
                f"Cancel it, or wait for them. {NOT_UNDONE}",
                workflow_id=record.id,
                tasks=names,
            )
        lease = record.lease
        if lease is not None and guard is None and lease.expires_at > self._clock.now():
            raise WorkflowHeld(
                f"The workflow {record.id} can't be {what} while the engine {lease.engine_id} "
                "drives it. Ask that engine to do it, or stop it first.",
                workflow_id=record.id,
                engine_id=lease.engine_id,
            )

    def _line(
        self, workflow_id: str, version: int, kind: str, body: str, task_id: str | None = None
    ) -> HistoryRecord:
        return HistoryRecord(workflow_id, version, self._clock.now(), kind, body, task_id)


def _pending(workflow_id: str, task: TaskDefinition) -> TaskRecord:
    return TaskRecord(workflow_id, task.task_id, task.agent_id, task.agent_type)


def _check_unique(workflow_id: str, rows: Sequence[TaskRecord]) -> None:
    for task_id, count in Counter(row.task_id for row in rows).items():
        if count > 1:
            raise TaskExists.of(workflow_id, task_id)


def _statuses(
    status: WorkflowStatus | Collection[WorkflowStatus] | None,
) -> tuple[WorkflowStatus, ...]:
    wanted = (status,) if isinstance(status, str) else tuple(status or ())
    try:
        return tuple(WorkflowStatus(one) for one in wanted)
    except ValueError as error:
        known = ", ".join(WorkflowStatus)
        raise StateInvalid(f"{error}; the statuses of a workflow are: {known}.") from error


def _aware(stamp: datetime) -> datetime:
    try:
        return require_aware(stamp, "since")
    except ValueError as error:
        raise StateInvalid(str(error)) from error
