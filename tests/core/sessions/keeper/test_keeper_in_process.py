"""A keeper in the test's own process: what is hard to bring about from outside."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quarterdeck.core.sessions.keeper import keeper as keeper_module
from quarterdeck.core.sessions.keeper.child import Orders, StartFailed
from quarterdeck.core.sessions.keeper.connection import Connection
from quarterdeck.core.sessions.keeper.faults import (
    InputClosed,
    InputFull,
    KeeperEpoch,
    KeeperRefused,
    NotSupported,
)
from quarterdeck.core.sessions.keeper.frames import Frame, cut_frames, encode_frame
from quarterdeck.core.sessions.keeper.items import Gone, LogInMemory, Output, Superseded
from quarterdeck.core.sessions.keeper.keeper import Keeper
from quarterdeck.core.sessions.keeper.link import KeeperLink
from quarterdeck.core.sessions.keeper.places import make_folder, read_facts
from quarterdeck.core.sessions.keeper.ring import Ring
from quarterdeck.core.sessions.keeper.tree import birth

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Harness, Yard

# The keeper forks before it serves in a thread; other tests' threads may still be ending.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)


class FullFile(io.FileIO):
    """A log's file that takes so many bytes and no more."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "w+")
        self._room = room

    def write(self, data: Any) -> int:
        part = bytes(data)[: self._room]
        self._room -= len(part)
        if not part:
            raise OSError(errno.EIO, "the disk is broken")
        return super().write(part) or 0


@pytest.fixture
def breaking_disk(tmp_path: Path) -> Iterator[Callable[[Keeper, int], None]]:
    """Gives a keeper a log on a disk that breaks after some bytes."""
    files: list[FullFile] = []

    def replace(keeper: Keeper, room: int) -> None:
        keeper.ring.close()
        files.append(FullFile(tmp_path / "breaking", room))
        keeper.ring = Ring(files[-1], 64 * 1024)

    yield replace
    for file in files:
        file.close()


async def test_a_terminals_life(harness: Harness, yard: Yard) -> None:
    keeper = harness.open("cat", cols=70)
    harness.run()
    tap = await yard.tap("in.1")
    assert await tap.link.write(b"hello\r") == 6
    await tap.until_text(b"hello\r\nhello\r\n")
    await tap.link.resize(90, 20)
    assert (await tap.link.foreground()).is_child
    assert await tap.link.signal(signal.SIGCONT) == (keeper.child.pid,)
    assert keeper.child.pid in await tap.link.signal(signal.SIGCONT, tree=True)
    assert await tap.link.end_offset() == 14
    with pytest.raises(NotSupported):
        await tap.link.close_stdin()
    await tap.link.write(b"\x04")
    assert (await tap.until_exit()).code == 0
    assert tap.sizes == [(70, 24), (90, 20)]
    with pytest.raises(InputClosed):
        await tap.link.write(b"x")
    await tap.link.dismiss()
    await yard.until(lambda: not harness.served)
    await yard.until(lambda: tap.ended)


async def test_a_pipes_life(harness: Harness, yard: Yard) -> None:
    keeper = harness.open("sh", "-c", "cat; echo done >&2; exit 5", mode="pipe")
    harness.run()
    tap = await yard.tap("in.1")
    data = os.urandom(300_000)
    await tap.link.write(data)
    with pytest.raises(NotSupported):
        await tap.link.resize(1, 1)
    await tap.link.close_stdin()
    assert (await tap.until_exit()).code == 5
    assert tap.out() == data
    facts = read_facts(yard.places("in.1"))
    assert facts
    assert facts.exit == (await tap.link.look()).exit
    assert keeper.child.stdin is None


async def test_links_follow_each_other(harness: Harness, yard: Yard) -> None:
    harness.open("cat", mode="pipe")
    harness.run()
    first = await yard.tap("in.1", epoch=3)
    await first.link.write(b"abc")
    await first.until_text(b"abc")
    second = await yard.tap("in.1", epoch=4, from_offset=1)
    await yard.until(lambda: first.ended)
    assert first.ended == Superseded(4)
    await second.until_text(b"bc")
    with pytest.raises(KeeperEpoch):
        await KeeperLink.connect(yard.places("in.1"), epoch=3)


