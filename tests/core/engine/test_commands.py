"""A command's way through a running engine: every type, every refusal, every reply once."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import ResourceFault
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import CommandRefused
from quarterdeck.core.engine.context import Kept, Place, Route
from quarterdeck.core.engine.handlers.routes import ROUTES
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.preferences import with_defaults
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status
from quarterdeck.core.telemetry.redaction import HIDDEN

from .doubles import NOW, build, sailing, settings_for, settle

# Routes


def test_every_command_has_a_route_of_its_own_payload() -> None:
    assert set(ROUTES) == set(c.PAYLOADS)
    assert all(ROUTES[kind].payload is c.PAYLOADS[kind] for kind in ROUTES)


def test_what_changes_a_session_keeps_its_order_and_its_reply() -> None:
    changing = {
        "session.create", "session.delete", "session.update", "session.prompt", "session.keys",
        "session.resize", "session.answer", "agent.start", "agent.stop", "agent.restart",
        "attention.answer", "attention.snooze", "attention.resolve",
    }  # fmt: skip
    assert {kind for kind, route in ROUTES.items() if route.place is Place.MAILBOX} == changing
    stored = {kind for kind, route in ROUTES.items() if route.kept is Kept.STORE}
    assert stored == changing | {"ui.set_preference"}


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


# Limits


async def test_a_session_over_its_limit_is_refused_and_others_are_not(place: Path) -> None:
    clock = ManualClock()
    config = settings_for(place, engine={"rate_limit_burst": 3})
    async with sailing(place, clock=clock, settings=config) as ship:
        one, two = ship.sessions.add("one"), ship.sessions.add("two")
        client = await ship.client(follow=None)
        for _ in range(3):
            await client.call(c.SendKeys(session_id=one.id, keys=("a",)))
        for _ in range(2):
            with pytest.raises(CommandRefused) as caught:
                await client.call(c.SendKeys(session_id=one.id, keys=("a",)))
            assert caught.value.code == "rate_limited"
            assert caught.value.details["retry_after"] == pytest.approx(0.1)
        await client.call(c.SendKeys(session_id=two.id, keys=("a",)))
        await client.call(c.ToggleMinimal())
        assert ship.metrics.counters["rate_limit_hits"] == 2
        assert ship.metrics.errors.count(("session.keys", "rate_limited")) == 2
        await client.close()


async def test_made_up_sessions_draw_from_the_clients_bucket(place: Path) -> None:
    """Else a client could go round its limit, and push everybody's buckets out."""
    async with sailing(place) as ship:
        client = await ship.client(follow=None)
        for _ in range(3):
            with pytest.raises(CommandRefused):
                await client.call(c.StopAgent(session_id=new_id()))
        assert (await ship.engine.health()).rate_limiters == 1
        await client.close()


# Faults


async def test_an_unforeseen_error_is_internal_with_an_id_that_the_log_knows(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        ship.sessions.fail("stop", KeyError("sk-ant-api03-abcdefghijklmnop"))
        client = await ship.client()
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.StopAgent(session_id=view.id))
        error = caught.value.error
        assert (error.code, error.recoverable) == ("internal", False)
        assert "KeyError" in error.message
        assert HIDDEN in error.message
        logged = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert any(
            getattr(r, "fields", {}).get("error_id") == error.details["error_id"] for r in logged
        )
        assert logged[-1].exc_info is not None
        await client.call(c.StopAgent(session_id=view.id))
        await client.close()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_nothing_that_a_handler_raises_escapes(place: Path, error: BaseException) -> None:
    async with sailing(place) as ship:
        ship.sessions.fail("screen", error)
        view = ship.sessions.add()
        client = await ship.client()
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.ReadScreen(session_id=view.id))
        assert caught.value.code == "internal"
        assert (await ship.engine.health()).worker_count == 3
        await client.close()


async def test_secrets_in_a_fault_are_not_shown(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        secret = "sk-ant-api03-abcdefghijklmnop"
        ship.sessions.fail("stop", ResourceFault(f"refused {secret}", token=secret, n=1))
        client = await ship.client()
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.StopAgent(session_id=view.id))
        assert secret not in caught.value.error.model_dump_json()
        assert caught.value.details == {"token": HIDDEN, "n": 1}
        await client.close()


async def test_a_crashed_worker_is_replaced_and_its_command_answered(place: Path) -> None:
    """The pipeline itself breaks, behind all its own guards."""
    async with sailing(place) as ship:
        client = await ship.client(follow=None)
        pipeline = ship.engine._parts.pipeline
        real, broken = pipeline._replies.finish, [True, True]

        def finish(*args: Any, **options: Any) -> None:
            if broken and broken.pop():
                raise MemoryError("out of memory")
            real(*args, **options)

        pipeline._replies.finish = finish  # type: ignore[method-assign]  # the fault under test
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.ToggleMinimal())
        assert caught.value.code == "internal"
        await settle()
        figures = ship.engine.statistics().workers
        assert (figures.alive, figures.replaced) == (3, 1)
        await client.call(c.ToggleMinimal())
        await client.close()


