"""One instance of a workflow, as the machine holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...protocol.workflow_views import CANCELLING
from ..plan import Plan
from ..statuses import DONE, TaskStatus, WorkflowStatus
from .bounds import Bounds
from .ready import Entry
from .reasons import ErrorType, StopReason
from .timers import Due

_PENDING = TaskStatus.PENDING
_RUNNING = TaskStatus.RUNNING
_RETRYING = TaskStatus.RETRYING
_UNDER_WAY = frozenset({WorkflowStatus.RUNNING, WorkflowStatus.PAUSED})


@dataclass(frozen=True, slots=True)
class TaskState:
    """How a task stood, to go on from there.

    ``forgiven`` of its attempts do not count for the retry policy: those lost or interrupted, and
    those before the task was set back. ``next_at`` is when a retrying one is due, in the machine's
    time. ``agent`` is the one that a placed task runs on, or ran on last.
    """

    status: TaskStatus = TaskStatus.PENDING
    attempt: int = 0
    forgiven: int = 0
    losses: int = 0
    error_type: str | None = None
    next_at: float | None = None
    agent: str = ""


CANCELLED = f"{CANCELLING}."
CANCELLED_TWICE = f"{CANCELLING}, final tasks too."
DRAINED = "A task failed: nothing more is begun."
_AS_DONE = frozenset({ErrorType.CONDITION, ErrorType.RETIRED})


class Run:
    """The state of one instance; lists are by task. Only the machine changes it.

    ``label`` belongs to whoever added the run. ``started`` and ``ended`` are in the machine's time.
    """

    __slots__ = (
        "attempts", "bounds", "cancelled", "changed", "critical", "deadlines", "draining",
        "ended", "entries", "error_types", "expanded", "finals_begun", "forgiven", "held", "id",
        "label", "losses", "moved", "next_at", "open", "placed", "plan", "running", "sequence",
        "started", "status", "stopping", "tasks", "waiting",
    )  # fmt: skip

    def __init__(self, id: str, plan: Plan, label: Any, interval: float | None) -> None:  # noqa: A002  # as in every record
        count = len(plan)
        self.id = id
        self.plan = plan
        self.label = label
        self.status = WorkflowStatus.PENDING
        self.tasks = [_PENDING] * count
        self.attempts = [0] * count
        self.waiting = [len(given) for given in plan.needs]
        self.entries: list[Entry | None] = [None] * count
        self.started: list[float | None] = [None] * count
        self.ended: list[float | None] = [None] * count
        self.forgiven: dict[int, int] = {}
        self.losses: dict[int, int] = {}
        self.error_types: dict[int, str] = {}
        self.next_at: dict[int, float] = {}
        self.deadlines: dict[int, float] = {}
        self.placed: dict[int, str] = {}  # the agents of placed tasks, the last ones too
        self.stopping: dict[int, StopReason] = {}
        self.expanded: dict[int, int] = {}  # tasks of a fan-out, with their children still open
        self.critical: list[int] = []
        self.changed: list[int] = []
        self.moved = False
        self.held: list[Entry] = []
        self.open = count - len(plan.finals)
        self.running = 0
        self.finals_begun = False
        self.cancelled = 0
        self.draining = False
        self.bounds: Bounds | None = None
        self.bind(interval)

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status}, {self.open} open>"

    @property
    def winding(self) -> str | None:
        """How it is being ended, as it is kept; ``None`` while it is not."""
        if self.cancelled:
            return CANCELLED_TWICE if self.cancelled > 1 else CANCELLED
        return DRAINED if self.draining else None

    def wind(self, told: str | None) -> None:
        """Go on being ended as ``winding`` told it."""
        self.cancelled = {CANCELLED: 1, CANCELLED_TWICE: 2}.get(told or "", 0)
        self.draining = told == DRAINED

    @property
    def paused(self) -> bool:
        """Whether nothing new is started."""
        return self.status is WorkflowStatus.PAUSED

    @property
    def busy(self) -> bool:
        """Whether attempts are under way, those without a slot included."""
        return any(
            status is _RUNNING and task not in self.expanded
            for task, status in enumerate(self.tasks)
        )

    def tries(self, task: int) -> int:
        """The attempts that count for the retry policy."""
        return self.attempts[task] - self.forgiven.get(task, 0)

    def satisfied(self, task: int) -> bool:
        """Whether what depends on ``task`` may begin as far as it is concerned."""
        status = self.tasks[task]
        if status is TaskStatus.COMPLETED:
            return True
        if status is TaskStatus.FAILED:
            return self.plan.rules[task].allow_failure
        return status is TaskStatus.SKIPPED and self.error_types.get(task) in _AS_DONE

    def retired(self, task: int) -> bool:
        """Whether it was a part of a fan-out that has begun anew since."""
        return self.error_types.get(task) == ErrorType.RETIRED

    def awaits(self, due: Due, task: int, attempt: int) -> bool:
        """Whether a timer for that still means something."""
        if due is Due.DEADLINE:
            return self.tasks[task] not in DONE and self.status in _UNDER_WAY
        if self.attempts[task] != attempt:
            return False
        return self.tasks[task] is (_RETRYING if due is Due.RETRY else _RUNNING)

    def state(self, task: int) -> TaskState:
        """How one task stands."""
        return TaskState(
            self.tasks[task],
            self.attempts[task],
            self.forgiven.get(task, 0),
            self.losses.get(task, 0),
            self.error_types.get(task),
            self.next_at.get(task),
            self.placed.get(task, ""),
        )

    def bind(self, interval: float | None) -> None:
        """Keep to the bounds of the plan, if it has any by now."""
        plan = self.plan
        if self.bounds is not None or (
            plan.limit is None and all(one.group is None for one in plan.rules)
        ):
            return
        self.bounds = Bounds(plan, interval)
        for task, status in enumerate(self.tasks):
            if status is _RUNNING and not plan.rules[task].slotless and task not in self.expanded:
                self.bounds.occupy(task)

    def grow(self) -> None:
        """Make room for the tasks that were appended to the plan."""
        more = len(self.plan) - len(self.tasks)
        self.tasks += [_PENDING] * more
        self.attempts += [0] * more
        self.waiting += [0] * more
        self.entries += [None] * more
        self.started += [None] * more
        self.ended += [None] * more

    def downstream(self, tasks: Sequence[int]) -> list[int]:
        """``tasks`` and all that depends on them, each once."""
        found = dict.fromkeys(tasks)
        pending = list(found)
        while pending:
            for follower in self.plan.dependents[pending.pop()]:
                if follower not in found:
                    found[follower] = None
                    pending.append(follower)
        return list(found)
