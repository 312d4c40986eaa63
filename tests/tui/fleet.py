"""Workflows of the scripted engine: instances with tasks, versions, logs; drawn as the engine draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from quarterdeck.core.engine.workflows.picture import draw as draw
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol import workflow_events as we
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.status import Choice
from quarterdeck.core.protocol.workflow_status import TaskStatus, WorkflowStatus
from quarterdeck.core.protocol.workflow_views import (
    ArtifactView,
    AttemptView,
    GraphView,
    HandoffView,
    ScheduleView,
    TaskDetailView,
    TaskView,
    VersionView,
    WholeWorkflowView,
    WorkflowView,
)

if TYPE_CHECKING:
    from tests.tui.crew import Crew

R, W = TaskStatus, WorkflowStatus
GATE = (
    Choice(key="approve", label="Release it", meaning="allow_once"),
    Choice(key="reject", label="Leave it", meaning="reject"),
)


@dataclass
class Ship:
    """One instance."""

    line: WorkflowView
    tasks: dict[str, TaskView]
    description: str = ""
    critical: tuple[str, ...] = ()
    versions: list[VersionView] = field(default_factory=list)
    attempts: dict[str, list[AttemptView]] = field(default_factory=dict)
    logs: dict[tuple[str, int], str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    handoffs: dict[str, list[HandoffView]] = field(default_factory=dict)
    artifacts: dict[str, list[ArtifactView]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.line.id


class Fleet:
    """All instances, and the schedules."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.ships: dict[str, Ship] = {}
        self.schedules: dict[str, ScheduleView] = {}

    def add(
        self,
        name: str,
        tasks: Iterable[TaskView],
        status: WorkflowStatus = W.RUNNING,
        *,
        age: float = 90,
        took: float | None = None,
        **more: Any,
    ) -> Ship:
        """Put an instance into the state; ``launch`` makes it known."""
        started = None if status is W.PENDING else self.crew.ago(age)
        ended = started + timedelta(seconds=took) if started and took is not None else None
        by_id = {task.id: task for task in tasks}
        line = WorkflowView(
            id=self.crew.next_id("W"),
            name=name,
            file=f"/home/ann/shop/{name}.yaml",
            status=status,
            counts=dict(counts(by_id.values())),
            created_at=self.crew.ago(age),
            started_at=started,
            ended_at=ended,
            version=len(by_id) + 1,
            **more,
        )
        ship = self.ships[line.id] = Ship(line, by_id)
        ship.versions = [
            VersionView(
                version=number, at=self.crew.ago(age), kind="task_changed", task_id=task.id,
                status=task.status.value,
            )
            for number, task in enumerate(by_id.values(), 1)
        ]  # fmt: skip
        ship.versions.append(
            VersionView(
                version=line.version, at=self.crew.ago(age), kind="workflow", status=status.value
            )
        )
        return ship

    def launch(self, *args: Any, **more: Any) -> Ship:
        """Add an instance and tell everyone."""
        ship = self.add(*args, **more)
        self.crew.tell(we.WorkflowCreated(workflow=ship.line))
        return ship

    def change(self, ship: Ship, task_id: str, status: TaskStatus, **more: Any) -> TaskView:
        """Change a task and tell everyone, of its workflow's progress, too."""
        old = ship.tasks[task_id]
        version = ship.line.version + 1
        stamps: dict[str, Any] = {}
        if status is R.RUNNING:
            stamps = {"started_at": self.crew.now(), "ended_at": None, "attempt": old.attempt + 1}
        elif status in {R.COMPLETED, R.FAILED, R.RETRYING, R.LOST}:
            stamps = {"ended_at": self.crew.now()}
        task = old.model_copy(update={"status": status, "version": version, **stamps, **more})
        ship.tasks[task_id] = task
        ship.versions.append(
            VersionView(
                version=version, at=self.crew.now(), kind="task_changed", task_id=task_id,
                status=status.value,
            )
        )  # fmt: skip
        self.crew.tell(we.TaskChanged(workflow_id=ship.id, task=task))
        self.progress(ship, version=version)
        return task

    def progress(self, ship: Ship, **changes: Any) -> None:
        """Tell how far it is."""
        update = {"counts": counts(ship.tasks.values()), **changes}
        ship.line = ship.line.model_copy(update=update)
        self.crew.tell(we.WorkflowProgress(workflow=ship.line))

    def stand(self, ship: Ship, status: WorkflowStatus, **changes: Any) -> None:
        """Change an instance's status and tell everyone."""
        old = ship.line.status
        version = ship.line.version + 1
        ended = self.crew.now() if status in {W.COMPLETED, W.FAILED, W.CANCELLED} else None
        update = {
            "status": status, "version": version, "ended_at": ended,
            "started_at": ship.line.started_at or self.crew.now(), **changes,
        }  # fmt: skip
        ship.line = ship.line.model_copy(update=update)
        ship.versions.append(
            VersionView(
                version=version, at=self.crew.now(), kind="workflow", status=status.value,
                restored_from=changes.get("restored_from"),
            )
        )  # fmt: skip
        self.crew.tell(we.WorkflowChanged(workflow=ship.line, old_status=old))

    def remove(self, ship: Ship) -> None:
        """Remove an instance and tell everyone."""
        del self.ships[ship.id]
        self.crew.tell(we.WorkflowDeleted(workflow_id=ship.id, name=ship.line.name))

    def say(self, ship: Ship, task_id: str, text: str) -> None:
        """An attempt writes something."""
        attempt = ship.tasks[task_id].attempt
        key = task_id, attempt
        ship.logs[key] = ship.logs.get(key, "") + text
        size = len(ship.logs[key].encode())
        self.crew.tell(
            we.TaskOutput(workflow_id=ship.id, task_id=task_id, attempt=attempt, size=size)
        )

    def gate(self, ship: Ship, task_id: str, title: str = "Release it?") -> AttentionItem:
        """A task asks a person; the item is known with the next link, or by ``crew.tell``."""
        item_id = self.crew.next_id("T")
        item = AttentionItem(
            item_id=item_id,
            kind=AttentionKind.GATE,
            workflow_id=ship.id,
            task_id=task_id,
            request_id=f"{ship.id}/{task_id}/1",
            title=title,
            text=f"{title}\nTests: completed, review: completed.",
            choices=GATE,
            created_at=self.crew.ago(30),
        )
        self.crew.items[item_id] = item
        ship.line = ship.line.model_copy(update={"waiting": (*ship.line.waiting, task_id)})
        return item

    def ask(self, ship: Ship, task_id: str, title: str = "Release it?") -> AttentionItem:
        """The same, and tell everyone."""
        item = self.gate(ship, task_id, title)
        self.progress(ship)
        self.crew.tell(e.AttentionRaised(item=item))
        return item

    def answered(self, item: AttentionItem) -> None:
        """A gate was answered: its task ends."""
        ship = self.ships.get(item.workflow_id)
        if ship is None or not item.task_id:
            return
        waiting = tuple(task for task in ship.line.waiting if task != item.task_id)
        ship.line = ship.line.model_copy(update={"waiting": waiting})
        self.change(ship, item.task_id, R.COMPLETED)

    # ---- what is asked

    def whole(self, workflow_id: str) -> WholeWorkflowView:
        ship = self.ships[workflow_id]
        return WholeWorkflowView(
            workflow=ship.line, description=ship.description, tasks=tuple(ship.tasks.values()),
            critical=ship.critical,
        )  # fmt: skip

    def detail(self, workflow_id: str, task_id: str) -> TaskDetailView:
        ship = self.ships[workflow_id]
        task = ship.tasks[task_id]
        attempts = list(ship.attempts.get(task_id, []))
        if task.started_at is not None:
            attempts.append(
                AttemptView(
                    task_id=task_id, attempt=task.attempt, status=task.status,
                    started_at=task.started_at, ended_at=task.ended_at, error=task.error,
                )
            )  # fmt: skip
        return TaskDetailView(
            workflow_id=workflow_id,
            task=task,
            given=ship.given.get(task_id, {}),
            result=ship.results.get(task_id),
            has_result=task_id in ship.results,
            attempts=tuple(attempts),
            handoffs=tuple(ship.handoffs.get(task_id, ())),
            artifacts=tuple(ship.artifacts.get(task_id, ())),
        )

    def log(
        self, workflow_id: str, task_id: str, attempt: int, offset: int | None, limit: int
    ) -> dict[str, Any]:
        data = self.ships[workflow_id].logs.get((task_id, attempt), "").encode()
        start = max(0, len(data) - limit) if offset is None else offset
        part = data[start : start + limit]
        return {
            "attempt": attempt, "offset": start, "size": len(data), "next": start + len(part),
            "text": part.decode(errors="replace"), "running": True,
        }  # fmt: skip

    def picture(self, workflow_id: str, width: int, unfolded: Sequence[str]) -> GraphView:
        tasks = list(self.ships[workflow_id].tasks.values())
        return draw(tasks, width, unfolded)


