"""Whatever happens in whatever order: slots never leak, none is given twice, nothing is forgotten."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quarterdeck.core.base.clock import Random
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.scheduling.decisions import Start
from quarterdeck.core.scheduling.machine import Machine
from quarterdeck.core.scheduling.model import (
    ENDED,
    AgentCapacity,
    LoadBalanceStrategy,
    Task,
    TaskSchedulerConfig,
    TaskState,
)
from quarterdeck.core.scheduling.reasons import reason

NAMES = ["a", "b", "c"]
TYPES = ["x", "y"]
LIMIT, GROUP = 4, 2


class Scheduling(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.tasks: list[Task] = []
        self.attempts: dict[str, set[int]] = {}

    @property
    def machine(self) -> Machine:
        if not hasattr(self, "_machine"):
            self._machine = Machine(
                TaskSchedulerConfig(
                    load_balance_strategy=self.kind,
                    max_concurrent_tasks=LIMIT,
                    max_queue_size=12,
                    default_timeout_seconds=5.0,
                    retry_policy=RetryPolicy(2, 1.0),
                    heartbeat_timeout_seconds=8.0,
                    ageing_seconds=2.0,
                    max_losses=1,
                    stop_grace_seconds=1.0,
                ),
                Random(1),
            )
            self._machine.placing.set_limit("g", GROUP)
        return self._machine

    kind = LoadBalanceStrategy.LEAST_LOADED

    def settle(self) -> None:
        for decision in self.machine.decide(self.now):
            if isinstance(decision, Start):
                seen = self.attempts.setdefault(decision.task.task_id, set())
                assert decision.attempt not in seen, "an attempt was started twice"
                seen.add(decision.attempt)

    @rule(name=st.sampled_from(NAMES), kinds=st.sets(st.sampled_from(TYPES)), slots=st.integers(1, 3),
          grouped=st.booleans())  # fmt: skip
    def agent_comes(self, name: str, kinds: set[str], slots: int, grouped: bool) -> None:
        if name not in self.machine.placing.agents:
            groups = ("g",) if grouped else ()
            self.machine.add_agent(AgentCapacity(name, kinds, slots, groups=groups), self.now)
        self.settle()

    @rule(name=st.sampled_from(NAMES))
    def agent_goes(self, name: str) -> None:
        if name in self.machine.placing.agents:
            self.machine.remove_agent(name, self.now)
        self.settle()

    @rule(name=st.sampled_from(NAMES))
    def beats(self, name: str) -> None:
        if name in self.machine.placing.agents:
            self.machine.beat(name, self.now)
        self.settle()

    @rule(kind=st.sampled_from(TYPES), priority=st.sampled_from(Priority), grouped=st.booleans(),
          within=st.none() | st.floats(0.0, 6.0), after=st.none() | st.integers(0, 5))  # fmt: skip
    def task_comes(
        self, kind: str, priority: Priority, grouped: bool, within: float | None, after: int | None
    ) -> None:
        if self.machine.waiting >= 12:
            return
        needs = (
            [] if after is None or not self.tasks else [self.tasks[-1 - after % len(self.tasks)]]
        )
        task = Task(
            kind,
            priority=priority,
            groups=["g"] if grouped else [],
            dependencies=[one.task_id for one in needs],
        )
        deadline = None if within is None else self.now + within
        self.machine.add(task, self.now, deadline=deadline)
        self.tasks.append(task)
        self.settle()

    @precondition(lambda self: self.machine.running)
    @rule(which=st.integers(0, 99), good=st.booleans(), twice=st.booleans())
    def attempt_ends(self, which: int, good: bool, twice: bool) -> None:
        running = [item for item in self.machine.items.values() if item.agent is not None]
        task = running[which % len(running)].task
        attempt, kind = task.attempt, None if good else "E"
        assert self.machine.ended(task.task_id, attempt, self.now, error_type=kind)
        if twice:
            assert not self.machine.ended(task.task_id, attempt, self.now)
        self.settle()

    @precondition(lambda self: self.tasks)
    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        self.machine.cancel(self.tasks[which % len(self.tasks)].task_id, self.now)
        self.settle()

    @rule(seconds=st.floats(0.1, 4.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.machine.tick(self.now)
        self.settle()

    @invariant()
    def slots_are_neither_leaked_nor_overcommitted(self) -> None:
        machine = self.machine
        running = [task for task in self.tasks if task.state is TaskState.RUNNING]
        assert machine.running == len(running) <= LIMIT
        assert machine.waiting == sum(
            task.state not in ENDED and task.state is not TaskState.RUNNING for task in self.tasks
        )
        held = 0
        for agent in machine.placing.agents.values():
            assert len(agent.running) <= agent.size
            assert all(item.agent is agent for item in agent.running.values())
            held += len(agent.running)
        assert held == machine.running
        group = machine.placing.groups["g"]
        of_group = sum(
            "g" in task.groups
            or "g" in (machine.item(task.task_id).agent or NOBODY).capacity.groups
            for task in running
        )
        assert group.running == of_group <= GROUP

    @invariant()
    def what_could_run_runs_and_the_rest_says_why_it_does_not(self) -> None:
        for task in self.tasks:
            item = self.machine.item(task.task_id)
            why = reason(self.machine, item, self.now)
            assert bool(why) == (task.state not in ENDED and task.state is not TaskState.RUNNING)
            assert why != "others are before it"

    def teardown(self) -> None:
        for task in self.tasks:
            self.machine.cancel(task.task_id, self.now)
        self.machine.tick(self.now + 100.0)
        assert (self.machine.running, self.machine.waiting) == (0, 0)
        assert all(task.state in ENDED for task in self.tasks)


class _Nobody:
    capacity = AgentCapacity("nobody")


NOBODY = _Nobody()

TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
