"""The control socket: private, forgiving to malformed lines, bounded for slow readers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.client.client import Client
from quarterdeck.core.client.ports import LinkClosed
from quarterdeck.core.client.socket import SocketEndpoint
from quarterdeck.core.engine import socket_server
from quarterdeck.core.engine.connections import Connection
from quarterdeck.core.engine.context import Route
from quarterdeck.core.engine.faults import SocketUnusable
from quarterdeck.core.engine.handlers.routes import ROUTES
from quarterdeck.core.engine.socket_server import SocketServer
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import PreferenceChanged, SystemInfo
from quarterdeck.core.sessions.keeper import frames

from .doubles import CountingMetrics
from .ship import RawClient, Ship, raw_command, sailing, settings_for, settle, until


async def attached(ship: Ship, name: str = "remote") -> Client:
    assert ship.engine.socket is not None
    client = Client(await SocketEndpoint.connect(str(ship.engine.socket)), name)
    await client.start()
    return client


async def raw(ship: Ship, *, hello: bool = True) -> RawClient:
    assert ship.engine.socket is not None
    return await RawClient.open(ship.engine.socket, hello=hello)


async def test_a_client_over_the_socket_has_all_that_one_in_process_has(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await attached(ship)
        await client.follow()
        made = await client.call(c.CreateSession(name="a", agent="shell"))
        await until(lambda: made["session"]["id"] in client.view.sessions)
        frames: list[Any] = []
        client.on_frame = frames.append
        client.watch(made["session"]["id"])
        await until(lambda: bool(frames))
        await client.close()
        await until(lambda: ship.engine.statistics().hub.clients == 0)


async def test_the_socket_is_its_users_alone(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        assert ship.engine.socket is not None
        found = ship.engine.socket.lstat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
    assert not (place / "engine.sock").exists()


async def test_another_users_process_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sailing(place, listen=True) as ship:
        monkeypatch.setattr(socket_server, "peer_uid", lambda _: os.geteuid() + 1)
        client = await raw(ship, hello=False)
        assert (await client.receive())["kind"] == "goodbye"
        assert await client.ended()
        assert ("links_refused", {"reason": "user"}) in ship.metrics.tags
        await client.close()


async def test_where_nobody_can_tell_the_user_nobody_is_served(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sailing(place, listen=True) as ship:
        monkeypatch.setattr(socket_server, "peer_uid", lambda _: None)
        client = await raw(ship, hello=False)
        assert (await client.receive())["kind"] == "goodbye"
        await client.close()


class Line:
    """A stream over this socket."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def get_extra_info(self, name: str) -> Any:
        return self.inner


def asked_of(inner: Any) -> int | None:
    return socket_server._uid_of(Line(inner))  # type: ignore[arg-type]  # all it asks is there


def test_the_peer_of_a_socket_is_known() -> None:
    left, right = socket.socketpair()
    with left, right:
        assert asked_of(left) == os.geteuid()


def test_engine_and_keeper_ask_in_one_way() -> None:
    assert vars(socket_server)["peer_uid"] is frames.peer_uid


class Told:
    """A socket that gives these credentials, or fails."""

    def __init__(self, answer: bytes | OSError) -> None:
        self.answer = answer
        self.asked: list[tuple[int, ...]] = []

    def getsockopt(self, *what: int) -> bytes:
        self.asked.append(what)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("platform", "answer", "uid"),
    [
        ("darwin", struct.pack("=IIh", 0, 501, 1).ljust(76, b"\0"), 501),
        ("darwin", b"", None),
        ("darwin", OSError("no"), None),
        ("linux", b"", None),
        ("linux", struct.pack("=iII", 1, 502, 3), 502),
    ],
)
def test_the_peer_on_other_platforms(
    monkeypatch: pytest.MonkeyPatch, platform: str, answer: Any, uid: int | None
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    told = Told(answer)
    assert asked_of(told) == uid
    assert (told.asked == [(0, 1, 76)]) is (platform == "darwin")


def test_where_the_system_has_no_such_question_nobody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    monkeypatch.setattr(sys, "platform", "sunos5")
    assert asked_of(Told(b"")) is None


# Lines


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"\n",
        b"[]\n",
        b"\xff\xfe\xfd\n",
        b'{"kind": "dance"}\n',
        b'{"kind": "watch", "session_id": "x"}\n',
        b"{" * 10_000 + b"\n",
    ],
)
async def test_a_malformed_line_is_answered_and_the_link_goes_on(place: Path, line: bytes) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        await client.write(line)
        reply = await client.reply()
        assert (reply["command_id"], reply["error"]["code"]) == (None, "malformed")
        await client.send(raw_command("session.list"))
        assert (await client.reply())["ok"]
        await client.close()


