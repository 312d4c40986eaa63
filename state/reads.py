"""Typed reads of what is committed, over the named statements of any store."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core.base.batches import Batch
from ..core.engine.records import EventRecord
from ..core.protocol.attention import AttentionItem
from ..core.sessions.records import ScreenSnapshot, SessionRecord, StatusEntry
from ..core.telemetry.audit import ChainHead, KeptRecord
from ..core.workflows.records import (
    ArtifactRecord,
    AttemptRecord,
    HandoffRecord,
    HistoryRecord,
    ScheduleRecord,
    SignalRecord,
    TaskRecord,
    WorkflowRecord,
)
from ..core.workflows.statuses import TaskStatus, WorkflowStatus
from . import rows as r
from . import workflow_rows as wr
from .stamps import to_text_or_none

NO_LIMIT = 2**62


class Reads(ABC):
    """Half of a store; the other half says how rows are had.

    Lists go into a statement as JSON text; an empty one that means "all" as ``None``.
    """

    _no_audit_head: ChainHead | None = None
    """What it means that no head of the audit log is kept."""

    @abstractmethod
    async def _rows(
        self, name: str, values: Mapping[str, Any], *, raw: bool = False
    ) -> Sequence[Sequence[Any]]:
        """The rows that the statement ``name`` gives; ``raw`` ones hold bytes as they are.

        :raises StoreFault: if they can't be read.
        """

    async def sessions(self) -> list[SessionRecord]:
        """Every session, oldest first."""
        return [r.session_of(row) for row in await self._rows("sessions", {})]

    async def open_items(self) -> list[AttentionItem]:
        """Every open attention item, oldest first."""
        return [r.item_of(row) for row in await self._rows("open_items", {})]

    async def snapshot(self, session_id: str) -> ScreenSnapshot | None:
        """A session's last screen snapshot."""
        rows = await self._rows("snapshot", {"session": session_id}, raw=True)
        return r.snapshot_of(rows[0]) if rows else None

    async def history(self, session_id: str, limit: int) -> list[StatusEntry]:
        """A session's former statuses, newest first."""
        rows = await self._rows("history", {"session": session_id, "limit": max(limit, 0)})
        return [r.entry_of(row) for row in rows]

    async def preferences(self) -> dict[str, Any]:
        """The kept preferences by name."""
        return {name: json.loads(value) for name, value in await self._rows("preferences", {})}

    async def reply(self, command_id: str) -> str | None:
        """The kept reply to a command."""
        rows = await self._rows("reply", {"command": command_id})
        return str(rows[0][0]) if rows else None

    async def events(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        types: tuple[str, ...] = (),
        session_id: str | None = None,
        limit: int = 200,
    ) -> list[EventRecord]:
        """Kept events, oldest first."""
        values = {
            "types": _list(types), "session": session_id, "limit": max(limit, 0),
            "before": NO_LIMIT if before is None else before,
        }  # fmt: skip
        if after is None:
            rows = (await self._rows("newest_events", values))[::-1]
        else:
            rows = await self._rows("events_after", {**values, "after": after})
        return [r.event_of(row) for row in rows]

    async def last_sequence(self) -> int:
        """The highest sequence ever kept; 0 if none."""
        return int((await self._rows("last_sequence", {}))[0][0])

    async def batches(self, log: str) -> list[Batch]:
        """A log's batches, oldest first."""
        return [Batch(*row) for row in await self._rows("batches", {"log": log})]

    async def audit(self, *, after: int = 0, limit: int = 1000) -> list[KeptRecord]:
        """Records of the audit log, oldest first."""
        values = {"after": after, "limit": max(limit, 0)}
        return [KeptRecord(*row) for row in await self._rows("audit", values)]

    async def audit_head(self) -> ChainHead | None:
        """Where the audit log's chain stands."""
        rows = await self._rows("audit_head", {})
        return ChainHead(*rows[0]) if rows else self._no_audit_head

    # ---- workflows -------------------------------------------------------------------------

    async def instance(self, workflow_id: str) -> tuple[WorkflowRecord, list[TaskRecord]] | None:
        """One instance with its tasks, both as of one moment."""
        rows = await self._rows("instance", {"workflow": workflow_id})
        if not rows or rows[0][0]:
            return None
        return wr.workflow_of(rows[0][2:]), [wr.task_of(row[2:]) for row in rows[1:]]

    async def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        """One instance."""
        rows = await self._rows("workflow", {"workflow": workflow_id})
        return wr.workflow_of(rows[0]) if rows else None

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
        values = {
            "statuses": _list(statuses),
            "name": name,
            "since": to_text_or_none(since),
            "limit": max(limit, 0),
        }
        if parent is None:
            rows = await self._rows("workflows", values)
        else:
            rows = await self._rows("child_workflows", {**values, "parent": parent})
        return [wr.workflow_of(row) for row in rows]

    async def workflow_counts(self) -> dict[WorkflowStatus, int]:
        """How many instances stand in each status."""
        rows = await self._rows("workflow_counts", {})
        return {WorkflowStatus(status): count for status, count in rows}

    async def tasks(self, workflow_id: str) -> list[TaskRecord]:
        """The tasks of an instance, in the order in which they were first saved."""
        rows = await self._rows("tasks", {"workflow": workflow_id})
        return [wr.task_of(row) for row in rows]

    async def task(self, workflow_id: str, task_id: str) -> TaskRecord | None:
        """One task."""
        rows = await self._rows("task", {"workflow": workflow_id, "task": task_id})
        return wr.task_of(rows[0]) if rows else None

    async def task_counts(
        self, workflow_ids: Collection[str]
    ) -> Mapping[str, Mapping[TaskStatus, int]]:
        """For each of the instances how many of its tasks stand in each status."""
        found: dict[str, dict[TaskStatus, int]] = {one: {} for one in workflow_ids}
        values = {"workflows": json.dumps(list(workflow_ids))}
        for workflow_id, status, count in await self._rows("task_counts", values):
            found[workflow_id][TaskStatus(status)] = count
        return found

    async def attempts(self, workflow_id: str, task_id: str | None = None) -> list[AttemptRecord]:
        """Ended attempts, in the order in which they ended."""
        rows = await self._rows("attempts", {"workflow": workflow_id, "task": task_id})
        return [wr.attempt_of(row) for row in rows]

    async def changes(
        self, workflow_id: str, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[HistoryRecord]:
        """History with versions above ``after`` up to ``upto``, oldest first."""
        values = {
            "workflow": workflow_id,
            "after": after,
            "upto": NO_LIMIT if upto is None else upto,
            "limit": NO_LIMIT if limit is None else max(limit, 0),
        }
        return [wr.history_of(row) for row in await self._rows("changes", values)]

    async def version(self, workflow_id: str) -> int:
        """The version of an instance's newest change; 0 if it is not kept."""
        return int((await self._rows("version", {"workflow": workflow_id}))[0][0])

    async def unchanged(self, workflow_id: str, version: int) -> bool:
        """Whether ``version`` is an instance's newest, and nothing was signalled to it."""
        values = {"workflow": workflow_id, "version": version}
        return bool((await self._rows("unchanged", values))[0][0])

    async def whole_version(self, workflow_id: str, upto: int) -> int:
        """The newest version up to ``upto`` whose body holds the whole state; 0 if none does."""
        rows = await self._rows("whole_version", {"workflow": workflow_id, "upto": upto})
        return int(rows[0][0])

    async def handoffs(self, workflow_id: str) -> list[HandoffRecord]:
        """Handoffs of an instance, oldest first."""
        rows = await self._rows("handoffs", {"workflow": workflow_id})
        return [wr.handoff_of(row) for row in rows]

    async def artifacts(self, workflow_id: str) -> list[ArtifactRecord]:
        """Artifacts of an instance, oldest first."""
        rows = await self._rows("artifacts", {"workflow": workflow_id})
        return [wr.artifact_of(row) for row in rows]

    async def signals(self, workflow_id: str) -> list[SignalRecord]:
        """Signals of an instance, oldest first."""
        rows = await self._rows("signals", {"workflow": workflow_id})
        return [wr.signal_of(row) for row in rows]

    async def schedules(self) -> list[ScheduleRecord]:
        """Every schedule, by name."""
        return [wr.schedule_of(row) for row in await self._rows("schedules", {})]


def _list(wanted: Collection[str]) -> str | None:
    return json.dumps(list(wanted)) if wanted else None
