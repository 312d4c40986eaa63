"""Playing a machine: random graphs, random outcomes, and what must hold after every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.base.retry import RetryPolicy
from quarterdeck.core.workflows.definition import OnFailure, TaskDefinition, WorkflowDefinition
from quarterdeck.core.workflows.machine import (
    Machine,
    Outcome,
    Run,
    Start,
    Stop,
    StopReason,
    restore,
    snapshot,
)
from quarterdeck.core.workflows.plan import Plan, compile_plan
from quarterdeck.core.workflows.statuses import (
    DONE,
    ENDED,
    TASK_MOVES,
    TaskStatus,
    WorkflowStatus,
)

MOST_STEPS = 5000
OUTCOMES = [Outcome.SUCCEEDED] * 6 + [Outcome.FAILED] * 2 + [Outcome.CONDITION, Outcome.LOST]


def random_definition(random: Random, *, most: int = 12, plain: bool = False) -> WorkflowDefinition:
    """A workflow with up to ``most`` tasks, in a random order, under random rules."""
    count = random.randint(1, most)
    finals = 0 if plain else random.choice([0, 0, 1, 2])
    tasks = []
    for at in range(count):
        final = at >= count - finals and at > 0
        needs = [f"t{one}" for one in range(at) if random.random() < 2 / count]
        tasks.append(
            TaskDefinition(f"t{at}", "a", "x", needs)
            if plain
            else TaskDefinition(
                f"t{at}",
                "a",
                "x",
                needs,
                retry_policy=random.choice(
                    [None, RetryPolicy(3, 1.0, jitter=0.5), RetryPolicy(2, 0.0)]
                ),
                timeout=random.choice([None, None, 5.0]),
                allow_failure=random.random() < 0.2,
                priority=random.choice(list(Priority)),
                group=random.choice([None, None, "g", "h"]),
                slotless=random.random() < 0.15,
                final=final,
            )
        )
    random.shuffle(tasks)
    return WorkflowDefinition(
        "w",
        tasks,
        on_failure=random.choice(list(OnFailure)),
        limit=random.choice([None, 1, 2, 3]),
        groups={"g": 2},
    )


@dataclass
class Play:
    """A machine with one run, a virtual clock, and the attempts that are under way."""

    random: Random
    definition: WorkflowDefinition
    limit: int | None = None
    now: float = 0.0
    starts: list[str] = field(default_factory=list)
    under_way: dict[tuple[int, int], Start] = field(default_factory=dict)
    stops: dict[tuple[int, int], StopReason] = field(default_factory=dict)
    terminal: Counter[str] = field(default_factory=Counter)
    ended: int = 0

    def __post_init__(self) -> None:
        self.machine = Machine(self.limit, ageing=10.0, random=self.random)
        self.plan: Plan = compile_plan(self.definition)
        self.run: Run = self.machine.add("w", self.plan)
        self.seen = list(self.run.tasks)

    def to_the_end(self, *, steering: bool = True) -> None:
        """Play until the run has ended."""
        self.machine.start(self.run, self.now)
        self.look()
        for _ in range(MOST_STEPS):
            if self.run.status in ENDED and not self.under_way:
                break
            self.step(steering=steering)
        else:
            msg = f"no end after {MOST_STEPS} steps: {self.run}"
            raise AssertionError(msg)
        assert all(status in DONE for status in self.run.tasks)
        assert self.machine.running == 0
        assert self.run.running == 0
        assert self.ended == 1
        assert self.machine.take(self.now) is None

    def step(self, *, steering: bool) -> None:
        """Something happens."""
        roll = self.random.random()
        if steering and roll < 0.05:
            self.steer()
        elif self.under_way and roll < 0.7:
            self.end_one()
        elif (start := self.machine.take(self.now)) is not None:
            self.begin(start)
        else:
            self.pass_time()
        self.look()

    def steer(self) -> None:
        """A person intervenes."""
        run, machine = self.run, self.machine
        choice = self.random.randrange(5)
        if run.status in ENDED:
            return
        if choice == 0 and run.status is not WorkflowStatus.PAUSED:
            machine.pause(run, self.now, interrupt=self.random.random() < 0.5)
        elif choice == 1 and run.status is WorkflowStatus.PAUSED:
            machine.resume(run, self.now)
        elif choice == 2 and self.random.random() < 0.2:
            machine.cancel(run, self.now)
        elif choice == 3:
            self.restart()

    def restart(self) -> None:
        """The machine is written down, and another one goes on."""
        self.look()
        kept = snapshot(self.run, self.now)
        self.machine = Machine(self.limit, ageing=10.0, random=self.random)
        self.run = restore(self.machine, kept, self.plan, self.now)
        again = self.machine.drain()
        self.stops = {(stop.task, stop.attempt): stop.reason for stop in again.stops}
        self.seen = list(self.run.tasks)
        self.under_way = {
            (task, self.run.attempts[task]): (self.run, task, self.run.attempts[task])
            for task, status in enumerate(self.run.tasks)
            if status is TaskStatus.RUNNING
        }

    def begin(self, start: Start) -> None:
        """An attempt begins, if it may."""
        run, task, attempt = start
        assert (task, attempt) not in self.under_way
        assert run.status is not WorkflowStatus.PAUSED
        final = self.plan.rules[task].final
        if final:
            others = [one for one, rules in enumerate(self.plan.rules) if not rules.final]
            assert all(run.tasks[one] in DONE for one in others)
        assert all(run.satisfied(need) for need in self.plan.needs[task])
        self.under_way[task, attempt] = start
        self.starts.append(self.plan.ids[task])

    def end_one(self) -> None:
        """An attempt ends, in one way or another."""
        key = self.random.choice(list(self.under_way))
        run, task, attempt = self.under_way.pop(key)
        stopped = self.stops.pop(key, None)
        outcome = self.random.choice(OUTCOMES)
        if stopped is not None and self.random.random() < 0.8:
            outcome = Outcome.STOPPED
        taken = self.machine.ended(run, task, attempt, outcome, self.now, error_type="Boom")
        assert taken
        assert not self.machine.ended(run, task, attempt, outcome, self.now), "twice"

    def pass_time(self) -> None:
        """To the next thing that is due, or a little further."""
        due = self.machine.next_wake()
        if due is None and not self.under_way and self.run.status is WorkflowStatus.PAUSED:
            self.machine.resume(self.run, self.now)
            return
        self.now = max(self.now, due or 0.0) + self.random.choice([0.0, 1.0])
        self.machine.tick(self.now)

    def look(self) -> None:
        """What must always hold."""
        drained = self.machine.drain()
        for stop in drained.stops:
            self.note_stop(stop)
        self.ended += len(drained.ended)
        run, plan = self.run, self.plan
        taking = [
            task
            for task, status in enumerate(run.tasks)
            if status is TaskStatus.RUNNING and not plan.rules[task].slotless
        ]
        assert self.machine.running == run.running == len(taking)
        assert len(taking) <= (plan.limit or len(plan))
        assert len(taking) <= (self.limit or len(plan))
        groups = Counter(plan.rules[task].group for task in taking)
        assert groups["g"] <= 2
        assert groups["h"] <= 1
        for task, status in enumerate(run.tasks):
            if status is not self.seen[task]:
                self.moved(task, self.seen[task], status)
        self.seen = list(run.tasks)

    def note_stop(self, stop: Stop) -> None:
        """A stop is asked for what runs only, and once."""
        key = (stop.task, stop.attempt)
        assert key in self.under_way
        self.stops[key] = stop.reason

    def moved(self, task: int, old: TaskStatus, new: TaskStatus) -> None:
        """A task's status changed: it may not leave a terminal one."""
        assert old not in DONE, f"{self.plan.ids[task]} left {old}"
        if new in DONE:
            self.terminal[self.plan.ids[task]] += 1
        elif {old, new} <= {TaskStatus.PENDING, TaskStatus.READY, TaskStatus.RUNNING}:
            return
        elif old is not TaskStatus.PENDING:
            assert TASK_MOVES.allows(old, new) or old is TaskStatus.RETRYING
