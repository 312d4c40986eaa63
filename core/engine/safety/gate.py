"""Attempts of workflows: each asks before it begins, pays when it has ended."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from ...safety.budgets import BudgetScope
from ...safety.monitor import OperationRefused
from ...workflows.definition import ANY
from ...workflows.executors.agent_sessions import SESSION
from ...workflows.executors.children import Child, ChildKind
from ...workflows.executors.desk import named
from ...workflows.files.templates import is_template
from ...workflows.instance import Instance
from ...workflows.machine import Places, Run
from .admissions import Admissions
from .dispatch import START, Dispatch, Ticket
from .errands import Errands

if TYPE_CHECKING:
    from ...workflows.orchestrator import WorkflowOrchestrator

ATTEMPT = "workflow.attempt"
AGENT_TASK = "agent"

_INPUT = re.compile(r"\{\{\s*inputs\.(\w+)\s*\}\}")

Place = tuple[str, str]
"""A workflow's id and a task's."""


class WorkflowGate:
    """The orchestrator's guard. ``rules`` says whether there is anything that work is held against."""

    def __init__(self, admissions: Admissions, errands: Errands) -> None:
        self._admissions = admissions
        self._errands = errands
        self._orchestrator: WorkflowOrchestrator | None = None
        self._tickets: dict[tuple[Run, int], Ticket] = {}
        self._by_place: dict[Place, Ticket] = {}
        self._by_session: dict[str, Place] = {}
        self._waits: dict[tuple[Run, int], dict[str, Hashable]] = {}
        self.rules = False
        self.places: Places | None = None

    def attach(self, orchestrator: WorkflowOrchestrator) -> None:
        """Guard its attempts from now on."""
        self._orchestrator = orchestrator
        orchestrator.guard(self)

    # ---- the machine's gate ----------------------------------------------------------------

    def admits(self, run: Run, task: int) -> bool:
        """Whether the next attempt may begin; one that may not waits until it is asked about again."""
        instance: Instance = run.label
        given = instance.tasks[task]
        if not self.rules and given.agent_type != AGENT_TASK:
            return True
        agent = run.placed.get(task, "")
        others = self.places is not None and self.places.others(run, task, agent)
        key = _key(run, task, agent)
        wish, *then = _dispatches(run, task)
        ticket = self._admissions.decide(
            key, wish, lambda: self._again(run, task), then=then, ask=not others
        )
        waits = self._waits.setdefault((run, task), {})
        if ticket is None:
            waits[agent] = key
            for other in () if others else waits.values():
                self._admissions.ask(other)
            return False
        self._leave_line(run, task)
        if isinstance(ticket.refusal, OperationRefused) and _chooses(instance, task):
            ticket.refusal = OperationRefused(
                f"{ticket.refusal.message} No other agent that could take it may either.",
                **ticket.refusal.details,
            )
        self._hold(run, task, ticket)
        return True

    def forbidden(self, run: Run, task: int, agent: str) -> str:
        """The rule that never lets an agent begin the task; empty if there is none."""
        if not self.rules:
            return ""
        return self._admissions.forbidden(_dispatches(run, task, agent))

    def reason(self, run: Run, task: int) -> str:
        """Why a task that was told to wait does."""
        found = self._waits.get((run, task), {})
        texts = {agent: self._admissions.reason(key) for agent, key in found.items()}
        all_the_same = len(texts) > 1 and len(set(texts.values())) == 1
        if all_the_same or not _chooses(run.label, task):
            return next(iter(texts.values()), "")
        return "; ".join(
            text if agent in text else f"{agent}: {text}" for agent, text in texts.items() if text
        )

    def left(self, run: Run, task: int) -> None:
        """The attempt is over: what is still held for it is given back."""
        ticket = self._tickets.pop((run, task), None)
        if ticket is not None:
            self._admissions.release(ticket)
            self._by_place.pop((run.id, run.plan.ids[task]), None)

    def withdrawn(self, run: Run, task: int) -> None:
        """A task that waited does not want to begin any more, or not in this engine."""
        closing = self._orchestrator is not None and self._orchestrator.closing
        self._leave_line(run, task, asked_on=closing)

    # ---- the runs' guard -------------------------------------------------------------------

    def begins(self, run: Run, task: int, *, adopted: bool) -> Ticket | None:
        """The ticket of an attempt; one that goes on after a restart gets a new one."""
        found = self._tickets.get((run, task))
        if found is not None or not adopted:
            return found
        instance: Instance = run.label
        if not self.rules and instance.tasks[task].agent_type != AGENT_TASK:
            return None
        ticket = self._admissions.resume(_dispatch(run, task))
        self._hold(run, task, ticket)
        child = Child.parse(instance.children.get(task))
        if child is not None and child.kind is ChildKind.SESSION:
            self.bind(child.place, run.id, run.plan.ids[task])
        return ticket

    async def ended(self, given: Any, error: BaseException | None) -> None:
        """The attempt has ended."""
        await self._errands.finish(self._admissions.ended(given, error), "settle")

    # ---- sessions of attempts --------------------------------------------------------------

    def bind(self, session_id: str, workflow_id: str, task_id: str) -> None:
        """An attempt is done in this session."""
        self._by_session[session_id] = (workflow_id, task_id)
        ticket = self._by_place.get((workflow_id, task_id))
        if ticket is not None:
            ticket.of_session(session_id)

    def forget_session(self, session_id: str) -> None:
        """The session is gone."""
        self._by_session.pop(session_id, None)

    def ticket_of(self, session_id: str) -> Ticket | None:
        """The ticket of the attempt that is under way in a session."""
        place = self._by_session.get(session_id)
        return None if place is None else self._by_place.get(place)

    def sessions_of(self, workflow_id: str) -> list[str]:
        """The sessions in which attempts of a workflow were done, or are, as far as they are there."""
        return [one for one, (owner, _) in self._by_session.items() if owner == workflow_id]

    def workflow_of(self, session_id: str) -> str:
        """The workflow for an attempt of which a session is there; empty if it is for none."""
        return self._by_session.get(session_id, ("", ""))[0]

    def is_attempts(self, session_id: str) -> bool:
        """Whether an attempt was, or is, done in a session."""
        return session_id in self._by_session

    # ---- parts -----------------------------------------------------------------------------

    def _hold(self, run: Run, task: int, ticket: Ticket) -> None:
        self._tickets[run, task] = ticket
        self._by_place[run.id, run.plan.ids[task]] = ticket

    def _leave_line(self, run: Run, task: int, *, asked_on: bool = False) -> None:
        for key in self._waits.pop((run, task), {}).values():
            self._admissions.withdraw(key, asked_on=asked_on)

    def _again(self, run: Run, task: int) -> None:
        if self._orchestrator is not None:
            self._orchestrator.readmit(run, task)


