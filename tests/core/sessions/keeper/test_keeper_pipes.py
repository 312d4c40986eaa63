"""Children on pipes, kept by real keepers."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from quarterdeck.core.sessions.keeper.child import MAX_INPUT
from quarterdeck.core.sessions.keeper.faults import InputClosed, InputFull, NotSupported
from quarterdeck.core.sessions.keeper.items import Stream

if TYPE_CHECKING:
    from tests.core.sessions.keeper.conftest import Yard

BOTH = "echo one; echo two >&2; sleep 0.05; echo three; echo four >&2; exit 3"


async def test_both_streams_are_kept_apart_and_share_their_offsets(yard: Yard) -> None:
    await yard.start("sh", "-c", BOTH, mode="pipe")
    tap = await yard.tap()
    exited = await tap.until_exit()
    assert tap.out() == b"one\nthree\n"
    assert tap.out(Stream.ERR) == b"two\nfour\n"
    assert exited.code == 3
    assert exited.offset == len(tap.out() + tap.out(Stream.ERR))


async def test_input_is_acknowledged_by_its_offset(yard: Yard) -> None:
    await yard.start("cat", mode="pipe")
    tap = await yard.tap()
    assert await tap.link.write(b"hello ") == 6
    assert await tap.link.write(b"world\n") == 12
    await tap.until_text(b"hello world\n")


async def test_much_input_goes_through_as_the_child_takes_it(yard: Yard) -> None:
    await yard.start("cat", mode="pipe")
    tap = await yard.tap()
    data = os.urandom(700_000)
    assert await tap.link.write(data) == len(data)
    await tap.link.close_stdin()
    await tap.until_exit()
    assert tap.out() == data


async def test_writes_of_several_are_not_mixed(yard: Yard) -> None:
    await yard.start("cat", mode="pipe")
    tap = await yard.tap()
    texts = [bytes([65 + number]) * 100_000 for number in range(4)]
    await asyncio.gather(*(tap.link.write(text) for text in texts))
    await tap.link.close_stdin()
    await tap.until_exit()
    assert tap.out() == b"".join(texts)


async def test_closing_the_input_ends_it_behind_what_was_written(yard: Yard) -> None:
    await yard.start("wc", "-c", mode="pipe")
    tap = await yard.tap()
    await tap.link.write(b"12345")
    await tap.link.close_stdin()
    with pytest.raises(InputClosed):
        await tap.link.write(b"more")
    await tap.until_exit()
    assert tap.out().split() == [b"5"]
    assert not tap.link.facts.input_open


async def test_a_reconnected_engine_knows_what_was_delivered(yard: Yard) -> None:
    await yard.start("cat", mode="pipe")
    tap = await yard.tap()
    await tap.link.write(b"delivered\n")
    await tap.close()
    again = await yard.tap(epoch=2)
    assert again.link.welcome.accepted == again.link.welcome.written == 10
    assert await again.link.write(b"!\n") == 12
    await again.until_text(b"delivered\n!\n")


async def test_what_was_accepted_is_delivered_after_the_link_is_lost(yard: Yard) -> None:
    await yard.start("sh", "-c", "read go; cat", mode="pipe")
    tap = await yard.tap()
    data = b"x" * 200_000 + b"\n"
    writing = asyncio.create_task(tap.link.write(b"go\n" + data))

    async def some_is_taken() -> bool:
        return (await tap.link.look()).accepted > 3

    await yard.until(some_is_taken)
    await asyncio.gather(tap.close(), return_exceptions=True)
    await asyncio.gather(writing, return_exceptions=True)
    again = await yard.tap()
    accepted = again.link.welcome.accepted
    await again.link.close_stdin()
    await again.until_exit()
    assert len(again.out()) == accepted - 3 > 0


async def test_a_child_that_closes_its_input_is_no_error_for_the_keeper(yard: Yard) -> None:
    await yard.start("sh", "-c", "exec <&-; echo closed; sleep 600", mode="pipe")
    tap = await yard.tap()
    await tap.until_text(b"closed")
    with pytest.raises(InputClosed):
        await tap.link.write(b"nobody reads this")
    assert not (await tap.link.look()).input_open


async def test_input_that_nobody_takes_is_bounded(yard: Yard) -> None:
    await yard.start("sleep", "600", mode="pipe")
    tap = await yard.tap()
    with pytest.raises(InputFull):
        await tap.overfill()
    facts = await tap.link.look()
    assert 0 < facts.accepted - facts.written <= MAX_INPUT


async def test_pipes_have_no_terminal(yard: Yard) -> None:
    handle = await yard.start("cat", mode="pipe")
    tap = await yard.tap()
    with pytest.raises(NotSupported, match="no terminal"):
        await tap.link.resize(80, 24)
    with pytest.raises(NotSupported, match="no terminal"):
        await tap.link.foreground()
    assert os.getsid(handle.child_pid) == handle.child_pid
    assert await tap.link.signal(signal.SIGINT) == (handle.child_pid,)
    assert (await tap.until_exit()).signal == signal.SIGINT


async def test_a_grandchild_that_holds_the_pipes_does_not_delay_the_end(yard: Yard) -> None:
    await yard.start("sh", "-c", "(sleep 0.1; echo late; sleep 600) & echo soon", mode="pipe")
    tap = await yard.tap()
    exited = await tap.until_exit()
    assert exited.code == 0
    assert tap.out() == b"soon\n"
    await tap.until_text(b"late\n")
    report = await tap.link.stop(1.0)
    assert report.left == ()
    assert report.ended
