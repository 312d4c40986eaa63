"""Placing: needs, agents and groups, and the next task that can be placed.

A decision looks at heads of queues only: of needs that could be served, in the order of dispatch. A
need that can't be is parked at its agents and groups, and looked at again when one has room. So what
a decision costs depends on the agents that could take a task, not on how many tasks wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from .items import Agent, Group, Item, Key, Need, NeedKey
from .model import AgentCapacity, Task
from .strategies import Choose

FEW_NEEDS = 1000


class Placing:
    """Who could take what, and who is next."""

    def __init__(self, choose: Choose) -> None:
        self.agents: dict[str, Agent] = {}
        self.groups: dict[str, Group] = {}
        self._choose = choose
        self._needs: dict[NeedKey, Need] = {}
        self._heads: list[tuple[Key, int, Need]] = []
        self._entered = 0
        self._order = 0
        self._sweep_at = FEW_NEEDS

    # ---- agents and groups -----------------------------------------------------------------

    def add_agent(self, capacity: AgentCapacity) -> Agent:
        """Take in an agent; what it could do is looked at again."""
        groups = [self.group(name) for name in dict.fromkeys(capacity.groups)]
        agent = Agent(capacity, self._order, groups)
        self._order += 1
        self.agents[agent.id] = agent
        for group in groups:
            group.agents.add(agent)
        for need in self._needs.values():
            if need.fits(agent):
                need.agents.append(agent)
                agent.needs.add(need)
        self._offer(agent.needs)
        return agent

    def remove_agent(self, agent: Agent) -> None:
        """Forget an agent that runs nothing any more."""
        del self.agents[agent.id]
        for need in agent.needs:
            need.agents.remove(agent)
        for group in agent.groups:
            group.agents.discard(agent)

    def group(self, name: str) -> Group:
        """The group of that name, made if it is new."""
        return self.groups.setdefault(name, Group(name))

    def set_limit(self, name: str, limit: int | None) -> None:
        """How many tasks of a group may run at once."""
        group = self.group(name)
        group.limit = limit
        self._group_changed(group)

    def look_at(self, agent: Agent) -> None:
        """Something about an agent has changed."""
        if agent.look():
            self._offer(agent.needs)

    def set_others(self, agent: Agent, count: int) -> None:
        """How many slots of an agent, and of its groups, other work takes, free or not."""
        more = count - agent.others
        agent.others = count
        for group in agent.groups:
            was_free = group.free
            group.running += more
            if group.free is not was_free:
                self._group_changed(group)
        self.look_at(agent)

    def close(self, agent: Agent, why: str) -> None:
        """Let an agent take nothing more while ``why`` is not empty."""
        agent.closed = why
        self.look_at(agent)

    # ---- slots -----------------------------------------------------------------------------

    def occupy(self, item: Item, agent: Agent) -> None:
        """The item takes its slots: of the agent, of its groups and of the agent's."""
        agent.running[item.task.task_id] = item
        item.agent = agent
        for group in _groups_of(item, agent):
            group.running += 1
            if not group.free:
                self._group_changed(group)
        agent.look()

    def release(self, item: Item) -> Agent | None:
        """The item gives its slots back; ``None``, and nothing, if it has none."""
        agent = item.agent
        if agent is None:
            return None
        item.agent = None
        del agent.running[item.task.task_id]
        for group in _groups_of(item, agent):
            was_free = group.free
            group.running -= 1
            if not was_free:
                self._group_changed(group)
        self.look_at(agent)
        return agent

    # ---- queues ----------------------------------------------------------------------------

    def need_of(self, task: Task) -> Need:
        """The need of a task, made if it is new."""
        required, groups = frozenset(task.required_capabilities), tuple(dict.fromkeys(task.groups))
        key = (task.task_type, required, task.agent_id, groups, frozenset(task.among))
        found = self._needs.get(key)
        return found or self._make_need(key)

    def queue(self, item: Item) -> None:
        """Enter an item, or move it to its new place."""
        need = item.need
        if need is None or self._needs.get(need.key) is not need:  # swept while it waited elsewhere
            need = item.need = self.need_of(item.task)
        need.push(item)
        self._enter(need)

    def unqueue(self, item: Item) -> None:
        """Take an item out if it is queued."""
        if item.entry and item.need is not None:
            item.need.drop(item)

    def next(self) -> tuple[Item, Agent] | None:
        """The first item that can be placed, which is then in no queue, and its agent."""
        found = self._first()
        if found is None:
            return None
        item, need, free = found
        heappop(self._heads)
        need.entered = None
        need.drop(item)
        agent = self._preferred(item) if item.task.affinity else None
        self._enter(need)
        return item, agent or self._choose(free)

    def first(self) -> Item | None:
        """The first item that can be placed; it stays where it is."""
        found = self._first()
        return None if found is None else found[0]

    # ---- parts -----------------------------------------------------------------------------

    def _first(self) -> tuple[Item, Need, list[Agent]] | None:
        """The first item that can be placed, whose need is then the first of the heads."""
        while self._heads:
            key, _, need = self._heads[0]
            if need.entered == key:
                item = need.head()
                if item is not None and item.key == key:
                    free = _free(need)
                    if free:
                        return item, need, free
                    need.parked = True
                need.entered = None
                heappop(self._heads)
                self._enter(need)
            else:
                heappop(self._heads)
        return None

    def _preferred(self, item: Item) -> Agent | None:
        agent = self.agents.get(item.task.affinity or "")
        return agent if agent and agent.ready and item.need in agent.needs else None

    def _make_need(self, key: NeedKey) -> Need:
        if len(self._needs) >= self._sweep_at:
            self._sweep()
        need = Need(key, [self.group(name) for name in key[3]])
        for group in need.groups:
            group.needs.add(need)
        for agent in self.agents.values():
            if need.fits(agent):
                need.agents.append(agent)
                agent.needs.add(need)
        self._needs[key] = need
        return need

    def _sweep(self) -> None:
        """Forget needs that no task has any more, and groups that mean nothing then."""
        for need in [need for need in self._needs.values() if not need.live]:
            del self._needs[need.key]
            need.entered = None
            for agent in need.agents:
                agent.needs.discard(need)
            for group in need.groups:
                group.needs.discard(need)
        for group in list(self.groups.values()):
            if group.limit is None and not (group.running or group.needs or group.agents):
                del self.groups[group.name]
        self._sweep_at = max(FEW_NEEDS, 2 * len(self._needs))

    def _group_changed(self, group: Group) -> None:
        if not group.free:
            for agent in group.agents:
                agent.look()
            return
        self._offer(group.needs)
        for agent in group.agents:
            self.look_at(agent)

    def _offer(self, needs: Iterable[Need]) -> None:
        for need in needs:
            if need.parked:
                need.parked = False
                self._enter(need)

    def _enter(self, need: Need) -> None:
        if need.parked:
            return
        item = need.head()
        if item is None:
            need.entered = None
        elif need.entered != item.key:
            need.entered = item.key
            self._entered += 1
            heappush(self._heads, (item.key, self._entered, need))


def _free(need: Need) -> list[Agent]:
    if not all(group.free for group in need.groups):
        return []
    return [agent for agent in need.agents if agent.ready]


def _groups_of(item: Item, agent: Agent) -> set[Group]:
    return {*(item.need.groups if item.need else ()), *agent.groups}
