"""Attempts of workflows under safety: they wait without a slot, with their reason, and go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.postgres_server import clean, postgres_url

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.kept import MemoryKept
from quarterdeck.core.engine.safety.accounts import MOST_SHOWN
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.crew_views import BudgetView
from quarterdeck.core.protocol.events import Cause
from quarterdeck.core.safety.budgets import BudgetScope, Usage
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.postgres.store import PostgresStore

from .guard_rig import CHAIN, ONE, Agents, Guarded, guarded

NOBODY = Cause()
PURSE: list[dict[str, Any]] = [
    {"name": "purse", "scope": "workflow", "unit": "cost", "limit": 0.5, "estimate": 0.3}
]
BREAKER = {"breakers": {"agent/claude": {"failures": 2, "timeout": 0.05}}}


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    one = MemoryStore(clock=SYSTEM_CLOCK)
    await one.open()
    yield one
    await one.close()


def account(rig: Guarded) -> BudgetView:
    (found,) = rig.safety.budgets()
    return found


async def waiting(rig: Guarded, workflow_id: str, task: str = "second") -> str:
    """Why a task waits, once the record says that it does: the machine knows it earlier."""
    await rig.until(lambda: rig.service.orchestrator.why_waiting(workflow_id, task))
    await rig.service.orchestrator.settled()
    return (await rig.task(workflow_id, task)).reason


# Budgets


async def test_a_budget_breach_pauses_and_asks_and_goes_on_when_granted(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        one = await rig.create(CHAIN)
        item = await rig.asked()
        assert "purse" in await waiting(rig, one)
        assert (item.kind, item.about) == ("limit", f"budget/purse/{one}")
        assert [choice.key for choice in item.choices] == ["same", "double", "stop"]
        found = account(rig)
        assert (found.spent, found.reserved, found.asked) == (0.4, 0.0, True)
        assert rig.agents.began == ["first"]
        await rig.answer(item, "same")
        await rig.ended(one)
        found = account(rig)
        assert found.spent == pytest.approx(0.8)
        assert (found.limit, found.reserved) == (1.0, 0.0)
        assert rig.desk.items() == []
        told = [kind for kind in rig.types() if kind.startswith("budget")]
        assert told == ["budget.breached", "budget.granted"]


async def test_the_question_says_what_is_spent_as_that_grows(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        one = await rig.create(CHAIN)
        item = await rig.asked()
        assert "0.4 of 0.5 cost spent" in item.title
        more = await rig.safety.accounts.budgets.report(
            {BudgetScope.WORKFLOW: one}, Usage(cost=0.3)
        )
        rig.safety.accounts.spent(more)
        await rig.until(lambda: "0.7 of 0.5" in rig.desk.items()[0].title)
        (again,) = rig.desk.items()
        assert (again.item_id, "0.7 are spent" in again.text) == (item.item_id, True)
        await rig.answer(again, "double")
        await rig.ended(one)


async def test_stop_fails_what_waits_with_the_budget_named(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        one = await rig.create(CHAIN)
        await rig.answer(await rig.asked(), "stop")
        await rig.ended(one, "failed")
        task = await rig.task(one, "second")
        assert (task.status, task.error_type, task.attempt) == ("failed", "BudgetExceeded", 1)
        assert "purse" in (task.error or "")
        assert account(rig).reserved == 0


async def test_a_grant_by_command_goes_on_too_and_too_little_asks_again(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        one = await rig.create(CHAIN)
        first = await rig.asked()
        await rig.safety.grant("purse", one, 0.05, NOBODY)
        await rig.until(lambda: [i.item_id for i in rig.desk.items()] not in ([], [first.item_id]))
        assert len(rig.desk.items()) == 1
        await rig.safety.grant("purse", one, 0.5, NOBODY)
        await rig.ended(one)
        assert rig.desk.items() == []


async def test_cancelling_what_waits_takes_the_question_back(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        one = await rig.create(CHAIN)
        await rig.asked()
        await rig.service.cancel(one, NOBODY)
        await rig.ended(one, "cancelled")
        assert rig.desk.items() == []
        assert rig.service.orchestrator.why_waiting(one, "second") == ""


async def test_after_a_restart_the_question_stands_again_once(
    tmp_path: Path, store: MemoryStore
) -> None:
    async with guarded(tmp_path, store, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        one = await rig.create(CHAIN)
        before = await rig.asked()
        await waiting(rig, one)
    async with guarded(tmp_path, store, agents=Agents(cost=0.1), budgets=PURSE) as rig:
        await waiting(rig, one)
        item = await rig.asked()
        assert item.item_id == before.item_id
        assert account(rig).spent == 0.4
        await rig.answer(item, "double")
        await rig.ended(one)
        assert rig.agents.began == ["second"]


@pytest.fixture(params=["memory", "postgresql"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Any, Any]]:
    """The small records as two engines on one store have them."""
    if request.param == "memory":
        kept = MemoryKept()
        yield kept, kept
        return
    url = postgres_url()
    await clean(url)
    stores = [PostgresStore(url, clock=SYSTEM_CLOCK, home=home) for home in ("here", "there")]
    for one in stores:
        await one.open()
    yield stores[0].kept, stores[1].kept
    for one in stores:
        await one.close()


async def test_another_engines_grant_lets_go_on_here_and_its_spending_counts(
    tmp_path: Path, store: MemoryStore, shared: tuple[Any, Any]
) -> None:
    purse = [{**PURSE[0], "scope": "group"}]
    elsewhere = MemoryStore(clock=SYSTEM_CLOCK)
    await elsewhere.open()
    store.kept, elsewhere.kept = shared
    cost = Agents(cost=0.4)
    async with (
        guarded(tmp_path, store, agents=cost, budgets=purse) as here,
        guarded(tmp_path, elsewhere, budgets=purse) as there,
    ):
        one = await here.create(CHAIN)
        await here.asked()
        assert "purse" in await waiting(here, one)
        await there.until(lambda: there.safety.budgets() and account(there).spent == 0.4)
        await there.safety.grant("purse", "chain", 0.5, NOBODY)
        await here.ended(one)
        assert here.desk.items() == []
        assert account(here).limit == 1.0
        assert here.types().count("budget.granted") == 1
        await there.until(lambda: account(there).spent == pytest.approx(0.8))
        refused = await there.create(CHAIN)
        assert "purse" in await waiting(there, refused, "first")
    await elsewhere.close()


async def test_a_workflow_that_overdraws_ends_and_the_debt_is_asked_about(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(cost=2.0), budgets=PURSE) as rig:
        one = await rig.create(ONE)
        await rig.ended(one)
        await rig.until(rig.desk.items)
        assert account(rig).left == pytest.approx(-1.5)


async def test_of_very_many_accounts_those_that_matter_are_shown(tmp_path: Path) -> None:
    """A workflow each has one for ever: else whoever looks would be sent them all, each time."""
    async with guarded(tmp_path, agents=Agents(cost=0.4), budgets=PURSE) as rig:
        budgets = rig.safety.accounts.budgets
        for number in range(MOST_SHOWN + 50):
            budgets.set_aside({BudgetScope.WORKFLOW: f"0{number:05}"}, Usage())
        one = await rig.create(CHAIN)
        await rig.asked()
        found = rig.safety.budgets()
        assert len(found) == MOST_SHOWN
        keys = [account.key for account in found]
        assert keys == sorted(keys)
        assert one in keys
        assert ("000000" in keys, f"0{MOST_SHOWN + 49:05}" in keys) == (False, True)


async def test_what_several_wait_for_is_asked_once(tmp_path: Path) -> None:
    day = [{**PURSE[0], "scope": "day", "limit": 0.1}]
    async with guarded(tmp_path, agents=Agents(cost=0.01), budgets=day) as rig:
        ids = [await rig.create(ONE) for _ in range(4)]
        for one in ids:
            await waiting(rig, one, "ask")
        assert rig.agents.began == []
        item = await rig.asked()
        await rig.safety.grant("purse", item.about.rpartition("/")[2], 5.0, NOBODY)
        for one in ids:
            await rig.ended(one)
        assert account(rig).reserved == 0


async def test_a_cancelled_attempt_gives_its_reservation_back(tmp_path: Path) -> None:
    agents = Agents(held=asyncio.Event())
    async with guarded(tmp_path, agents=agents, budgets=PURSE) as rig:
        one = await rig.create(ONE)
        await rig.until(lambda: agents.began)
        assert account(rig).reserved == pytest.approx(0.3)
        await rig.service.cancel(one, NOBODY)
        await rig.ended(one, "cancelled")
        assert account(rig).reserved == 0


# Breakers


async def test_a_breaker_opens_on_a_crashing_agent_and_closes_again(tmp_path: Path) -> None:
    async with guarded(tmp_path, agents=Agents(crashes=3), safety=BREAKER) as rig:
        one = await rig.create(ONE)
        await rig.ended(one)
        (breaker,) = rig.safety.breakers()
        assert (breaker.state, breaker.failures, breaker.last_error) == ("closed", 0, None)
        states = [
            getattr(event.payload, "breaker").state  # noqa: B009  # of one kind of event only
            for event in rig.events
            if event.type == "breaker.changed"
        ]
        assert [s for i, s in enumerate(states) if i == 0 or states[i - 1] != s] == [
            "closed", "open", "half_open", "open", "half_open", "closed",
        ]  # fmt: skip
        assert rig.agents.began == ["ask"] * 4


async def test_one_probe_goes_through_while_the_others_wait_with_the_time(tmp_path: Path) -> None:
    slow = {"breakers": {"agent/claude": {"failures": 1, "timeout": 3600}}}
    async with guarded(tmp_path, agents=Agents(crashes=1), safety=slow) as rig:
        one = await rig.create(ONE)
        reason = await waiting(rig, one, "ask")
        assert "claude" in reason
        assert "at " in reason
        (breaker,) = rig.safety.breakers()
        assert (breaker.state, breaker.last_error) == ("open", "claude exited with code 3")
        assert breaker.retry_at is not None
        rig.safety.reset_breaker("agent/claude")
        await rig.ended(one)


# Rules, limits, the halt


async def test_an_attempt_that_breaks_a_rule_fails_for_good_with_the_rule_named(
    tmp_path: Path,
) -> None:
    rule = {
        "name": "no_claude",
        "type": "compliance",
        "parameter": "agent",
        "forbidden": ["claude"],
    }
    async with guarded(tmp_path, safety={"constraints": [rule]}) as rig:
        one = await rig.create(ONE)
        await rig.ended(one, "failed")
        task = await rig.task(one, "ask")
        assert (task.attempt, task.error_type) == (1, "OperationRefused")
        assert "no_claude" in (task.error or "")
        assert rig.agents.began == []
        assert [view.rule for view in rig.safety.violations()] == ["no_claude"]
        assert "safety.violation" in rig.types()


async def test_a_critical_rule_halts_and_everything_waits_until_reset(
    tmp_path: Path, store: MemoryStore
) -> None:
    rule = {
        "name": "max_priority", "type": "threshold", "min_value": 2, "parameter": "priority",
        "level": "critical",
    }  # fmt: skip
    urgent = ONE.replace("prompt: work", "prompt: work, priority: critical")
    async with guarded(tmp_path, store, safety={"constraints": [rule]}) as rig:
        bad = await rig.create(urgent)
        await rig.ended(bad, "failed")
        good = await rig.create(ONE)
        assert (await waiting(rig, good, "ask")).startswith("halted: max_priority")
        await rig.until(lambda: any(item.about == "halt/" for item in rig.desk.items()))
    async with guarded(tmp_path, store) as rig:
        assert rig.safety.halt_view() is not None
        await waiting(rig, good, "ask")
        (item,) = [item for item in rig.desk.items() if item.about == "halt/"]
        await rig.answer(item, "reset")
        await rig.ended(good)
        assert rig.safety.halt_view() is None
        assert not [item for item in rig.desk.items() if item.about == "halt/"]
    async with guarded(tmp_path, store) as rig:
        assert rig.safety.halt_view() is None


async def test_a_limit_lets_attempts_wait_their_turn(tmp_path: Path) -> None:
    limit = {"limits": {"workflow.attempt": {"rate": 20, "burst": 1, "by": "all"}}}
    async with guarded(tmp_path, safety=limit) as rig:
        one = await rig.create(CHAIN)
        await rig.ended(one)
        (view,) = [view for view in rig.safety.limits() if view.name == "workflow.attempt"]
        assert view.refused >= 1


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "timing", "min_interval_seconds": 0.1},
        {"type": "rate_limit", "max_value": 1, "window_seconds": 0.1},
    ],
)
async def test_a_rule_that_time_mends_lets_attempts_wait(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    rules = {"constraints": [{"name": "slowly", "operation": "workflow.attempt", **rule}]}
    async with guarded(tmp_path, safety=rules) as rig:
        one = await rig.create(CHAIN)
        await rig.ended(one)
        assert rig.agents.began == ["first", "second"]
        assert "safety.violation" not in rig.types()


async def test_another_engines_halt_is_in_force_here_until_either_resets_it(
    tmp_path: Path, store: MemoryStore
) -> None:
    elsewhere = MemoryStore(clock=SYSTEM_CLOCK)
    await elsewhere.open()
    elsewhere.kept = store.kept  # what engines on one database share
    async with guarded(tmp_path, store) as here, guarded(tmp_path, elsewhere) as there:
        await there.safety.halt("the key leaked", NOBODY)
        await here.until(here.safety.halt_view)
        assert here.safety.halt_reason() == "halted: the key leaked"
        await here.until(here.desk.items)
        assert here.types().count("safety.halted") == 1
        await here.answer(here.desk.items()[0], "reset")
        await there.until(lambda: not there.safety.halt_view() and not there.desk.items())
        assert "safety.reset" in there.types()
        await here.safety.halt("again", NOBODY)
        await there.until(there.safety.halt_view)
        await there.safety.reset_halt(NOBODY)
        await here.until(lambda: not here.safety.halt_view() and not here.desk.items())
    await elsewhere.close()


async def test_a_halt_leaves_what_runs_alone(tmp_path: Path) -> None:
    agents = Agents(held=asyncio.Event())
    async with guarded(tmp_path, agents=agents) as rig:
        one = await rig.create(CHAIN)
        await rig.until(lambda: agents.began)
        await rig.safety.halt("lunch", NOBODY)
        assert agents.held is not None
        agents.held.set()
        assert await waiting(rig, one) == "halted: lunch"
        assert rig.service.reading is not None
        await rig.service.pause(w.PauseWorkflow(workflow_id=one), NOBODY)
        await rig.safety.reset_halt(NOBODY)
        assert rig.status(one) == "paused"
        await rig.service.resume(one, NOBODY)
        await rig.ended(one)
