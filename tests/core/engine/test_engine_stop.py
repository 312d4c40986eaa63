"""The engine stops in order, hands over to another, and can be built as the document says."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError, ResourceFault
from quarterdeck.core.client.client import Client, CommandRefused
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.client.socket import SocketEndpoint
from quarterdeck.core.engine.building import new_engine, new_with_prometheus_metrics
from quarterdeck.core.engine.engine import Engine, Phase
from quarterdeck.core.engine.lock import read_holder
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import events as e
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.protocol.wire import Goodbye
from quarterdeck.core.settings import default_config
from quarterdeck.core.telemetry.ports import NullMetrics
from quarterdeck.core.telemetry.prometheus import PrometheusMetrics
from quarterdeck.state.memory import MemoryStore

from .doubles import FakeSessions
from .ship import (
    RawClient,
    Ship,
    build,
    free_port,
    infos,
    raw_command,
    sailing,
    settings_for,
    settle,
    stopped,
    until,
)

# Stopping


async def test_a_stop_leaves_nothing_behind(place: Path) -> None:
    port = free_port()
    config = settings_for(place, prometheus={"enabled": True, "port": port})
    ship = build(place, listen=True, settings=config, metrics=PrometheusMetrics())
    async with ship.engine:
        client = await ship.client()
    await stopped(ship)
    assert ship.sessions.closed == [False]
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", port)
    await client.close()


async def test_what_is_queued_is_finished_first(place: Path) -> None:
    config = settings_for(place, engine={"worker_count": 1})
    async with sailing(place, settings=config) as ship:
        view = ship.sessions.add()
        gate = ship.sessions.gate("prompt:first")
        client = await ship.client()
        calls = [
            asyncio.create_task(client.call(c.Prompt(session_id=view.id, text=text)))
            for text in ("first", "second", "third")
        ]
        await settle()
        stopping = asyncio.create_task(ship.engine.shutdown())
        await settle()
        late = asyncio.create_task(client.call(c.ListSessions()))
        with pytest.raises(CommandRefused) as caught:
            await late
        assert caught.value.code == "shutting_down"
        assert ship.sessions.closed == []
        gate.set()
        await stopping
        assert [await call for call in calls] == [{"delivery": "verified"}] * 3
        assert [text for name, text in ship.sessions.done] == ["first", "second", "third"]


async def test_what_does_not_end_in_time_is_refused_and_all_is_saved(place: Path) -> None:
    config = settings_for(place, engine={"worker_count": 1, "shutdown_timeout": 0.1})
    async with sailing(place, settings=config) as ship:
        view = ship.sessions.add()
        ship.sessions.screens[view.id] = ship.sessions.screen_source(view.id)
        ship.sessions.gate("prompt")
        ship.sessions.gate("screen")
        client = await ship.client()
        wishes: list[c.Payload] = [
            c.Prompt(session_id=view.id, text="stuck"),
            c.Prompt(session_id=view.id, text="waiting"),
            c.ReadScreen(session_id=view.id),
            c.ReadScreen(session_id=view.id),
        ]
        calls = [asyncio.create_task(client.call(wish)) for wish in wishes]
        await settle()
        await ship.engine.shutdown()
        for call in calls:
            with pytest.raises(CommandRefused) as caught:
                await call
            assert caught.value.code == "shutting_down"
        assert ship.sessions.closed == [False]
    await stopped(ship)


async def test_a_command_asks_for_the_stop_and_is_answered(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await ship.client()
        goodbyes: list[Goodbye] = []
        ended: list[str] = []
        client.on_goodbye = goodbyes.append
        client.on_closed = ended.append
        assert await client.call(c.Shutdown(stop_sessions=True)) == {"stopping": True}
        await ship.engine.wait_stopped()
        await settle()
        assert ship.sessions.closed == [True]
        assert [(g.takeover, "a client asked for it" in g.reason) for g in goodbyes] == [
            (False, True)
        ]
        assert len(ended) == 1
    await stopped(ship)


async def test_stopping_twice_is_stopping_once(place: Path) -> None:
    async with sailing(place) as ship:
        await asyncio.gather(ship.engine.shutdown(), ship.engine.shutdown())
        await ship.engine.shutdown()
        ship.engine.request_stop()
        ship.engine.force_stop()
    assert ship.sessions.closed == [False]


async def test_an_engine_that_never_started_stops_too(place: Path) -> None:
    ship = build(place)
    await ship.engine.shutdown()
    assert ship.engine.phase is Phase.NEW


async def test_clients_are_told_that_the_engine_stops(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        await ship.engine.shutdown("the test is over")
        await settle()
        assert infos(list(client.view.events))[-1] == "engine_stopping"
        last = client.view.events[-1].payload
        assert isinstance(last, e.SystemInfo)
        assert "the test is over" in last.message


async def test_a_part_that_fails_to_stop_does_not_keep_the_others(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        ship.sessions.fail("close", ValueError("no"))
        await ship.engine.shutdown()
    await stopped(ship)


async def test_a_part_that_hangs_is_given_up_in_time(place: Path) -> None:
    config = settings_for(place, engine={"shutdown_timeout": 0.1})
    async with sailing(place, settings=config) as ship:
        ship.sessions.gate("close")
        await ship.engine.shutdown()
    await stopped(ship)


async def test_forcing_skips_the_waiting(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        ship.sessions.gate("start")
        client = await ship.client()
        call = asyncio.create_task(client.call(c.StartAgent(session_id=view.id)))
        await settle()
        stopping = asyncio.create_task(ship.engine.shutdown())
        await settle()
        assert not stopping.done()
        ship.engine.force_stop()
        await stopping
        assert ship.sessions.closed == [False]
        with pytest.raises(CommandRefused):
            await call


async def test_a_first_signal_stops_and_a_second_forces(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        ship.sessions.gate("start")
        undo = ship.engine.handle_signals()
        client = await ship.client()
        call = asyncio.create_task(client.call(c.StartAgent(session_id=view.id)))
        await settle()
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: ship.engine.phase is Phase.STOPPING)
        os.kill(os.getpid(), signal.SIGINT)
        await ship.engine.wait_stopped()
        undo()
        with pytest.raises(CommandRefused):
            await call
    await stopped(ship)


async def test_a_fatal_error_saves_everything_first(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        ship.engine.fail(MemoryError("out of memory"))
        ship.engine.fail(ValueError("and more"))
        await ship.engine.wait_stopped()
        await settle()
        assert isinstance(ship.engine.failure, MemoryError)
        errors = [x.payload for x in client.view.events if x.type == "system.error"]
        assert len(errors) == 1
        assert "MemoryError: out of memory" in str(errors[0])
        assert ship.sessions.closed == [False]
    await stopped(ship)


async def test_an_error_in_the_program_around_it_stops_it_in_order(place: Path) -> None:
    ship = build(place)
    with pytest.raises(RuntimeError, match="the program failed"):
        async with ship.engine:
            raise RuntimeError("the program failed")
    await stopped(ship)


# Handing over


async def remote(ship: Ship, name: str, *, host: bool) -> tuple[Client, list[Goodbye]]:
    assert ship.engine.socket is not None
    client = Client(await SocketEndpoint.connect(str(ship.engine.socket)), name, host=host)
    goodbyes: list[Goodbye] = []
    client.on_goodbye = goodbyes.append
    await client.start()
    return client, goodbyes


async def test_one_host_is_asked_to_take_over_once_the_way_is_free(place: Path) -> None:
    ship = build(place, listen=True)
    free: list[bool] = []
    async with ship.engine:
        local = await ship.client()
        viewer, viewer_told = await remote(ship, "viewer", host=False)
        first, first_told = await remote(ship, "first", host=True)
        second, second_told = await remote(ship, "second", host=True)

        def heard(goodbye: Goodbye) -> None:
            first_told.append(goodbye)
            free.append(read_holder(place) is None and not (place / "engine.sock").exists())

        first.on_goodbye = heard
        await ship.engine.shutdown("the dashboard was closed", handover=True)
        await until(lambda: bool(first_told and second_told and viewer_told))
        assert [g.takeover for g in first_told] == [True]
        assert [g.takeover for g in second_told + viewer_told] == [False, False]
        assert free == [True]
    again = build(place, listen=True, store=ship.store)
    async with again.engine:
        assert again.sessions.loaded == [2]
    for client in (local, viewer, first, second):
        await client.close()


async def test_without_a_host_nobody_is_asked(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        viewer, told = await remote(ship, "viewer", host=False)
        await ship.engine.shutdown(handover=True)
        await until(lambda: bool(told))
        assert not told[0].takeover
        await viewer.close()


async def test_without_a_handover_no_host_is_asked(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        host, told = await remote(ship, "host", host=True)
        await ship.engine.shutdown()
        await until(lambda: bool(told))
        assert not told[0].takeover
        await host.close()


async def test_a_client_that_reads_nothing_does_not_hold_up_the_goodbye(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck.core.engine.launch.FAREWELL_SECONDS", 0.01)
    monkeypatch.setattr("quarterdeck.core.engine.socket_server.FAREWELL", 0.01)
    async with sailing(place, listen=True) as ship:
        assert ship.engine.socket is not None
        stuck = await RawClient.open(ship.engine.socket)
        await stuck.send({"kind": "follow", "snapshot": False})
        await stuck.send(raw_command("session.list"))
        await stuck.reply()
        stuck.reader._transport.pause_reading()  # type: ignore[attr-defined]  # it reads no more
        for _ in range(100):
            await ship.journal.record([], [e.SystemInfo(code="c", message="x" * 20_000)])
        await ship.engine.shutdown()
    await stopped(ship)
    await stuck.close()


async def test_after_the_stop_a_link_is_closed(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client()
        await ship.engine.shutdown()
        await settle()
        with pytest.raises(LinkClosed):
            await client.call(c.ListSessions())


# Sessions of before


async def test_sessions_of_before_are_there_again(place: Path) -> None:
    first = build(place)
    async with first.engine:
        client = await first.client()
        made = await client.call(c.CreateSession(name="a", agent="shell"))
        await client.close()
    async with sailing(place, store=first.store) as ship:
        (view,) = ship.sessions.views()
        assert (view.id, view.lifecycle) == (made["session"]["id"], Lifecycle.LOST)


# Building


async def test_the_document_constructors(place: Path) -> None:
    def sessions(journal: Any, _: Any) -> FakeSessions:
        return FakeSessions(journal, journal._store)

    clock = ManualClock()
    plain = new_engine(
        settings_for(place), store=MemoryStore(clock=clock), sessions=sessions, listen=False
    )
    assert isinstance(plain._given.metrics, NullMetrics)
    engine, metrics = new_with_prometheus_metrics(
        settings_for(place),
        store=MemoryStore(clock=clock),
        sessions=sessions,
        listen=False,
        clock=clock,
    )
    assert isinstance(metrics, PrometheusMetrics)
    async with engine:
        health = await engine.health()
        assert health.worker_count == default_config().engine.worker_count
        assert metrics.registry.get_sample_value("quarterdeck_health") == 0
    enabled = settings_for(place, prometheus={"enabled": True, "port": free_port()})
    other = new_engine(enabled, store=MemoryStore(clock=clock), sessions=sessions, listen=False)
    assert isinstance(other._given.metrics, PrometheusMetrics)


async def get(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_metrics_and_health_are_on_one_port(place: Path) -> None:
    port = free_port()
    config = settings_for(place, prometheus={"enabled": True, "port": port})
    async with sailing(place, settings=config, metrics=PrometheusMetrics()) as ship:
        view = ship.sessions.add()
        client = await ship.client()
        await client.call(c.StopAgent(session_id=view.id))
        figures = await get(port, "/metrics")
        assert b"200 OK" in figures
        assert b'quarterdeck_commands_total{type="agent.stop"} 1.0' in figures
        assert b"quarterdeck_workers_alive 3.0" in figures
        assert b'"status":"healthy"' in await get(port, "/health")
        ship.store.fail_next(ResourceFault("no"))
        with pytest.raises(QuarterdeckError):
            await ship.journal.record([], [e.SystemInfo(code="c", message="m")])
        answer = await get(port, "/health")
        assert b"503 Service Unavailable" in answer
        assert b"quarterdeck_health 2.0" in await get(port, "/metrics")
        await client.close()


async def test_its_figures_are_there_to_read(place: Path) -> None:
    async with sailing(place) as ship:
        figures = ship.engine.statistics()
        assert figures.phase is Phase.RUNNING
        assert (figures.workers.alive, figures.queue.limit) == (3, 100)
        assert figures.journal.delivered == 1
        assert set(figures.limits) == {"session", "client"}
        assert [task.name for task in figures.background] == ["checkpoint", "health", "cleanup"]
        assert figures.breakers == {}
        assert figures.replies.held == figures.mailboxes.open == figures.hub.clients == 0


def test_a_metrics_port_needs_figures_to_serve(place: Path) -> None:
    config = settings_for(place, prometheus={"enabled": True})
    with pytest.raises(ValueError, match="figures can be read"):
        build(place, settings=config)


def test_an_engine_costs_little_to_make(place: Path) -> None:
    ship = build(place)
    assert isinstance(ship.engine, Engine)
    assert ship.engine.view().version
    assert not list(place.iterdir())
