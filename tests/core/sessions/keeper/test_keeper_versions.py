"""Old keepers live on when the engine is upgraded: what they said is recorded and replayed.

A recording is never made anew for a version that was released. For the next version:

    python tests/core/sessions/keeper/test_keeper_versions.py tests/core/sessions/keeper/fixtures/keeper_v2.jsonl
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.sessions.keeper.dialing import SPOKEN
from quarterdeck.core.sessions.keeper.faults import (
    KeeperForeign,
    KeeperGone,
    KeeperTimeout,
    KeeperVersion,
)
from quarterdeck.core.sessions.keeper.frames import VERSION, Frame, cut_frames, encode_frame
from quarterdeck.core.sessions.keeper.items import (
    Exited,
    ExitStatus,
    Gone,
    Item,
    Output,
    Resized,
    StopReport,
    Stream,
)
from quarterdeck.core.sessions.keeper.link import KeeperLink
from quarterdeck.core.sessions.keeper.places import KeeperPlaces, present_socket
from quarterdeck.core.sessions.keeper.spawn import ChildSpec, places_for, spawn_keeper

RECORDINGS = sorted((Path(__file__).parent / "fixtures").glob("keeper_v*.jsonl"))


@dataclass
class Heard:
    """What an engine learns in the dialogue."""

    items: list[Item]
    written: int
    signalled: tuple[int, ...]
    report: StopReport
    group: int


async def converse(link: KeeperLink) -> Heard:
    """The dialogue that is recorded: all that an engine does, each step after the one before."""
    items = link.items()
    heard: list[Item] = []

    async def hear(last: Callable[[Item], bool]) -> None:
        async for item in items:
            heard.append(item)
            if last(item):
                return

    await hear(lambda item: isinstance(item, Output) and item.data.endswith(b"ready\r\n"))
    written = await link.write(b"hello\r")
    await hear(lambda item: isinstance(item, Output) and item.data.count(b"hello") > 0)
    await link.resize(132, 43)
    await hear(lambda item: isinstance(item, Resized))
    group = (await link.foreground()).pgid
    signalled = await link.signal(signal.SIGCONT)
    await link.end_offset()
    report = await link.stop(5.0)
    await hear(lambda item: isinstance(item, Exited))
    await link.dismiss()
    await hear(lambda item: isinstance(item, Gone))
    return Heard(heard, written, signalled, report, group)


@asynccontextmanager
async def serving(places: KeeperPlaces, serve: Callable[..., Any]) -> AsyncIterator[None]:
    """A server in a keeper's place."""
    tasks = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    places.socket.parent.mkdir(exist_ok=True)
    server = await asyncio.start_unix_server(accept, places.socket)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*(task for task in tasks if task))


def replaying(recording: Path) -> Callable[..., Any]:
    """A keeper that says what it said then, as soon as it hears what it heard then."""
    lines = [json.loads(line) for line in recording.read_text().splitlines()]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        frames: list[tuple[int, int, bytes]] = []
        for line in lines:
            data = base64.b64decode(line["data"])
            if line["from"] == "keeper":
                writer.write(data)
                continue
            (expected,) = cut_frames(bytearray(data))
            while not frames:
                buffer += await reader.read(4096)
                frames = [frame for frame in cut_frames(buffer) if frame[0] != Frame.ACK]
            heard = frames.pop(0)
            if heard[0] == Frame.HELLO:  # whose range of versions grows
                assert heard[:2] == expected[:2]
            else:
                assert heard == expected

    return serve


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_a_recorded_old_keeper_is_understood(state_dir: Path, recording: Path) -> None:
    places = places_for(state_dir, "old.1")
    async with (
        serving(places, replaying(recording)),
        await KeeperLink.connect(places, epoch=7) as link,
    ):
        heard = await converse(link)
    facts = link.welcome
    assert f"keeper_v{facts.version}" == recording.stem
    assert (facts.session_id, facts.mode, facts.cols, facts.rows) == ("recorded", "pty", 100, 30)
    assert (facts.epoch, facts.exit, facts.ring_kind, facts.fault) == (7, None, "disk", "")
    assert heard.written == 6
    assert heard.signalled == (facts.child_pid,)
    assert heard.group == facts.child_pid
    assert heard.report == StopReport((facts.child_pid,), (), ())
    output = [item for item in heard.items if isinstance(item, Output)]
    assert b"".join(item.data for item in output) == b"ready\r\nhello\r\nhello\r\n"
    assert {item.stream for item in output} == {Stream.OUT}
    sizes = [(item.cols, item.rows) for item in heard.items if isinstance(item, Resized)]
    assert sizes == [(100, 30), (132, 43)]
    (exited,) = [item for item in heard.items if isinstance(item, Exited)]
    assert exited == Exited(21, None, signal.SIGTERM)
    assert link.facts.exit == ExitStatus(None, signal.SIGTERM)


def test_there_is_a_recording_of_every_version_we_speak() -> None:
    spoken = range(SPOKEN[0], SPOKEN[1] + 1)
    assert {path.stem for path in RECORDINGS} >= {f"keeper_v{version}" for version in spoken}
    assert (max(1, VERSION - 2), VERSION) == SPOKEN


