"""What goes on while engines come and go: processes, people, events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulator.disk import Disk
from tests.simulator.flows import rich_definition

from quarterdeck.core.workflows.context import AttemptLost, TaskExecutionContext
from quarterdeck.core.workflows.definition import WorkflowDefinition
from quarterdeck.core.workflows.executors.attempt import Attempt, attempt_with
from quarterdeck.core.workflows.executors.children import Child, ChildKind
from quarterdeck.core.workflows.executors.desk import Desk
from quarterdeck.core.workflows.executors.nested import NestedExecutor
from quarterdeck.core.workflows.executors.ports import Gate, GateAnswer

LATE = [0.0, 0.1, 3.0, 12.0]


class Boom(Exception):
    """A task's own failure."""


@dataclass
class Process:
    """A child that outlives engines, and ends at its time unless it is killed."""

    ends_at: float
    fails: bool
    over: bool = False
    followed: bool = False


@dataclass
class Outside:
    """All that is no engine's memory."""

    random: Random
    now: Callable[[], float]
    processes: dict[str, Process] = field(default_factory=dict)
    answers: dict[str, tuple[float, str]] = field(default_factory=dict)
    standing: set[str] = field(default_factory=set)
    nested: dict[str, str] = field(default_factory=dict)

    # ---- processes ---------------------------------------------------------------------------

    def spawn(self, key: str) -> Process:
        """Begin one, the only one of its attempt."""
        assert key not in self.processes, f"{key} has two processes"
        lasts = self.random.choice([0.0, 0.5, 2.0, 8.0])
        found = Process(self.now() + lasts, self.random.random() < 0.15)
        self.processes[key] = found
        return found

    def engine_gone(self) -> None:
        """A crash of the machine takes some processes with it."""
        for process in self.processes.values():
            process.followed = False
            if self.random.random() < 0.2:
                process.over = True

    def left(self, workflow_id: str) -> list[str]:
        """What still goes on for a workflow."""
        start = f"{workflow_id}/"
        alive = [key for key, one in self.processes.items() if not one.over]
        return [key for key in (*alive, *self.standing) if key.startswith(start)]

    # ---- people ------------------------------------------------------------------------------

    async def ask(self, gate: Gate) -> GateAnswer:
        """One question for each key; its answer is the same whoever asks, and when."""
        if gate.key not in self.answers:
            self.standing.add(gate.key)
            choice = self.random.choice(["approve", "approve", "approve", "reject"])
            self.answers[gate.key] = self.now() + self.random.choice(LATE), choice
        at, choice = self.answers[gate.key]
        await asyncio.sleep(max(at - self.now(), 0.0))
        self.standing.discard(gate.key)
        return GateAnswer(choice)

    async def withdraw(self, gate: Gate) -> None:
        """Nobody waits any more."""
        self.standing.discard(gate.key)


class KeptExecutor:
    """Begins processes that outlive the engine, and adopts those of a former one."""

    def __init__(self, outside: Outside, disk: Disk, drives: Callable[[str, str], bool]) -> None:
        self._outside = outside
        self._disk = disk
        self._drives = drives

    async def execute(self, context: TaskExecutionContext) -> str:
        """A process of its own, known on disk before it begins."""
        await context.keep_child(context.idempotency_key)
        assert not self._disk.dead, "begun, though nobody will know of it"
        return await self._follow(context, self._outside.spawn(context.idempotency_key))

    async def adopt(self, context: TaskExecutionContext) -> str:
        """The process that a former engine began, if it lives."""
        assert context.child == context.idempotency_key, "adopted by another attempt"
        process = self._outside.processes.get(context.idempotency_key)
        if process is None or process.over:
            raise AttemptLost
        return await self._follow(context, process)

    async def _follow(self, context: TaskExecutionContext, process: Process) -> str:
        assert not process.followed, "adopted twice"
        process.followed = True
        try:
            await asyncio.sleep(max(process.ends_at - self._outside.now(), 0.0))
        except asyncio.CancelledError:
            if not self._disk.dead and self._drives(context.workflow_id, context.task_def.task_id):
                process.over = True
            raise
        finally:
            process.followed = False
        process.over = True
        if process.fails:
            raise Boom(context.idempotency_key)
        return context.idempotency_key


class NestedFlows(NestedExecutor):
    """The real executor of nested workflows, whose files are made up here."""

    def __init__(self, desk: Desk, outside: Outside) -> None:
        super().__init__(desk)
        self._outside = outside

    async def execute(self, context: TaskExecutionContext) -> Any:
        """The other workflow, under an id that follows from the attempt."""
        place = context.idempotency_key.replace("/", ".")

        async def work(attempt: Attempt) -> Any:
            child = Child(ChildKind.WORKFLOW, context.attempt, place)
            return await self._see_through(attempt, child)

        return await attempt_with(self._desk, context, work)

    async def _create(self, attempt: Attempt, workflow_id: str) -> None:
        parent = attempt.context.idempotency_key
        self._outside.nested[workflow_id] = parent
        await self._desk.orchestrator.create_workflow(
            self._definition(), workflow_id=workflow_id, parent=parent
        )

    def _definition(self) -> WorkflowDefinition:
        return rich_definition(self._outside.random, most=3, nest=False)
