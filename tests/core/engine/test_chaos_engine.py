"""The engine under abuse: nonsense over the socket, buffers of two, floods, clocks that jump."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError, known_errors
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import Client, CommandRefused
from quarterdeck.core.client.socket import SocketEndpoint
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SystemInfo
from quarterdeck.core.protocol.validation import CODES
from quarterdeck.core.protocol.wire import KeyInput, PasteInput
from quarterdeck.core.sessions.faults import ItemUnknown, SessionUnknown
from quarterdeck.state.faults import StoreFull

from .ship import RawClient, Ship, ToldSleep, raw_command, sailing, settings_for, settle, until


def dice(seed: int) -> random.Random:
    """Chance that falls the same way each time."""
    return random.Random(seed)  # noqa: S311  # no secret hangs on it


TINY = {"command_buffer_size": 2, "event_buffer_size": 2, "worker_count": 2}
ID = new_id()

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
FIELDS = sorted({field for payload in c.PAYLOADS.values() for field in payload.model_fields})
HARMLESS = sorted(set(c.PAYLOADS) - {"system.shutdown"})
COMMANDS = st.fixed_dictionaries(
    {"type": st.sampled_from(HARMLESS) | st.text(max_size=10)},
    optional={
        "id": st.builds(new_id) | JSON,
        "timestamp": st.just("2026-01-01T00:00:00Z") | JSON,
        "payload": st.dictionaries(
            st.sampled_from(FIELDS) | st.text(max_size=5), JSON | st.just(ID), max_size=4
        )
        | JSON,
        "kind": st.just("command"),
    },
)
MESSAGES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            ["follow", "watch", "unwatch", "input.keys", "input.paste", "input.raw",
             "input.mouse", "input.size", "event", "welcome", ""]
        )
    },
    optional={
        "session_id": st.just(ID) | JSON,
        "keys": JSON,
        "text": JSON,
        "data": JSON,
        "cols": JSON,
        "lines": JSON,
        "since": st.integers(),
        "topics": JSON,
        "mode": JSON,
    },
)  # fmt: skip
LINES = (
    st.binary(max_size=60).filter(lambda raw: b"\n" not in raw)
    | COMMANDS.map(lambda data: json.dumps(data).encode())
    | MESSAGES.map(lambda data: json.dumps(data).encode())
    | JSON.map(lambda data: json.dumps(data).encode())
)


def known_codes() -> set[str]:
    return set(CODES) | {kind.code for kind in known_errors()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, min_size=1, max_size=15))
def test_whatever_comes_over_the_socket_is_answered_and_the_link_goes_on(
    lines: list[bytes],
) -> None:
    async def run(place: Path) -> None:
        async with sailing(place, listen=True) as ship:
            assert ship.engine.socket is not None
            client = await RawClient.open(ship.engine.socket)
            for line in lines:
                await client.write(line + b"\n")
            last = raw_command("session.list")
            await client.send(last)
            reply: dict[str, Any] = {}
            while reply.get("command_id") != last["id"]:
                reply = await client.reply()
                if not reply["ok"]:
                    assert reply["error"]["code"] in known_codes() - {"internal"}
                    assert reply["error"]["message"]
            assert reply["ok"]
            assert ship.engine.statistics().workers.replaced == 0
            health = await ship.engine.health()
            assert health.worker_count == 3
            await client.close()

    place = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    try:
        asyncio.run(run(place))
    finally:
        shutil.rmtree(place)


async def answers(client: Client, wishes: list[c.Payload]) -> list[str]:
    """The codes of all replies; every command must get one."""

    async def one(wish: c.Payload) -> str:
        try:
            await client.call(wish)
        except CommandRefused as error:
            return error.code
        return "ok"

    async with asyncio.timeout(60):
        return await asyncio.gather(*(one(wish) for wish in wishes))


def some_wishes(ship: Ship, count: int) -> list[c.Payload]:
    chance = dice(count)
    sessions = [view.id for view in ship.sessions.views()]
    kinds: list[Callable[[str], c.Payload]] = [
        lambda s: c.StartAgent(session_id=s),
        lambda s: c.StopAgent(session_id=s),
        lambda s: c.Prompt(session_id=s, text="x"),
        lambda s: c.SendKeys(session_id=s, keys=("a",)),
        lambda _: c.ListSessions(),
        lambda _: c.ToggleMinimal(),
        lambda s: c.SetFocus(session_id=s),
        lambda _: c.SetPreference(key="theme", value=str(chance.random())),
    ]
    return [chance.choice(kinds)(chance.choice(sessions)) for _ in range(count)]


@pytest.mark.parametrize("listen", [False, True])
async def test_buffers_of_two_lose_no_command_and_no_reply(place: Path, *, listen: bool) -> None:
    config = settings_for(place, engine={**TINY, "rate_limit_burst": 1000})
    async with sailing(place, settings=config, listen=listen) as ship:
        for name in "abc":
            ship.sessions.add(name)
        clients = []
        for number in range(3):
            if listen:
                endpoint: Any = await SocketEndpoint.connect(str(ship.engine.socket))
            else:
                endpoint = ship.engine.local_endpoint()
            client = Client(endpoint, f"c{number}")
            await client.start()
            await client.follow()
            clients.append(client)
        rounds = [answers(client, some_wishes(ship, 60)) for client in clients]
        codes = [code for found in await asyncio.gather(*rounds) for code in found]
        assert len(codes) == 180
        assert set(codes) == {"ok"}
        for client in clients:
            await until(
                lambda client=client: list(client.view.sessions.values()) == ship.sessions.views()  # type: ignore[misc]  # bound at once
            )
            await client.close()


async def test_a_burst_over_the_limit_is_refused_in_words_and_the_rest_is_served(
    place: Path,
) -> None:
    clock = ManualClock()
    config = settings_for(place, engine=TINY)
    async with sailing(place, settings=config, clock=clock) as ship:
        view, other = ship.sessions.add("a"), ship.sessions.add("b")
        client = await ship.client(follow=None)
        wishes: list[c.Payload] = [c.SendKeys(session_id=view.id, keys=("a",)) for _ in range(100)]
        wishes += [c.SendKeys(session_id=other.id, keys=("b",))]
        codes = await answers(client, wishes)
        assert codes.count("ok") == 21
        assert codes.count("rate_limited") == 80
        clock.advance(1)
        codes = await answers(client, wishes[:100])
        assert codes.count("ok") == 10
        await client.close()


async def test_a_flood_of_commands_does_not_grow_the_engine(place: Path) -> None:
    async with sailing(place) as ship:
        client = await ship.client(follow=None)
        wishes: list[c.Payload] = [c.StopAgent(session_id=new_id()) for _ in range(2000)]
        codes = await answers(client, wishes)
        assert set(codes) == {SessionUnknown.code, "rate_limited"}
        figures = ship.engine.statistics()
        assert (figures.mailboxes.open, figures.queue.size, figures.replies.running) == (0, 0, 0)
        assert (await ship.engine.health()).rate_limiters == 1
        await client.close()


async def test_clocks_that_jump_change_nothing(place: Path) -> None:
    clock, sleep = ManualClock(), ToldSleep()
    async with sailing(place, clock=clock, sleep=sleep) as ship:
        view = ship.sessions.add()
        client = await ship.client()
        for seconds in (-86_400 * 365, 86_400 * 3650, -3600):
            clock.jump(seconds)
            assert await answers(client, [c.StopAgent(session_id=view.id)]) == ["ok"]
            await sleep.wake()
            health = await ship.engine.health()
            assert health.status.value == "healthy"
            assert health.uptime_seconds == 0
        numbers = [x.metadata.sequence for x in client.view.events if x.metadata.sequence]
        assert numbers == sorted(numbers)
        await client.close()


async def test_a_disk_that_fills_up_and_empties_again(place: Path) -> None:
    """Commands that can't be kept fail in words, reads go on, and afterwards all is well."""
    async with sailing(place) as ship:
        view = ship.sessions.add()
        client = await ship.client()
        full = [StoreFull("The disk is full.") for _ in range(20)]
        ship.store.fail_next(*full)
        wishes: list[c.Payload] = [
            c.StopAgent(session_id=view.id),
            c.SetPreference(key="theme", value="x"),
            c.ListSessions(),
        ]
        assert await answers(client, wishes) == ["store_full", "store_full", "ok"]
        assert (await ship.engine.health()).status.value == "unhealthy"
        for _ in range(20):
            try:
                await ship.journal.record([], [SystemInfo(code="c", message="m")])
            except QuarterdeckError:
                continue
        assert (await ship.engine.health()).status.value == "healthy"
        assert await answers(client, wishes) == ["ok", "ok", "ok"]
        errors = [x for x in client.view.events if x.type == "system.error"]
        assert len(errors) == 1
        await client.close()


