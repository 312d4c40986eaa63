"""A piece of work that is about to begin, and the ticket of one that has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...base.errors import QuarterdeckError
from ...safety.binding import Guarded
from ...safety.breaker import Permit
from ...safety.budgets import BudgetScope, Reservation, Usage

START = "session.start"
HALT = "halt"
"""What work waits for while everything is halted."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What is to begin: ``what`` as in WaitingView, the agent that does it, whose accounts pay.

    ``turns`` is how many turns of the agent it is at least. ``begins_agent``: the agent's breaker has a
    say, and hears how it ends.
    """

    operation: str
    what: str
    agent: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    scopes: Mapping[BudgetScope, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    turns: float = 0.0
    begins_agent: bool = False


class Ticket:
    """Work that may begin, or with ``refusal`` may never. Whoever holds it ends it once."""

    def __init__(
        self,
        wish: Dispatch,
        began: float,
        *,
        refusal: QuarterdeckError | None = None,
        permits: tuple[tuple[Guarded, Permit], ...] = (),
        reservation: Reservation | None = None,
    ) -> None:
        self.wish = wish
        self.began = began
        self.refusal = refusal
        self.permits = permits
        self.reservation = reservation
        self.scopes = dict(wish.scopes)
        self.reported = Usage()
        self.drawn = Usage()

    def report(self, usage: Usage) -> None:
        """The agent says what it has spent, in all; counted when the work has ended."""
        self.reported = usage

    def of_session(self, session_id: str) -> None:
        """The work is done in this session, which has an account, too."""
        self.scopes[BudgetScope.SESSION] = session_id
