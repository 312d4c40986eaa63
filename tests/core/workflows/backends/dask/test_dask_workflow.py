"""Whole workflows over a cluster, of which a worker is killed in the middle."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from tests.dask_cluster import Cluster, until

from quarterdeck.core.workflows import StateManager, TaskStatus, WorkflowOrchestrator
from quarterdeck.core.workflows.backends.dask.backend import DaskBackend
from quarterdeck.core.workflows.executors import Surroundings, register_executors
from quarterdeck.core.workflows.files import load_workflow
from quarterdeck.state.memory import MemoryStore

FILE = """
name: spread
limit: 8
tasks:
  first:
    run: sh -c 'echo first'
    shell: true
  second:
    needs: [first]
    run: "echo {{ tasks.first.result | quote }} and second"
    shell: true
  wide:
    needs: [second]
    foreach: [0, 1, 2, 3, 4, 5]
    run: "echo $$ >> begun; until [ -e go ]; do sleep 0.02; done; echo {{ item | quote }}"
    shell: true
  last:
    needs: [wide]
    run: "echo {{ tasks.wide.result | join(' ') | quote }}"
    shell: true
    resources: {seat: 1}
"""


class NoGates:
    """Nobody to ask."""

    async def ask(self, gate: Any) -> Any:
        raise AssertionError(gate)

    async def withdraw(self, gate: Any) -> None:
        raise AssertionError(gate)


def begun(folder: Path) -> list[str]:
    path = folder / "begun"
    return path.read_text().split() if path.exists() else []


async def test_a_killed_worker_costs_attempts_and_no_result(
    backend: DaskBackend,
    cluster: Cluster,
    store: MemoryStore,
    states: StateManager,
    tmp_path: Path,
) -> None:
    file = tmp_path / "spread.yaml"
    file.write_text(FILE)
    orchestrator = WorkflowOrchestrator(states, max_parallel_tasks=8)
    register_executors(orchestrator, Surroundings(tmp_path / "state", backend, NoGates()))
    async with orchestrator:
        workflow_id = await orchestrator.create_workflow(load_workflow(file, directory=tmp_path))
        running = asyncio.create_task(orchestrator.execute_workflow(workflow_id))
        await until(lambda: len(begun(tmp_path)) == 4)
        cluster.workers[1].send(signal.SIGKILL)
        await until(lambda: any(place for place in backend._watch.seen.values() if place.reason))
        (tmp_path / "go").touch()
        async with asyncio.timeout(60):
            state = await running
        assert state.tasks["last"].result == "0 1 2 3 4 5"
        assert state.tasks["second"].result == "first and second"
        attempts = await store.attempts(workflow_id)
    done = Counter(one.task_id for one in attempts if one.status is TaskStatus.COMPLETED)
    assert set(done.values()) == {1}
    assert {"first", "second", "last", *(f"wide[{number}]" for number in range(6))} <= set(done)
    lost = [one for one in attempts if one.status is TaskStatus.LOST]
    assert len(lost) == 2
    for one in lost:
        again = [other.attempt for other in attempts if other.task_id == one.task_id]
        assert sorted(again) == [1, 2]
