"""Plain and valid records of workflows, for every store's tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from quarterdeck.core.workflows.records import (
    AddArtifact,
    AddHistory,
    AddSignal,
    ArtifactRecord,
    AttemptRecord,
    HandoffRecord,
    HistoryRecord,
    Lease,
    SaveAttempt,
    SaveHandoff,
    SaveSchedule,
    SaveTask,
    SaveWorkflow,
    ScheduleRecord,
    SignalRecord,
    TaskRecord,
    UpdateWorkflow,
    WorkflowChange,
    WorkflowRecord,
)
from quarterdeck.core.workflows.statuses import TaskStatus, WorkflowStatus

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class MakeFlow:
    """Makes records and changes; whatever is not given is plain and valid."""

    def workflow(self, workflow_id: str = "W1", **more: Any) -> WorkflowRecord:
        plain = WorkflowRecord(
            id=workflow_id,
            name="nightly",
            definition='{"tasks":[]}',
            status=WorkflowStatus.PENDING,
            created_at=START,
        )
        return replace(plain, **more)

    def save(
        self, workflow_id: str = "W1", guard: Lease | None = None, **more: Any
    ) -> SaveWorkflow:
        return SaveWorkflow(self.workflow(workflow_id, **more), guard)

    def update(
        self, workflow_id: str = "W1", guard: Lease | None = None, **more: Any
    ) -> UpdateWorkflow:
        return UpdateWorkflow(self.workflow(workflow_id, **more), guard)

    def task_record(self, task_id: str = "T1", workflow_id: str = "W1", **more: Any) -> TaskRecord:
        return replace(TaskRecord(workflow_id, task_id, "alice", "agent"), **more)

    def task(
        self,
        task_id: str = "T1",
        workflow_id: str = "W1",
        guard: Lease | None = None,
        **more: Any,
    ) -> SaveTask:
        return SaveTask(self.task_record(task_id, workflow_id, **more), guard)

    def line(self, version: int, workflow_id: str = "W1", **more: Any) -> AddHistory:
        plain = HistoryRecord(workflow_id, version, at(version), "task", "{}", "T1")
        return AddHistory(replace(plain, **more))

    def attempt(self, task_id: str = "T1", number: int = 1, **more: Any) -> SaveAttempt:
        plain = AttemptRecord(
            "W1", task_id, number, TaskStatus.FAILED, START, at(number), "E1", "no", "Oops", "log"
        )
        return SaveAttempt(replace(plain, **more))

    def handoff(self, handoff_id: str = "H1", **more: Any) -> SaveHandoff:
        plain = HandoffRecord(handoff_id, "W1", "T1", "T2", "initiated", START, START, "{}")
        return SaveHandoff(replace(plain, **more))

    def artifact(self, artifact_id: str = "A1", **more: Any) -> AddArtifact:
        plain = ArtifactRecord(artifact_id, "W1", "T1", 1, "out", "W1/out", 2**40, "00", START)
        return AddArtifact(replace(plain, **more))

    def signal(self, name: str = "go", key: str = "k", **more: Any) -> AddSignal:
        return AddSignal(replace(SignalRecord("W1", name, key, START, '{"a":1}'), **more))

    def schedule(self, schedule_id: str = "C1", **more: Any) -> SaveSchedule:
        plain = ScheduleRecord(
            schedule_id, "nightly", "0 3 * * *", "Europe/Berlin", "w.yaml", "{}", "one", True, START
        )
        return SaveSchedule(replace(plain, **more))

    def whole(self, workflow_id: str = "W1") -> list[WorkflowChange]:
        """An instance with something of everything."""
        return [
            self.save(workflow_id),
            self.task("T1", workflow_id),
            self.task("T2", workflow_id),
            self.line(1, workflow_id, kind="created"),
            self.line(2, workflow_id),
            self.attempt(workflow_id=workflow_id),
            self.handoff(f"H-{workflow_id}", workflow_id=workflow_id),
            self.artifact(f"A-{workflow_id}", workflow_id=workflow_id),
            self.signal(workflow_id=workflow_id),
        ]
