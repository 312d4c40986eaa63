"""Steering the crew: budgets, breakers, locks, sagas, votes, the halt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.protocol.commands import Payload
from ...core.protocol.crew_commands import (
    CastVote,
    GrantBudget,
    Halt,
    ReleaseLock,
    ResetBreaker,
    ResetHalt,
    ResumeSaga,
)
from ...core.protocol.crew_views import BudgetView, VoteChoice
from ..bridge import Bridge
from ..model.about import short_id
from ..model.crew.desk import Found
from ..model.crew.locks import is_open
from ..model.crew.words import DECIDED, amount, words
from ..model.words import clean
from .base import Handler, Handlers
from .sure import Question, make_sure

REASON = 1000


class CrewControl:
    """What can be done to what the cursor stands on; ``found`` gives it."""

    def __init__(self, bridge: Bridge, found: Callable[[], Found]) -> None:
        self._bridge = bridge
        self._found = found

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            "crew.grant": Handler(self.grant, self._no_budget),
            "crew.reset_breaker": Handler(self.reset_breaker, self._no_breaker),
            "crew.release_lock": Handler(self.release_lock, self._no_lock),
            "crew.resume_saga": Handler(self.resume_saga, self._no_saga),
            "crew.approve": Handler(partial(self.vote, VoteChoice.APPROVE), self._no_proposal),
            "crew.reject": Handler(partial(self.vote, VoteChoice.REJECT), self._no_proposal),
            "crew.abstain": Handler(partial(self.vote, VoteChoice.ABSTAIN), self._no_proposal),
            "crew.halt": Handler(self.halt, self._cant_halt),
            "crew.reset_halt": Handler(self.reset_halt, self._not_halted),
        }

    # ---- what holds work back

    def grant(self) -> None:
        """Ask how much more."""
        budget = self._found().budget
        if budget is None:
            return
        from ..dialogs.ask import AskDialog  # noqa: PLC0415 - start-up time

        spent, limit = amount(budget.spent, budget.unit), amount(budget.limit, budget.unit)
        name = f"{clean(budget.name, 60)} {clean(budget.key, 60)}"
        dialog = AskDialog(
            self._bridge, f"Grant more of {name}",
            text=f"{spent} of {limit} {words(budget.unit)} spent. What waits for it goes on.",
            label=f"How much more, in {words(budget.unit)}", verb="grant",
            read=partial(read_grant, budget), value=f"{budget.limit:g}",
        )  # fmt: skip
        self._bridge.host.open(dialog, partial(self._ended, f"Granted more of {name}."))

    def reset_breaker(self) -> None:
        """Close it now."""
        breaker = self._found().breaker
        if breaker is not None:
            name = clean(breaker.about or breaker.name)
            self._send(ResetBreaker(name=breaker.name), f"Closed the breaker of {name}.")

    # ---- coordination

    def release_lock(self) -> None:
        """Take it from its holder, once confirmed."""
        lock = self._found().lock
        if lock is None:
            return
        name, holder = clean(lock.resource, 80), clean(lock.holder, 60)
        after = f"{clean(lock.waiters[0], 60)} gets it." if lock.waiters else "Nobody waits for it."
        question = Question(
            "crew.release_lock", f"Take {name} from {holder}?",
            f"{holder} may be in the middle of something; its token is void then. {after}",
            "take it",
        )  # fmt: skip
        wish, said = ReleaseLock(resource=lock.resource), f"Took {name} from {holder}."
        make_sure(self._bridge, question, partial(self._send, wish, said))

    def resume_saga(self) -> None:
        """Undo once more."""
        saga = self._found().saga
        if saga is not None:
            told = f"Undoing {clean(saga.name)} {short_id(saga.id)} once more."
            self._send(ResumeSaga(saga_id=saga.id), told)

    def vote(self, choice: VoteChoice) -> None:
        """Cast a person's vote."""
        proposal = self._found().proposal
        if proposal is not None:
            wish = CastVote(proposal_id=proposal.id, choice=choice)
            self._send(wish, f"Voted to {choice.value}: {clean(proposal.question, 80)}")

    # ---- the halt

    def halt(self) -> None:
        """Ask why."""
        from ..dialogs.ask import AskDialog  # noqa: PLC0415 - start-up time

        dialog = AskDialog(
            self._bridge, "Halt everything?",
            text="Nothing more is dispatched until the halt is ended; what runs goes on.",
            label="Reason", verb="halt", read=read_reason,
        )  # fmt: skip
        self._bridge.host.open(dialog, partial(self._ended, "Halted."))

    def reset_halt(self) -> None:
        """Go on."""
        self._send(ResetHalt(), "The halt is over.")

    def _ended(self, said: str, done: bool | None) -> None:
        if done:
            self._bridge.host.tell(said)

    def _send(self, wish: Payload, said: str) -> None:
        def done(_result: dict[str, Any]) -> None:
            self._bridge.host.tell(said)

        self._bridge.send(wish, then=done)

    # ---- why not

    def _no_budget(self) -> str | None:
        return None if self._found().budget else "Go to a budget first, in the limits."

    def _no_breaker(self) -> str | None:
        breaker = self._found().breaker
        if breaker is None:
            return "Go to a circuit breaker first, in the limits."
        return "It is closed already." if breaker.state == "closed" else None

    def _no_lock(self) -> str | None:
        return None if self._found().lock else "Go to a lock first."

    def _no_saga(self) -> str | None:
        saga = self._found().saga
        if saga is None:
            return "Go to a saga first, where the locks are."
        stuck = saga.status == "compensation_failed"
        return None if stuck else f"It is {words(saga.status)}; there is nothing to undo again."

    def _no_proposal(self) -> str | None:
        proposal = self._found().proposal
        if proposal is None:
            return "Go to a proposal first, where the locks are."
        return None if is_open(proposal) else f"It is decided: {DECIDED[proposal.status][0]}."

    def _cant_halt(self) -> str | None:
        halted = self._bridge.view.halt is not None
        return "It is halted already; <crew.reset_halt> ends the halt." if halted else None

    def _not_halted(self) -> str | None:
        return None if self._bridge.view.halt is not None else "Nothing is halted."


def read_grant(budget: BudgetView, text: str) -> GrantBudget | str:
    """So much more, or what is wrong with it."""
    try:
        more = float(text)
    except ValueError:
        return "How much more? A number."
    if not 0 < more < float("inf"):
        return "It has to be more than nothing."
    return GrantBudget(name=budget.name, key=budget.key, more=more)


def read_reason(text: str) -> Halt | str:
    """The halt, or that it lacks a reason."""
    return Halt(reason=text[:REASON]) if text else "Why? Whoever finds it halted wants to know."
