"""A machine of workflows with places on agents, under a clock that is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from quarterdeck.core.base.clock import Random
from quarterdeck.core.scheduling.model import AgentCapacity, LoadBalanceStrategy
from quarterdeck.core.workflows.machine import Machine, Places, Run, Want
from quarterdeck.core.workflows.plan import PLAIN, PlainRules, plan_of
from quarterdeck.core.workflows.statuses import TaskStatus

PLACED = replace(PLAIN, placed=True)
READY, RUNNING = TaskStatus.READY, TaskStatus.RUNNING


@dataclass
class Told:
    """A clock that stands still unless it is told."""

    at: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at


@dataclass
class Harbour:
    """A machine with places, and what its tasks want, by name; ``any`` for whoever has room."""

    clock: Told = field(default_factory=Told)
    wants: dict[str, Want] = field(default_factory=dict)
    strategy: LoadBalanceStrategy = LoadBalanceStrategy.LEAST_LOADED
    limit: int | None = None
    ageing: float | None = None

    def __post_init__(self) -> None:
        self.places = Places(self.strategy, Random(1), self.clock, self._want, ageing=self.ageing)
        self.machine = Machine(self.limit, places=self.places)

    def _want(self, run: Run, task: int) -> Want:
        return self.wants.get(run.plan.ids[task].partition("-")[0], Want(agent="ada"))

    def agent(self, name: str, slots: int = 1, *able: str, groups: tuple[str, ...] = ()) -> None:
        self.places.add_agent(AgentCapacity(name, frozenset(able), slots, groups=groups))

    def begin(self, name: str, rules: dict[str, PlainRules], **terms: object) -> Run:
        plan = plan_of(dict.fromkeys(rules, ()), list(rules.values()))
        for key, value in terms.items():
            setattr(plan, key, value)
        run = self.machine.add(name, plan)
        self.machine.start(run, self.clock.at)
        return run

    def take(self) -> list[str]:
        found = []
        while (start := self.machine.take(self.clock.at)) is not None:
            found.append(start[0].plan.ids[start[1]])
        return found

    def done(self, run: Run, name: str) -> None:
        task = run.plan.index[name]
        assert self.machine.succeeded(run, task, run.attempts[task], self.clock.at)

    def why(self, run: Run, name: str) -> str:
        return self.machine.reason(run, run.plan.index[name])

    def load(self) -> dict[str, int]:
        return {agent.id: len(agent.running) for agent in self.places.agents()}
