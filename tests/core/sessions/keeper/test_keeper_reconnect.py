"""Engines that come, lag, die and come back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.sessions.keeper.faults import KeeperEpoch, KeeperGone
from quarterdeck.core.sessions.keeper.frames import WINDOW, Frame, encode_frame
from quarterdeck.core.sessions.keeper.items import Gone, Lost, Output, Resized, Superseded
from quarterdeck.core.sessions.keeper.link import KeeperLink
from quarterdeck.core.sessions.keeper.places import keeper_lives, present_socket
from quarterdeck.core.sessions.keeper.recording import post_mortem, read_ring

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Yard

COUNTER = """
import sys
for line in sys.stdin:
    first, last = map(int, line.split())
    sys.stdout.write("".join(f"{n}\\n" for n in range(first, last)))
    sys.stdout.flush()
"""


def numbers(first: int, last: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(first, last))


async def test_every_byte_comes_exactly_once_over_many_links(yard: Yard) -> None:
    await yard.python(COUNTER, mode="pipe")
    offset, received, last = 0, b"", 0
    for epoch in range(6):
        async with await KeeperLink.connect(yard.places(), epoch=epoch, from_offset=offset) as link:
            await link.write(b"%d %d\n" % (last, last + 3000))
            last += 3000
            async for item in link.items():  # breaks off in the middle
                if isinstance(item, Output):
                    assert item.offset == offset
                    received += item.data
                    offset += len(item.data)
                    if len(received) > epoch * 9000:
                        break
    tap = await yard.tap(epoch=9, from_offset=offset)
    await yard.until(lambda: len(received + tap.out()) >= len(numbers(0, last)))
    assert received + tap.out() == numbers(0, last)
    assert tap.lost == []


async def test_a_link_may_begin_anywhere_in_the_stream(yard: Yard) -> None:
    await yard.start("seq", "2000", mode="pipe")
    whole = await yard.tap()
    await whole.until_exit()
    for offset in (0, 1, 4095, 4096, 5000, len(whole.out()) - 1, len(whole.out())):
        tap = await yard.tap(from_offset=offset)
        await tap.until_exit()
        assert tap.out() == whole.out()[offset:]
        await tap.close()
    at_end = await yard.tap(from_offset=None)
    await at_end.until_exit()
    assert at_end.out() == b""


async def test_output_that_is_gone_is_reported_as_lost(yard: Yard) -> None:
    await yard.start("seq", "20000", mode="pipe", ring_bytes=32 * 1024)
    whole = numbers(1, 20001)
    tap = await yard.tap()
    exited = await tap.until_exit()
    late = await yard.tap(from_offset=7)
    await late.until_exit()
    (resumed,) = late.lost
    assert 7 < resumed == late.link.welcome.ring_start
    assert isinstance(late.items[0], Lost)
    assert late.out() == whole[resumed:]
    assert len(late.out()) > 24 * 1024
    assert exited.offset == len(whole)


async def test_an_offset_that_was_never_reached_is_reported_as_lost(yard: Yard) -> None:
    await yard.start("sh", "-c", "echo four; sleep 600", mode="pipe")
    first = await yard.tap()
    await first.until_text(b"four\n")
    tap = await yard.tap(from_offset=1000)
    await yard.until(lambda: tap.lost)
    assert tap.lost == [5]


async def test_the_killed_holder_of_a_link_leaves_the_child_running(yard: Yard) -> None:
    handle = await yard.start("cat", mode="pipe")
    program = f"""
        import asyncio, os, signal
        from pathlib import Path
        from quarterdeck.core.sessions.keeper.link import KeeperLink
        from quarterdeck.core.sessions.keeper.spawn import places_for

        async def main():
            link = await KeeperLink.connect(places_for(Path({str(yard.state_dir)!r}), "one.1"), epoch=1)
            await link.write(b"from the killed\\n")
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(program))
    assert await holder.wait() == -signal.SIGKILL
    tap = await yard.tap(epoch=2)
    await tap.link.write(b"from the next\n")
    await tap.until_text(b"from the killed\nfrom the next\n")
    os.kill(handle.child_pid, 0)


