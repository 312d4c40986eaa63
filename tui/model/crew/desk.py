"""Where the person stands on the crew's screen: which section, on which line; no I/O, no widgets."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from ....core.protocol.attention import AttentionItem
from ....core.protocol.crew_views import (
    BreakerView,
    BudgetView,
    CrewView,
    LockView,
    ProposalView,
    SagaView,
)
from ..about import about
from .limits import budget_key

T = TypeVar("T")


class Section(StrEnum):
    """What the screen has; the names are those of the actions."""

    AGENTS = "agents"
    WORK = "work"
    LIMITS = "limits"
    LOCKS = "locks"
    SAFETY = "safety"


TITLES = {
    Section.AGENTS: "Agents",
    Section.WORK: "Work",
    Section.LIMITS: "Limits",
    Section.LOCKS: "Locks, votes",
    Section.SAFETY: "Safety",
}
HOMES = {
    "agent": Section.AGENTS,
    "group": Section.AGENTS,
    "budget": Section.LIMITS,
    "breaker": Section.LIMITS,
    "limit": Section.LIMITS,
    "lock": Section.LOCKS,
    "saga": Section.LOCKS,
    "proposal": Section.LOCKS,
    "halt": Section.SAFETY,
}
"""The section in which each kind of line stands; work stands under what it is."""


def home_of(key: str) -> Section:
    """The section of a line."""
    return HOMES.get(about(key).kind, Section.WORK)


class Found:
    """What the line ``key`` is about, as the engine said it last."""

    def __init__(self, crew: CrewView | None, key: str) -> None:
        self._crew = crew or CrewView()
        self.key = key
        self.kind = about(key).kind
        self._name = key.partition("/")[2]

    @property
    def budget(self) -> BudgetView | None:
        """The account."""
        found = (one for one in self._crew.budgets if budget_key(one) == self.key)
        return next(found, None)

    @property
    def breaker(self) -> BreakerView | None:
        """The breaker."""
        return self._first(self._crew.breakers, "breaker", lambda one: one.name)

    @property
    def lock(self) -> LockView | None:
        """The lock."""
        return self._first(self._crew.locks, "lock", lambda one: one.resource)

    @property
    def saga(self) -> SagaView | None:
        """The saga."""
        return self._first(self._crew.sagas, "saga", lambda one: one.id)

    @property
    def proposal(self) -> ProposalView | None:
        """The proposal."""
        return self._first(self._crew.proposals, "proposal", lambda one: one.id)

    def _first(self, found: tuple[T, ...], kind: str, name: Callable[[T], str]) -> T | None:
        if self.kind != kind:
            return None
        return next((one for one in found if name(one) == self._name), None)


def item_about(items: list[AttentionItem], key: str) -> AttentionItem | None:
    """The open item about a line."""
    wanted = key.rstrip("/")
    return next((item for item in items if wanted and item.about.rstrip("/") == wanted), None)
