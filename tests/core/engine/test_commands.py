"""A command's way through a running engine: every type, every refusal, every reply once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import CommandRefused
from quarterdeck.core.engine.context import Kept, Place
from quarterdeck.core.engine.handlers.routes import ROUTES
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.preferences import with_defaults
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status

from .doubles import NOW
from .ship import build, sailing, settings_for, settle

# Routes


def test_every_command_has_a_route_of_its_own_payload() -> None:
    assert set(ROUTES) == set(c.PAYLOADS)
    assert all(ROUTES[kind].payload is c.PAYLOADS[kind] for kind in ROUTES)


def test_what_changes_something_keeps_its_order_and_its_reply() -> None:
    changing = {
        "workflow.create", "workflow.start", "workflow.pause", "workflow.resume", "workflow.cancel",
        "workflow.retry", "workflow.rerun", "workflow.rollback", "workflow.delete",
        "workflow.signal", "schedule.save", "schedule.remove",
        "session.create", "session.delete", "session.merge", "session.update", "session.prompt", "session.keys",
        "session.resize", "session.answer", "agent.start", "agent.stop", "agent.restart",
        "attention.answer", "attention.snooze", "attention.resolve",
        "crew.vote", "crew.release_lock", "crew.resume_saga",
        "pipeline.load", "pipeline.unload", "pipeline.pause", "pipeline.resume", "pipeline.propel",
        "pipeline.cancel", "pipeline.discard", "pipeline.retry", "pipeline.replay",
    }  # fmt: skip
    assert {kind for kind, route in ROUTES.items() if route.place is Place.MAILBOX} == changing
    stored = {kind for kind, route in ROUTES.items() if route.kept is Kept.STORE}
    crew = {"crew.grant", "crew.halt", "crew.reset_breaker", "crew.reset_halt"}
    assert stored == changing | crew | {"ui.set_preference"}


# Every type

SESSION_REPLIES = [
    (lambda s: c.UpdateSession(session_id=s, updates=c.SessionUpdates(name="new")), "new"),
    (lambda s: c.StartAgent(session_id=s), "probe"),
    (lambda s: c.StopAgent(session_id=s), "probe"),
    (lambda s: c.RestartAgent(session_id=s), "probe"),
]


@pytest.mark.parametrize(("wish", "name"), SESSION_REPLIES)
async def test_what_changes_a_session_gives_its_view(place: Path, wish: Any, name: str) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        client = await ship.client()
        result = await client.call(wish(view.id))
        assert result["session"]["name"] == name
        assert result["session"]["version"] == 2
        assert client.view.sessions[view.id].version == 2
        await client.close()


async def test_a_session_is_created_started_and_deleted(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        made = (await client.call(c.CreateSession(name="a", agent="shell")))["session"]
        assert made["lifecycle"] == "running"
        quiet = await client.call(c.CreateSession(name="b", agent="shell", start=False))
        assert quiet["session"]["lifecycle"] == "created"
        assert len(client.view.sessions) == 2
        gone = await client.call(c.DeleteSession(session_id=made["id"], force=True))
        assert gone == {"session_id": made["id"]}
        assert len(client.view.sessions) == 1
        await client.close()


async def test_sessions_are_listed_by_every_filter(place: Path) -> None:
    async with sailing(place) as ship:
        working = ship.sessions.add("Alpha", agent="claude", cwd="/home/anna/shop")
        idle = ship.sessions.add("beta", status=Status(activity=Activity.IDLE, since=NOW))
        over = ship.sessions.add("gamma", lifecycle=Lifecycle.EXITED, title="Deploy")
        ship.sessions.raise_item(idle.id)
        client = await ship.client(follow=("session.list",))

        async def listed(**filters: Any) -> list[str]:
            found = await client.call(c.ListSessions(**filters))
            return [view["id"] for view in found["sessions"]]

        assert await listed() == [working.id, idle.id, over.id]
        assert await listed(lifecycle=Lifecycle.EXITED) == [over.id]
        assert await listed(activity=Activity.IDLE) == [idle.id]
        assert await listed(agent="claude") == [working.id]
        assert await listed(needs_attention=True) == [idle.id]
        assert await listed(needs_attention=False) == [working.id, over.id]
        assert await listed(text="ALPHA") == [working.id]
        assert await listed(text="shop") == [working.id]
        assert await listed(text="deploy") == [over.id]
        assert await listed(text="nothing") == []
        assert await listed(agent="claude", text="beta") == []
        assert [event.type for event in client.view.events][-1] == "session.list"
        await client.close()


async def test_reading_and_typing_commands_reach_the_sessions(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        ship.sessions.screens[view.id] = ship.sessions.screen_source(view.id)
        client = await ship.client(follow=None)
        calls: list[tuple[c.Payload, dict[str, Any]]] = [
            (c.Prompt(session_id=view.id, text="hi"), {"delivery": "verified"}),
            (c.SendKeys(session_id=view.id, keys=("enter",)), {}),
            (c.Resize(session_id=view.id, cols=90, lines=30), {}),
            (c.Answer(session_id=view.id, request_id="r", choice="1"), {"delivery": "verified"}),
            (c.ReadScreen(session_id=view.id), {"lines": ["ready"]}),
            (c.SearchScreen(session_id=view.id, text="x"), {"matches": []}),
            (c.ReadLog(session_id=view.id), {"text": ""}),
            (c.ExplainSession(session_id=view.id), {"session": "probe"}),
            (c.SessionHistory(session_id=view.id), {"entries": []}),
        ]
        for wish, result in calls:
            assert await client.call(wish) == result
        agents = (await client.call(c.ListAgents()))["agents"]
        assert [agent["name"] for agent in agents] == ["shell"]
        await client.close()


async def test_the_attention_queue_is_listed_answered_snoozed_and_resolved(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        items = [ship.sessions.raise_item(view.id, request_id=str(n)) for n in range(3)]
        client = await ship.client()
        listed = (await client.call(c.ListAttention()))["items"]
        assert [item["item_id"] for item in listed] == [item.item_id for item in items]
        nearest = (await client.call(c.NextActionable()))["item"]
        assert nearest["item_id"] == items[0].item_id
        snoozed = await client.call(c.SnoozeItem(item_id=items[1].item_id, seconds=5))
        assert snoozed["item"]["snoozed_until"] is not None
        assert len((await client.call(c.ListAttention(snoozed=False)))["items"]) == 2
        await client.call(c.AnswerItem(item_id=items[0].item_id, choice="1"))
        await client.call(c.ResolveItem(item_id=items[1].item_id))
        await client.call(c.ResolveItem(item_id=items[2].item_id))
        assert await client.call(c.NextActionable()) == {"item": None}
        assert ("human_wait_duration_seconds") in [name for name, _ in ship.metrics.observed]
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.ResolveItem(item_id=items[2].item_id))
        assert caught.value.code == "item_unknown"
        await client.close()


async def test_focus_and_minimal_mode_belong_to_a_client(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        first, second = await ship.client(), await ship.client()
        assert await first.call(c.SetFocus(session_id=view.id)) == {"session_id": view.id}
        assert await second.call(c.SetFocus()) == {"session_id": None}
        assert ship.sessions.focused == {first.client_id: view.id, second.client_id: None}
        assert await first.call(c.ToggleMinimal()) == {"minimal": True}
        assert await first.call(c.ToggleMinimal()) == {"minimal": False}
        assert await second.call(c.ToggleMinimal()) == {"minimal": True}
        with pytest.raises(CommandRefused) as caught:
            await first.call(c.SetFocus(session_id=new_id()))
        assert caught.value.code == "session_unknown"
        await first.close()
        assert ship.sessions.focused[first.client_id] is None
        await second.close()


async def test_preferences_are_kept_told_and_put_back(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        kept = await client.call(c.SetPreference(key="keymap", value="vim"))
        assert kept == {"key": "keymap", "value": "vim"}
        assert client.view.preferences["keymap"] == "vim"
        found = (await client.call(c.GetPreferences()))["preferences"]
        assert found == with_defaults({"keymap": "vim"})
        assert await ship.store.preferences() == {"keymap": "vim"}
        back = await client.call(c.SetPreference(key="keymap"))
        assert back == {"key": "keymap", "value": "default"}
        assert client.view.preferences["keymap"] == "default"
        assert await ship.store.preferences() == {}
        for wrong, code in (("emacs", "invalid_preference"), (3, "invalid_preference")):
            with pytest.raises(CommandRefused) as caught:
                await client.call(c.SetPreference(key="keymap", value=wrong))
            assert caught.value.code == code
        with pytest.raises(CommandRefused, match="Did you mean"):
            await client.call(c.SetPreference(key="keymp", value="vim"))
        await client.close()


async def test_state_health_and_events_can_be_read(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        client = await ship.client(follow=None)
        await client.call(c.UpdateSession(session_id=view.id, updates=c.SessionUpdates(name="n")))
        state = (await client.call(c.GetState()))["state"]
        assert state["sequence"] == ship.journal.delivered
        assert [session["id"] for session in state["sessions"]] == [view.id]
        assert state["engine"]["engine_id"] == ship.engine.engine_id
        assert state["health"]["status"] == "healthy"
        assert (await client.call(c.HealthCheck()))["health"]["status"] == "healthy"

        async def types(**filters: Any) -> list[str]:
            found = await client.call(c.ListEvents(**filters))
            return [event["type"] for event in found["events"]]

        assert await types() == ["system.info", "session.updated"]
        assert await types(topic="session.*") == ["session.updated"]
        assert await types(topic="dreams.*") == []
        assert await types(after=1) == ["session.updated"]
        assert await types(session_id=view.id) == ["session.updated"]
        assert await types(limit=1) == ["session.updated"]
        await client.close()


# Repeated commands


async def test_a_repeated_command_gets_its_reply_and_runs_once(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        sent = c.command(c.CreateSession(name="a", agent="shell"))
        first = await client.call_command(sent)
        assert await client.call_command(sent) == first
        other = await ship.client()
        assert await other.call_command(sent) == first
        assert [name for name, _ in ship.sessions.calls].count("create") == 1
        await client.close()
        await other.close()


async def test_one_repeated_while_it_runs_gets_the_same_reply(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        gate = ship.sessions.gate("start")
        first, second = await ship.client(), await ship.client()
        sent = c.command(c.StartAgent(session_id=view.id))
        calls = [asyncio.create_task(one.call_command(sent)) for one in (first, second)]
        await settle()
        gate.set()
        one, two = await asyncio.gather(*calls)
        assert one == two
        assert len([name for name, _ in ship.sessions.calls if name == "start"]) == 1
        await first.close()
        await second.close()


async def test_the_next_engine_remembers_what_was_done(place: Path) -> None:
    sent = c.command(c.CreateSession(name="a", agent="shell"))
    ship = build(place)
    async with ship.engine:
        client = await ship.client()
        first = await client.call_command(sent)
        await client.close()
    again = build(place, store=ship.store)
    async with again.engine:
        client = await again.client()
        assert await client.call_command(sent) == first
        assert "create" not in [name for name, _ in again.sessions.calls]
        await client.close()


async def test_a_failure_is_a_reply_like_any_other(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        ship.sessions.fail("stop", ResourceFault("no room"))
        client = await ship.client()
        sent = c.command(c.StopAgent(session_id=view.id))
        for _ in range(2):
            with pytest.raises(CommandRefused, match="no room"):
                await client.call_command(sent)
        assert len([name for name, _ in ship.sessions.calls if name == "stop"]) == 1
        await client.close()


async def test_a_refused_command_may_be_sent_again(place: Path) -> None:
    clock = ManualClock()
    config = settings_for(place, engine={"rate_limit_burst": 1, "rate_limit_per_second": 1})
    async with sailing(place, clock=clock, settings=config) as ship:
        view = ship.sessions.add()
        client = await ship.client()
        await client.call(c.StopAgent(session_id=view.id))
        sent = c.command(c.StartAgent(session_id=view.id))
        with pytest.raises(CommandRefused) as caught:
            await client.call_command(sent)
        assert caught.value.code == "rate_limited"
        clock.advance(caught.value.details["retry_after"])
        assert (await client.call_command(sent))["session"]["lifecycle"] == "running"
        await client.close()


async def test_reading_again_reads_again(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        sent = c.command(c.ListSessions())
        assert await client.call_command(sent) == {"sessions": []}
        ship.sessions.add()
        assert len((await client.call_command(sent))["sessions"]) == 1
        await client.close()