async def test_a_killed_starter_leaves_keeper_and_child_running(yard: Yard) -> None:
    program = f"""
        import asyncio, os, signal
        from pathlib import Path
        from quarterdeck.core.sessions.keeper.spawn import ChildSpec, places_for, spawn_keeper

        async def main():
            spec = ChildSpec(("cat",), "/", dict(os.environ), "one", grace=0.3)
            handle = await spawn_keeper(spec, places_for(Path({str(yard.state_dir)!r}), "one.1"))
            print(handle.keeper_pid, flush=True)
            os.killpg(0, signal.SIGKILL)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = await asyncio.to_thread(
        subprocess.run, command, stdout=subprocess.PIPE, start_new_session=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    tap = await yard.tap()
    assert tap.link.welcome.keeper_pid == int(done.stdout)
    await tap.link.write(b"alive\r")
    await tap.until_text(b"alive\r\nalive\r\n")
    os.kill(tap.link.welcome.keeper_pid, signal.SIGTERM)
    await yard.until_over(yard.places())


async def test_hanging_up_on_a_keeper_does_nothing(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    os.kill(handle.keeper_pid, signal.SIGHUP)
    os.kill(handle.keeper_pid, signal.SIGINT)
    await tap.link.write(b"still here\r")
    await tap.until_text(b"still here")


async def test_a_later_link_takes_over_and_the_former_is_told(yard: Yard) -> None:
    await yard.start("cat", mode="pipe")
    first = await yard.tap(epoch=5)
    second = await yard.tap(epoch=5)
    await yard.until(lambda: first.ended)
    assert first.ended == Superseded(5)
    with pytest.raises(KeeperGone):
        await first.link.write(b"too late")
    third = await yard.tap(epoch=6)
    await yard.until(lambda: second.ended)
    assert second.ended == Superseded(6)
    with pytest.raises(KeeperEpoch, match="epoch 6"):
        await KeeperLink.connect(yard.places(), epoch=5)
    await third.link.write(b"mine\n")
    await third.until_text(b"mine\n")
    await third.close()
    with pytest.raises(KeeperEpoch):  # nor when nobody holds it at the moment
        await KeeperLink.connect(yard.places(), epoch=5)


async def test_what_a_superseded_engine_asked_last_is_answered_with_its_end(yard: Yard) -> None:
    await yard.start("sleep", "600", mode="pipe")
    first = await yard.tap(epoch=1)
    writing = asyncio.create_task(first.link.write(b"x" * 200_000))
    await yard.until(lambda: first.link._input._writes)
    await yard.tap(epoch=2)
    with pytest.raises(KeeperGone, match="later link"):
        await writing


async def test_a_superseded_engine_that_writes_before_it_reads_learns_of_it(yard: Yard) -> None:
    await yard.start("sleep", "600", mode="pipe")
    first = await yard.tap(epoch=1)
    writer = first.link._line.writer
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
    await yard.tap(epoch=2)
    for _ in range(3):
        writer.write(encode_frame(Frame.WRITE, 1, b"late"))
        await asyncio.sleep(0)
    writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
    await yard.until(lambda: first.ended)
    assert first.ended == Superseded(2)


async def test_the_killed_keepers_log_is_readable_and_its_child_hangs_up(yard: Yard) -> None:
    handle = await yard.start("sh", "-c", "echo before; sleep 600")
    tap = await yard.tap()
    await tap.until_text(b"before\r\n")
    os.kill(handle.keeper_pid, signal.SIGKILL)
    await yard.until(lambda: tap.ended)
    assert isinstance(tap.ended, Gone)
    assert read_ring(handle.places.ring)[1] == Output(0, tap.of(Output)[0].stream, b"before\r\n")
    assert post_mortem(handle.places) is None
    await yard.until_gone(handle.child_pid)
    with pytest.raises(KeeperGone, match=r"one\.1"):
        await KeeperLink.connect(handle.places, epoch=2)


async def test_a_requests_end_is_told_when_the_keeper_dies(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    os.kill(handle.keeper_pid, signal.SIGSTOP)
    asked = [asyncio.create_task(tap.link.look()), asyncio.create_task(tap.link.write(b"x"))]
    await asyncio.sleep(0)
    os.kill(handle.keeper_pid, signal.SIGKILL)
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(answer, KeeperGone)
    with pytest.raises(KeeperGone):
        await tap.link.look()


async def test_the_end_is_on_disk_when_the_keeper_is_gone(yard: Yard) -> None:
    handle = await yard.start("sh", "-c", "echo last words; exit 9", cols=90)
    tap = await yard.tap()
    await tap.until_exit()
    await tap.link.dismiss()
    await yard.until_over(handle.places)
    assert not handle.places.socket.exists()
    end = post_mortem(handle.places)
    assert end
    assert (end.code, end.signal) == (9, None)
    assert b"".join(end.output()) == b"last words\r\n"
    assert b"".join(end.output(5)) == b"words\r\n"
    assert end.items[0] == Resized(0, 90, 24)
    assert (end.ring_start, end.ring_end) == (0, 12)


async def test_a_dismissed_keeper_serves_its_child_to_the_end(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    await tap.link.dismiss()
    assert not handle.places.socket.exists()
    assert keeper_lives(handle.places)
    await tap.link.write(b"\x04")
    assert (await tap.until_exit()).code == 0
    await yard.until_over(handle.places)


async def test_a_keeper_without_an_engine_ends_some_time_after_its_child(yard: Yard) -> None:
    handle = await yard.start("true", linger=0.1)
    await yard.until_over(handle.places)
    end = post_mortem(handle.places)
    assert end
    assert end.code == 0
    assert not handle.places.socket.exists()


async def test_a_keeper_lingers_while_an_engine_is_there(yard: Yard) -> None:
    handle = await yard.start("true", linger=0.05)
    tap = await yard.tap()
    await tap.until_exit()
    await asyncio.sleep(0.2)
    assert keeper_lives(handle.places)
    await tap.close()
    await yard.until_over(handle.places)


async def test_a_keeper_whose_place_was_removed_waits_for_nobody(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    shutil.rmtree(handle.places.folder)
    await tap.link.write(b"\x04")
    await tap.until_exit()
    await tap.close()
    await yard.until_gone(handle.keeper_pid)


async def test_an_engine_that_lags_bounds_the_keeper_and_itself(yard: Yard) -> None:
    handle = await yard.start("yes", mode="pipe", lag_rate=2_000_000, ring_bytes=512 * 1024)
    link = await KeeperLink.connect(yard.places(), epoch=1)
    async with link:
        items = link.items()
        await anext(items)
        await asyncio.sleep(0.3)
        waiting = sum(len(item.data) for item in link._items if isinstance(item, Output))
        assert waiting <= WINDOW + 64 * 1024
        facts = await link.look()
        assert facts.ring_end < 12_000_000  # a tenth of what `yes` would write unhindered
        assert resident(handle.keeper_pid) < 20_000_000
        async with asyncio.timeout(60):
            while not isinstance(item := await anext(items), Lost):
                pass
        assert item.offset > WINDOW


async def test_a_flood_without_an_engine_stays_bounded(yard: Yard) -> None:
    handle = await yard.start("yes", mode="pipe", away_rate=400_000, ring_bytes=256 * 1024)
    await asyncio.sleep(0.5)
    assert resident(handle.keeper_pid) < 20_000_000
    tap = await yard.tap(from_offset=None)
    end = tap.link.welcome.ring_end
    assert 100_000 < end < 3_000_000  # a second's worth may come at once
    assert handle.places.ring.stat().st_size == 256 * 1024


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_an_engine_that_keeps_up_gets_all_at_full_speed(yard: Yard) -> None:
    count = 4_000_000
    await yard.start(
        "sh", "-c", f"head -c {count} /dev/zero", mode="pipe", lag_rate=100_000, away_rate=100_000
    )
    tap = await yard.tap()
    async with asyncio.timeout(30):  # at the bounded rate it would take 40 s
        exited = await tap.until_exit()
    assert exited.offset == count
    assert tap.out() == bytes(count)


async def test_items_can_be_acknowledged_by_hand(yard: Yard) -> None:
    await yard.start("sh", "-c", "head -c 500000 /dev/zero; sleep 600", mode="pipe")
    link = await KeeperLink.connect(yard.places(), epoch=1, auto_ack=False, window=50_000)
    async with link:
        items, taken = link.items(), 0
        while taken < 50_000:
            item = await anext(items)
            taken += len(item.data) if isinstance(item, Output) else 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(items)
        link.ack(taken)
        assert isinstance(await anext(items), Output)


async def test_what_comes_in_small_pieces_is_acknowledged_together(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = KeeperLink._send

    def counted(link: KeeperLink, kind: Frame, number: int, payload: bytes = b"") -> None:
        sent.append(kind)
        send(link, kind, number, payload)

    monkeypatch.setattr(KeeperLink, "_send", counted)
    await yard.start("cat", mode="pipe")
    link = await KeeperLink.connect(yard.places(), epoch=1, window=4_000)
    async with link:
        items, taken = link.items(), 0
        while taken < 10_000:
            await link.write(b"x" * 100)
            item = await anext(items)
            taken += len(item.data) if isinstance(item, Output) else 0
    assert 5 <= sent.count(Frame.ACK) <= 10, "each is of a quarter of the window"


async def test_a_keeper_at_rest_does_not_wake_up(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    await tap.link.look()
    before = switches(handle.keeper_pid)
    await asyncio.sleep(0.3)
    assert switches(handle.keeper_pid) - before <= 1  # it may just have lain down


def switches(pid: int) -> int:
    """How often a process has gone to sleep."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