async def test_a_disk_that_fails_is_left_and_nothing_is_lost(
    harness: Harness, yard: Yard, breaking_disk: Callable[[Keeper, int], None]
) -> None:
    keeper = harness.open("cat", mode="pipe")
    breaking_disk(keeper, 5_000)
    harness.run()
    tap = await yard.tap("in.1")
    data = os.urandom(20_000)
    for at in range(0, len(data), 1000):
        await tap.link.write(data[at : at + 1000])
        await tap.until_size(at + 1000)
    assert tap.out() == data
    (moved,) = tap.of(LogInMemory)
    assert "No space left" in moved.reason
    assert tap.link.facts.ring_kind == "memory"
    late = await yard.tap("in.1")
    await yard.until(lambda: late.out().endswith(data[-1000:]))
    (resumed,) = late.lost
    assert late.out() == data[resumed:]


async def test_the_disk_may_fail_without_an_engine(
    harness: Harness, yard: Yard, breaking_disk: Callable[[Keeper, int], None]
) -> None:
    keeper = harness.open("sh", "-c", "echo one; read x; echo two", mode="pipe")
    breaking_disk(keeper, 30)
    harness.run()
    await yard.until(lambda: keeper.ring.end == 4)
    tap = await yard.tap("in.1")
    await tap.link.write(b"\n")
    await tap.until_exit()
    assert tap.out() == b"one\ntwo\n"


