"""Wake-ups in measure."""

from __future__ import annotations

import asyncio

from quarterdeck.tui.pace import Alarm, Pacer


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_the_first_mark_after_a_pause_flushes_at_once() -> None:
    flushed: list[int] = []
    pacer = Pacer(lambda: flushed.append(1), interval=60)
    pacer.mark()
    assert flushed == []
    await asyncio.sleep(0.001)
    assert flushed == [1]


async def test_marks_within_the_interval_flush_once_at_its_end() -> None:
    flushed: list[int] = []
    pacer = Pacer(lambda: flushed.append(1), interval=60)
    pacer.mark()
    await asyncio.sleep(0.001)
    for _ in range(1000):
        pacer.mark()
    await turns()
    assert flushed == [1]
    assert pacer._handle is not None
    wait = pacer._handle.when() - asyncio.get_running_loop().time()
    assert 59 < wait <= 60
    pacer.stop()


async def test_a_stopped_pacer_does_not_flush_and_can_be_marked_again() -> None:
    flushed: list[int] = []
    pacer = Pacer(lambda: flushed.append(1), interval=0)
    pacer.mark()
    pacer.stop()
    pacer.stop()
    await asyncio.sleep(0.001)
    assert flushed == []
    pacer.mark()
    await asyncio.sleep(0.001)
    assert flushed == [1]
    assert pacer.flushes == 1


async def test_a_late_frame_does_not_put_off_the_ones_after_it() -> None:
    pacer = Pacer(lambda: None, interval=60)
    pacer.mark()
    await asyncio.sleep(0.001)
    due = pacer._next
    pacer._next -= 60.5  # as if the one before had been due then, and the loop had been at work
    pacer._run()
    assert pacer._next == due - 0.5
    pacer._next -= 600
    pacer._run()
    late = due - pacer._next
    assert -60.5 < late < 0.5, "what was missed by more than a frame is not made up for"
    pacer.stop()


async def test_nothing_is_scheduled_without_a_mark() -> None:
    pacer = Pacer(lambda: None, interval=0)
    await turns()
    assert pacer._handle is None


async def test_an_alarm_rings_once_and_later_settings_win() -> None:
    rung = asyncio.Event()
    alarm = Alarm(rung.set)
    alarm.set(60)
    assert alarm.pending
    alarm.set(0)
    await asyncio.wait_for(rung.wait(), 5)
    assert not alarm.pending


async def test_an_alarm_can_be_taken_back() -> None:
    rung: list[int] = []
    alarm = Alarm(lambda: rung.append(1))
    alarm.set(0)
    alarm.set(None)
    await asyncio.sleep(0.001)
    assert rung == []
    assert not alarm.pending
