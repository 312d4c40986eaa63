"""Budgets: what may be spent, reserved before work begins; a breach pauses and asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.errors import ResourceFault, ValidationFault
from ..base.ids import new_id
from ..base.kept import Followed, Kept, KeptStore, MemoryKept

KIND = "budget"
Heard = Callable[[str, str], None]
"""Told of a budget's name and an account's key."""
Moved = Callable[[str, str, float], None]
"""The same, and how much more was granted."""
_ROUNDING = 1e-9


class BudgetUnit(StrEnum):
    """What is counted: money, tokens, turns of agents, seconds of wall time."""

    COST = "cost"
    TOKENS = "tokens"
    TURNS = "turns"
    WALL_SECONDS = "wall_seconds"


class BudgetScope(StrEnum):
    """What has an account of its own: each session, workflow, group, or day (UTC)."""

    SESSION = "session"
    WORKFLOW = "workflow"
    GROUP = "group"
    DAY = "day"


class BudgetInvalid(ValidationFault):
    """A budget or an amount that means nothing."""

    code = "budget_invalid"


class BudgetExceeded(ResourceFault):
    """A budget is used up, and nobody granted more; it is named in the details."""

    code = "budget_exceeded"


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``limit`` of ``unit`` for each account of ``scope``; ``key`` means one account only."""

    name: str
    scope: BudgetScope
    unit: BudgetUnit
    limit: float
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What was, or will be, spent; ``estimated`` says that it is a guess."""

    cost: float = 0.0
    tokens: float = 0.0
    turns: float = 0.0
    wall_seconds: float = 0.0
    estimated: bool = False

    def of(self, unit: BudgetUnit) -> float:
        """The amount of one unit."""
        return float(getattr(self, unit.value))


@dataclass(frozen=True, slots=True)
class Breach:
    """A budget that an amount does not fit in."""

    budget: Budget
    key: str
    spent: float
    reserved: float
    limit: float
    wanted: float

    def __str__(self) -> str:
        one = f"{self.budget.scope} {self.key}"
        return (
            f"The budget {self.budget.name!r} of {one} allows {self.limit:g} {self.budget.unit}: "
            f"{self.spent:g} are spent, {self.reserved:g} reserved, {self.wanted:g} more wanted"
        )


class Desk(Protocol):
    """Who is asked when a budget does not suffice."""

    async def ask(self, breach: Breach) -> float | None:
        """How much more is granted; ``None``: nothing. The work waits meanwhile."""
        ...


@dataclass(slots=True)
class Account:
    """One account: what was spent, of that by estimate, reserved, and granted beyond the limit."""

    spent: float = 0.0
    estimated: float = 0.0
    granted: float = 0.0
    version: int = 0
    reserved: float = 0.0


@dataclass(frozen=True, slots=True)
class AccountStatistics:
    """An account as it stands; ``left`` may be below 0 after more was spent than reserved."""

    budget: str
    scope: BudgetScope
    key: str
    unit: BudgetUnit
    limit: float
    spent: float
    estimated: float
    reserved: float
    left: float


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside: end it once, with ``commit`` or ``release``."""

    amounts: tuple[tuple[Budget, str, float], ...]
    scopes: Mapping[BudgetScope, str]
    reservation_id: str = field(default_factory=new_id)


