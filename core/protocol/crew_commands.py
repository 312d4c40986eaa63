"""Commands about the crew: what holds work back, and what lets it go on."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from .crew_views import VoteChoice
from .payload import Payload

Name = Annotated[str, Field(min_length=1, max_length=300)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]


class ShowCrew(Payload):
    """Agents with load and reasons, breakers, limits, budgets, locks, sagas, votes, the halt."""

    type: ClassVar[str] = "crew.show"


class ShowSafety(Payload):
    """The halt, rules, violations, breakers, limits, budgets."""

    type: ClassVar[str] = "safety.show"


class ResetBreaker(Payload):
    """Close a circuit breaker now."""

    type: ClassVar[str] = "crew.reset_breaker"
    name: Name


class GrantBudget(Payload):
    """Allow ``more`` beyond the limit of one account; who waits for it goes on."""

    type: ClassVar[str] = "crew.grant"
    name: Name
    key: Name
    more: Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]


class Halt(Payload):
    """Halt: nothing is dispatched until it is reset."""

    type: ClassVar[str] = "crew.halt"
    reason: Reason


class ResetHalt(Payload):
    """Go on after a halt."""

    type: ClassVar[str] = "crew.reset_halt"


class CastVote(Payload):
    """A person's vote on a proposal."""

    type: ClassVar[str] = "crew.vote"
    proposal_id: Name
    choice: VoteChoice
    reason: Annotated[str, Field(max_length=1000)] = ""


class ReleaseLock(Payload):
    """Take a lock from its holder; the next waiter gets it, the former holder's token is void."""

    type: ClassVar[str] = "crew.release_lock"
    resource: Name


class ResumeSaga(Payload):
    """Try the compensations of a saga again whose undoing failed."""

    type: ClassVar[str] = "crew.resume_saga"
    saga_id: Name


CREW_PAYLOADS: tuple[type[Payload], ...] = (
    ShowCrew, ShowSafety, ResetBreaker, GrantBudget, Halt, ResetHalt, CastVote, ReleaseLock,
    ResumeSaga,
)  # fmt: skip
"""The payloads of this module."""
