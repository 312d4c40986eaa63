"""While the disk is away, all that becomes ready is gathered, and goes into the next commit."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from tests.core.workflows.orchestrator_bench import Context, W, task

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.workflows import StateManager, TaskDefinition, WorkflowOrchestrator
from quarterdeck.core.workflows.records import AddTurn, WorkflowChange
from quarterdeck.state.memory import MemoryStore


class Away(MemoryStore):
    """A store on a slow disk: one commit at a time, each some turns of the loop long.

    Whatever was handed over meanwhile is the next commit; ``commits`` says of how many turns each was.
    """

    def __init__(self, clock: ManualClock, *, length: int = 5) -> None:
        super().__init__(clock=clock)
        self.commits: list[int] = []
        self._length = length
        self.behind: list[tuple[Sequence[WorkflowChange], Future[None]]] = []
        self.away = False

    def commit_each(self, transactions: Sequence[Sequence[Any]]) -> list[Future[None]]:
        loop = asyncio.get_running_loop()
        found = [(changes, loop.create_future()) for changes in transactions]
        self.behind += found
        if not self.away:
            self._go()
        return [future for _, future in found]

    async def seen(self, commits: int, *, away: bool) -> None:
        """Wait until so many commits have begun, and the last of them is on its way, or back."""
        for _ in range(1000):
            if len(self.commits) == commits and self.away is away:
                return
            await asyncio.sleep(0)
        msg = f"never {commits} commits: {self.commits}"
        raise AssertionError(msg)

    def _go(self) -> None:
        group, self.behind = self.behind, []
        self.away = True
        turns = [one for changes, _ in group for one in changes if isinstance(one, AddTurn)]
        self.commits.append(len(turns))
        self._spin(self._length, group)

    def _spin(self, left: int, group: list[tuple[Sequence[WorkflowChange], Future[None]]]) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._spin, left - 1, group)
            return
        for changes, future in group:
            self.commit(changes).add_done_callback(lambda _, future=future: future.set_result(None))  # type: ignore[misc]
        self.away = False
        if self.behind:
            self._go()


def random_graph(count: int, random: Random) -> list[TaskDefinition]:
    return [
        task(
            f"t{at}",
            *(f"t{one}" for one in random.sample(range(max(0, at - 9), at), min(at, random.randint(0, 3)))),
        )
        for at in range(count)
    ]  # fmt: skip


def rounds_of(graphs: Sequence[Sequence[TaskDefinition]], limit: int) -> int:
    """In how many rounds they end, where so many run at a time and all end at the same moment."""
    left = {
        (at, one.task_id): len(one.dependencies) for at, graph in enumerate(graphs) for one in graph
    }
    ready = [one for one, needs in left.items() if not needs]
    rounds = 0
    while ready:
        ended, ready = ready[:limit], ready[limit:]
        rounds += 1
        for at, name in ended:
            for one in graphs[at]:
                if name in one.dependencies:
                    left[at, one.task_id] -= 1
                    if not left[at, one.task_id]:
                        ready.append((at, one.task_id))
    return rounds


@pytest.mark.parametrize("instances", [1, 12])
async def test_out_of_step_ends_come_together_again(instances: int) -> None:
    """Of one instance and of many: as many commits as rounds, and a few until they are in step."""
    random = Random(7 + instances)  # noqa: S311  # no secret
    graphs = [random_graph(120 // instances, random) for _ in range(instances)]
    clock = ManualClock()
    store = Away(clock)
    begun: list[str] = []

    async def work(context: Context) -> None:
        begun.append(context.idempotency_key)
        if len(begun) < 5:  # the others end while the first commit is away
            for _ in range(9):
                await asyncio.sleep(0)

    await store.open()
    async with WorkflowOrchestrator(StateManager(store=store), 8, clock=clock) as engine:
        engine.register_executor("x", work)
        ids = [await engine.create_workflow(graph) for graph in graphs]
        ended = await asyncio.gather(*(engine.execute_workflow(one) for one in ids))
        assert {one.status for one in ended} == {W.COMPLETED}
    await store.close()
    assert len(begun) == len(set(begun)) == 120 // instances * instances
    rounds = rounds_of(graphs, 8)
    assert len(store.commits) <= rounds * 1.1 + 4, (rounds, store.commits)


async def test_what_becomes_ready_meanwhile_waits_for_the_disk_and_no_longer() -> None:
    """An end while the disk is away begins nothing until it is back; then it is written at once."""
    clock = ManualClock()
    store = Away(clock, length=50)
    gates = {name: asyncio.Event() for name in "abc"}

    async def work(context: Context) -> None:
        if context.task_def.task_id in gates:
            await gates[context.task_def.task_id].wait()

    await store.open()
    async with WorkflowOrchestrator(StateManager(store=store), 10, clock=clock) as engine:
        engine.register_executor("x", work)
        workflow_id = await engine.create_workflow(
            [task("a"), task("b"), task("c"), task("d", "c")]
        )
        running = asyncio.create_task(engine.execute_workflow(workflow_id))
        await store.seen(1, away=False)
        gates["a"].set()
        await store.seen(2, away=True)
        gates["b"].set()
        gates["c"].set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert store.away
        assert not store.behind, "nothing queues up behind a commit: it is decided when it is back"
        await running
    await store.close()
    assert len(store.commits) == 4, "the start; the end of a; those of b and c; the end of d"
