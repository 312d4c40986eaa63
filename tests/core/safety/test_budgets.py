"""Budgets: reserved, committed, released; a breach pauses and asks; nothing is spent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.kept import Kept, MemoryKept
from quarterdeck.core.safety.budgets import (
    Breach,
    Budget,
    BudgetExceeded,
    BudgetInvalid,
    Budgets,
    BudgetScope,
    BudgetUnit,
    Usage,
)

S, U = BudgetScope, BudgetUnit
MINE = {S.SESSION: "s1", S.WORKFLOW: "w1"}


class Person:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[Breach] = []
        self.heard = asyncio.Event()
        self._answer: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()

    async def ask(self, breach: Breach) -> float | None:
        self.asked.append(breach)
        self.heard.set()
        return await self._answer

    def answer(self, more: float | None) -> None:
        self._answer.set_result(more)


def account(budgets: Budgets, name: str = "b") -> tuple[float, float, float]:
    (found,) = [one for one in budgets.statistics() if one.budget == name]
    return found.spent, found.reserved, found.left


@pytest.mark.parametrize("unit", BudgetUnit)
async def test_reserve_commit_and_release_in_every_unit(unit: BudgetUnit) -> None:
    budgets = Budgets()
    budgets.define(Budget("b", S.SESSION, unit, 10.0))

    def use(amount: float) -> Usage:
        given: dict[str, Any] = {unit.value: amount}
        return Usage(**given)

    first = budgets.reserve(MINE, use(6))
    with pytest.raises(BudgetExceeded, match="'b' of session s1 allows 10"):
        budgets.reserve(MINE, use(5))
    assert account(budgets) == (0, 6, 4)
    assert await budgets.commit(first, use(2)) == []
    assert account(budgets) == (2, 0, 8)
    second = budgets.reserve(MINE, use(8))
    assert budgets.release(second)
    assert not budgets.release(second)
    assert account(budgets) == (2, 0, 8)


async def test_all_accounts_or_none() -> None:
    budgets = Budgets()
    budgets.define(Budget("session", S.SESSION, U.TOKENS, 100))
    budgets.define(Budget("flow", S.WORKFLOW, U.TOKENS, 5))
    budgets.define(Budget("other", S.GROUP, U.TOKENS, 0))
    budgets.define(Budget("one", S.SESSION, U.TOKENS, 0, key="s2"))
    with pytest.raises(BudgetExceeded):
        budgets.reserve(MINE, Usage(tokens=6))
    assert account(budgets, "session") == (0, 0, 100)
    budgets.reserve(MINE, Usage(tokens=5))
    assert account(budgets, "flow") == (0, 5, 0)


async def test_a_day_begins_anew() -> None:
    clock = ManualClock()
    budgets = Budgets(clock=clock)
    budgets.define(Budget("b", S.DAY, U.COST, 1.0))
    await budgets.report({}, Usage(cost=1.0))
    with pytest.raises(BudgetExceeded):
        budgets.reserve({}, Usage(cost=0.1))
    clock.advance(24 * 3600)
    budgets.reserve({}, Usage(cost=0.1))


async def test_a_breach_pauses_asks_once_and_goes_on_when_granted() -> None:
    person = Person()
    budgets = Budgets(desk=person)
    budgets.define(Budget("b", S.SESSION, U.TURNS, 1))
    budgets.reserve(MINE, Usage(turns=1))
    waiting = [asyncio.create_task(budgets.reserve_or_ask(MINE, Usage(turns=1))) for _ in range(3)]
    await person.heard.wait()
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    person.answer(3)
    await asyncio.gather(*waiting)
    assert len(person.asked) == 1
    assert "1 reserved, 1 more wanted" in str(person.asked[0])
    assert account(budgets) == (0, 4, 0)


async def test_what_is_not_granted_is_refused_and_one_who_gives_up_leaves_the_others() -> None:
    person = Person()
    budgets = Budgets(desk=person)
    budgets.define(Budget("b", S.SESSION, U.TURNS, 0))
    gone = asyncio.create_task(budgets.reserve_or_ask(MINE, Usage(turns=1)))
    stays = asyncio.create_task(budgets.reserve_or_ask(MINE, Usage(turns=1)))
    await person.heard.wait()
    gone.cancel()
    person.answer(None)
    with pytest.raises(BudgetExceeded, match="no more was granted"):
        await stays
    assert account(budgets) == (0, 0, 0)


async def test_without_a_desk_nobody_is_asked() -> None:
    budgets = Budgets()
    budgets.define(Budget("b", S.SESSION, U.TURNS, 0))
    with pytest.raises(BudgetExceeded):
        await budgets.reserve_or_ask(MINE, Usage(turns=1))


async def test_more_spent_than_reserved_is_told_and_holds_up_what_comes_next() -> None:
    budgets = Budgets()
    budgets.define(Budget("b", S.SESSION, U.COST, 1.0))
    reserved = budgets.reserve(MINE, Usage(cost=0.5))
    (breach,) = await budgets.commit(reserved, Usage(cost=1.5, estimated=True))
    assert (breach.spent, breach.limit) == (1.5, 1.0)
    with pytest.raises(BudgetExceeded):
        budgets.reserve(MINE, Usage())
    assert budgets.statistics()[0].estimated == 1.5
    await budgets.grant("b", "s1", 1.0)
    budgets.reserve(MINE, Usage(cost=0.5))


async def test_what_was_spent_and_granted_survives_a_restart_and_two_engines_add_up() -> None:
    store = MemoryKept()
    one, other = Budgets(store=store), Budgets(store=store)
    for budgets in (one, other):
        budgets.define(Budget("b", S.SESSION, U.COST, 1.0))
    await one.report(MINE, Usage(cost=1.0))
    await other.report(MINE, Usage(cost=2.0))
    await one.grant("b", "s1", 4.0)
    await asyncio.gather(*(one.report(MINE, Usage(cost=0.25)) for _ in range(4)))
    fresh = Budgets(store=store)
    fresh.define(Budget("b", S.SESSION, U.COST, 1.0))
    await fresh.restore()
    assert account(fresh) == (4.0, 0.0, 1.0)


async def test_only_what_others_write_is_heard_also_while_this_one_writes() -> None:
    class Slow(MemoryKept):
        """Somebody else writes right after what is written here, before that returns."""

        behind: Budgets | None = None

        async def put_kept(self, record: Kept) -> bool:
            done = await super().put_kept(record)
            other, self.behind = self.behind, None
            if other is not None:
                await other.grant("b", "s1", 2.0)
            return done

    store = Slow()
    here, there = Budgets(store=store), Budgets(store=store)
    heard: list[tuple[str, str]] = []
    moved: list[tuple[str, str, float]] = []
    unfollow = here.follow(lambda *place: heard.append(place))
    here.moved = lambda *told: moved.append(told)
    for one in (here, there):
        one.define(Budget("b", S.SESSION, U.COST, 1))
    await here.report(MINE, Usage(cost=0.5))
    await store.put_kept(Kept("lock", "b", 1, "{}"))
    assert (heard, moved) == ([], [])
    store.behind = there
    await here.report(MINE, Usage(cost=0.5))
    assert heard == [("b", "s1")]
    await here.look("b", "s1")
    assert moved == [("b", "s1", 2.0)]
    await there.report(MINE, Usage(cost=0.25))
    assert heard == [("b", "s1")] * 2
    await here.look("b", "s1")
    await here.look("b", "s1")
    assert moved[1:] == [("b", "s1", 0.0)]
    assert account(here) == (1.25, 0.0, 1.75)
    unfollow()
    await there.grant("b", "s1", 1.0)
    assert len(heard) == 2
    await here.grant("b", "s1", 1.0)  # finds what the other one granted
    assert moved[2:] == [("b", "s1", 1.0)]


async def test_what_means_nothing_is_refused() -> None:
    budgets = Budgets()
    with pytest.raises(BudgetInvalid):
        budgets.define(Budget("b", S.SESSION, U.COST, -1))
    budgets.define(Budget("b", S.SESSION, U.COST, 1))
    with pytest.raises(BudgetInvalid):
        budgets.reserve(MINE, Usage(cost=-1))
    for name, more in (("z", 1.0), ("b", 0.0)):
        with pytest.raises(BudgetInvalid):
            await budgets.grant(name, "s1", more)


@given(st.lists(st.tuples(st.sampled_from(["reserve", "commit", "release"]), st.integers(0, 9)),
                max_size=40))  # fmt: skip
def test_never_more_is_promised_than_there_is(steps: list[tuple[str, int]]) -> None:
    async def go() -> None:
        budgets, held = Budgets(), []
        budgets.define(Budget("b", S.SESSION, U.TOKENS, 20))
        spent = 0
        for what, amount in steps:
            if what == "reserve":
                try:
                    held.append((budgets.reserve(MINE, Usage(tokens=amount)), amount))
                except BudgetExceeded:
                    assert spent + sum(one for _, one in held) + amount > 20
            elif held:
                reservation, kept = held.pop()
                if what == "commit":
                    await budgets.commit(reservation, Usage(tokens=kept))
                    spent += kept
                else:
                    budgets.release(reservation)
        if budgets.statistics():
            assert account(budgets)[:2] == (spent, sum(one for _, one in held))
            assert account(budgets)[2] >= 0

    asyncio.run(go())
