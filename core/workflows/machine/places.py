"""Places on agents: tasks that run on one wait here until it has room, and hold a slot of it then.

It is the other half of the ready queue, over the placing of ``core.scheduling``: told what waits and what
ends, it says which task goes next, and to whom. It does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from ...base.clock import Clock, Random
from ...base.priority import Priority
from ...base.retry import RetryPolicy
from ...scheduling.ageing import Ageing
from ...scheduling.items import Agent, Item, Key, Need
from ...scheduling.model import AgentCapacity, LoadBalanceStrategy, Task
from ...scheduling.placing import Placing
from ...scheduling.reasons import need_reason
from ...scheduling.strategies import strategy
from .ready import Entry
from .run import Run

AGEING_SECONDS = 60.0
ONCE = RetryPolicy(1)
"""Retries are the workflow's; what waits here is one attempt."""


@dataclass(frozen=True, slots=True)
class Want:
    """What a task wants of its place.

    It goes to ``agent``; or to one of ``among`` that has every one of ``capabilities``, preferably to
    ``affinity``. It takes a slot of each of ``groups`` too. ``left_out`` says who is not among them and
    why, where that is not plain; ``nobody``, why there is none to choose from.
    """

    agent: str | None = None
    among: AbstractSet[str] = frozenset()
    capabilities: AbstractSet[str] = frozenset()
    affinity: str | None = None
    groups: tuple[str, ...] = ()
    left_out: str = ""
    nobody: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A task that waits (``agent`` is empty), or runs on an agent, since then."""

    run: Run
    task: int
    since: datetime
    priority: Priority
    need: Need | None
    agent: str = ""


Wants = Callable[[Run, int], Want]


def _nobody_looks() -> None:
    """Changes are of no interest."""


class Places:
    """Agents, what runs on them, and what waits. ``wants`` is asked what a task wants when it comes.

    ``changed`` is called after every change, and must be quick. Entries count only while they are
    their run's, as in the ready queue.
    """

    def __init__(
        self,
        name: LoadBalanceStrategy,
        random: Random,
        clock: Clock,
        wants: Wants,
        *,
        ageing: float | None = AGEING_SECONDS,
    ) -> None:
        self.strategy = name
        self.changed: Callable[[], None] = _nobody_looks
        self._placing = Placing(strategy(name, random))
        self._ageing = Ageing(ageing)
        self._clock = clock
        self._wants = wants
        self._waiting: dict[tuple[Run, int], Item] = {}
        self._held: dict[tuple[Run, int], Item] = {}
        self._since: dict[Item, datetime] = {}
        self._wanted: dict[Item, Want] = {}
        self._avoided: dict[tuple[Run, int], set[str]] = {}

    def __len__(self) -> int:
        """How many wait, those that don't count any more included."""
        return len(self._waiting)

    # ---- agents --------------------------------------------------------------------------------

    def add_agent(self, capacity: AgentCapacity) -> None:
        """Take in an agent."""
        self._placing.add_agent(capacity)
        self.changed()

    def agents(self) -> list[Agent]:
        """Every agent, in the order in which they came."""
        return list(self._placing.agents.values())

    def set_limit(self, group: str, limit: int | None) -> None:
        """How many tasks of a group may run at once."""
        self._placing.set_limit(group, limit)
        self.changed()

    def limits(self) -> Iterator[tuple[str, int, int]]:
        """Groups that are bounded: name, limit, how many run."""
        for group in self._placing.groups.values():
            if group.limit is not None:
                yield group.name, group.limit, group.running

    def set_others(self, name: str, count: int) -> bool:
        """Let ``count`` slots of an agent be taken by what was not placed here; whether that is new."""
        agent = self._placing.agents.get(name)
        if agent is None or agent.others == count:
            return False
        self._placing.set_others(agent, count)
        self.changed()
        return True

    def close(self, name: str, why: str) -> bool:
        """Let an agent take nothing more while ``why`` is not empty; whether that is new."""
        agent = self._placing.agents.get(name)
        if agent is None or agent.closed == why:
            return False
        self._placing.close(agent, why)
        self.changed()
        return True

    # ---- what waits ----------------------------------------------------------------------------

    def enter(self, entry: Entry) -> None:
        """Let a task wait for its place; one that waits already stays where it is."""
        sequence, since, level, deadline, run, task = entry
        known = self._waiting.get((run, task))
        if known is not None:
            known.task.payload = entry
            return
        want = self._wants(run, task)
        avoided: AbstractSet[str] = self._avoided.get((run, task), frozenset())
        made = Task(
            "",
            entry,
            Priority(level),
            required_capabilities=want.capabilities,
            agent_id=want.agent,
            among=want.among - avoided or want.among,
            affinity=want.affinity,
            groups=want.groups,
            task_id=f"{run.id}/{task}",
        )
        item = Item(made, sequence, ONCE)
        item.deadline = deadline
        item.need = self._placing.need_of(made)
        self._waiting[run, task] = item
        self._wanted[item] = want
        self._since[item] = self._clock.now()
        self._placing.queue(item)
        self._ageing.enter(item, since)
        self.changed()

    def first(self, now: float) -> tuple[Key, Entry] | None:
        """The most urgent task that could be placed now, and its place in the order of dispatch."""
        for item in self._ageing.risen(now):
            self._placing.queue(item)
            self._ageing.enter(item, now)
        while (found := self._placing.first()) is not None:
            entry: Entry = found.task.payload
            run, task = entry[4], entry[5]
            mine: bool = run.entries[task] is entry
            if mine:
                return found.key, entry
            self.withdraw(run, task)
        return None

    def take(self, run: Run, task: int) -> str:
        """Give the task that is the first its place; the agent's name."""
        found = self._placing.next()
        assert found is not None  # noqa: S101  # it was the first this moment
        item, agent = found
        del self._waiting[run, task], self._wanted[item]
        self._hold(run, task, item, agent)
        return agent.id

    def withdraw(self, run: Run, task: int) -> None:
        """The task does not wait any more; one that doesn't is left alone."""
        item = self._waiting.pop((run, task), None)
        if item is not None:
            self._placing.unqueue(item)
            del self._since[item], self._wanted[item]
            self.changed()

    # ---- agents that may not take it now ---------------------------------------------------------

    def others(self, run: Run, task: int, name: str) -> bool:
        """Whether some agent could take the task, but ``name`` and those that it avoids."""
        want = self._wants(run, task)
        left = want.among - self._avoided.get((run, task), frozenset()) - {name}
        agents = self._placing.agents
        return any(
            one in agents and want.capabilities <= agents[one].capacity.capabilities for one in left
        )

    def avoid(self, run: Run, task: int, name: str) -> bool:
        """Look for another agent than ``name`` for the task; ``False``, and nothing, if there is none."""
        if not self.others(run, task, name):
            return False
        self._avoided.setdefault((run, task), set()).add(name)
        return True

    def avoids(self, run: Run, task: int) -> bool:
        """Whether the task avoids agents."""
        return (run, task) in self._avoided

    def forgive(self, run: Run, task: int) -> bool:
        """Let every agent take the task again; whether there was any that it avoided."""
        return self._avoided.pop((run, task), None) is not None

    # ---- what runs -----------------------------------------------------------------------------

    def occupy(self, run: Run, task: int, name: str) -> None:
        """A task runs on an agent already: take the slots, free or not."""
        agent = self._placing.agents.get(name)
        if agent is None or (run, task) in self._held:
            return
        want = self._wants(run, task)
        made = Task("", agent_id=name, groups=want.groups, task_id=f"{run.id}/{task}")
        item = Item(made, 0, ONCE)
        item.need = self._placing.need_of(made)
        self._hold(run, task, item, agent)

    def _hold(self, run: Run, task: int, item: Item, agent: Agent) -> None:
        self._placing.occupy(item, agent)
        self._held[run, task] = item
        self._since[item] = self._clock.now()
        self.changed()

    def count(self, run: Run, task: int, *, good: bool) -> None:
        """The attempt that holds a place has ended, well or not."""
        item = self._held.get((run, task))
        if item is not None and item.agent is not None:
            item.agent.completed += good
            item.agent.failed += not good

    def release(self, run: Run, task: int) -> None:
        """The task gives its place back; one that has none is left alone."""
        item = self._held.pop((run, task), None)
        if item is not None:
            del self._since[item]
            self._placing.release(item)
            self.changed()

    # ---- looking -------------------------------------------------------------------------------

    def waiting(self) -> list[Placed]:
        """What waits, in the order of dispatch."""
        items = sorted(self._waiting.items(), key=lambda pair: pair[1].key)
        return [
            Placed(run, task, self._since[item], Priority(item.level), item.need)
            for (run, task), item in items
            if run.entries[task] is item.task.payload
        ]

    def needs(self) -> set[Need]:
        """What the waiting ones want, each once."""
        return {item.need for item in self._waiting.values() if item.need is not None}

    def placed(self) -> list[Placed]:
        """What runs, in the order in which it was placed."""
        return [
            Placed(run, task, self._since[item], item.task.priority, item.need, agent.id)
            for (run, task), item in self._held.items()
            if (agent := item.agent) is not None
        ]

    def agent_of(self, run: Run, task: int) -> str:
        """The agent that a task runs on; empty if it has no place."""
        item = self._held.get((run, task))
        return "" if item is None or item.agent is None else item.agent.id

    def need_of(self, run: Run, task: int) -> Need | None:
        """What a waiting task has in common with others; ``None`` if it does not wait."""
        item = self._waiting.get((run, task))
        return None if item is None else item.need

    def reason(self, need: Need) -> str:
        """Why nobody takes what has this need; ``""`` if somebody could."""
        return need_reason(self._placing, need)

    def reason_of(self, run: Run, task: int) -> str:
        """Why nobody takes a waiting task, and who is left out; ``""`` if somebody could take it."""
        item = self._waiting.get((run, task))
        if item is None or item.need is None or not (why := self.reason(item.need)):
            return ""
        want = self._wanted[item]
        said = (want.nobody or why, want.left_out)
        return "; ".join(part for part in said if part)


def urgency(entry: Entry) -> Key:
    """A ready task's place in the order of dispatch."""
    sequence, _, level, deadline, _, _ = entry
    return level, deadline, sequence