async def test_a_result_that_is_no_json_is_an_internal_error(place: Path) -> None:
    async def handler(*_: Any) -> dict[str, Any]:
        return {"what": object()}

    routes = {**ROUTES, "session.stop": ROUTES["agent.stop"]}
    routes["agent.stop"] = Route(c.StopAgent, handler, Place.MAILBOX, Kept.STORE)
    async with sailing(place, routes=routes) as ship:
        view = ship.sessions.add()
        client = await ship.client(follow=None)
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.StopAgent(session_id=view.id))
        assert caught.value.code == "internal"
        await client.close()


async def test_a_kept_reply_that_can_not_be_read_refuses_rather_than_runs_twice(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()

        async def unreadable(_: str) -> str | None:
            raise ResourceFault("the disk can't be read")

        monkeypatch.setattr(ship.store, "reply", unreadable)
        client = await ship.client(follow=None)
        with pytest.raises(CommandRefused, match="can't be read"):
            await client.call(c.StopAgent(session_id=view.id))
        assert ship.sessions.calls[-1][0] != "stop"
        await client.close()


async def test_a_full_mailbox_refuses_that_session_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings_for(place, engine={"rate_limit_burst": 1000})
    async with sailing(place, settings=config) as ship:
        ship.engine._parts.mailboxes._limit = 2
        one, two = ship.sessions.add("one"), ship.sessions.add("two")
        gate = ship.sessions.gate("start:one")
        client = await ship.client(follow=None)
        calls = [asyncio.create_task(client.call(c.StartAgent(session_id=one.id)))]
        await settle()
        calls += [asyncio.create_task(client.call(c.StartAgent(session_id=one.id))) for _ in "abc"]
        await settle()
        refused = [call for call in calls if call.done()]
        assert len(refused) == 1
        with pytest.raises(CommandRefused) as caught:
            await refused[0]
        assert caught.value.code == "session_busy"
        await client.call(c.StartAgent(session_id=two.id))
        gate.set()
        await asyncio.gather(*(call for call in calls if call not in refused))
        await client.close()


# What is measured and logged


async def test_commands_are_measured_by_type(place: Path) -> None:
    clock = ManualClock()
    async with sailing(place, clock=clock) as ship:
        view = ship.sessions.add()
        gate = ship.sessions.gate("start")
        client = await ship.client(follow=None)
        call = asyncio.create_task(client.call(c.StartAgent(session_id=view.id)))
        await settle()
        clock.advance(2)
        gate.set()
        await call
        assert ship.metrics.commands == ["agent.start"]
        assert ship.metrics.durations == [("agent.start", 2)]
        assert ("dispatch_latency_seconds", 0) in ship.metrics.observed
        await client.close()


async def test_a_made_up_type_is_no_label(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client(follow=None)
        made_up = c.Command(id=new_id(), type="x" * 50, timestamp=NOW)
        with pytest.raises(CommandRefused) as caught:
            await client.call_command(made_up)
        assert caught.value.code == "unknown_type"
        assert ship.metrics.commands == ["unknown"]
        assert ship.metrics.errors == [("unknown", "unknown_type")]
        await client.close()


async def test_the_debug_log_shows_the_steps_of_a_command(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "quarterdeck")
    clock = ManualClock()
    config = settings_for(place, engine={"rate_limit_burst": 1})
    async with sailing(place, clock=clock, settings=config) as ship:
        view = ship.sessions.add()
        client = await ship.client(follow=None)
        await client.call(c.StopAgent(session_id=view.id))
        with pytest.raises(CommandRefused):
            await client.call(c.StopAgent(session_id=view.id))
        await client.close()
    fields = [
        r.__dict__["fields"] for r in caplog.records if r.name == "quarterdeck.engine.commands"
    ]
    assert [f["step"] for f in fields][:4] == ["valid", "mailbox", "run", "answered"]
    (hit,) = [r for r in caplog.records if r.message == "rate limit hit"]
    assert {"scope", "key", "retry_after", "buckets", "refused"} <= set(hit.__dict__["fields"])


async def test_an_event_of_a_command_names_it(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        sent = c.command(c.CreateSession(name="a", agent="shell"))
        await client.call_command(sent)
        created = next(e for e in client.view.events if e.type == "session.created")
        found = created.metadata
        assert (found.command_id, found.correlation_id, found.causation_id) == (sent.id,) * 3
        await client.close()


async def test_the_events_of_a_command_come_before_its_reply(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        for number in range(20):
            made = await client.call(c.CreateSession(name=f"s{number}", agent="shell"))
            assert made["session"]["id"] in client.view.sessions
        await client.close()


async def test_text_that_is_no_unicode_is_refused_in_process_too(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client(follow=None)
        with pytest.raises(CommandRefused) as caught:
            await client.call(c.ListSessions(text="\ud800"))
        assert caught.value.code == "text_invalid"
        await client.close()