async def test_a_keeper_picks_a_version_from_the_range_it_is_offered(
    yard: Any,
) -> None:
    await yard.start("cat")
    async with await KeeperLink.connect(
        yard.places(), epoch=1, versions=(VERSION, VERSION + 5)
    ) as link:
        assert link.welcome.version == VERSION
    with pytest.raises(KeeperVersion, match=f"version {VERSION}"):
        await KeeperLink.connect(yard.places(), epoch=1, versions=(VERSION + 1, VERSION + 5))
    with pytest.raises(KeeperVersion):
        await KeeperLink.connect(yard.places(), epoch=1, versions=(0, VERSION - 1))
    assert not (await yard.tap(epoch=1)).lost  # the refused ones left the keeper as it was


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        encode_frame(Frame.WELCOME, 0, b"{}"),
        encode_frame(Frame.WELCOME, 0, b"[1]"),
        encode_frame(Frame.OUT, 0, b"\xff"),
    ],
)
async def test_what_is_no_keeper_is_not_taken_for_one(state_dir: Path, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)

    places = places_for(state_dir, "odd.1")
    async with serving(places, serve):
        with pytest.raises(KeeperGone):
            await KeeperLink.connect(places, epoch=1)


async def test_a_keeper_that_says_nothing_is_not_waited_for_forever(state_dir: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    places = places_for(state_dir, "mute.1")
    async with serving(places, serve):
        with pytest.raises(KeeperTimeout, match=r"0\.05 seconds"):
            await KeeperLink.connect(places, epoch=1, timeout=0.05)


async def test_another_users_process_is_not_spoken_to(
    yard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await yard.start("cat")
    name = "quarterdeck.core.sessions.keeper.dialing.peer_uid"
    monkeypatch.setattr(name, lambda _: 12345)
    with pytest.raises(KeeperForeign, match="Another user"):
        await KeeperLink.connect(yard.places(), epoch=1)


@pytest.mark.parametrize(
    "nonsense", [encode_frame(99, 0), encode_frame(Frame.RESIZED, 0, b"x"), b"\xff" * 20]
)
async def test_a_keeper_that_begins_to_speak_nonsense_is_let_go(
    state_dir: Path, nonsense: bytes
) -> None:
    welcome = next(
        base64.b64decode(line["data"])
        for line in map(json.loads, RECORDINGS[0].read_text().splitlines())
        if line["from"] == "keeper"
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(welcome)
        heard = b""
        while encode_frame(Frame.SUBSCRIBE) not in heard:
            heard += await reader.read(4096)
        writer.write(nonsense)
        await reader.read()

    places = places_for(state_dir, "mad.1")
    async with serving(places, serve), await KeeperLink.connect(places, epoch=1) as link:
        items = [item async for item in link.items()]
    (gone,) = items
    assert isinstance(gone, Gone)
    assert "nonsense" in gone.reason


class Recorder:
    """Stands between an engine and a keeper and writes down what they say."""

    def __init__(self, keeper: Path) -> None:
        self._keeper = keeper
        self.lines: list[dict[str, str]] = []

    def _note(self, speaker: str, data: bytes) -> None:
        self.lines.append({"from": speaker, "data": base64.b64encode(data).decode()})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keeper_reader, keeper_writer = await asyncio.open_unix_connection(self._keeper)

        async def from_engine() -> None:
            buffer = bytearray()
            while data := await reader.read(4096):
                buffer += data
                for frame in cut_frames(buffer):
                    if frame[0] != Frame.ACK:
                        self._note("engine", encode_frame(*frame))
                    keeper_writer.write(encode_frame(*frame))

        async def from_keeper() -> None:
            with contextlib.suppress(ConnectionResetError):  # it went with an ACK unread
                while data := await keeper_reader.read(4096):
                    self._note("keeper", data)
                    writer.write(data)
            writer.close()

        await asyncio.gather(from_engine(), from_keeper())
        keeper_writer.close()


async def record() -> list[dict[str, str]]:
    """A dialogue with the present keeper, line by line."""
    with tempfile.TemporaryDirectory(prefix="qd", dir="/tmp") as directory:
        os.environ["XDG_RUNTIME_DIR"] = directory
        spec = ChildSpec(
            ("sh", "-c", "echo ready; exec cat"),
            "/",
            {"PATH": os.defpath},
            "recorded",
            cols=100,
            rows=30,
        )
        places = places_for(Path(directory), "recorded.1")
        await spawn_keeper(spec, places)
        recorder = Recorder(present_socket(places))
        between = replace(places, socket=places.socket.with_name("between.sock"))
        places.address.unlink()
        async with (
            serving(between, recorder.serve),
            await KeeperLink.connect(between, epoch=7) as link,
        ):
            await converse(link)
    return recorder.lines


if __name__ == "__main__":
    lines = asyncio.run(record())
    Path(sys.argv[1]).write_text("".join(json.dumps(line) + "\n" for line in lines))