def counts(tasks: Iterable[TaskView]) -> Mapping[TaskStatus, int]:
    found: dict[TaskStatus, int] = {}
    for task in tasks:
        found[task.status] = found.get(task.status, 0) + 1
    return found


def task(name: str, *needs: str, status: TaskStatus = R.PENDING, **more: Any) -> TaskView:
    """A task; ``started`` and ``ended`` are stamps."""
    begun = status in {R.RUNNING, R.COMPLETED, R.FAILED, R.RETRYING, R.LOST}
    return TaskView(
        id=name,
        kind=more.pop("kind", "run"),
        status=status,
        needs=needs,
        attempt=more.pop("attempt", 1 if begun else 0),
        version=more.pop("version", 1),
        **more,
    )


def feature(now: datetime) -> list[TaskView]:
    """Plan, build, test, review, release: half way."""

    def at(seconds: float) -> datetime:
        return now - timedelta(seconds=seconds)

    def agent(name: str, *needs: str, **more: Any) -> TaskView:
        return task(name, *needs, kind="agent", agent="practice-worker", **more)

    return [
        agent("plan", status=R.COMPLETED, started_at=at(90), ended_at=at(71.8)),
        agent("build", "plan", status=R.RUNNING, started_at=at(42), attempt=2, max_attempts=3),
        task("lint", "plan", status=R.COMPLETED, started_at=at(70), ended_at=at(69.6)),
        task("docs", "plan", status=R.FAILED, started_at=at(70), ended_at=at(40), allow_failure=True,
             error="exit code 2: no such target", error_type="ExecutionError"),
        task("test", "build", max_attempts=2),
        agent("review", "build", allow_failure=True),
        task("release", "test", "review", kind="approve"),
        task("announce", "release"),
        task("summary", "announce", "docs", "lint", final=True),
    ]  # fmt: skip


