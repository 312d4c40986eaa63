"""Commands under safety: refused with the rule named, halted, and what a person does about it."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.core.engine.ship import Ship, sailing, settings_for, until

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.client.client import Client, CommandRefused
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import crew_commands as crew
from quarterdeck.core.protocol.views import SessionView
from quarterdeck.core.sessions.keeper.faults import KeeperStartFailed
from quarterdeck.state.memory import MemoryStore


async def refused(client: Client, wish: c.Payload) -> CommandRefused:
    with pytest.raises(CommandRefused) as caught:
        await client.call(wish)
    return caught.value


def said(ship: Ship, view: SessionView, text: str = "go on") -> c.Prompt:
    assert view.id in ship.sessions.known
    return c.Prompt(session_id=view.id, text=text)


async def shown(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = (await client.call(crew.ShowSafety()))["safety"]
    return found


async def test_a_command_that_breaks_a_rule_is_refused_with_the_rule_named(place: Path) -> None:
    rule = {
        "name": "no_force", "type": "compliance", "operation": "session.prompt", "parameter": "text",
        "forbidden": ["git push --force"],
    }  # fmt: skip
    settings = settings_for(place, safety={"constraints": [rule]})
    async with sailing(place, settings=settings) as ship:
        view, client = ship.sessions.add(agent="claude"), await ship.client()
        fault = await refused(client, said(ship, view, "git push --force"))
        assert fault.code == "operation_refused"
        assert fault.details == {"rules": ["no_force"]}
        await client.call(said(ship, view))
        found = await shown(client)
        (broken,) = found["violations"]
        assert (broken["rule"], broken["agent"]) == ("no_force", "claude")
        assert "no_force" in found["constraints"]
        kept = [record.type for record in await ship.store.events()]
        assert kept.count("safety.violation") == 1
        await client.close()


async def test_only_what_stops_or_reads_is_done_in_a_halt_also_after_a_restart(place: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with sailing(place, store=store) as ship:
        view, client = ship.sessions.add(), await ship.client()
        await client.call(crew.Halt(reason="the key leaked"))
        await until(lambda: client.view.halt is not None)
        for wish in (
            said(ship, view),
            c.StartAgent(session_id=view.id),
            c.CreateSession(name="new", agent="shell"),
        ):
            fault = await refused(client, wish)
            assert fault.code == "halted"
            assert "the key leaked" in fault.message
        await client.call(c.ListSessions())
        await client.call(c.StopAgent(session_id=view.id))
        await client.close()
    async with sailing(place, store=store) as ship:
        client = await ship.client()
        await until(lambda: client.view.halt is not None)
        assert client.view.halt is not None
        assert client.view.halt.reason == "the key leaked"
        again = (await client.call(crew.Halt(reason="another")))["halt"]
        assert again["reason"] == "the key leaked", "the first one stands"
        await client.call(crew.ResetHalt())
        await until(lambda: client.view.halt is None)
        await client.call(c.CreateSession(name="new", agent="shell"))
        assert (await refused(client, crew.ResetHalt())).code == "not_halted"
        await client.close()


async def test_a_critical_rule_halts_from_the_next_command_on(place: Path) -> None:
    rule = {
        "name": "max_lines", "type": "threshold", "max_value": 100, "level": "critical",
        "operation": "session.resize", "parameter": "lines",
    }  # fmt: skip
    settings = settings_for(place, safety={"constraints": [rule]})
    async with sailing(place, settings=settings) as ship:
        view, client = ship.sessions.add(), await ship.client()
        wish = c.Resize(session_id=view.id, cols=80, lines=200)
        assert (await refused(client, wish)).code == "operation_refused"
        assert (await refused(client, said(ship, view))).code == "halted"
        assert (await shown(client))["halt"]["rule"] == "max_lines"
        await client.close()


async def test_a_limit_by_session_refuses_with_the_time(place: Path) -> None:
    limit = {"limits": {"session.prompt": {"rate": 0.01, "burst": 2, "by": "session"}}}
    settings = settings_for(place, safety=limit)
    async with sailing(place, settings=settings) as ship:
        one, two, client = ship.sessions.add("one"), ship.sessions.add("two"), await ship.client()
        for _ in range(2):
            await client.call(said(ship, one))
        fault = await refused(client, said(ship, one))
        assert fault.code == "rate_limited"
        assert fault.details["rule"] == "session.prompt"
        assert fault.details["retry_after"] > 0
        await client.call(said(ship, two))
        found = [one for one in (await shown(client))["limits"] if one["name"] == "session.prompt"]
        assert {view["key"]: view["refused"] for view in found} == {"": 1, one.id: 1, two.id: 0}
        await client.close()


async def test_the_breaker_of_an_operation_opens_when_it_fails(place: Path) -> None:
    breaker = {"breakers": {"operation/session.prompt": {"failures": 1, "timeout": 3600}}}
    settings = settings_for(place, safety=breaker)
    async with sailing(place, settings=settings) as ship:
        view, client = ship.sessions.add(), await ship.client()
        ship.sessions.fail("prompt", KeeperStartFailed("no"))
        assert (await refused(client, said(ship, view))).code == "start_failed"
        fault = await refused(client, said(ship, view))
        assert fault.code == "circuit_open"
        await client.call(crew.ResetBreaker(name="operation/session.prompt"))
        await client.call(said(ship, view))
        assert (await refused(client, crew.ResetBreaker(name="x"))).code == "breaker_unknown"
        await client.close()


async def test_an_agent_that_never_starts_is_left_alone_until_its_breaker_is_reset(
    place: Path,
) -> None:
    breaker = {"breakers": {"agent/shell": {"failures": 2, "timeout": 3600}}}
    async with sailing(place, settings=settings_for(place, safety=breaker)) as ship:
        view, client = ship.sessions.add(lifecycle="created"), await ship.client()
        ship.sessions.fail("start", KeeperStartFailed("no"), KeeperStartFailed("no"))
        wish = c.StartAgent(session_id=view.id)
        for _ in range(2):
            assert (await refused(client, wish)).code == "start_failed"
        assert (await refused(client, wish)).code == "agent_unavailable"
        (found,) = (await shown(client))["breakers"]
        assert (found["name"], found["state"], found["last_error"]) == ("agent/shell", "open", "no")
        await client.call(crew.ResetBreaker(name="agent/shell"))
        await client.call(wish)
        await client.close()


async def test_a_prompt_beyond_the_budget_is_refused_until_more_is_granted(place: Path) -> None:
    turns: Any = [{"name": "turns", "scope": "session", "unit": "turns", "limit": 1}]
    async with sailing(place, settings=settings_for(place, budgets=turns)) as ship:
        view, client = ship.sessions.add(), await ship.client()
        await client.call(said(ship, view))
        fault = await refused(client, said(ship, view))
        assert fault.code == "budget_exceeded"
        assert "quarterdeck budget grant turns" in fault.message
        (account,) = (await shown(client))["budgets"]
        assert (account["reserved"], account["spent"]) == (1, 0)
        await client.call(crew.GrantBudget(name="turns", key=view.id, more=1))
        await client.call(said(ship, view))
        wrong = crew.GrantBudget(name="turns", key="nobody", more=1)
        assert (await refused(client, wrong)).code == "budget_unknown"
        await client.close()


@pytest.mark.parametrize("more", [inf, nan, 1e300, 0, -1])
def test_what_is_no_amount_cannot_be_granted(more: float) -> None:
    with pytest.raises(ValidationError, match="more"):
        crew.GrantBudget(name="turns", key="one", more=more)


async def test_a_prompt_that_was_not_delivered_costs_nothing(place: Path) -> None:
    turns: Any = [{"name": "turns", "scope": "session", "unit": "turns", "limit": 1}]
    async with sailing(place, settings=settings_for(place, budgets=turns)) as ship:
        view, client = ship.sessions.add(), await ship.client()
        ship.sessions.fail("prompt", KeeperStartFailed("no"))
        await refused(client, said(ship, view))
        assert (await shown(client))["budgets"][0]["reserved"] == 0
        await client.call(said(ship, view))
        await client.close()