async def test_a_malformed_command_is_answered_under_its_id(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        sent = raw_command("session.lst")
        await client.send(sent)
        reply = await client.reply()
        assert (reply["command_id"], reply["error"]["code"]) == (sent["id"], "unknown_type")
        await client.send({**sent, "id": 5})
        assert (await client.reply())["command_id"] is None
        await client.close()


async def test_a_line_that_is_too_long_is_skipped_whole(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_server, "LINE_LIMIT", 1000)
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        for size in (1500, 5000, 200_000):
            await client.write(b'"' + b"x" * size + b'"\n')
            reply = await client.reply()
            assert reply["error"]["message"] == "A line has over 1000 bytes."
            await client.send(raw_command("session.list"))
            assert (await client.reply())["ok"]
        await client.close()


async def test_lines_may_come_in_pieces_and_in_heaps(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        sent = [raw_command("session.list") for _ in range(5)]
        data = b"".join(json.dumps(one).encode() + b"\n" for one in sent)
        for at in range(0, len(data), 37):
            await client.write(data[at : at + 37])
        replies = [await client.reply() for _ in sent]
        assert {r["command_id"] for r in replies} == {one["id"] for one in sent}
        await client.close()


async def test_a_half_line_at_the_end_is_no_message(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        await client.write(b'{"kind": "bye"')
        client.writer.write_eof()
        assert await client.ended()
        assert ship.engine.statistics().hub.clients == 0
        await client.close()


async def test_the_replies_owed_still_come_after_the_last_line(place: Path) -> None:
    """As from a pipe: commands, then the end of the input."""
    async with sailing(place, listen=True) as ship:
        view = ship.sessions.add()
        gate = ship.sessions.gate("start")
        client = await raw(ship)
        await client.send(raw_command("agent.start", {"session_id": view.id}))
        client.writer.write_eof()
        await settle(200)
        gate.set()
        assert (await client.reply())["ok"]
        assert await client.ended()
        await client.close()


async def test_a_result_that_can_not_be_sent_is_an_error(place: Path) -> None:
    async def handler(*_: Any) -> dict[str, Any]:
        return {"what": object()}

    routes = {**ROUTES, "session.list": Route(c.ListSessions, handler)}
    async with sailing(place, listen=True, routes=routes) as ship:
        client = await raw(ship)
        sent = raw_command("session.list")
        await client.send(sent)
        reply = await client.reply()
        assert (reply["command_id"], reply["error"]["code"]) == (sent["id"], "internal")
        await client.send(raw_command("attention.list"))
        assert (await client.reply())["ok"]
        await client.close()


async def test_an_event_that_can_not_be_sent_is_left_out(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        await client.send({"kind": "follow", "snapshot": False, "topics": ["system.*"]})
        await client.send(raw_command("session.list"))
        await client.reply()
        unsendable = PreferenceChanged.model_construct(name="x", value=object())  # type: ignore[arg-type]  # the fault under test
        ship.journal.announce(unsendable)
        ship.journal.announce(SystemInfo(code="fine", message="m"))
        assert (await client.receive())["payload"]["code"] == "fine"
        await client.close()


# Clients that misbehave


async def test_a_client_that_does_not_greet_is_let_go(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        assert ship.engine._launch._server is not None
        ship.engine._launch._server._patience = 0.02
        client = await raw(ship, hello=False)
        goodbye = await client.receive()
        assert (goodbye["kind"], goodbye["reason"]) == ("goodbye", "No Hello came in time.")
        assert await client.ended()
        await client.close()


async def test_a_malformed_line_before_the_greeting_is_answered_too(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship, hello=False)
        await client.write(b"nonsense\n")
        assert (await client.reply())["error"]["code"] == "malformed"
        await client.send({"kind": "hello"})
        assert (await client.receive())["kind"] == "welcome"
        await client.close()


async def test_too_many_clients_are_refused_and_served_when_others_leave(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        assert ship.engine._launch._server is not None
        ship.engine._launch._server._clients = 2
        first, second = await raw(ship), await raw(ship)
        third = await raw(ship, hello=False)
        assert "2 clients already" in (await third.receive())["reason"]
        await third.close()
        await first.close()
        await until(lambda: len(ship.engine._launch._server._tasks) == 1)  # type: ignore[union-attr]  # it listens
        fourth = await raw(ship)
        await second.close()
        await fourth.close()


async def test_a_reader_that_is_stuck_costs_a_bounded_outbox_and_stalls_nobody(
    place: Path,
) -> None:
    config = settings_for(place, engine={"event_buffer_size": 50})
    async with sailing(place, listen=True, settings=config) as ship:
        stuck = await raw(ship)
        await stuck.send({"kind": "follow", "snapshot": False})
        stuck.reader._transport.pause_reading()  # type: ignore[attr-defined]  # it reads no more
        quick = await attached(ship)
        await quick.follow()
        text = "x" * 10_000
        for _ in range(200):
            await ship.journal.record([], [SystemInfo(code="c", message=text)])
        assert (await quick.call(c.ListSessions()))["sessions"] == []
        figures = ship.engine.statistics().hub
        assert figures.fullest <= 51
        assert figures.dropped > 0
        stuck.reader._transport.resume_reading()  # type: ignore[attr-defined]  # it wakes up
        kinds = set()
        while "system.state_snapshot" not in kinds:
            kinds.add((await stuck.receive()).get("type"))
        await stuck.close()
        await quick.close()


async def test_a_client_that_vanishes_is_noticed(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        client.writer.transport.abort()
        await until(lambda: ship.engine.statistics().hub.clients == 0)
        await settle()


async def test_many_clients_at_once(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        clients = [await attached(ship, f"c{number}") for number in range(40)]
        await asyncio.gather(*(one.follow() for one in clients))
        await asyncio.gather(*(one.call(c.ToggleMinimal()) for one in clients))
        made = await clients[0].call(c.CreateSession(name="a", agent="shell"))
        for one in clients:
            await until(lambda one=one: made["session"]["id"] in one.view.sessions)  # type: ignore[misc]  # bound at once
        await asyncio.gather(*(one.close() for one in clients))


# The socket's place


def never_connect() -> Connection:
    raise AssertionError


async def server(path: Path) -> SocketServer:
    made = SocketServer(path, never_connect, CountingMetrics())
    await made.start()
    return made


async def test_a_dead_engines_socket_is_replaced(place: Path) -> None:
    path = place / "s"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    made = await server(path)
    assert made.serving
    await made.close()
    assert not path.exists()


async def test_a_file_in_its_place_is_left_and_named(place: Path) -> None:
    path = place / "s"
    path.write_text("precious")
    with pytest.raises(SocketUnusable, match="is no socket"):
        await server(path)
    assert path.read_text() == "precious"


async def test_a_path_that_is_too_long_is_named(place: Path) -> None:
    with pytest.raises(SocketUnusable, match=r"too long \(\d+ bytes, at most 103\)"):
        await server(place / ("x" * 120))


async def test_a_directory_that_is_missing_is_named(place: Path) -> None:
    with pytest.raises(SocketUnusable, match="No such file"):
        await server(place / "nope" / "s")


async def test_stopping_does_not_remove_a_successors_socket(place: Path) -> None:
    path = place / "s"
    first = await server(path)
    path.unlink()
    second = await server(path)
    assert not first.serving
    await first.close()
    assert second.serving
    await second.close()


async def test_stopping_before_starting_does_nothing(place: Path) -> None:
    made = SocketServer(place / "s", never_connect, CountingMetrics())
    made.stop_listening()
    await made.close()
    with pytest.raises(LinkClosed):
        await SocketEndpoint.connect(str(place / "s"))


async def test_a_line_is_utf_8_and_nothing_else_is_guessed(place: Path) -> None:
    async with sailing(place, listen=True) as ship:
        client = await raw(ship)
        for line in (b"\xff\xfe\n", json.dumps(raw_command("system.health")).encode("utf-16-be")):
            await client.write(line.replace(b"\n", b"") + b"\n")
            error = (await client.reply())["error"]
            assert error["code"] == "malformed"
        await client.write(b'{"kind": "zip"}\n')
        assert "can't be read: kind: " in (await client.reply())["error"]["message"]
        await client.close()
