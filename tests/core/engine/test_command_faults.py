"""What is refused or fails on a command's way, what is measured, and what the log shows."""

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
from quarterdeck.core.telemetry.redaction import HIDDEN

from .doubles import NOW
from .ship import sailing, settings_for, settle

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
