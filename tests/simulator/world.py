"""The world outside of the engine: it sees what is really done, through every crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, cast

from tests.core.workflows.play import random_definition
from tests.simulator.disk import Cut, Disk
from tests.simulator.virtual import VirtualClock, VirtualLoop

from quarterdeck.core.workflows.context import AttemptLost, ConditionFalse, TaskExecutionContext
from quarterdeck.core.workflows.deltas import replay
from quarterdeck.core.workflows.encoding import definition_of
from quarterdeck.core.workflows.machine.control import NothingFailed
from quarterdeck.core.workflows.orchestrator import WorkflowOrchestrator
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.core.workflows.statuses import DONE, ENDED, TaskStatus, WorkflowStatus
from quarterdeck.state.memory import MemoryStore

PARALLEL = 3


class Boom(Exception):
    """A task's own failure."""


@dataclass
class World:
    """One simulation: a disk that stays, engines that come and go."""

    seed: int
    workflows: int = 1
    steering: bool = True
    random: Random = field(init=False)
    loop: VirtualLoop = field(default_factory=VirtualLoop)
    begun: Counter[str] = field(default_factory=Counter)
    at_work: int = 0
    ids: list[str] = field(default_factory=list)
    lives: int = 0
    faults: list[AssertionError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311  # the same at every run
        self.clock = VirtualClock(self.loop)
        self.kept = MemoryStore(clock=self.clock)
        self.loop.live(self.kept.open())
        self.disk = Disk(self.kept, self.random)
        self.engine: WorkflowOrchestrator | None = None

    def run(self, crashes: list[int]) -> None:
        """Live, crash after so many turns, live again; at last to the end."""
        self.loop.live(self._create())
        for turns in crashes:
            if self.loop.live(self._life(), turns) is not None:
                break
            self._crash()
        else:
            self.loop.live(self._life())
        self.loop.live(self._judge())
        self.loop.bury()
        self.loop.close()

    async def _create(self) -> None:
        engine = self._new_engine(StateManager(store=self.kept, clock=self.clock))
        for _ in range(self.workflows):
            self.ids.append(await engine.create_workflow(random_definition(self.random, most=7)))

    def _new_engine(self, states: StateManager) -> WorkflowOrchestrator:
        self.lives += 1
        disk = self.disk
        engine = WorkflowOrchestrator(
            states,
            PARALLEL,
            engine_id=f"life-{self.lives}",
            clock=self.clock,
            random=self.random,
            lease_seconds=30.0,
        )
        engine.register_executor("x", partial(self._execute, disk))
        return engine

    async def _life(self) -> bool:
        self.disk = Disk(self.kept, self.random)
        self.at_work = 0
        states = StateManager(store=cast("Any", self.disk), clock=self.clock)
        engine = self.engine = self._new_engine(states)
        former = [f"life-{one}" for one in range(self.lives)]
        await engine.recover(former=former)
        await asyncio.gather(*(self._drive(engine, one) for one in self.ids))
        await engine.close()
        return True

    async def _drive(self, engine: WorkflowOrchestrator, workflow_id: str) -> None:
        """See the workflow to its end, and get in its way."""
        state = await engine.get_workflow_status(workflow_id)
        if state.status in ENDED:
            return
        if state.status is not WorkflowStatus.RUNNING:
            await engine.start_workflow(workflow_id)
        if self.steering and self.random.random() < 0.3:
            await self._steer(engine, workflow_id)
        instance = engine._instances.get(workflow_id)
        await engine.wait(workflow_id)
        ended = await engine.get_workflow_status(workflow_id)
        assert ended.status in ENDED, "told as ended before that was on disk"
        assert instance is None or instance.state() == ended, "what is told differs from the disk"
        if self.steering and ended.status is WorkflowStatus.FAILED and self.random.random() < 0.5:
            with contextlib.suppress(NothingFailed):  # finals may have failed alone
                await engine.retry_workflow(workflow_id)
                await engine.wait(workflow_id)

    async def _steer(self, engine: WorkflowOrchestrator, workflow_id: str) -> None:
        await asyncio.sleep(self.random.choice([0.0, 0.1, 1.0]))
        state = await engine.get_workflow_status(workflow_id)
        if state.status is not WorkflowStatus.RUNNING:
            return
        try:
            if self.random.random() < 0.3:
                await engine.cancel_workflow(workflow_id)
                return
            interrupt = self.random.random() < 0.5
            await engine.pause_workflow(workflow_id, interrupt=interrupt)
            await asyncio.sleep(self.random.choice([0.0, 1.0, 9.0]))
            await engine.resume_workflow(workflow_id)
        except Exception as fault:
            # It may end while one is about to steer it: that must be said, and nothing else.
            if getattr(fault, "code", "") != "illegal_transition":
                raise

    async def _execute(self, disk: Disk, context: TaskExecutionContext) -> Any:
        """One attempt, looked at closely."""
        if disk.dead:
            raise Cut
        try:
            await self._check(context)
        except AssertionError as fault:
            self.faults.append(fault)
        self.at_work += not context.task_def.slotless
        if self.at_work > PARALLEL:
            self.faults.append(AssertionError(f"{self.at_work} at once"))
        try:
            return await self._outcome(context)
        finally:
            self.at_work -= not context.task_def.slotless

    async def _check(self, context: TaskExecutionContext) -> None:
        key = context.idempotency_key
        self.begun[key] += 1
        assert self.begun[key] == 1, f"{key} was begun twice"
        found = await self.kept.task(context.workflow_id, context.task_def.task_id)
        assert found is not None
        on_disk = (found.status, found.attempt)
        assert on_disk == (TaskStatus.RUNNING, context.attempt), f"{key} runs, on disk {on_disk}"
        for previous in context.previous_results:
            row = await self.kept.task(context.workflow_id, previous["task_id"])
            assert row is not None
            assert json.dumps(previous["result"]["data"]) == row.result

    async def _outcome(self, context: TaskExecutionContext) -> Any:
        pause = self.random.choice([None, 0.0, 0.1, 2.0, 7.0])
        if pause is not None:
            await asyncio.sleep(pause)
        roll = self.random.random()
        if roll < 0.12:
            raise Boom(context.idempotency_key)
        if roll < 0.16:
            raise ConditionFalse
        if roll < 0.20:
            raise AttemptLost
        return context.idempotency_key

    def _crash(self) -> None:
        tail = self.disk.crash()
        self.loop.bury()

        async def land() -> None:
            for changes in tail:
                await self.kept.commit(changes)

        self.loop.live(land())

    async def _judge(self) -> None:
        """Nothing lost, nothing twice, nothing leaked, versions only grow."""
        assert self.engine is not None
        assert self.faults == []
        for workflow_id in self.ids:
            await self._judge_one(workflow_id)
        machine = self.engine._machine
        assert (machine.running, machine.runs, self.at_work) == (0, {}, 0)

    async def _judge_one(self, workflow_id: str) -> None:
        found = await self.kept.instance(workflow_id)
        assert found is not None
        record, rows = found
        assert record.status in ENDED
        assert all(row.status in DONE for row in rows)
        assert self.engine is not None
        lease = record.lease  # one that a crash left expires by itself
        assert lease is None or lease.engine_id != self.engine.engine_id, "a lease is left"
        changes = await self.kept.changes(workflow_id)
        assert [one.version for one in changes] == list(range(1, len(changes) + 1))
        whole = replay(record, changes)
        assert list(whole.tasks.values()) == rows, "history and state differ"
        attempts = await self.kept.attempts(workflow_id)
        identities = Counter((one.task_id, one.attempt) for one in attempts)
        assert set(identities.values()) <= {1}
        completed = Counter(one.task_id for one in attempts if one.status is TaskStatus.COMPLETED)
        finals = {one.task_id for one in definition_of(record.definition).tasks if one.final}
        for row in rows:
            wanted = 1 if row.status is TaskStatus.COMPLETED else 0
            times = completed[row.task_id]
            # A retry runs final tasks again, and nothing else that completed.
            assert times == wanted or (times and row.task_id in finals), (
                f"{row.task_id} completed {completed[row.task_id]} times"
            )
            if wanted:
                assert row.result == f'"{workflow_id}/{row.task_id}/{row.attempt}"'
