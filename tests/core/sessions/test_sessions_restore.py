"""After an engine's death: the same processes, screens, statuses and items; and what is gone is said."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import Rig, alive, definitions, fault_of, until
from tests.core.sessions.test_sessions_prompts import ASKS, BUSY, IDLE, reader

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.engine.ports import Store
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import StatusChanged
from quarterdeck.core.protocol.screen import Row
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status
from quarterdeck.core.sessions.keeper.items import Lost
from quarterdeck.core.sessions.keeper.recording import post_mortem
from quarterdeck.core.sessions.records import (
    SaveSession,
)
from quarterdeck.state.memory import MemoryStore
from quarterdeck.state.sqlite.store import open_store

PAINTER = """
import signal, sys, time
def paint(*_): print("\\x1b[2J\\x1b[Hpainted", flush=True)
signal.signal(signal.SIGWINCH, paint)
paint()
sys.stdin.readline()
print("x" * 200_000, flush=True)
while True: time.sleep(9)
"""

AGENTS = definitions() | {"reader": reader()}


def rows(rig: Rig, name: str) -> list[Row]:
    emulator = rig.session(name).screen.emulator
    return [emulator.row(y) for y in range(emulator.rows)]


@pytest.fixture(params=["memory", "sqlite"])
async def any_store(request: pytest.FixtureRequest, state_dir: Any, store: MemoryStore) -> Any:
    """Opens the store as each engine does: in memory, or the same file once more."""
    opened: list[Store] = []

    async def again() -> Store:
        if request.param == "memory":
            return store
        for former in opened:
            await former.close()
        url = f"sqlite:///{state_dir}/state.db"
        fresh = open_store(url, clock=SYSTEM_CLOCK, durability="normal")
        await fresh.open()
        opened.append(fresh)
        return fresh

    yield again
    for former in opened:
        await former.close()


async def test_everything_goes_on_where_it_stood(new_rig: Any, any_store: Any) -> None:
    first = await new_rig(store=await any_store())
    await first.create("shell", name="shell", prompt="echo before")
    await first.create("practice-worker", name="worker", prompt="Do it")
    await first.create("practice-approver", name="approver", prompt="Run it")
    await first.create("practice-asker", name="asker", prompt="Ask it")
    await first.script("echo the end; exit 3", name="gone")
    await first.until_text("\nbefore", "shell")
    await first.until_activity(Activity.IDLE, name="shell")
    await first.until_activity(Activity.TURN_DONE, name="worker")
    await first.until_activity(Activity.NEEDS_APPROVAL, name="approver")
    await first.until_activity(Activity.NEEDS_ANSWER, name="asker")
    await first.until_lifecycle(Lifecycle.CRASHED, name="gone")
    await first.manager.checkpoint()  # some of what follows is in the ring alone
    await first.keys(text="echo more", name="shell")
    await first.until_text("echo more", "shell")
    await asyncio.sleep(0.1)
    await first.journal.settled()
    names = [view.name for view in first.manager.views()]
    before = {name: (first.view(name), rows(first, name)) for name in names}
    items = {item.item_id: item for item in first.items()}
    histories = {name: len(await _history(first, name)) for name in names}
    last = first.events[-1].metadata.sequence
    await first.die()

    second = await new_rig(store=await any_store())
    await second.journal.settled()
    assert [view.name for view in second.manager.views()] == names
    await until(lambda: all(second.session(name).run for name in names if name != "gone"))
    for name, (view, screen) in before.items():
        await until(partial(_shows, second, name, screen), what=name)
        again = second.view(name)
        assert (again.pid, again.keeper_pid) == (view.pid, view.keeper_pid)
        assert (again.lifecycle, again.name, again.title) == (view.lifecycle, name, view.title)
        assert _told(again.status) == _told(view.status), name
        assert again.reason == view.reason
    assert {item.item_id: item for item in second.items()} == items
    assert {name: len(await _history(second, name)) for name in names} == histories
    fresh = [event.metadata.sequence for event in second.events if event.metadata.sequence]
    assert min(fresh) > last
    assert second.told(StatusChanged) == [], "nothing has changed"
    assert second.services.epoch > first.services.epoch

    await second.keys("enter", name="shell")
    await second.until_text("\nmore", "shell")
    await second.answer("allow_always", name="approver")
    await second.answer("1", name="asker")
    await second.prompt("And this", name="worker")
    await second.start("gone")


def _shows(rig: Rig, name: str, screen: list[Row]) -> bool:
    return rows(rig, name) == screen


def _told(status: Status) -> tuple[Any, ...]:
    return (status.activity, status.source, status.since, status.request)


async def _history(rig: Rig, name: str) -> list[Any]:
    return await rig.store.history(rig.session(name).id, 1000)


async def test_an_engine_may_die_again_and_again(new_rig: Any) -> None:
    rig = await new_rig()
    await rig.create("practice-approver", prompt="Run it")
    view = await rig.until_activity(Activity.NEEDS_APPROVAL)
    [item] = rig.items()
    for _ in range(4):
        await rig.die()
        rig = await new_rig()
        session = rig.session("one")
        await until(partial(getattr, session.status, "request"))
        assert rig.view("one").pid == view.pid
        assert [one.item_id for one in rig.items()] == [item.item_id]
        assert session.status.since == view.status.since
    await rig.answer("reject")


# What happened while nobody listened


async def test_what_came_meanwhile_is_shown(new_rig: Any, keepers: FakeKeepers) -> None:
    first = await new_rig(agents=AGENTS, keepers=keepers)
    await first.create("reader")
    keepers.latest().write(BUSY)
    await first.until_activity(Activity.WORKING)
    await first.manager.checkpoint()
    await first.die()
    keepers.latest().resized(60, 10)
    keepers.latest().write(ASKS)
    second = await new_rig(agents=AGENTS, keepers=keepers)
    await second.until_activity(Activity.NEEDS_APPROVAL)
    assert len(second.items()) == 1
    changed = second.told(StatusChanged)
    assert [(one.old_activity, one.status.activity) for one in changed] == [
        (Activity.WORKING, Activity.NEEDS_APPROVAL)
    ]


async def test_a_turn_that_ended_meanwhile_is_told(new_rig: Any, keepers: FakeKeepers) -> None:
    first = await new_rig(agents=AGENTS, keepers=keepers)
    await first.create("reader")
    keepers.latest().write(BUSY)
    await first.until_activity(Activity.WORKING)
    await first.die()
    keepers.latest().write(IDLE)
    second = await new_rig(agents=AGENTS, keepers=keepers)
    await second.until_activity(Activity.TURN_DONE)
    assert [item.kind for item in second.items()] == [AttentionKind.TURN_DONE]


async def test_a_child_that_ended_meanwhile_has_ended(new_rig: Any, state_dir: Any) -> None:
    first = await new_rig()
    for name, code in (("well", 0), ("badly", 5)):
        await first.script(f"echo up; read x; echo down; exit {code}", name=name)
        await first.until_text("up", name)
    pids = [view.pid for view in first.manager.views()]
    await first.manager.checkpoint()
    for name in ("well", "badly"):
        await first.keys("enter", name=name)
    await first.die()
    await until(lambda: not any(alive(pid) for pid in pids))
    second = await new_rig()
    well = await second.until_lifecycle(Lifecycle.EXITED, name="well")
    badly = await second.until_lifecycle(Lifecycle.CRASHED, name="badly")
    assert (well.exit_code, badly.exit_code) == (0, 5)
    for name in ("well", "badly"):
        assert "up" in second.text(name)
        assert "down" in second.text(name)
    await until(lambda: not second.keepers())


async def test_keeper_and_child_that_ended_meanwhile_left_their_last_screen(new_rig: Any) -> None:
    first = await new_rig()
    view = await first.script("echo up; read x; echo down; exit 5")
    await first.until_text("up")
    await first.manager.checkpoint()
    places = first.session("one").places
    await first.keys("enter")
    await first.die()
    await until(lambda: post_mortem(places), what="the keeper notes the end a moment after it")
    os.kill(view.keeper_pid, signal.SIGKILL)
    await until(lambda: not alive(view.keeper_pid))
    second = await new_rig()
    crashed = second.view("one")
    assert (crashed.lifecycle, crashed.exit_code) == (Lifecycle.CRASHED, 5)
    assert second.text("one").split() == ["up", "down"]
    assert second.session("one").screen.ended


async def test_a_keeper_that_was_killed_meanwhile_makes_its_session_lost(new_rig: Any) -> None:
    first = await new_rig()
    view = await first.script("trap '' HUP; echo up; while :; do sleep 9; done")
    await first.until_text("up")
    await first.manager.checkpoint()
    await first.die()
    os.kill(view.keeper_pid, signal.SIGKILL)
    await until(lambda: not alive(view.keeper_pid))
    second = await new_rig(stop_grace=0.2)
    lost = second.view("one")
    assert lost.lifecycle is Lifecycle.LOST
    assert "its keeper is gone" in lost.reason
    assert not alive(view.pid), "nothing is left that nobody controls"
    assert "up" in second.text("one")
    [item] = second.items()
    assert item.kind is AttentionKind.FAILURE
    await second.start()
    assert second.items() == []


async def test_a_replay_follows_the_sizes_of_the_terminal(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create(cols=40, lines=5)
    keeper = keepers.latest()
    keeper.write("first ")
    await first.until_text("first")
    await first.manager.checkpoint()
    await first.die()
    keeper.resized(10, 5)
    keeper.write("1234567890abc")
    keeper.end_child(0)
    keeper.die()
    second = await new_rig(keepers=keepers)
    assert second.view("one").lifecycle is Lifecycle.EXITED
    assert second.text("one").split("\n") == ["first 1234", "567890abc"]


async def test_a_replay_without_what_came_before_begins_on_an_empty_screen(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    keeper = keepers.latest()
    keeper.write("seen")
    await first.until_text("seen")
    await first.manager.checkpoint()
    await first.die()
    keeper.write("never seen")
    keeper.forget()
    keeper.write("the tail")
    keeper.end_child(0)
    keeper.die()
    second = await new_rig(keepers=keepers)
    assert second.text("one") == "the tail"


# Output that is gone


async def test_after_a_loss_nothing_is_known_until_the_screen_is_drawn_anew(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(agents=AGENTS, keepers=keepers)
    await first.create("reader")
    keeper = keepers.latest()
    keeper.write(IDLE)
    await first.until_activity(Activity.IDLE)
    await first.manager.checkpoint()
    await first.die()
    keeper.write("x" * 100)
    keeper.forget()
    keeper.write("May I? y/n")  # a part of a frame, without what it was drawn over
    sizes = len(keeper.sizes)
    second = await new_rig(agents=AGENTS, keepers=keepers)
    await second.until_activity(Activity.UNKNOWN)
    await until(lambda: len(keeper.sizes) == sizes + 2)
    cols, lines = second.view("one").cols, second.view("one").lines
    assert keeper.sizes[sizes:] == [(cols - 1, lines), (cols, lines)]
    assert second.items() == []
    assert (await fault_of(second.prompt("hello"))).code == "status_unknown"
    assert keeper.typed == []
    keeper.write(IDLE)
    await second.until_activity(Activity.IDLE)
    assert second.view("one").cols == cols


async def test_a_loss_in_a_living_session_is_mended_when_its_output_pauses(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig(agents=AGENTS, keepers=keepers)
    await rig.create("reader")
    keeper = keepers.latest()
    keeper.write(ASKS)
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    assert keeper.link is not None
    keeper.link.push(Lost(keeper.end))
    await rig.until_activity(Activity.UNKNOWN)
    sizes = len(keeper.sizes)
    keeper.write("the rest of something")
    await until(lambda: len(keeper.sizes) == sizes + 2)
    keeper.write(ASKS)
    await rig.until_activity(Activity.NEEDS_APPROVAL)


async def test_a_shell_needs_no_repaint_to_be_known(new_rig: Any, keepers: FakeKeepers) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    keepers.latest().write("$ ")
    await first.until_activity(Activity.IDLE)
    await first.die()
    keepers.latest().write("x" * 50)
    keepers.latest().forget()
    second = await new_rig(keepers=keepers)
    await second.journal.settled()
    assert second.view("one").status.activity is Activity.IDLE
    assert second.told(StatusChanged) == []


async def test_a_real_ring_that_ran_over_is_repainted(new_rig: Any) -> None:
    first = await new_rig(ring_bytes=16 * 1024)
    await first.create("practice-worker", name="worker", prompt="Begin")
    await first.until_activity(Activity.TURN_DONE, name="worker")
    await first.create(
        "python",
        name="writer",
        args=(PAINTER,),
    )
    await first.until_text("painted", "writer")
    await first.manager.checkpoint()
    await first.keys("enter", name="writer")
    await first.die()
    await asyncio.sleep(0.5)
    second = await new_rig(ring_bytes=16 * 1024)
    await until(lambda: second.text("writer") == "painted")
    assert second.view("worker").status.activity is Activity.TURN_DONE


# Starts and stops that were under way


async def test_a_start_that_had_not_come_to_a_process_has_failed(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first = await new_rig(keepers=keepers)
    keepers.gate.clear()
    creating = asyncio.create_task(first.create())
    await keepers.starting.wait()
    await first.die()
    creating.cancel()
    await asyncio.wait([creating])
    second = await new_rig(keepers=keepers)
    view = second.view("one")
    assert view.lifecycle is Lifecycle.CRASHED
    assert view.reason == "the engine ended while it was starting"
    assert [item.kind for item in second.items()] == [AttentionKind.FAILURE]
    keepers.gate.set()
    assert (await second.start()).lifecycle is Lifecycle.RUNNING


async def test_a_process_whose_start_was_not_told_is_taken_up(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    record = replace(
        first.session("one").record, lifecycle=Lifecycle.STARTING, pid=None, version=99
    )
    await store.commit([SaveSession(record)])
    second = await new_rig(keepers=keepers)
    view = second.view("one")
    assert view.lifecycle is Lifecycle.RUNNING
    assert view.pid == keepers.latest().pid + 1


@pytest.mark.parametrize("asked", [True, False], ids=["the keeper knew", "it did not"])
async def test_a_stop_that_was_under_way_is_carried_out_and_is_no_crash(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore, asked: bool
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    record = replace(first.session("one").record, lifecycle=Lifecycle.STOPPING, version=99)
    await store.commit([SaveSession(record)])
    if asked:
        keepers.latest().end_child(None, 15)
    second = await new_rig(keepers=keepers)
    view = await second.until_lifecycle(Lifecycle.EXITED)
    assert view.exit_signal == 15
    assert second.items() == []
    assert keepers.latest().stops == (0 if asked else 1)


async def test_a_stop_whose_keeper_is_gone_too_is_no_crash(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    record = replace(first.session("one").record, lifecycle=Lifecycle.STOPPING, version=99)
    await store.commit([SaveSession(record)])
    keepers.latest().end_child(None, 15)
    keepers.latest().die()
    second = await new_rig(keepers=keepers)
    assert second.view("one").lifecycle is Lifecycle.EXITED
