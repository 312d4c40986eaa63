"""The world outside of the engine: it sees what is really done, through every crash."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

from tests.simulator.disk import Cut, Disk
from tests.simulator.flows import EVENT, FAN, GATE, KEPT, NESTED, WORK, children_of, rich_definition
from tests.simulator.judge import judge_rows
from tests.simulator.outside import LATE, Boom, KeptExecutor, NestedFlows, Outside
from tests.simulator.virtual import VirtualClock, VirtualLoop

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.workflows.context import (
    AttemptLost,
    ConditionFalse,
    FanOut,
    TaskExecutionContext,
)
from quarterdeck.core.workflows.encoding import definition_of
from quarterdeck.core.workflows.executors.approve import ApproveExecutor, WaitExecutor
from quarterdeck.core.workflows.executors.desk import Desk
from quarterdeck.core.workflows.executors.surroundings import Surroundings
from quarterdeck.core.workflows.faults import OrchestrationError
from quarterdeck.core.workflows.machine.control import NothingFailed
from quarterdeck.core.workflows.orchestrator import WorkflowOrchestrator
from quarterdeck.core.workflows.records import Lease
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.core.workflows.statuses import ENDED, TaskStatus, WorkflowStatus
from quarterdeck.state.memory import MemoryStore

PARALLEL = 3
LEASE = 30.0
_HELD = {"workflow_busy", "workflow_held"}
_LATE_WISH = {"illegal_transition", "tasks_running", "workflow_held", "workflow_busy"}


@dataclass
class World:
    """One simulation: a disk that stays, engines that come and go.

    ``anew`` bounds how often ended workflows are retried, rerun and rolled back.
    """

    seed: int
    workflows: int = 1
    steering: bool = True
    anew: int = 2
    folder: Path = Path("unused")
    random: Random = field(init=False)
    loop: VirtualLoop = field(default_factory=VirtualLoop)
    begun: Counter[str] = field(default_factory=Counter)
    at_work: int = 0
    ids: list[str] = field(default_factory=list)
    lives: int = 0
    leases: dict[str, Lease | None] = field(default_factory=dict)
    faults: list[AssertionError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311  # the same at every run
        self.clock = VirtualClock(self.loop)
        self.kept = MemoryStore(clock=self.clock)
        self.loop.live(self.kept.open())
        self.disk = Disk(self.kept, self.random)
        self.outside = Outside(self.random, self.loop.time)
        self.engine: WorkflowOrchestrator | None = None

    def run(self, crashes: list[int]) -> None:
        """Live, crash after so many turns, live again; at last to the end."""
        self.loop.live(self._create())
        for turns in crashes:
            if self.loop.live(self._life(short=self.random.random() < 0.2), turns):
                break
            self._crash()
        else:
            self.loop.live(self._life())
        self.loop.live(self._judge())
        self.loop.bury()
        self.loop.close()

    async def _create(self) -> None:
        engine = self._new_engine(StateManager(store=self.kept, clock=self.clock))
        for number in range(self.workflows):
            definition = rich_definition(self.random)
            self.ids.append(await engine.create_workflow(definition, workflow_id=f"w{number}"))

    def _new_engine(self, states: StateManager) -> WorkflowOrchestrator:
        self.lives += 1
        disk = self.disk
        engine = WorkflowOrchestrator(
            states,
            PARALLEL,
            engine_id="here" if self.seed % 2 else f"life-{self.lives}",
            clock=self.clock,
            random=self.random,
            lease_seconds=LEASE,
        )
        desk = Desk(
            engine,
            Surroundings(self.folder, cast("Any", None), self.outside, clock=self.clock),
        )
        kept = KeptExecutor(self.outside, disk, engine.drives)
        engine.register_executor(WORK, partial(self._execute, disk))
        engine.register_executor(KEPT, _Watched(kept, partial(self._watched, disk)))
        engine.register_executor(FAN, self._fan_out)
        engine.register_executor(NESTED, NestedFlows(desk, self.outside))
        engine.register_executor(GATE, ApproveExecutor(desk))
        engine.register_executor(EVENT, WaitExecutor(desk))
        return engine

    async def _life(self, *, short: bool = False) -> bool:
        """One engine: to the end of all, or (``short``) closed in the middle; whether it was all."""
        self.disk = Disk(self.kept, self.random)
        self.at_work = 0
        self.leases = {one: await self._lease_of(one) for one in (*self.ids, *self.outside.nested)}
        states = StateManager(store=cast("Any", self.disk), clock=self.clock)
        engine = self.engine = self._new_engine(states)
        former = ["here", *(f"life-{one}" for one in range(self.lives))]
        await engine.recover(former=former)
        await self._free(former)
        drives = [asyncio.ensure_future(self._drive(engine, one)) for one in self.ids]
        told = [asyncio.ensure_future(self._signal(engine, one)) for one in self.ids]
        if short:
            await asyncio.wait(drives, timeout=self.random.choice([0.0, 0.5, 3.0]))
            for one in (*drives, *told):
                one.cancel()
            await asyncio.gather(*drives, *told, return_exceptions=True)
            await engine.close()
            return False
        await asyncio.gather(*drives, *told)
        for nested in self.outside.nested:
            await engine.wait(nested)
        await engine.close()
        return True

    async def _lease_of(self, workflow_id: str) -> Lease | None:
        record = await self.kept.workflow(workflow_id)
        return None if record is None else record.lease

    async def _free(self, former: list[str]) -> None:
        """What ended right before a crash may be held until its lease expires."""
        for one in self.ids:
            record = await self.kept.workflow(one)
            assert record is not None
            if record.status in ENDED and record.lease and record.lease.engine_id in former:
                await asyncio.sleep(LEASE + 1.0)
                return

    async def _drive(self, engine: WorkflowOrchestrator, workflow_id: str) -> None:
        """See the workflow to its end, get in its way, and begin it anew."""
        while True:
            await self._to_the_end(engine, workflow_id)
            if not (self.steering and self.anew and self.random.random() < 0.5):
                return
            self.anew -= 1
            await self._begin_anew(engine, workflow_id)

    async def _to_the_end(self, engine: WorkflowOrchestrator, workflow_id: str) -> None:
        state = await engine.get_workflow_status(workflow_id)
        if state.status in ENDED:
            return
        if state.status is not WorkflowStatus.RUNNING:
            try:
                await engine.start_workflow(workflow_id)
            except OrchestrationError:  # a signal has taken it up meanwhile, to its end
                await self._to_the_end(engine, workflow_id)
                return
        if self.steering and self.random.random() < 0.3:
            await self._steer(engine, workflow_id)
        instance = engine._instances.get(workflow_id)
        await engine.wait(workflow_id)
        ended = await engine.get_workflow_status(workflow_id)
        if ended.status is WorkflowStatus.PAUSED:  # a rollback came in between
            await self._to_the_end(engine, workflow_id)
            return
        assert ended.status in ENDED, "told as ended before that was on disk"
        left = self.outside.left(workflow_id)
        assert not left, f"goes on after the end: {left}"
        same = instance is None or instance.shared or instance.state() == ended
        assert same, "what is told differs from the disk"

    async def _begin_anew(self, engine: WorkflowOrchestrator, workflow_id: str) -> None:
        found = await self.kept.instance(workflow_id)
        assert found is not None
        record, rows = found
        own = [one.task_id for one in definition_of(record.definition).tasks]
        choice = self.random.randrange(3)
        if choice == 0:
            with contextlib.suppress(NothingFailed):
                await engine.retry_workflow(workflow_id)
        elif choice == 1:
            await engine.rerun_workflow(workflow_id, self.random.choice(own))
        else:
            version = self.random.randint(1, record.version)
            state = await engine.rollback_workflow(workflow_id, version)
            assert state.version == record.version + 1
            assert len(rows) >= len(state.tasks)

    async def _signal(self, engine: WorkflowOrchestrator, workflow_id: str) -> None:
        """Events come early, late, twice, or after the end."""
        found = await self.kept.workflow(workflow_id)
        assert found is not None
        for task in definition_of(found.definition).tasks:
            if "signal" in task.metadata:
                await asyncio.sleep(self.random.choice(LATE))
                name = task.metadata["signal"]
                await engine.signal_workflow(workflow_id, name, value=name)

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
            if self.random.random() < 0.3:
                with contextlib.suppress(QuarterdeckError):
                    await engine.rollback_workflow(
                        workflow_id, self.random.randint(1, state.version)
                    )
                await engine.start_workflow(workflow_id)
            else:
                await engine.resume_workflow(workflow_id)
        except QuarterdeckError as fault:
            # It may end while one is about to steer it: that must be said, and nothing else.
            if fault.code != "illegal_transition" and not isinstance(fault, OrchestrationError):
                raise

    async def _fan_out(self, context: TaskExecutionContext) -> FanOut:
        await asyncio.sleep(0)
        return children_of(self.random, context.task_def)

    async def _execute(self, disk: Disk, context: TaskExecutionContext) -> Any:
        """One attempt, looked at closely."""
        return await self._watched(disk, context, self._outcome)

    async def _watched(
        self,
        disk: Disk,
        context: TaskExecutionContext,
        work: Callable[[TaskExecutionContext], Awaitable[Any]],
        *,
        adopted: bool = False,
    ) -> Any:
        if disk.dead:
            raise Cut
        try:
            await self._check(context, adopted=adopted)
        except AssertionError as fault:
            self.faults.append(fault)
        self.at_work += not context.task_def.slotless
        if self.at_work > PARALLEL:
            self.faults.append(AssertionError(f"{self.at_work} at once"))
        try:
            return await work(context)
        except AssertionError as fault:
            self.faults.append(fault)
            raise
        finally:
            self.at_work -= not context.task_def.slotless

    async def _check(self, context: TaskExecutionContext, *, adopted: bool) -> None:
        key = context.idempotency_key
        self.begun[key] += not adopted
        assert self.begun[key] == 1, f"{key} was begun {self.begun[key]} times"
        found = await self.kept.task(context.workflow_id, context.task_def.task_id)
        assert found is not None
        on_disk = (found.status, found.attempt)
        assert on_disk == (TaskStatus.RUNNING, context.attempt), f"{key} runs, on disk {on_disk}"
        for previous in context.previous_results:
            row = await self.kept.task(context.workflow_id, previous["task_id"])
            assert row is not None
            if row.agent_type != FAN:
                assert previous["result"]["data"] == json.loads(row.result or "")

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
        assert self.engine is not None
        self.engine.closing = True
        tail = self.disk.crash()
        self.loop.bury()
        self.outside.engine_gone()

        async def land() -> None:
            for changes in tail:
                with contextlib.suppress(QuarterdeckError):
                    await self.kept.commit(changes)

        self.loop.live(land())

    async def _judge(self) -> None:
        """Nothing lost, nothing twice, nothing leaked, versions only grow."""
        assert self.engine is not None
        if self.faults:
            raise self.faults[0]
        for workflow_id in (*self.ids, *self.outside.nested):
            await self._judge_one(workflow_id)
        machine = self.engine._machine
        assert (machine.running, machine.runs, self.at_work) == (0, {}, 0)
        left = [key for key, one in self.outside.processes.items() if not one.over]
        assert (left, self.outside.standing) == ([], set())

    async def _judge_one(self, workflow_id: str) -> None:
        found = await self.kept.instance(workflow_id)
        if found is None and workflow_id in self.outside.nested:
            return  # the crash came before it was created
        assert found is not None
        record, rows = found
        assert self.engine is not None
        lease = record.lease  # one that a crash left of what had ended expires by itself
        assert lease is None or lease == self.leases.get(workflow_id), "a lease is left"
        changes = await self.kept.changes(workflow_id)
        judge_rows(record, rows, changes, await self.kept.attempts(workflow_id))


class _Watched:
    """An executor that adopts, with somebody who looks at what it is given."""

    def __init__(self, inner: KeptExecutor, watched: Callable[..., Awaitable[Any]]) -> None:
        self._inner = inner
        self._watched = watched

    async def execute(self, context: TaskExecutionContext) -> Any:
        """Begin."""
        return await self._watched(context, self._inner.execute)

    async def adopt(self, context: TaskExecutionContext) -> Any:
        """Go on."""
        return await self._watched(context, self._inner.adopt, adopted=True)