async def test_a_keeper_whose_sockets_directory_vanished_is_reached_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await yard.start("cat")
    shutil.rmtree(handle.places.socket.parent)
    other = tempfile.mkdtemp(prefix="qd", dir="/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", other)
    try:
        tap = await yard.tap()
        assert tap.link.welcome.keeper_pid == handle.keeper_pid
        assert str(present_socket(yard.places())).startswith(other)
        await tap.link.write(b"found\r")
        await tap.until_text(b"found")
        assert (await tap.link.look()).fault == ""
        await tap.close()
    finally:
        os.kill(handle.keeper_pid, signal.SIGTERM)
        await yard.until_over(handle.places)
        shutil.rmtree(other)


async def test_a_keeper_that_can_not_be_told_its_new_address_is_out_of_reach(yard: Yard) -> None:
    handle = await yard.start("cat")
    handle.places.socket.unlink()
    handle.places.address.unlink()
    handle.places.address.mkdir()
    with pytest.raises(KeeperGone, match="can't be reached"):
        await KeeperLink.connect(yard.places(), epoch=1)


async def test_a_keeper_that_dies_while_it_is_looked_for_is_gone(yard: Yard) -> None:
    handle = await yard.start("cat")
    os.kill(handle.keeper_pid, signal.SIGSTOP)
    handle.places.socket.unlink()
    looking = asyncio.create_task(KeeperLink.connect(yard.places(), epoch=1))
    await asyncio.wait([looking], timeout=0.05)
    os.kill(handle.keeper_pid, signal.SIGKILL)
    with pytest.raises(KeeperGone, match="No keeper"):
        await looking


