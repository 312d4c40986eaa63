"""Keepers without a session, two engines, snapshots that can't be read: what an engine may find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import alive, definitions, fault_of, until

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.protocol.events import StatusChanged
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.sessions.keeper.faults import KeeperEpoch, KeeperTimeout
from quarterdeck.core.sessions.records import (
    RemoveSession,
    SaveSession,
    SaveSnapshot,
    ScreenSnapshot,
)
from quarterdeck.state.faults import StoreCorrupt
from quarterdeck.state.memory import MemoryStore

AGENTS = definitions()


# Keepers without a session, and sessions of another engine


async def test_a_keeper_without_a_session_is_ended_with_its_tree(
    new_rig: Any, state_dir: Any
) -> None:
    first = await new_rig()
    view = await first.script("exec sleep 99")
    await first.die()
    await first.store.commit([_remove(view.id)])
    second = await new_rig()
    await until(lambda: not alive(view.pid) and not alive(view.keeper_pid))
    assert second.manager.views() == []
    await second.manager.tidy()
    assert not list((state_dir / "keepers").iterdir())


def _remove(session_id: str) -> RemoveSession:
    return RemoveSession(session_id)


async def test_the_keeper_of_a_session_that_has_ended_is_ended(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    await first.die()
    record = replace(first.session("one").record, lifecycle=Lifecycle.EXITED, version=99)
    await store.commit([SaveSession(record)])
    second = await new_rig(keepers=keepers)
    await until(lambda: not keepers.living())
    assert second.view("one").lifecycle is Lifecycle.EXITED


async def test_a_keeper_without_a_session_that_does_not_answer_is_told_to_end(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    view = await first.create()
    await first.die()
    await first.store.commit([_remove(view.id)])
    keepers.unreachable = KeeperTimeout("it hangs")
    await new_rig(keepers=keepers)
    await until(lambda: not keepers.living())


async def test_a_keeper_of_a_later_engine_is_left_alone(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create(name="kept")
    gone = await first.create(name="gone")
    await first.die()
    await store.commit([_remove(gone.id)])
    for keeper in keepers.living():
        keeper.epoch = 99
    second = await new_rig(keepers=keepers)
    assert second.session("kept").superseded
    await second.manager.tidy()
    assert len(keepers.living()) == 2
    assert all(keeper.exit is None for keeper in keepers.living())
    assert isinstance(await fault_of(second.stop("kept")), KeeperEpoch)


async def test_of_two_engines_the_older_lets_go_and_stops_nothing(new_rig: Any) -> None:
    older = await new_rig()
    view = await older.script("echo up; exec sleep 99")
    await older.until_text("up")
    newer = await new_rig()
    await until(lambda: older.session("one").superseded)
    assert newer.view("one").pid == view.pid
    assert (await fault_of(older.keys("enter"))).code == "not_running"
    await older.close(stop_sessions=True)
    assert alive(view.pid)
    await newer.until_text("up")
    assert (await newer.stop()).lifecycle is Lifecycle.EXITED


async def test_a_keeper_that_answers_late_is_found_again(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    keeper = keepers.latest()
    keeper.write("kept")
    await first.until_text("kept")
    await first.manager.checkpoint()
    await first.die()
    keepers.unreachable = KeeperTimeout("The keeper didn't answer within 10 seconds.")
    second = await new_rig(keepers=keepers)
    lost = second.told(StatusChanged)[0]
    assert lost.lifecycle is Lifecycle.LOST
    assert "its keeper lives" in lost.session.reason
    await second.until_lifecycle(Lifecycle.RUNNING)  # the sweep tried once more
    assert second.items() == []
    keeper.write(" and on")
    await second.until_text("kept and on")


# Snapshots


async def test_a_snapshot_that_cannot_be_read_is_drawn_from_the_ring(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    first = await new_rig(keepers=keepers)
    view = await first.create()
    keepers.latest().write("from the start")
    await first.until_text("from the start")
    await first.die()
    for generation, data in (
        (1, b"nonsense"),
        (7, first.session("one").screen.emulator.snapshot()),
    ):
        await store.commit(
            [SaveSnapshot(ScreenSnapshot(view.id, generation, 3, SYSTEM_CLOCK.now(), data))]
        )
        rig = await new_rig(keepers=keepers)
        await rig.until_text("from the start")
        await rig.die()


async def test_a_store_that_cannot_read_a_snapshot_keeps_no_engine_from_starting(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create()
    keepers.latest().write("from the start")
    await first.until_text("from the start")
    await first.manager.checkpoint()
    await first.die()

    async def broken(session_id: str) -> None:
        raise StoreCorrupt("a page is damaged")

    monkeypatch.setattr(store, "snapshot", broken)
    second = await new_rig(keepers=keepers)
    await second.until_text("from the start")


async def test_an_ended_session_keeps_its_screen_its_reason_and_its_turn(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create("practice-worker")
    keepers.latest().write("all done\x1b]7501;state=working\x1b\\\x1b]7501;state=done\x1b\\")
    await first.until_activity(Activity.TURN_DONE)
    keepers.latest().end_child(0)
    await first.until_lifecycle(Lifecycle.EXITED)
    before, [item] = first.view("one"), first.items()
    await until(lambda: not keepers.living())
    await first.journal.settled()
    await first.die()
    second = await new_rig(keepers=keepers)
    assert second.text("one") == "all done"
    assert second.view("one") == before
    assert second.items() == [item]
    second.manager.focus("me", before.id)
    await until(lambda: not second.items())
    assert second.view("one").status.activity is not Activity.TURN_DONE


async def test_focus_on_a_session_that_never_ran_changes_nothing(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create(start=False)
    await first.die()
    second = await new_rig(keepers=keepers)
    before = second.view("one")
    second.manager.focus("me", before.id)
    second.manager.focus("me", None)
    assert second.view("one") == before


async def test_a_size_that_the_engine_died_over_is_set_right(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    first = await new_rig(keepers=keepers)
    await first.create(cols=100, lines=30)
    await first.die()
    keepers.latest().resized(99, 30)  # the first half of a nudge
    second = await new_rig(keepers=keepers)
    await until(lambda: keepers.latest().sizes[-1] == (100, 30))
    await until(lambda: second.session("one").screen.emulator.cols == 100)
    assert second.view("one").cols == 100


async def test_fifty_sessions_are_taken_up_together(new_rig: Any, keepers: FakeKeepers) -> None:
    first = await new_rig(keepers=keepers, max_sessions=50)
    for number in range(50):
        await first.create(name=f"s{number}")
    await first.die()
    second = await new_rig(keepers=keepers, max_sessions=50)
    assert {view.lifecycle for view in second.manager.views()} == {Lifecycle.RUNNING}
    assert [view.name for view in second.manager.views()] == [f"s{n}" for n in range(50)]


async def test_a_real_keeper_ends_when_it_is_told_and_takes_its_child_along(new_rig: Any) -> None:
    rig = await new_rig()
    view = await rig.script("exec sleep 99")
    keepers, places = rig.services.keepers, rig.session("one").places
    assert not await keepers.ended(places, 0.02)
    await keepers.end(view.keeper_pid)
    assert await keepers.ended(places, 10)
    assert not alive(view.pid)
    await keepers.end(view.keeper_pid)  # a second time does nothing
    ended = await rig.until_lifecycle(Lifecycle.CRASHED)
    assert ended.exit_signal in {1, 15}
