"""An orchestrator with all executors over a store in memory, real processes, and gates to answer."""

from __future__ import annotations

import asyncio
import os
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.core.sessions.rig import definitions

from quarterdeck.core.workflows import OrchestrationError, StateManager, WorkflowOrchestrator
from quarterdeck.core.workflows.backends.local import LocalBackend
from quarterdeck.core.workflows.executors import (
    Gate,
    GateAnswer,
    Leftovers,
    Sessions,
    Surroundings,
    register_executors,
)
from quarterdeck.core.workflows.files import load_workflow
from quarterdeck.core.workflows.states import WorkflowState
from quarterdeck.state.memory import MemoryStore

T = TypeVar("T")
DEADLINE = 30.0


async def until(true: Callable[[], T], what: str = "") -> T:
    """What ``true`` gives as soon as it is something."""
    end = time.monotonic() + DEADLINE
    while not (found := true()):
        assert time.monotonic() < end, what or "it did not come true in time"
        await asyncio.sleep(0.005)
    return found


class MemoryGates:
    """Gates that tests answer; they outlive engines, as an attention queue does."""

    def __init__(self) -> None:
        self.open: dict[str, Gate] = {}
        self.asked = 0
        self.withdrawn: list[str] = []
        self._answers: dict[str, GateAnswer] = {}
        self._changed = asyncio.Condition()

    async def ask(self, gate: Gate) -> GateAnswer:
        self.asked += gate.key not in self.open
        self.open[gate.key] = gate
        async with self._changed:
            await self._changed.wait_for(lambda: gate.key in self._answers)
        self.open.pop(gate.key, None)
        return self._answers[gate.key]

    async def withdraw(self, gate: Gate) -> None:
        self.open.pop(gate.key, None)
        self.withdrawn.append(gate.task_id)

    async def answer(self, choice: str, by: str = "Ada") -> None:
        """Answer the one that stands."""
        (gate,) = await until(lambda: list(self.open.values()), "nothing is asked")
        self._answers[gate.key] = GateAnswer(choice, by)
        async with self._changed:
            self._changed.notify_all()


@dataclass(slots=True)
class Stage:
    """One engine: ``orchestrator`` with its back end. ``told`` are the calls of ``on_output``."""

    folder: Path
    store: MemoryStore
    gates: MemoryGates
    sessions: Sessions | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    session_kept: float = 3600.0
    told: list[tuple[str, str, int, int]] = field(default_factory=list)
    orchestrator: WorkflowOrchestrator = field(init=False)
    backend: LocalBackend = field(init=False)
    leftovers: Leftovers = field(init=False)

    async def open(self) -> Stage:
        around = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment}
        self.backend = LocalBackend(self.folder, environment=around)
        await self.backend.open()
        self.orchestrator = WorkflowOrchestrator(StateManager(store=self.store))
        self.leftovers = register_executors(
            self.orchestrator,
            Surroundings(
                self.folder,
                self.backend,
                self.gates,
                self.sessions,
                agents=definitions(),
                environment=around,
                on_output=lambda *told: self.told.append(told),
                session_kept=self.session_kept,
            ),
        )
        return self

    async def close(self) -> None:
        await self.orchestrator.close()
        await self.backend.close()

    async def create(self, text: str, inputs: Mapping[str, Any] = {}, **more: Any) -> str:
        """A new instance of a workflow whose tasks are ``text``."""
        file = self.folder / "flow.yaml"
        file.write_text("name: flow\n" + textwrap.dedent(text))
        definition = load_workflow(file, inputs, directory=self.folder)
        return await self.orchestrator.create_workflow(
            definition, inputs=definition.metadata["inputs"], **more
        )

    async def begin(self, text: str, **more: Any) -> str:
        """The same, running in the background."""
        workflow_id = await self.create(text, **more)
        await self.orchestrator.start_workflow(workflow_id)
        return workflow_id

    async def run(self, text: str, inputs: Mapping[str, Any] = {}, **more: Any) -> WorkflowState:
        """How it stands when it has run, whatever came of it."""
        return await self.finish(await self.create(text, inputs, **more))

    async def finish(self, workflow_id: str) -> WorkflowState:
        async with asyncio.timeout(DEADLINE):
            with suppress(OrchestrationError):
                await self.orchestrator.execute_workflow(workflow_id)
        return await self.orchestrator.get_workflow_status(workflow_id)

    async def results(self, text: str, inputs: Mapping[str, Any] = {}) -> dict[str, Any]:
        """The results of tasks that all complete."""
        state = await self.run(text, inputs)
        assert state.status == "completed", state.error
        return {name: task.result for name, task in state.tasks.items()}

    async def error(self, text: str, inputs: Mapping[str, Any] = {}) -> str:
        """The error of the one task that fails."""
        state = await self.run(text, inputs)
        (found,) = (task.error for task in state.tasks.values() if task.status == "failed")
        return found or ""

    async def log(self, workflow_id: str, task_id: str) -> str:
        """The log of the task's last attempt."""
        row = await self.store.task(workflow_id, task_id)
        assert row is not None
        assert row.log is not None
        return (self.folder / "artifacts" / row.log).read_text()

    async def until_task(self, workflow_id: str, task_id: str, what: str, value: Any) -> None:
        """Wait until the task's record on disk has this value."""
        async with asyncio.timeout(DEADLINE):
            while getattr(await self.store.task(workflow_id, task_id), what) != value:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)

    def left(self) -> list[Path]:
        """What the back end keeps of attempts."""
        kept = self.folder / "attempts" / "keepers"
        return sorted(kept.iterdir()) if kept.is_dir() else []
