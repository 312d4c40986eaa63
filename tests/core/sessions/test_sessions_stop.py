"""Sessions are stopped, one or all, politely or not, whatever their keepers do."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, alive, fault_of, until

from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.protocol.events import StatusChanged
from quarterdeck.core.protocol.status import Lifecycle
from quarterdeck.core.sessions.faults import StopFailed
from quarterdeck.core.sessions.keeper.items import StopReport
from quarterdeck.core.sessions.services import SessionOptions
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

DEAF = """
import signal, time
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(99)
"""


async def test_a_stop_ends_the_whole_tree_and_is_no_crash(rig: Rig) -> None:
    pids = rig.state_dir / "pids"
    await rig.script(
        f"setsid sh -c 'echo $$ >> {pids}; exec sleep 99' & "
        f"(echo $$ >> {pids}; sh -c 'echo $$ >> {pids}; sleep 99') & echo up; wait"
    )
    await until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
    await rig.until_text("up")
    pid = rig.view("one").pid
    view = await rig.stop()
    assert view.lifecycle is Lifecycle.EXITED
    assert not any(alive(int(one)) for one in (*pids.read_text().split(), str(pid)))
    assert rig.items() == []
    moves = [(e.old_lifecycle, e.lifecycle) for e in rig.told(StatusChanged)]
    assert (Lifecycle.RUNNING, Lifecycle.STOPPING) in moves
    assert (Lifecycle.STOPPING, Lifecycle.EXITED) in moves


async def test_a_child_that_ignores_term_is_killed_after_the_grace(rig: Rig) -> None:
    await rig.create(
        "python",
        args=(DEAF,),
    )
    await rig.until_text("deaf")
    view = await rig.stop(grace=0.2)
    assert (view.lifecycle, view.exit_signal) == (Lifecycle.EXITED, 9)


async def test_stopping_an_ended_one_changes_nothing(faked: Rig, keepers: FakeKeepers) -> None:
    await faked.create()
    await faked.stop()
    version = faked.view("one").version
    assert (await faked.stop()).version == version


async def test_a_stop_during_a_start_waits_for_it_and_then_stops(
    faked: Rig, keepers: FakeKeepers
) -> None:
    keepers.gate.clear()
    creating = asyncio.create_task(faked.create())
    await keepers.starting.wait()
    stopping = asyncio.create_task(faked.stop())
    await asyncio.sleep(0)
    keepers.gate.set()
    await asyncio.gather(creating, stopping)
    assert faked.view("one").lifecycle is Lifecycle.EXITED
    assert keepers.latest().exit is not None
    await until(lambda: not keepers.living())


async def test_a_start_during_a_stop_that_failed_is_refused_and_changes_nothing(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create()
    link = keepers.latest().link
    assert link is not None

    async def stop(grace: float) -> StopReport:
        return StopReport((), (), ())

    monkeypatch.setattr(link, "stop", stop)
    faked.services.options = _impatient(faked)
    assert isinstance(await fault_of(faked.stop(grace=0)), StopFailed)
    before = faked.session("one").record
    assert before.lifecycle is Lifecycle.STOPPING
    fault = await fault_of(faked.start())
    assert isinstance(fault, IllegalTransition)
    assert "stopping" in fault.message
    assert faked.session("one").record == before
    assert faked.session("one").run is not None
    monkeypatch.undo()
    assert (await faked.stop()).lifecycle is Lifecycle.EXITED


def _impatient(rig: Rig) -> SessionOptions:
    return replace(rig.services.options, start_timeout=0.05)


async def test_a_keeper_that_hangs_fails_the_stop_and_blocks_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.script("exec sleep 99")
    rig.services.options = _impatient(rig)
    keeper = rig.view("one").keeper_pid
    assert keeper is not None
    os.kill(keeper, signal.SIGSTOP)
    try:
        fault = await fault_of(rig.stop(grace=0.0))
        assert isinstance(fault, StopFailed)
        assert str(rig.view("one").pid) in fault.message
        assert (await rig.manager.checks())[0].status == "healthy"
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert (await rig.stop()).lifecycle is Lifecycle.EXITED


async def test_a_stop_waits_as_long_as_its_output_is_read(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create()
    keeper = keepers.latest()
    assert keeper.link is not None

    async def flood() -> None:
        for _ in range(8):
            await asyncio.sleep(0.1)
            keeper.write(b"more\r\n")
        keeper.end_child(None, 9)

    async def stop(grace: float) -> StopReport:
        floods.append(asyncio.create_task(flood()))
        return StopReport((), (), ())

    floods: list[asyncio.Task[None]] = []
    monkeypatch.setattr(keeper.link, "stop", stop)
    faked.services.options = replace(faked.services.options, start_timeout=0.5)
    assert (await faked.stop()).lifecycle is Lifecycle.EXITED
    await asyncio.gather(*floods)


async def test_processes_that_cannot_be_ended_are_named(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await faked.create()
    keeper = keepers.latest()
    assert keeper.link is not None

    async def stop(grace: float) -> StopReport:
        keeper.end_child(None, 15)
        return StopReport((), (), (4711,))

    monkeypatch.setattr(keeper.link, "stop", stop)
    fault = await fault_of(faked.stop())
    assert isinstance(fault, StopFailed)
    assert "4711" in fault.message
    assert faked.view("one").lifecycle is Lifecycle.EXITED


async def test_a_stop_goes_on_with_a_full_disk(
    faked: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    await faked.create()
    store.fail_next(*[StoreFull("no room")] * 4)
    assert (await faked.stop()).lifecycle is Lifecycle.EXITED
    await faked.journal.settled()


async def test_a_stop_of_a_session_whose_keeper_was_just_killed(rig: Rig) -> None:
    view = await rig.script("exec sleep 99")
    assert view.keeper_pid is not None
    os.kill(view.keeper_pid, signal.SIGKILL)
    assert (await rig.stop()).lifecycle is Lifecycle.LOST
    assert not alive(view.pid)
    await rig.delete()


async def test_closing_stops_every_session_or_none(new_rig: Any) -> None:
    rig = await new_rig()
    views = [await rig.script("exec sleep 99", name=f"s{n}") for n in range(3)]
    await rig.close(stop_sessions=False)
    assert all(alive(view.pid) for view in views)
    second = await new_rig()
    assert [view.pid for view in second.manager.views()] == [view.pid for view in views]
    await second.close(stop_sessions=True)
    assert not any(alive(view.pid) for view in views)
    assert not second.keepers()


async def test_a_close_lets_go_of_all_when_nothing_can_be_kept(
    faked: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    for number in range(3):
        await faked.create(name=f"s{number}")
    for keeper in keepers.living():
        keeper.write("something")
    await until(lambda: all(one.offset for one in faked.sessions.values()))
    store.fail_next(*[StoreFull("no room")] * 3)
    await faked.close(stop_sessions=False)
    assert all(keeper.link is None for keeper in keepers.living())
    assert len(keepers.living()) == 3