def _key(run: Run, task: int, agent: str) -> Hashable:
    return (run.id, run.plan.ids[task], agent)


def _dispatches(run: Run, task: int, agent: str = "") -> list[Dispatch]:
    """The attempt, and the session that it begins with, if it does."""
    whole = _dispatch(run, task, agent)
    given = run.label.tasks[task]
    if given.agent_type != AGENT_TASK or given.metadata.get("mode", SESSION) != SESSION:
        return [whole]
    return [whole, Dispatch(START, whole.what, whole.agent, {"agent": whole.agent})]


def _dispatch(run: Run, task: int, agent: str = "") -> Dispatch:
    """The attempt; ``agent`` is who would do it, where it has no place yet."""
    instance: Instance = run.label  # which does not know its run while that is being taken up
    given = instance.tasks[task]
    metadata = given.metadata
    placed = agent or run.placed.get(task)
    name = placed or str(metadata.get("agent", given.agent_id))
    inputs = _inputs(instance)
    agent = _agent(name, inputs) if given.agent_type == AGENT_TASK else ""
    workflow = str(named(given).get("name", "")) or instance.record.name
    return Dispatch(
        ATTEMPT,
        f"workflow/{instance.id}/{given.task_id}",
        agent,
        {
            "workflow": workflow,
            "task": given.task_id,
            "kind": given.agent_type,
            "agent": agent,
            "priority": int(given.priority),
            "attempt": run.attempts[task] + 1,
            **{f"input.{key}": value for key, value in inputs.items()},
        },
        {BudgetScope.WORKFLOW: instance.id, BudgetScope.GROUP: workflow},
        {"session": "", "client": f"workflow/{instance.id}"},
        turns=1.0 if given.agent_type == AGENT_TASK else 0.0,
        begins_agent=True,
    )


def _chooses(instance: Instance, task: int) -> bool:
    """Whether the task goes to one of several agents."""
    return bool(instance.tasks[task].metadata.get("agent") == ANY)


def _inputs(instance: Instance) -> dict[str, Any]:
    text = instance.record.inputs
    found: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return found


def _agent(name: str, inputs: Mapping[str, Any]) -> str:
    """The agent's name; one that only a former task's result tells is not known before it begins."""
    if not is_template(name):
        return name
    found = _INPUT.fullmatch(name.strip())
    return str(inputs.get(found[1], "")) if found else ""
