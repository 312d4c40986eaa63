"""How the crew stands: agents and their load, what holds work back, what is locked or voted on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from ..base.priority import Priority
from .view import View


class AgentLoadView(View):
    """An agent as work is placed on it; ``capacity`` is how many pieces of work it takes at once.

    ``groups`` are limits that it shares with others (its provider, a repository). ``state`` is
    ``available``, ``full``, ``open`` (its breaker is), ``silent`` or ``missing`` (its program is).
    """

    name: str
    capabilities: tuple[str, ...] = ()
    capacity: int = 1
    running: int = 0
    waiting: int = 0
    sessions: int = 0
    groups: tuple[str, ...] = ()
    score: float = 100.0
    state: str = "available"
    reason: str = ""
    completed: int = 0
    failed: int = 0


class GroupView(View):
    """A limit that several agents or tasks share."""

    name: str
    limit: int
    running: int = 0
    waiting: int = 0


class WaitingView(View):
    """Work that waits for a place; ``what`` is ``workflow/ID/TASK`` or ``payload/ID/HANDLER``."""

    what: str
    title: str
    reason: str
    priority: Priority = Priority.NORMAL
    deadline: datetime | None = None
    since: datetime


class PlacedView(View):
    """Work that was placed and runs; ``what`` as in WaitingView."""

    what: str
    title: str
    agent: str
    since: datetime


class BreakerView(View):
    """A circuit breaker; ``about`` is ``agent/NAME`` or ``operation/NAME``."""

    name: str
    about: str
    state: str
    failures: int = 0
    threshold: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    last_error: str | None = None


class LimitView(View):
    """A token bucket; ``left`` are the operations it admits now."""

    name: str
    key: str
    rate: float
    burst: float
    left: float
    refused: int = 0


class BudgetView(View):
    """One account of a budget; of ``spent``, ``estimated`` is a guess. ``asked``: a person is asked."""

    name: str
    scope: str
    key: str
    unit: str
    limit: float
    spent: float
    estimated: float = 0.0
    reserved: float = 0.0
    left: float = 0.0
    asked: bool = False


class LockView(View):
    """A lock that is held, ``waiters`` in their order; it ends at ``ends_at`` unless it is renewed."""

    resource: str
    holder: str
    token: int
    since: datetime | None = None
    ttl_seconds: float = 0.0
    ends_at: datetime | None = None
    waiters: tuple[str, ...] = ()


class StepView(View):
    """One step of a saga."""

    name: str
    status: str
    attempts: int = 0
    error: str | None = None


class SagaView(View):
    """A saga that runs, or ended lately."""

    id: str
    name: str
    status: str
    steps: tuple[StepView, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None


class VoteView(View):
    """One vote."""

    voter: str
    choice: str
    weight: float = 1.0
    reason: str = ""


class ProposalView(View):
    """A proposal under vote, or decided lately; ``missing`` have not voted.

    ``quorum`` is how many must have voted, ``threshold`` the share of approvals that is enough.
    """

    id: str
    question: str
    proposer: str = ""
    status: str
    votes: tuple[VoteView, ...] = ()
    missing: tuple[str, ...] = ()
    quorum: int = 0
    threshold: float = 0.0
    deadline: datetime | None = None
    created_at: datetime | None = None


class HaltView(View):
    """The safety halt, while it stands."""

    reason: str
    rule: str = ""
    since: datetime


class ViolationView(View):
    """A rule that an operation broke."""

    at: datetime
    rule: str
    level: str
    operation: str
    message: str
    agent: str = ""


class SafetyView(View):
    """What work is held against, and how that stands; ``constraints`` say what, by their names."""

    halt: HaltView | None = None
    constraints: dict[str, str] = Field(default_factory=dict)
    violations: tuple[ViolationView, ...] = ()
    breakers: tuple[BreakerView, ...] = ()
    limits: tuple[LimitView, ...] = ()
    budgets: tuple[BudgetView, ...] = ()


class VoteChoice(StrEnum):
    """What can be voted."""

    APPROVE = "approve"
    REJECT = "reject"
    ABSTAIN = "abstain"


class CrewView(View):
    """All of it; ``strategy`` is how one of several agents is chosen."""

    strategy: str = "least_loaded"
    agents: tuple[AgentLoadView, ...] = ()
    groups: tuple[GroupView, ...] = ()
    waiting: tuple[WaitingView, ...] = ()
    placed: tuple[PlacedView, ...] = ()
    breakers: tuple[BreakerView, ...] = ()
    limits: tuple[LimitView, ...] = ()
    budgets: tuple[BudgetView, ...] = ()
    locks: tuple[LockView, ...] = ()
    sagas: tuple[SagaView, ...] = ()
    proposals: tuple[ProposalView, ...] = ()
    halt: HaltView | None = None
    violations: tuple[ViolationView, ...] = ()
    constraints: dict[str, str] = Field(default_factory=dict)