class Budgets:
    """The accounts of every budget. What is spent and granted is kept; what is reserved is not.

    After a restart call ``restore``, and reserve again for what goes on.
    """

    def __init__(
        self,
        *,
        store: KeptStore | None = None,
        clock: Clock = SYSTEM_CLOCK,
        desk: Desk | None = None,
    ) -> None:
        self._store = store or MemoryKept()
        self._clock = clock
        self._desk = desk
        self._budgets: dict[str, Budget] = {}
        self._accounts: dict[tuple[str, str], Account] = {}
        self._open: dict[str, dict[tuple[str, str], float]] = {}
        self._asked: dict[tuple[str, str], asyncio.Task[float | None]] = {}
        self._writing: dict[tuple[str, str], asyncio.Lock] = {}
        self._notices: dict[str, int] = {}
        self._heard: Heard = lambda _name, _key: None
        self.moved: Moved = lambda _name, _key, _more: None
        """Told of accounts in which another engine on the store has spent or granted."""

    def budget(self, name: str) -> Budget | None:
        """The budget of that name."""
        return self._budgets.get(name)

    def define(self, budget: Budget) -> None:
        """Enforce a budget; one of the same name is replaced, what was spent stays.

        :raises BudgetInvalid: if its limit is below 0 or no number.
        """
        if not budget.limit >= 0:
            raise BudgetInvalid(f"The limit of the budget {budget.name!r} can't be {budget.limit}.")
        self._budgets[budget.name] = budget

    async def restore(self) -> None:
        """Read what was spent and granted before."""
        for record in await self._store.all_kept(KIND):
            self._read(record)

    # ---- other engines on the store --------------------------------------------------------

    def follow(self, heard: Heard) -> Callable[[], None]:
        """Call ``heard`` when ``look`` may find something; call the result to end that."""
        if not isinstance(self._store, Followed):
            return lambda: None
        self._heard = heard
        return self._store.follow_kept(self._told)

    def _told(self, kind: str, key: str) -> None:
        if kind != KIND:
            return
        if key in self._notices:  # one of them is of what is being written here
            self._notices[key] += 1
        else:
            self._heard(*json.loads(key))

    async def look(self, name: str, key: str) -> None:
        """Take up what another engine has spent or granted in one account; ``moved`` hears of it."""
        place = (name, key)
        async with self._writing.setdefault(place, asyncio.Lock()):
            kept = await self._store.get_kept(KIND, json.dumps(place))
            if kept is not None:
                self._take_up(kept)

    def _take_up(self, record: Kept) -> None:
        name, key, *_ = json.loads(record.body)
        account = self._accounts.setdefault((name, key), Account())
        if record.version > account.version:
            before = account.granted
            self._read(record)
            self.moved(name, key, account.granted - before)

    # ---- spending --------------------------------------------------------------------------

    def reserve(self, scopes: Mapping[BudgetScope, str], estimate: Usage) -> Reservation:
        """Set an estimate aside in every account that it concerns, or in none.

        :raises BudgetExceeded: if one of them does not suffice.
        """
        amounts = self._amounts(scopes, estimate)
        breach = self._breach(amounts)
        if breach is not None:
            raise BudgetExceeded(f"{breach}.", budget=breach.budget.name, key=breach.key)
        return self._set_aside(scopes, amounts)

    async def reserve_or_ask(
        self, scopes: Mapping[BudgetScope, str], estimate: Usage
    ) -> Reservation:
        """As ``reserve``; where a budget does not suffice, wait until more is granted.

        Whoever waits for the same account shares one question.

        :raises BudgetExceeded: if nothing, or too little, is granted.
        """
        amounts = self._amounts(scopes, estimate)
        while (breach := self._breach(amounts)) is not None:
            if not await self._granted(breach):
                raise BudgetExceeded(
                    f"{breach}; no more was granted.", budget=breach.budget.name, key=breach.key
                )
        return self._set_aside(scopes, amounts)

    def breach(self, scopes: Mapping[BudgetScope, str], estimate: Usage) -> Breach | None:
        """The first budget that an estimate does not fit in."""
        return self._breach(self._amounts(scopes, estimate))

    def set_aside(self, scopes: Mapping[BudgetScope, str], estimate: Usage) -> Reservation:
        """Set an estimate aside for what goes on already, whether or not it fits."""
        return self._set_aside(scopes, self._amounts(scopes, estimate))

    async def commit(self, reservation: Reservation, actual: Usage) -> list[Breach]:
        """What was set aside has been spent so; the accounts that it overdrew."""
        try:
            return await self.draw(reservation, actual)
        finally:
            self.release(reservation)

    async def draw(self, reservation: Reservation, usage: Usage) -> list[Breach]:
        """So much of what was set aside has been spent; the accounts that it overdrew.

        The rest stays set aside, and no amount counts twice meanwhile.
        """
        return await self._report(reservation.scopes, usage, reservation)

    def release(self, reservation: Reservation) -> bool:
        """Set nothing aside any more; ``False`` if it was over already."""
        found = self._open.pop(reservation.reservation_id, None)
        if found is None:
            return False
        for place, amount in found.items():
            self._accounts[place].reserved = max(0.0, self._accounts[place].reserved - amount)
        return True

    async def report(self, scopes: Mapping[BudgetScope, str], usage: Usage) -> list[Breach]:
        """An agent has spent so much; the accounts that it overdrew. Kept when this returns."""
        return await self._report(scopes, usage, None)

    async def _report(
        self, scopes: Mapping[BudgetScope, str], usage: Usage, drawn: Reservation | None
    ) -> list[Breach]:
        overdrawn = []
        for budget, key, amount in self._amounts(scopes, usage):
            if not amount:
                continue
            guessed = amount if usage.estimated else 0.0
            account = await self._change(budget, key, spent=amount, estimated=guessed, drawn=drawn)
            if account.spent > budget.limit + account.granted + _ROUNDING:
                overdrawn.append(self._breach_of(budget, key, 0.0))
        return overdrawn

    def overdrawn(self, name: str, key: str) -> Breach | None:
        """The breach of one account that was spent beyond its limit; ``None`` if it was not."""
        budget, account = self._budgets.get(name), self._accounts.get((name, key))
        if budget is None or account is None:
            return None
        beyond = account.spent > budget.limit + account.granted + _ROUNDING
        return self._breach_of(budget, key, 0.0) if beyond else None

    def now(self, breach: Breach) -> Breach:
        """The same breach, as its account stands now."""
        found = self._breach_of(breach.budget, breach.key, breach.wanted)
        return replace(breach, spent=found.spent, reserved=found.reserved, limit=found.limit)

    def used_up(self, name: str, key: str) -> Breach | None:
        """The breach of one account of which nothing is left; ``None`` if something is."""
        budget, account = self._budgets.get(name), self._accounts.get((name, key))
        if budget is None or account is None:
            return None
        left = budget.limit + account.granted - account.spent
        return self._breach_of(budget, key, 0.0) if left <= _ROUNDING else None

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Every budget, in the order in which they came."""
        return tuple(self._budgets.values())

    async def grant(self, name: str, key: str, more: float) -> None:
        """Allow ``more`` beyond the limit of one account.

        :raises BudgetInvalid: if there is no such budget, or ``more`` is not above 0.
        """
        budget = self._budgets.get(name)
        if budget is None or not more > 0:
            raise BudgetInvalid(
                f"Grant more than 0 to a budget that is there, not {more} to {name!r}."
            )
        await self._change(budget, key, granted=more)

    def statistics(self) -> tuple[AccountStatistics, ...]:
        """Every account that was used, by budget and key."""
        found = []
        for (name, key), account in sorted(self._accounts.items()):
            budget = self._budgets.get(name)
            if budget is not None:
                limit = budget.limit + account.granted
                found.append(
                    AccountStatistics(
                        name,
                        budget.scope,
                        key,
                        budget.unit,
                        limit,
                        account.spent,
                        account.estimated,
                        account.reserved,
                        limit - account.spent - account.reserved,
                    )
                )
        return tuple(found)

    # ---- parts -----------------------------------------------------------------------------

    def _amounts(
        self, scopes: Mapping[BudgetScope, str], usage: Usage
    ) -> list[tuple[Budget, str, float]]:
        found = []
        for budget in self._budgets.values():
            key = (
                self._clock.now().date().isoformat()
                if budget.scope is BudgetScope.DAY
                else scopes.get(budget.scope)
            )
            amount = usage.of(budget.unit)
            if not amount >= 0:
                raise BudgetInvalid(f"{budget.unit} can't be {amount}.")
            if key is not None and budget.key in {None, key}:
                found.append((budget, key, amount))
        return found

    def _breach(self, amounts: list[tuple[Budget, str, float]]) -> Breach | None:
        for budget, key, amount in amounts:
            account = self._account(budget, key)
            total = account.spent + account.reserved + amount
            limit = budget.limit + account.granted
            used_up = amount == 0 and account.spent > limit + _ROUNDING
            if used_up or (amount > 0 and total > limit + _ROUNDING):
                return self._breach_of(budget, key, amount)
        return None

    def _breach_of(self, budget: Budget, key: str, wanted: float) -> Breach:
        account = self._account(budget, key)
        limit = budget.limit + account.granted
        return Breach(budget, key, account.spent, account.reserved, limit, wanted)

    def _set_aside(
        self, scopes: Mapping[BudgetScope, str], amounts: list[tuple[Budget, str, float]]
    ) -> Reservation:
        for budget, key, amount in amounts:
            self._account(budget, key).reserved += amount
        made = Reservation(tuple(amounts), dict(scopes))
        self._open[made.reservation_id] = {
            (budget.name, key): amount for budget, key, amount in amounts
        }
        return made

    async def _granted(self, breach: Breach) -> bool:
        if self._desk is None:
            return False
        place = (breach.budget.name, breach.key)
        question = self._asked.get(place)
        if question is None:
            question = asyncio.create_task(self._ask(self._desk, breach))
            self._asked[place] = question
            question.add_done_callback(lambda _: self._asked.pop(place, None))
        more = await asyncio.shield(question)
        return more is not None and more > 0

    async def _ask(self, desk: Desk, breach: Breach) -> float | None:
        more = await desk.ask(breach)
        if more is not None and more > 0:
            await self.grant(breach.budget.name, breach.key, more)
        return more

    def _draw(self, drawn: Reservation | None, place: tuple[str, str], spent: float) -> None:
        """What was spent is not reserved any more."""
        left = {} if drawn is None else self._open.get(drawn.reservation_id, {})
        taken = min(left.get(place, 0.0), spent)
        if taken:
            left[place] -= taken
            account = self._accounts[place]
            account.reserved = max(0.0, account.reserved - taken)

    def _account(self, budget: Budget, key: str) -> Account:
        return self._accounts.setdefault((budget.name, key), Account())

    def _read(self, record: Kept) -> None:
        name, key, spent, estimated, granted = json.loads(record.body)
        account = self._accounts.setdefault((name, key), Account())
        account.spent, account.estimated, account.granted = spent, estimated, granted
        account.version = record.version

    async def _change(
        self,
        budget: Budget,
        key: str,
        *,
        spent: float = 0.0,
        estimated: float = 0.0,
        granted: float = 0.0,
        drawn: Reservation | None = None,
    ) -> Account:
        """Add to an account and keep it; what other engines on the store added is added to, too."""
        place = (budget.name, key)
        if place not in self._accounts:
            self._accounts[place] = Account()
        account = self._accounts[place]
        async with self._writing.setdefault(place, asyncio.Lock()):
            while True:
                new = [
                    account.spent + spent,
                    account.estimated + estimated,
                    account.granted + granted,
                ]
                name = json.dumps(place)
                record = Kept(KIND, name, account.version + 1, json.dumps([*place, *new]))
                if await self._put(record):
                    account.spent, account.estimated, account.granted = new
                    account.version += 1
                    self._draw(drawn, place, spent)
                    return account
                kept = await self._store.get_kept(KIND, name)
                if kept is not None:
                    self._take_up(kept)

    async def _put(self, record: Kept) -> bool:
        """Keep a record, if its version is the next one; heed what is told of it meanwhile."""
        self._notices[record.key] = 0
        try:
            done = await self._store.put_kept(record)
        finally:
            told = self._notices.pop(record.key)
        if told > done:
            self._heard(*json.loads(record.key))
        return done