def test_a_full_disk_at_the_start_is_told(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, size: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(keeper_module, "allocate", full)
    keeper = harness.open("true")
    facts = keeper.facts()
    assert facts["ring"] == "memory"
    assert "full" in str(facts["fault"])
    harness.run()


async def test_a_record_that_can_not_be_written_is_told(
    harness: Harness, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = harness.open("true")
    os.ftruncate(keeper._record, 0)
    monkeypatch.setattr("os.pwrite", broken_write)
    harness.run()
    tap = await yard.tap("in.1")
    await tap.until_exit()
    assert "record can't be written" in (await tap.link.look()).fault


def broken_write(fd: int, data: bytes, at: int) -> int:
    raise OSError(errno.ENOSPC, "full")


async def test_output_is_read_slowly_when_nobody_keeps_up(harness: Harness, yard: Yard) -> None:
    keeper = harness.open("yes", mode="pipe", away_rate=100_000, lag_rate=200_000)
    harness.run()
    await yard.until(lambda: keeper.ring.end > 100_000)
    await asyncio.sleep(0.2)
    assert keeper.ring.end < 100_000 + 200_000
    async with await KeeperLink.connect(yard.places("in.1"), epoch=1, from_offset=None) as link:
        before = link.welcome.ring_end
        await asyncio.sleep(0.2)
        assert (await link.look()).ring_end - before < 5_000_000


async def test_the_end_of_a_stop_is_told_to_all_who_asked(harness: Harness, yard: Yard) -> None:
    keeper = harness.open("sh", "-c", "trap '' TERM HUP; echo up; while :; do sleep 60; done")
    harness.run()
    tap = await yard.tap("in.1")
    await tap.until_text(b"up")
    first = asyncio.create_task(tap.link.stop(60))
    second = asyncio.create_task(tap.link.stop(0.05))
    assert await first == await second
    assert keeper.child.pid in first.result().forced
    await tap.until_exit()


async def test_a_moved_keeper_serves_its_new_socket_only(harness: Harness, yard: Yard) -> None:
    harness.open("cat")
    harness.run()
    places = yard.places("in.1")
    moved = places.socket.with_name("moved.sock")
    places.address.write_text(str(moved))
    harness.signal(signal.SIGUSR1)
    await yard.until(moved.exists)
    assert not places.socket.exists()
    tap = await yard.tap("in.1")
    assert tap.link.welcome.fault == ""


async def test_a_keeper_that_can_not_move_says_so(harness: Harness, yard: Yard) -> None:
    harness.open("cat")
    harness.run()
    tap = await yard.tap("in.1")
    yard.places("in.1").address.write_text("/no/such/directory/at.all")
    harness.signal(signal.SIGUSR1)

    async def fault() -> str:
        return (await tap.link.look()).fault

    await yard.until(fault)
    assert "socket can't be opened" in tap.link.facts.fault


async def test_a_keeper_without_an_engine_goes_when_its_time_is_over(
    harness: Harness, yard: Yard
) -> None:
    harness.open("true", linger=0.05)
    harness.run()
    await yard.until(lambda: not harness.served)


async def test_a_crash_of_the_keeper_leaves_a_trace(
    harness: Harness, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = harness.open("true")

    def crash() -> None:
        raise RuntimeError("by chance")

    monkeypatch.setattr(keeper, "turn", crash)
    with pytest.raises(RuntimeError):
        keeper.run()
    facts = read_facts(yard.places("in.1"))
    assert facts
    assert "by chance" in facts.fault
    monkeypatch.undo()
    harness.run()


async def test_input_is_bounded(harness: Harness, yard: Yard) -> None:
    harness.open("sleep", "60", mode="pipe")
    harness.run()
    tap = await yard.tap("in.1")
    with pytest.raises(InputFull):
        await tap.overfill()


async def test_what_the_system_refuses_is_told(
    harness: Harness, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.open("cat")
    harness.run()
    tap = await yard.tap("in.1")

    def no_terminal(fd: int) -> int:
        raise OSError(errno.ENOTTY, "no terminal")

    monkeypatch.setattr("os.tcgetpgrp", no_terminal)
    with pytest.raises(KeeperRefused, match="no terminal"):
        await tap.link.foreground()


def raw(yard: Yard) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(yard.places("in.1").socket))
    connection.settimeout(20)
    return connection


HELLO = encode_frame(
    Frame.HELLO, 0, json.dumps({"versions": [1, 1], "epoch": 1, "window": 1000}).encode()
)


NONSENSE = [
    encode_frame(Frame.ACK, 5),  # before the hello
    encode_frame(Frame.HELLO, 0, b"{}"),
    encode_frame(Frame.HELLO, 0, b"[]"),
    HELLO + HELLO,
    HELLO + encode_frame(Frame.OUT, 0, b"x"),
    HELLO + encode_frame(99, 0),
    HELLO + encode_frame(Frame.RESIZE, 1, b"[1]"),
    HELLO + encode_frame(Frame.RESIZE, 1, b"[100000, 1]"),
    HELLO + encode_frame(Frame.SIGNAL, 1, b"{"),
    HELLO + encode_frame(Frame.STOP, 1, b'"soon"'),
    b"\xff" * 20,
]


async def test_nonsense_ends_the_link_alone(harness: Harness, yard: Yard) -> None:
    harness.open("cat")
    harness.run()
    for nonsense in NONSENSE:
        with raw(yard) as connection:
            connection.sendall(nonsense)
            received = await asyncio.to_thread(read_all, connection)
        frames = cut_frames(bytearray(received))
        assert all(frame[0] == Frame.WELCOME for frame in frames), nonsense
    tap = await yard.tap("in.1", epoch=2)
    await tap.link.write(b"fine\r")
    await tap.until_text(b"fine")


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


async def test_another_user_is_not_served(
    harness: Harness, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.open("cat")
    monkeypatch.setattr(keeper_module, "peer_uid", lambda _: 12345)
    harness.run()
    with raw(yard) as connection:
        assert await asyncio.to_thread(connection.recv, 1) == b""
    with monkeypatch.context() as patch:
        patch.setattr(keeper_module, "peer_uid", no_peer)
        with raw(yard) as connection:
            await yard.until(lambda: not harness.keeper._links)


def no_peer(_: socket.socket) -> int:
    raise OSError(errno.ENOTCONN, "it left at once")


async def test_the_oldest_stranger_makes_room(harness: Harness, yard: Yard) -> None:
    harness.open("cat")
    harness.run()
    strangers = [raw(yard) for _ in range(keeper_module.MAX_STRANGERS + 1)]
    assert await asyncio.to_thread(strangers[0].recv, 1) == b""
    await yard.tap("in.1")
    for stranger in strangers:
        stranger.close()


async def test_a_place_that_is_taken_is_refused(harness: Harness, yard: Yard) -> None:
    harness.open("cat")
    harness.run()
    second = Keeper(Orders(yard.spec("cat").orders(yard.places("in.1"))), -1)
    with pytest.raises(StartFailed) as caught:
        second.open(0o022)
    assert caught.value.stage == "lock"
    second.leave()
    second.leave()
    await yard.tap("in.1")


@pytest.mark.parametrize(
    ("argv", "options", "stage", "number"),
    [
        (["/no/such/command"], {}, "command", errno.ENOENT),
        (["cat"], {"cwd": "/no/such/directory"}, "directory", errno.ENOENT),
        (["/no/such/command"], {"mode": "pipe"}, "command", errno.ENOENT),
    ],
)
def test_a_start_fails_at_a_stage(
    yard: Yard, argv: list[str], options: dict[str, Any], stage: str, number: int
) -> None:
    places = yard.places("in.1")
    make_folder(places)
    keeper = Keeper(Orders(yard.spec(*argv, **options).orders(places)), -1)
    with pytest.raises(StartFailed) as caught:
        keeper.open(0o022)
    assert (caught.value.stage, caught.value.number) == (stage, number)
    keeper.leave()
    assert not places.socket.exists()


def test_the_system_may_have_no_terminals_left(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(errno.ENOSPC, "no terminals left")

    monkeypatch.setattr("os.openpty", none_left)
    places = yard.places("in.1")
    make_folder(places)
    keeper = Keeper(Orders(yard.spec("cat").orders(places)), -1)
    with pytest.raises(StartFailed) as caught:
        keeper.open(0o022)
    assert caught.value.stage == "system"
    keeper.leave()


def test_a_socket_that_can_not_be_opened_fails_the_start(yard: Yard, state_dir: Path) -> None:
    places = yard.places("in.1")
    make_folder(places)
    places.socket.mkdir()
    keeper = Keeper(Orders(yard.spec("cat").orders(places)), -1)
    with pytest.raises(StartFailed) as caught:
        keeper.open(0o022)
    assert caught.value.stage == "socket"
    keeper.leave()


def test_a_stale_socket_is_replaced(harness: Harness, yard: Yard) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(yard.places("in.1").socket))
    harness.open("true")
    raw(yard).close()
    harness.run()


def test_a_connection_sends_what_the_socket_takes() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(ours)
    connection.send(Frame.OUT, 0, bytes(5_000_000))
    assert connection.flush()
    left = len(connection.out)
    assert 0 < left < 5_000_000
    assert connection.flush()
    assert connection.receive() == []
    theirs.close()
    assert not connection.flush()
    assert connection.receive() is None
    ours.close()


def test_a_connection_that_ends_in_the_middle_of_a_frame_is_gone() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(ours)
    theirs.send(HELLO[:-3])
    assert connection.receive() == []
    theirs.close()
    assert connection.receive() is None
    ours.close()


def test_a_subscriber_gets_what_it_lacks_in_windows() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    ring = Ring(io.BytesIO(), 1024 * 1024)
    for number in range(100):
        ring.append(Frame.OUT, b"%04d" % number * 100)
    ring.append(Frame.EXIT, b"0")
    connection.window = 1000
    connection.pump(ring)
    assert not connection.out  # it has not subscribed
    connection.subscribe(ring, 4001)
    connection.pump(ring)
    frames = cut_frames(connection.out)
    assert [frame[1] for frame in frames] == [4001, 4400, 4800]
    assert frames[0][2] == (b"%04d" % 10 * 100)[1:]
    assert not connection.keeps_up(ring)
    connection.acked = 39_500
    connection.sent = 39_999
    connection.pump(ring)
    *output, exited = cut_frames(connection.out)
    assert output[0][:2] == (Frame.OUT, 39_999)
    assert exited == (Frame.EXIT, 40_000, b"0")
    ours.close()
    theirs.close()


async def test_a_gone_keeper_ends_the_items(harness: Harness, yard: Yard) -> None:
    keeper = harness.open("sh", "-c", "echo x; sleep 60")
    harness.run()
    tap = await yard.tap("in.1")
    await tap.until_text(b"x")
    harness.signal(signal.SIGTERM)
    await yard.until(lambda: tap.ended)
    assert isinstance(tap.ended, Gone)
    assert birth(keeper.child.pid) == -1
    assert tap.of(Output)