async def test_clients_that_come_and_go_at_random_leave_nothing(place: Path) -> None:
    chance = dice(7)
    async with sailing(place, listen=True) as ship:
        view = ship.sessions.add()
        source = ship.sessions.screen_source(view.id)

        async def visit(number: int) -> None:
            assert ship.engine.socket is not None
            client = await RawClient.open(ship.engine.socket)
            await client.send({"kind": "follow"})
            mode = chance.choice(["frames", "bytes"])
            await client.send({"kind": "watch", "session_id": view.id, "mode": mode})
            for _ in range(chance.randrange(5)):
                await client.send(raw_command("session.list"))
                source.write(str(number))
                source.output(b"x")
            if chance.random() < 0.5:
                client.writer.transport.abort()
            else:
                await client.close()

        async with asyncio.timeout(60):
            await asyncio.gather(*(visit(number) for number in range(40)))
        await until(lambda: ship.engine.statistics().hub.clients == 0)
        assert source.watched == 0
        assert ship.engine._launch._server is not None
        await until(lambda: not ship.engine._launch._server._tasks)  # type: ignore[union-attr]  # it listens


async def test_input_floods_are_passed_on_in_order(place: Path) -> None:
    async with sailing(place) as ship:
        view = ship.sessions.add()
        client = await ship.client(follow=None)
        for number in range(500):
            assert client.input(KeyInput(session_id=view.id, keys=(str(number),)))
        client.input(PasteInput(session_id=view.id, text="end"))
        await until(lambda: len(ship.sessions.inputs) == 501)
        keys = [m.keys[0] for m in ship.sessions.inputs if isinstance(m, KeyInput)]
        assert keys == [str(number) for number in range(500)]
        await client.close()


async def test_handlers_that_fail_in_every_way_at_random(place: Path) -> None:
    config = settings_for(place, engine={"rate_limit_burst": 10_000, "rate_limit_per_second": 9999})
    async with sailing(place, settings=config) as ship:
        view = ship.sessions.add()
        failures: list[BaseException] = [
            ValueError("a"), ItemUnknown("b"), SystemExit(1), asyncio.CancelledError(),
            RecursionError("c"), KeyboardInterrupt(), StoreFull("d"),
        ]  # fmt: skip
        chance = dice(3)
        client = await ship.client(follow=None)
        for _ in range(60):
            ship.sessions.fail("keys", chance.choice(failures))
        wishes: list[c.Payload] = [c.SendKeys(session_id=view.id, keys=("a",)) for _ in range(50)]
        codes = await answers(client, wishes)
        assert set(codes) <= {"internal", "item_unknown", "store_full"}
        ship.sessions.faults.clear()
        assert await answers(client, [c.SendKeys(session_id=view.id, keys=("a",))]) == ["ok"]
        await settle()
        assert ship.engine.statistics().workers.alive == 3
        await client.close()
