"""Why a task waits, in words."""

from __future__ import annotations

from .items import Agent, Item, Need
from .machine import Machine
from .model import ENDED, TaskState


def reason(machine: Machine, item: Item, now: float) -> str:
    """Why the item does not run; ``""`` if it runs or has ended."""
    task = item.task
    if task.state in ENDED or item.agent is not None:
        return ""
    if task.state is TaskState.PENDING:
        return f"waits for {_some(sorted(item.needed), 'task')}"
    if task.state is TaskState.RETRYING and item.clock_timer is not None:
        return f"attempt {task.attempt + 1} in {max(0.0, item.clock_timer.at - now):.1f} s"
    if item.need is not None and (why := _need(machine, item.need)):
        return why
    if machine.running >= machine.config.max_concurrent_tasks:
        return f"{machine.running} tasks run, as many as may"
    return "others are before it"


def _need(machine: Machine, need: Need) -> str:
    """Why nobody could take it at present; ``""`` if somebody could."""
    if not machine.placing.agents:
        return "no agent is registered"
    if not need.agents:
        return _nobody(machine, need)
    alive = [agent for agent in need.agents if agent.alive]
    if not alive:
        return f"{_some([agent.id for agent in need.agents], 'agent')} silent"
    return _taken(need, alive)


def _taken(need: Need, alive: list[Agent]) -> str:
    """Which slots that it needs are all taken; ``""`` if some are free."""
    for group in need.groups:
        if not group.free:
            return f"group {group.name} has {group.running} of {group.limit} slots taken"
    free = [agent for agent in alive if len(agent.running) < agent.size]
    if not free:
        return f"{_some([agent.id for agent in alive], 'agent')} busy, every slot taken"
    if not any(agent.ready for agent in free):
        full = sorted({group.name for agent in free for group in agent.groups if not group.free})
        return f"{_some(full, 'group')} full"
    return ""


def _nobody(machine: Machine, need: Need) -> str:
    if need.binding is not None and need.binding not in machine.placing.agents:
        return f"the agent {need.binding} is not registered"
    wanted = need.capabilities or {need.task_type}
    has: set[str] = set()
    for agent in machine.placing.agents.values():
        has |= agent.capacity.capabilities
    missing = sorted(wanted - has)
    if need.binding is not None:
        return f"the agent {need.binding} lacks {_some(sorted(wanted), 'capability')}"
    if missing:
        return f"no agent with {_some(missing, 'capability')}"
    return f"no agent with all of {', '.join(sorted(wanted))}"


def _some(names: list[str], kind: str) -> str:
    shown = ", ".join(names[:3])
    plural = {"capability": "capabilities"}.get(kind, f"{kind}s")
    if len(names) > 3:
        return f"{plural} {shown} and {len(names) - 3} more"
    return f"{kind if len(names) == 1 else plural} {shown}"
