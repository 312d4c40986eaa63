"""Whether work may begin: halt, budgets, rules, breakers, limits, in this order; and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence

from ...base.clock import Clock
from ...safety.budgets import Breach, BudgetExceeded, BudgetScope, Usage
from ...safety.checks import Later
from ...safety.model import OperationContext, Violation
from ...safety.monitor import OperationRefused, SafetyMonitor
from ...sessions.keeper.faults import KeeperStartFailed
from ...workflows.executors.faults import AgentCrashed, SessionEnded
from .accounts import PREFIX, Accounts, Place, place_of
from .board import BreakerBoard
from .dispatch import HALT, Dispatch, Ticket
from .estimates import Estimates
from .halting import Halting
from .line import Line, Waiting

BREAKER = "circuit_breaker"
_CRASHES = (AgentCrashed, SessionEnded, KeeperStartFailed)


class Admissions:
    """Decides about each piece of work; what may not begin now waits in the line."""

    def __init__(
        self,
        *,
        monitor: SafetyMonitor,
        board: BreakerBoard,
        halting: Halting,
        accounts: Accounts,
        estimates: Estimates,
        line: Line,
        clock: Clock,
    ) -> None:
        self._monitor = monitor
        self._board = board
        self._halting = halting
        self._accounts = accounts
        self._estimates = estimates
        self._line = line
        self._clock = clock
        self._stopped: dict[Hashable, BudgetExceeded] = {}
        self._unasked: dict[Hashable, Breach] = {}

    def decide(
        self,
        key: Hashable,
        wish: Dispatch,
        wake: Callable[[], None],
        *,
        then: Sequence[Dispatch] = (),
        ask: bool = True,
    ) -> Ticket | None:
        """The ticket; ``None``: it waits as ``key``, and ``wake`` is called when to ask again.

        ``then`` is what the work begins with: where a rule lets that begin later, all of it waits. Without
        ``ask`` nobody is asked for money yet; see ``ask``.
        """
        self._line.leave(key)
        self._unasked.pop(key, None)
        stopped = self._stopped.pop(key, None)
        if stopped is not None:
            return self._ticket(wish, refusal=stopped)
        halt = self._halting.view()
        if halt is not None:
            self._wait(key, Waiting(HALT, f"halted: {halt.reason}", wake))
            return None
        breach = self.breach(wish)
        if breach is not None:
            text = f"the budget {breach.budget.name} of {breach.key} is used up"
            self._wait(key, Waiting(place_of(breach), text, wake))
            self._unasked[key] = breach
            if ask:
                self.ask(key)
            return None
        if any(self._begins_later(key, one, wake) for one in then):
            return None
        return self._held_against_rules(key, wish, wake)

    def ask(self, key: Hashable) -> None:
        """Ask a person for what is missing, where that is what ``key`` waits for."""
        breach = self._unasked.pop(key, None)
        if breach is not None:
            self._line.retell(key, f"{self._line.text(key)}; a person is asked")
            self._accounts.ask(breach)

    def forbidden(self, wishes: Iterable[Dispatch]) -> str:
        """The rule that never lets one of these begin, and why; empty if none does."""
        for wish in wishes:
            found = self._monitor.foreseen(self._context(wish))
            if found is not None and not found.passes:
                return str(found)
        return ""

    def _begins_later(self, key: Hashable, wish: Dispatch, wake: Callable[[], None]) -> bool:
        waits = self._monitor.foreseen(self._context(wish))
        if waits is None or not waits.passes:
            return False
        waiting = Waiting((waits.kind, waits.rule), self._why(wish, waits), wake)
        self._wait(key, waiting, waits.retry_after)
        return True

    def _held_against_rules(
        self, key: Hashable, wish: Dispatch, wake: Callable[[], None]
    ) -> Ticket | None:
        context = self._context(wish)
        found = self._monitor.admit(context, patient=True)
        self._board.look()
        waits = found.waits
        if waits is not None:
            waiting = Waiting((waits.kind, waits.rule), self._why(wish, waits), wake)
            # An open breaker wakes the line itself, when it lets a probe through.
            timed = waits.kind not in {HALT, BREAKER}
            self._wait(key, waiting, waits.retry_after if timed else None)
            return None
        if not found.result.is_safe:
            worst = self._monitor.grave(found.result)
            if worst is not None:
                self._halting.trip(str(worst), rule=worst.rule)
            return self._ticket(wish, refusal=OperationRefused.of(context, found.result))
        budgets = self._accounts.budgets
        reserved = budgets.reserve(wish.scopes, self._estimate(wish)) if budgets.budgets else None
        for budget, account, _ in () if reserved is None else reserved.amounts:
            self._accounts.nobody_waits((PREFIX, budget.name, account))
        return Ticket(wish, self._clock.monotonic(), permits=found.permits, reservation=reserved)

    def breach(self, wish: Dispatch) -> Breach | None:
        """The budget that does not suffice for the work, if there is one."""
        return self._accounts.budgets.breach(wish.scopes, self._estimate(wish))

    def resume(self, wish: Dispatch) -> Ticket:
        """The ticket of work that went on while no engine was there."""
        budgets = self._accounts.budgets
        reserved = budgets.set_aside(wish.scopes, self._estimate(wish)) if budgets.budgets else None
        return Ticket(wish, self._clock.monotonic(), reservation=reserved)

    async def admitted(
        self, wish: Dispatch, key: Hashable = None, *, closing: Callable[[], bool] = lambda: False
    ) -> Ticket:
        """The ticket, as soon as there is one; cancelling the call leaves the line.

        Its reason is known under ``key``. Where the engine is ``closing``, the next one lets it ask again.

        :raises OperationRefused: if a rule forbids the work.
        :raises BudgetExceeded: if a person stopped it.
        """
        key = key or object()
        try:
            while True:
                again = asyncio.Event()
                ticket = self.decide(key, wish, again.set)
                if ticket is not None:
                    if ticket.refusal is not None:
                        raise ticket.refusal
                    return ticket
                await again.wait()
        finally:
            self.withdraw(key, asked_on=closing())

    def reason(self, key: Hashable) -> str:
        """Why it waits; empty if it does not."""
        return self._line.text(key)

    def withdraw(self, key: Hashable, *, asked_on: bool = False) -> None:
        """It does not want to begin any more; ``asked_on``: the next engine lets it ask again."""
        self._stopped.pop(key, None)
        self._unasked.pop(key, None)
        reason = self._line.leave(key)
        if asked_on:
            return
        if isinstance(reason, tuple) and reason[0] == PREFIX:
            self._accounts.nobody_waits(reason)

    def stop(self, place: Place, error: BudgetExceeded) -> None:
        """Fail what waits for an account."""
        for key in self._line.waits(place):
            self._stopped[key] = error
        self._line.wake(place)

    # ---- the end -----------------------------------------------------------------------------

    async def ended(self, ticket: Ticket, error: BaseException | None) -> None:
        """The work has ended, with this error if any: the breakers hear of it, the accounts pay."""
        self._judge(ticket, error)
        reserved = ticket.reservation
        seconds = self._clock.monotonic() - ticket.began
        said = ticket.reported
        usage = Usage(said.cost, said.tokens, said.turns or ticket.wish.turns, seconds)
        self._estimates.learn(_kind(ticket.wish), _sum(usage, ticket.drawn))
        if reserved is None:
            return
        _known_by_now(reserved.scopes, ticket)
        try:
            self._accounts.spent(await self._accounts.budgets.commit(reserved, usage))
        finally:
            self.release(ticket)

    async def draw(self, ticket: Ticket, usage: Usage) -> None:
        """The work has spent so much, and goes on."""
        ticket.drawn = _sum(ticket.drawn, usage)
        if ticket.reservation is not None:
            _known_by_now(ticket.reservation.scopes, ticket)
            found = await self._accounts.budgets.draw(ticket.reservation, usage)
            self._accounts.spent(found)

    def release(self, ticket: Ticket) -> None:
        """Give back what is still held for the work; a second time does nothing."""
        permits, ticket.permits = ticket.permits, ()
        for guarded, permit in permits:
            permit.release()
            self._line.wake((BREAKER, guarded.breaker.name))
        if ticket.reservation is not None and self._accounts.budgets.release(ticket.reservation):
            for budget, key, _ in ticket.reservation.amounts:
                self._line.wake((PREFIX, budget.name, key))

    def _judge(self, ticket: Ticket, error: BaseException | None) -> None:
        crashed = isinstance(error, _CRASHES)
        for guarded, permit in ticket.permits:
            of_agent = guarded.breaker.name.startswith("agent/")
            if error is None:
                permit.success()
            elif crashed or (not of_agent and isinstance(error, Exception)):
                permit.failure()
            else:
                permit.release()
        if crashed and ticket.wish.agent:
            self._board.failed(ticket.wish.agent, str(error))
        self._board.look()

    # ---- parts -------------------------------------------------------------------------------

    def _wait(self, key: Hashable, waiting: Waiting, seconds: float | None = None) -> None:
        self._line.enter(key, waiting, seconds=seconds)

    def _ticket(self, wish: Dispatch, *, refusal: BudgetExceeded | OperationRefused) -> Ticket:
        return Ticket(wish, self._clock.monotonic(), refusal=refusal)

    def _context(self, wish: Dispatch) -> OperationContext:
        keys = self._board.keys(wish.agent) if wish.agent and wish.begins_agent else ()
        return OperationContext(
            wish.operation, wish.agent, wish.parameters, rate_keys=keys, subjects=wish.subjects
        )

    def _estimate(self, wish: Dispatch) -> Usage:
        return self._estimates.of(_kind(wish), wish.turns)

    def _why(self, wish: Dispatch, found: Violation) -> str:
        at = self._board.retry_at(found.retry_after).astimezone().strftime("%H:%M:%S")
        if found.kind == BREAKER:
            what = wish.agent or found.rule
            return f"the breaker of {what} is open: {found.message.rstrip('.')} (at {at})"
        if isinstance(found.message, Later):
            return f"the rule {found.rule}: {found.message.what}; it may begin at {at} local time"
        return f"the limit {found.rule} is used up, again at {at}"


def _kind(wish: Dispatch) -> str:
    return wish.agent or wish.operation


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.cost + other.cost,
        one.tokens + other.tokens,
        one.turns + other.turns,
        one.wall_seconds + other.wall_seconds,
    )


def _known_by_now(scopes: object, ticket: Ticket) -> None:
    """The session that the work is done in pays too, once it is known."""
    session = ticket.scopes.get(BudgetScope.SESSION)
    if session is not None and isinstance(scopes, dict):
        scopes[BudgetScope.SESSION] = session
