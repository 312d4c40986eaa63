"""Budgets in the engine: questions to people where one does not suffice, grants, what waits for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...base.ids import new_id
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.commands import AnswerItem
from ...protocol.crew_events import BudgetBreached, BudgetGranted
from ...protocol.crew_views import BudgetView
from ...protocol.events import Cause
from ...protocol.status import Choice
from ...safety.budgets import AccountStatistics, Breach, BudgetExceeded, Budgets
from ...sessions.attention.drafts import Draft, headline
from ...sessions.desk import AttentionDesk
from ..journal import Journal
from ..workflows.gates import chosen
from .errands import Errands
from .faults import BudgetUnknown
from .line import Line

PREFIX = "budget"
MOST_SHOWN = 1000
"""Accounts, of which each session and workflow may have one."""
SAME, DOUBLE, STOP = "same", "double", "stop"

Place = tuple[str, str, str]
"""``budget``, the budget's name, the account's key: what work waits for."""


def place_of(breach: Breach) -> Place:
    """The account of a breach, as something to wait for."""
    return (PREFIX, breach.budget.name, breach.key)


class Accounts:
    """The accounts, with at most one open question about each.

    ``stop`` fails what waits for a place, with the error.
    """

    def __init__(
        self,
        budgets: Budgets,
        *,
        journal: Journal,
        errands: Errands,
        desk: AttentionDesk | None,
        line: Line,
        stop: Callable[[Place, BudgetExceeded], None],
    ) -> None:
        self.budgets = budgets
        self._journal = journal
        self._errands = errands
        self._desk = desk
        self._line = line
        self._stop = stop
        self._asked: dict[Place, Breach] = {}
        self._looks: set[tuple[str, str]] = set()
        self._unfollow: Callable[[], None] = lambda: None
        budgets.moved = self._moved_elsewhere

    # ---- other engines on the store --------------------------------------------------------

    async def restore(self) -> None:
        """Take up the accounts as they are kept, and from now on what other engines do about them."""
        self._unfollow = self.budgets.follow(self._heard)
        await self.budgets.restore()

    def close(self) -> None:
        """Follow nothing more."""
        self._unfollow()

    def _heard(self, name: str, key: str) -> None:
        if (name, key) not in self._looks:
            self._looks.add((name, key))
            self._errands.run(self._look(name, key), "follow")

    async def _look(self, name: str, key: str) -> None:
        self._looks.discard((name, key))  # what is told from here on is looked at again
        await self.budgets.look(name, key)

    def _moved_elsewhere(self, name: str, key: str, more: float) -> None:
        if more > 0:
            self._errands.run(self._granted_now(name, key, more, Cause()), "follow")
        else:
            self.spent([])

    # ---- questions -------------------------------------------------------------------------

    def ask(self, breach: Breach) -> None:
        """Ask a person, unless one is asked already."""
        place = place_of(breach)
        if place not in self._asked:
            self._asked[place] = breach
            self._errands.run(self._ask(breach), "ask")

    def spent(self, breaches: list[Breach]) -> None:
        """Something was spent: ask about each account that it overdrew, and let questions say how it stands."""
        for breach in breaches:
            self.ask(breach)
        for place, breach in self._asked.items():
            stands = self.budgets.now(breach)
            if self._desk is not None and stands.spent != breach.spent:
                self._asked[place] = stands
                self._errands.run(self._tell_again(place), "ask")

    async def _tell_again(self, place: Place) -> None:
        breach = self._asked.get(place)
        if self._desk is not None and breach is not None:
            await self._desk.ask(_draft(breach))

    def nobody_waits(self, place: Place) -> None:
        """What waited is gone: without a debt there is nothing to ask any more."""
        _, name, key = place
        if place not in self._asked:
            return
        if not self._line.waits(place) and self.budgets.overdrawn(name, key) is None:
            self._close(place)

    async def begin(self) -> None:
        """After a restart: questions about debts stand again, and those about what is used up."""
        for item in [] if self._desk is None else self._desk.items():
            place = _place(item.about)
            breach = None if place is None else self.budgets.used_up(place[1], place[2])
            if place is not None and breach is not None:
                self._asked[place] = breach
        for one in self.budgets.statistics():
            debt = self.budgets.overdrawn(one.budget, one.key)
            if debt is not None:
                self.ask(debt)

    def tidy(self) -> None:
        """Close the questions of a former engine that nobody has any more."""
        if self._desk is None:
            return
        for item in self._desk.items():
            place = _place(item.about)
            if place is not None and place not in self._asked:
                self._desk.close_about("", AttentionKind.LIMIT, about=item.about)

    async def _ask(self, breach: Breach) -> None:
        found = self._statistics(breach.budget.name, breach.key)
        if found is not None:
            told = BudgetBreached(budget=self._view(found), wanted=breach.wanted)
            self._journal.record([], [told])
        if self._desk is not None:
            await self._desk.ask(_draft(breach))

    def _close(self, place: Place) -> None:
        if self._asked.pop(place, None) is not None and self._desk is not None:
            self._desk.close_about("", AttentionKind.LIMIT, about="/".join(place))

    # ---- answers ---------------------------------------------------------------------------

    async def answer(
        self, item: AttentionItem, wish: AnswerItem, by: str, cause: Cause
    ) -> Mapping[str, Any]:
        """Grant what the choice says, or fail what waits.

        :raises ChoiceUnknown: if it is none of the choices.
        """
        choice = chosen(item, wish.choice)
        place = _place(item.about)
        assert place is not None  # noqa: S101  # the item is about an account
        assert self._desk is not None  # noqa: S101  # the item is its own
        _, name, key = place
        breach = self._asked.get(place)
        budget = self.budgets.budget(name)
        more = 0.0
        if choice != STOP and budget is not None:
            more = _same(budget.limit, breach) * (2 if choice == DOUBLE else 1)
            await self.budgets.grant(name, key, more)
        rows, events = self._desk.answer(item.item_id, choice, by or cause.client_id or "")
        self._asked.pop(place, None)
        await self._journal.record(rows, [*events, *self._granted(name, key, more)], cause)
        if more:
            self._go_on(place)
        else:
            self._stop(place, _stopped(name, key, breach))
        return {"choice": choice, "name": name, "key": key, "more": more}

    async def grant(self, name: str, key: str, more: float, cause: Cause) -> BudgetView:
        """Allow more of one account; what waits for it asks again.

        :raises BudgetUnknown: if there is no such budget, or no such account of it.
        """
        found = self._statistics(name, key)
        if found is None:
            known = ", ".join(f"{one.budget} {one.key}" for one in self.budgets.statistics())
            raise BudgetUnknown(
                f"There is no account {key!r} of a budget {name!r}; known are: {known or 'none'}.",
                name=name,
                key=key,
            )
        await self.budgets.grant(name, key, more)
        await self._granted_now(name, key, more, cause)
        after = self._statistics(name, key)
        assert after is not None  # noqa: S101  # it was there before
        return self._view(after)

    async def _granted_now(self, name: str, key: str, more: float, cause: Cause) -> None:
        place = (PREFIX, name, key)
        self._close(place)
        await self._journal.record([], self._granted(name, key, more), cause)
        self._go_on(place)

    def _go_on(self, place: Place) -> None:
        self._line.wake(place)
        debt = self.budgets.overdrawn(place[1], place[2])
        if debt is not None:
            self.ask(debt)

    def _granted(self, name: str, key: str, more: float) -> list[BudgetGranted]:
        found = self._statistics(name, key)
        if not more or found is None:
            return []
        return [BudgetGranted(budget=self._view(found), more=more)]

    # ---- looking ---------------------------------------------------------------------------

    def views(self) -> tuple[BudgetView, ...]:
        """The accounts that were used, by budget and key.

        Of very many the first ``MOST_SHOWN`` of those that are asked about, used now, or newest.
        """
        found = self.budgets.statistics()
        if len(found) > MOST_SHOWN:
            newest = sorted(found, key=lambda one: one.key, reverse=True)
            newest.sort(key=lambda one: (not self._is_asked(one), not one.reserved))
            found = tuple(sorted(newest[:MOST_SHOWN], key=lambda one: (one.budget, one.key)))
        return tuple(map(self._view, found))

    def _is_asked(self, one: AccountStatistics) -> bool:
        return (PREFIX, one.budget, one.key) in self._asked

    def _statistics(self, name: str, key: str) -> AccountStatistics | None:
        every = self.budgets.statistics()
        return next((one for one in every if (one.budget, one.key) == (name, key)), None)

    def _view(self, one: AccountStatistics) -> BudgetView:
        return BudgetView(
            name=one.budget,
            scope=one.scope.value,
            key=one.key,
            unit=one.unit.value,
            limit=one.limit,
            spent=one.spent,
            estimated=one.estimated,
            reserved=one.reserved,
            left=one.left,
            asked=self._is_asked(one),
        )


def _place(about: str) -> Place | None:
    prefix, _, rest = about.partition("/")
    name, slash, key = rest.partition("/")
    return (PREFIX, name, key) if prefix == PREFIX and slash else None


def _same(limit: float, breach: Breach | None) -> float:
    """What "the same again" is: the budget's limit; where that is 0, what is wanted."""
    return limit or (breach.wanted if breach is not None else 0.0) or 1.0


def _stopped(name: str, key: str, breach: Breach | None) -> BudgetExceeded:
    what = str(breach) if breach is not None else f"The budget {name!r} of {key} is used up"
    return BudgetExceeded(f"{what}; it was stopped, no more was granted.", budget=name, key=key)


def _draft(breach: Breach) -> Draft:
    budget, unit = breach.budget, breach.budget.unit.value
    same = _same(budget.limit, breach)
    choices = (
        Choice(key=SAME, label=f"grant {same:g} {unit} more", meaning="allow_once"),
        Choice(key=DOUBLE, label=f"grant {2 * same:g} {unit} more"),
        Choice(key=STOP, label="stop what waits for it", meaning="reject"),
    )
    about = "/".join(place_of(breach))
    title = f"{budget.name}: {breach.spent:g} of {breach.limit:g} {unit} spent"
    return Draft(
        AttentionKind.LIMIT,
        f"{about}@{new_id()}",
        headline(title),
        f"{breach}.",
        choices=choices,
        about=about,
    )


__all__ = ["Accounts", "Place", "place_of"]
