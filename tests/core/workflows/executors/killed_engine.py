"""An engine to be killed: runs ``flow.yaml`` of the directory given, over an SQLite store there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from quarterdeck.core.workflows import StateManager, WorkflowOrchestrator
from quarterdeck.core.workflows.backends.local import LocalBackend
from quarterdeck.core.workflows.executors import Gate, GateAnswer, Surroundings, register_executors
from quarterdeck.core.workflows.files import load_workflow


class NoGates:
    """Nobody answers."""

    async def ask(self, gate: Gate) -> GateAnswer:
        await asyncio.get_running_loop().create_future()
        raise AssertionError(gate.key)

    async def withdraw(self, gate: Gate) -> None:
        pass


async def run(folder: Path, engine_id: str, workflow_id: str | None) -> str:
    """Run the file to its end, or with ``workflow_id`` what an earlier engine began; how it ends."""
    async with StateManager(f"sqlite://{folder}/flows.db") as states:
        async with WorkflowOrchestrator(states, engine_id=engine_id) as orchestrator:
            backend = LocalBackend(folder)
            register_executors(orchestrator, Surroundings(folder, backend, NoGates()))
            if workflow_id is None:
                definition = load_workflow(folder / "flow.yaml", directory=folder)
                workflow_id = await orchestrator.create_workflow(definition, workflow_id="W")
                await orchestrator.start_workflow(workflow_id)
            else:
                await orchestrator.recover(former=["first"])
            await orchestrator.wait(workflow_id)
        state = await states.get_workflow(workflow_id)
        return "\n".join(
            f"{name} {task.status} {task.attempt} {task.result!r} {task.error}"
            for name, task in state.tasks.items()
        )


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), "first", None))
