"""Why a task waits, in words."""

from __future__ import annotations

from ..base.listed import listed
from .items import Agent, Group, Item, Need
from .machine import Machine
from .model import ENDED, TaskState
from .placing import Placing

SHOWN = 3


def reason(machine: Machine, item: Item, now: float) -> str:
    """Why the item does not run; ``""`` if it runs or has ended."""
    task = item.task
    if task.state in ENDED or item.agent is not None:
        return ""
    if task.state is TaskState.PENDING:
        return f"waits for {_some(sorted(item.needed), 'task')}"
    if task.state is TaskState.RETRYING and item.clock_timer is not None:
        return f"attempt {task.attempt + 1} in {max(0.0, item.clock_timer.at - now):.1f} s"
    if item.need is not None and (why := need_reason(machine.placing, item.need)):
        return why
    if machine.running >= machine.config.max_concurrent_tasks:
        return f"{machine.running} tasks run, as many as may"
    return "others are before it"


def need_reason(placing: Placing, need: Need) -> str:
    """Why nobody could take what has this need at present; ``""`` if somebody could."""
    if not placing.agents:
        return "no agent is registered"
    if not need.agents:
        return _nobody(placing, need)
    alive = [agent for agent in need.agents if agent.alive]
    if not alive:
        return f"{_some([agent.id for agent in need.agents], 'agent')} silent"
    return _taken(need, alive)


def _taken(need: Need, alive: list[Agent]) -> str:
    """Which slots that it needs are all taken; ``""`` if some are free."""
    for group in need.groups:
        if not group.free:
            return f"{group.name} is full ({_share(group)})"
    if any(agent.ready for agent in alive):
        return ""
    if len(alive) == 1:
        return _why(alive[0])
    return f"all are taken: {listed([f'{agent.id} {_load(agent)}' for agent in alive], SHOWN)}"


def _why(agent: Agent) -> str:
    """Why an agent takes nothing."""
    if agent.closed:
        return f"{agent.id} {agent.closed}"
    if len(agent.running) + agent.others >= agent.size:
        return f"{agent.id} has {_load(agent)} running" + (
            f", {agent.others} of them by hand" if agent.others else ""
        )
    full = next(group for group in agent.groups if not group.free)
    return f"{full.name} is full ({_share(full)})"


def _load(agent: Agent) -> str:
    if agent.closed:
        return agent.closed
    full = next((group for group in agent.groups if not group.free), None)
    if full is not None and len(agent.running) + agent.others < agent.size:
        return f"({full.name} is full, {_share(full)})"
    return f"{len(agent.running) + agent.others} of {agent.size}"


def _share(group: Group) -> str:
    return f"{group.running} of {group.limit}"


def _nobody(placing: Placing, need: Need) -> str:
    if need.binding is not None and need.binding not in placing.agents:
        return f"the agent {need.binding} is not registered"
    if need.among and not need.among & placing.agents.keys():
        return "no agent that could do it is there"
    wanted = need.capabilities or {need.task_type}
    has: set[str] = set()
    for agent in placing.agents.values():
        if not need.among or agent.id in need.among:
            has |= agent.capacity.capabilities
    missing = sorted(wanted - has)
    if need.binding is not None:
        return f"the agent {need.binding} lacks {_some(sorted(wanted), 'capability')}"
    if missing:
        return f"no agent with {_some(missing, 'capability')}"
    return f"no agent with all of {', '.join(sorted(wanted))}"


def _some(names: list[str], kind: str) -> str:
    plural = {"capability": "capabilities"}.get(kind, f"{kind}s")
    return f"{kind if len(names) == 1 else plural} {listed(names, SHOWN)}"