def hundred(now: datetime) -> list[TaskView]:
    """A hundred tasks: chains side by side, a fan-out, a funnel."""
    found = [task("start", status=R.COMPLETED, started_at=now, ended_at=now)]
    for chain in range(6):
        for step in range(10):
            need = f"c{chain}-{step - 1}" if step else "start"
            status = R.COMPLETED if step < chain + 2 else R.PENDING
            if step == chain + 2:
                status = R.FAILED if chain == 3 else R.RUNNING
            stamp = {} if status is R.PENDING else {"started_at": now}
            more = (f"c{(chain + 1) % 6}-{step - 1}",) if step and chain % 2 else ()
            found.append(task(f"c{chain}-{step}", need, *more, status=status, **stamp))
    found.append(task("fan", "start", kind="foreach", status=R.RUNNING, started_at=now))
    for part in range(36):
        status = R.COMPLETED if part < 12 else R.RUNNING if part < 15 else R.PENDING
        stamp = {} if status is R.PENDING else {"started_at": now}
        found.append(task(f"fan[{part}]", status=status, parent="fan", **stamp))
    found += [
        task("gather", "fan", "c5-9"),
        task("finish", "gather", *(f"c{n}-9" for n in range(5))),
    ]
    return found


def many(count: int, now: datetime) -> list[TaskView]:
    """So many tasks in one fan-out of a hundred chains."""
    found = []
    for number in range(count):
        needs = (f"t{number - 100:05}",) if number >= 100 else ()
        status = R.COMPLETED if number < count // 2 else R.PENDING
        stamp = {"started_at": now, "ended_at": now} if status is R.COMPLETED else {}
        found.append(task(f"t{number:05}", *needs, status=status, **stamp))
    return found