async def test_another_runtime_directory_does_not_hide_a_keeper(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await yard.start("cat")
    with tempfile.TemporaryDirectory(prefix="qd", dir="/tmp") as other:
        monkeypatch.setenv("XDG_RUNTIME_DIR", other)
        tap = await yard.tap()
        await tap.link.write(b"found\r")
        await tap.until_text(b"found")


async def test_strangers_do_not_crowd_out_an_engine(yard: Yard) -> None:
    handle = await yard.start("cat")
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            _, writer = await asyncio.open_unix_connection(handle.places.socket)
            stack.callback(writer.close)
        tap = await yard.tap()
        await tap.link.write(b"me\r")
        await tap.until_text(b"me")


async def test_whoever_speaks_nonsense_is_cut_off_alone(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, bytes(13)):
        reader, writer = await asyncio.open_unix_connection(handle.places.socket)
        writer.write(nonsense)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    await tap.link.write(b"fine\r")
    await tap.until_text(b"fine")


async def test_letting_go_twice_does_no_harm(yard: Yard) -> None:
    await yard.start("cat")
    link = await KeeperLink.connect(yard.places(), epoch=1)
    assert isinstance(await anext(link.items()), Resized)
    await link.detach()
    await link.detach()
    rest = [item async for item in link.items()]
    assert rest == [Gone("the engine let go of it")]
    assert await link.next_item() is None


async def test_a_cancelled_request_does_not_confuse_the_next(yard: Yard) -> None:
    handle = await yard.start("cat")
    tap = await yard.tap()
    os.kill(handle.keeper_pid, signal.SIGSTOP)
    asked = [asyncio.create_task(tap.link.foreground()) for _ in range(3)]
    typed = asyncio.create_task(tap.link.write(b"cancelled but sent "))
    await asyncio.sleep(0.01)
    for task in (*asked, typed):
        task.cancel()
    await asyncio.wait([*asked, typed])
    os.kill(handle.keeper_pid, signal.SIGCONT)
    assert (await tap.link.foreground()).is_child
    await tap.link.write(b"after\r")
    await tap.until_text(b"cancelled but sent after\r\n")
