"""Under strain: floods, hundreds of cycles, everything at once; nothing leaks and nobody starves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers, descriptors
from tests.core.sessions.rig import Rig, until

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.protocol.events import StatusChanged
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.protocol.wire import RawInput
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

LINE = b"\x1b[32mINFO\x1b[0m a line of a log that nobody needs, number %06d\r\n"


def timers() -> int:
    """How many timers are set on the loop."""
    loop: Any = asyncio.get_running_loop()
    return sum(not handle.cancelled() for handle in loop._scheduled)


async def test_twenty_floods_leave_a_quiet_session_alone(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig: Rig = await new_rig(keepers=keepers, max_sessions=30)
    await rig.create(name="quiet")
    quiet = keepers.latest()
    for number in range(20):
        await rig.create(name=f"flood{number}")
    flood = b"".join(LINE % number for number in range(4000))
    floods = [keeper for keeper in keepers.living() if keeper is not quiet]
    for keeper in floods:
        for at in range(0, len(flood), 65536):
            keeper.write(flood[at : at + 65536])
    quiet.write("\x1b[6n")
    rig.manager.input(RawInput(session_id=rig.session("quiet").id, data=b"typed"))
    await until(lambda: quiet.input in {b"typed\x1b[1;1R", b"\x1b[1;1Rtyped"})
    behind = sum(rig.session(f"flood{n}").offset < len(flood) for n in range(20))
    assert behind, "the quiet one did not wait for the floods"
    await until(lambda: all(rig.session(f"flood{n}").offset == len(flood) for n in range(20)))
    for number in range(20):
        assert "number 003999" in rig.text(f"flood{number}")


async def test_a_real_flood_is_read_stopped_and_survived(rig: Rig) -> None:
    await rig.create("practice-flooder", args=("--rate", "2000000"))
    await rig.until_activity(Activity.WORKING)
    await until(lambda: rig.session("one").offset > 1_000_000)
    await rig.manager.checkpoint()
    await rig.keys("x")
    await rig.until_activity(Activity.TURN_DONE, Activity.IDLE)
    assert (await rig.stop()).lifecycle in {Lifecycle.EXITED, Lifecycle.CRASHED}


async def test_many_cycles_leave_no_task_timer_or_file_open(rig: Rig) -> None:
    async def cycle(number: int) -> None:
        await rig.script("echo up; read x", name=f"s{number}")
        await rig.until_text("up", f"s{number}")
        if number % 2:
            await rig.stop(f"s{number}")
            await rig.start(f"s{number}")
        await rig.delete(f"s{number}", force=True)

    await cycle(0)
    gc.collect()
    before = (len(asyncio.all_tasks()), timers(), descriptors())
    for number in range(1, 9):
        await cycle(number)
    await until(lambda: not rig.manager._errands._tasks)
    gc.collect()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before[0]
    assert timers() <= before[1]
    assert descriptors() <= before[2]
    assert not rig.keepers()
    assert not list((rig.state_dir / "keepers").iterdir())


async def test_many_more_cycles_keep_nothing_in_memory(faked: Rig, keepers: FakeKeepers) -> None:
    for number in range(60):
        await faked.create(name="one")
        keepers.latest().write("hello\x1b]0;title\x07\a")
        if number % 3 == 0:
            await faked.restart()
        if number % 3 == 1:
            keepers.latest().end_child(2)
        await faked.delete(force=True)
    manager = faked.manager
    await until(lambda: not manager._errands._tasks)
    assert not faked.sessions
    assert not faked.desk._answers
    assert not faked.items()
    assert not manager._first_prompts._waiting
    assert not manager._restorer._inquiries
    assert not faked.ledger._owed
    assert not faked.ledger._under_way
    assert not keepers.living()
    await faked.journal.settled()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("seed", range(4))
async def test_everything_at_once_ends_somewhere_sane(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore, seed: int
) -> None:
    """Commands of one session normally queue up; here they all come at the same moment."""
    dice = random.Random(seed)  # noqa: S311  # the same at every run
    rig: Rig = await new_rig(keepers=keepers, max_sessions=5)
    for name in "abc":
        await rig.create(name=name)

    async def one() -> None:
        name = dice.choice("abc")
        action = dice.choice(
            ["start", "stop", "restart", "delete", "create", "exit", "prompt", "die", "fail"]
        )
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        with contextlib.suppress(QuarterdeckError, StopIteration, RuntimeError, IndexError):
            await _act(rig, keepers, store, name, action)

    await asyncio.gather(*(one() for _ in range(60)))
    await until(lambda: not rig.manager._errands._tasks)
    store._planned.clear()
    await until(lambda: not rig.ledger._under_way)
    rig.ledger.settle()
    await until(lambda: not rig.ledger._under_way and not rig.ledger.owed)
    living = {session.place_key for session in rig.sessions.values() if session.living}
    assert {keeper.places.key for keeper in keepers.living()} == living
    assert all(
        session.run is not None and not session.claimed
        for session in rig.sessions.values()
        if session.living
    )
    kept = {record.id: record for record in await store.sessions()}
    assert kept == {session.id: session.record for session in rig.sessions.values()}
    last = {event.session_id: event.lifecycle for event in rig.told(StatusChanged)}
    for session in rig.sessions.values():
        assert last[session.id] is session.record.lifecycle


async def _act(rig: Rig, keepers: FakeKeepers, store: MemoryStore, name: str, action: str) -> None:
    match action:
        case "start" | "stop" | "restart":
            await getattr(rig, action)(name)
        case "delete":
            await rig.delete(name, force=True)
        case "create":
            await rig.create(name=name)
        case "prompt":
            await rig.prompt("hello", name)
        case "exit":
            keepers.living()[0].end_child(1)
        case "die":
            keepers.living()[0].die()
        case _:
            store.fail_next(StoreFull("no room"))


async def test_closing_in_the_middle_of_everything(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    """A close waits for ends that are being wound up, and gives up what waits for a person."""
    rig: Rig = await new_rig(keepers=keepers)
    for name in "abc":
        await rig.create("practice-worker", name=name, prompt="wait for it")
        keepers.latest().write(f"screen of {name}")
    await until(lambda: all(session.offset for session in rig.sessions.values()))
    for keeper in keepers.living():
        keeper.end_child(0)
    await asyncio.sleep(0)
    await rig.close(stop_sessions=False)
    assert not keepers.living()
    assert {record.lifecycle for record in await store.sessions()} == {Lifecycle.EXITED}
    for record in await store.sessions():
        assert await store.snapshot(record.id) is not None
    assert len(asyncio.all_tasks()) == 1


async def test_letting_go_while_output_is_taken_in_loses_none(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig: Rig = await new_rig(keepers=keepers)
    await rig.create()
    flood = b"".join(LINE % number for number in range(6000))
    keepers.latest().write(flood)
    await until(lambda: rig.session("one").offset > 0)
    await rig.close(stop_sessions=False)
    taken = rig.session("one").offset
    assert 0 < taken < len(flood)
    again: Rig = await new_rig(keepers=keepers)
    await until(lambda: again.session("one").offset == len(flood))
    assert "number 005999" in again.text("one")
    history = again.session("one").screen.emulator
    lines = [
        *("".join(run.text for run in row) for row in history.history(0, 300)),
        *history.lines(),
    ]
    numbers = [int(line.rsplit(" ", 1)[1]) for line in lines if "number" in line]
    assert numbers == list(range(numbers[0], 6000)), "none twice, none left out"


async def test_clock_jumps_do_no_harm(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    clock = ManualClock()
    rig: Rig = await new_rig(keepers=keepers, clock=clock)
    await rig.create("practice-worker")
    for jump in (-86400, 10 * 86400, -3600):
        clock.jump(jump)
        keepers.latest().write("\x1b]7501;state=working\x1b\\")
        clock.advance(1)
        await rig.until_activity(Activity.WORKING)
        keepers.latest().write("\x1b]7501;state=done\x1b\\")
        clock.advance(1)
        await rig.until_activity(Activity.TURN_DONE)
        assert len(rig.items()) == 1
        await rig.manager.checkpoint()
    assert (await rig.stop()).lifecycle is Lifecycle.EXITED
    await rig.journal.settled()
    assert [record.lifecycle for record in await store.sessions()] == [Lifecycle.EXITED]


async def test_an_emulator_without_a_snapshot_spoils_no_end(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create()

    def broken(**_: Any) -> bytes:
        raise ValueError("a snapshot's bug")

    monkeypatch.setattr(faked.session("one").screen.emulator, "snapshot", broken)
    keepers.latest().end_child(0)
    await faked.until_lifecycle(Lifecycle.EXITED)
    await until(lambda: not keepers.living())
    await faked.manager.checkpoint()
