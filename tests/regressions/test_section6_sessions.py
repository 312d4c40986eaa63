"""Faults that programs of this kind are known for, in what they do with sessions: each stays out."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, definitions, fault_of, until
from tests.core.sessions.test_sessions_prompts import ASKS, BUSY, IDLE, reader

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import SessionUpdated, StatusChanged
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.protocol.views import HealthStatus
from quarterdeck.core.protocol.wire import RawInput, SizeInput
from quarterdeck.core.sessions.faults import SessionLimit
from quarterdeck.core.sessions.keeper.items import Gone
from quarterdeck.core.sessions.records import RemoveSession, SaveSession
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore

AGENTS = definitions() | {"reader": reader()}


@pytest.fixture
async def keepers() -> FakeKeepers:
    return FakeKeepers()


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def new_rig(
    keepers: FakeKeepers, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    place = Path(tempfile.mkdtemp(prefix="qd-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    made: list[Rig] = []

    async def make(store: MemoryStore = store, **options: Any) -> Rig:
        rig = Rig(place, store, keepers=keepers, agents=AGENTS, **options)
        made.append(rig)
        return await rig.open()

    yield make
    for rig in made:
        await rig.close()
    shutil.rmtree(place, ignore_errors=True)


async def test_loaded_sessions_are_not_re_created_and_the_next_save_erases_them(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    rig = await new_rig()
    for name in ("a", "b", "c"):
        await rig.create(name=name)
    pids = [view.pid for view in rig.manager.views()]
    for _ in range(3):
        await rig.die()
        rig = await new_rig()
        assert [view.pid for view in rig.manager.views()][:3] == pids
        await rig.manager.checkpoint()
        await rig.manager.tidy()
        await rig.create(name=f"new {rig.services.epoch}", start=False)
        kept = [record.name for record in await store.sessions()]
        assert kept[:3] == ["a", "b", "c"]
    assert len(keepers.living()) == 3


async def test_status_changed_always_claims_the_same_old_status(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig()
    await rig.create("reader")
    for screen, activity in (
        (IDLE, Activity.IDLE),
        (BUSY, Activity.WORKING),
        (ASKS, Activity.NEEDS_APPROVAL),
        (BUSY, Activity.WORKING),
    ):
        keepers.latest().write(screen)
        await rig.until_activity(activity)
    olds = [event.old_activity for event in rig.told(StatusChanged)][-4:]
    assert olds == [
        Activity.UNKNOWN,
        Activity.IDLE,
        Activity.WORKING,
        Activity.NEEDS_APPROVAL,
    ]


async def test_the_session_limit_is_checked_then_used(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(max_sessions=3)
    keepers.gate.clear()
    creating = [asyncio.create_task(rig.create(name=f"s{n}")) for n in range(10)]
    await keepers.starting.wait()
    keepers.gate.set()
    done = await asyncio.gather(*creating, return_exceptions=True)
    assert sum(isinstance(one, SessionLimit) for one in done) == 7
    assert len(keepers.living()) == 3


async def test_a_limit_slot_is_leaked_by_a_failed_start(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig(max_sessions=1)
    for number in range(5):
        keepers.refusal = StoreFull("no room")
        await fault_of(rig.create(name=f"s{number}"))
    await rig.create(name="last")


async def test_health_is_always_true(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig()
    await rig.create()
    assert (await rig.manager.checks())[0].status is HealthStatus.HEALTHY
    keepers.latest().epoch = 99
    link = keepers.latest().link
    assert link is not None
    link.cut(Gone("the link broke"))
    await until(lambda: rig.session("one").superseded)
    assert (await rig.manager.checks())[0].status is HealthStatus.DEGRADED


async def test_agents_die_with_the_engine(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig()
    await rig.create()
    await rig.close(stop_sessions=False)
    assert keepers.latest().exit is None
    assert keepers.latest().stops == 0


async def test_idle_is_shown_for_asking_after_a_restart(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig()
    await rig.create("reader")
    keepers.latest().write(IDLE)
    await rig.until_activity(Activity.IDLE)
    await rig.die()
    keepers.latest().write(ASKS)
    rig = await new_rig()
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    told = [event.status.activity for event in rig.told(StatusChanged)]
    assert told == [Activity.NEEDS_APPROVAL]


async def test_an_answer_is_typed_into_the_wrong_dialog(new_rig: Any, keepers: FakeKeepers) -> None:
    rig = await new_rig()
    await rig.create("practice-approver")
    keepers.latest().write("\x1b]0;Approver - waiting\x07\x1b[2J\x1b[H Run this command?\r\n")
    keepers.latest().write(
        "   $ ls\r\n❯ 1. Yes, once\r\n  2. Yes, always\r\n  3. No\r\nEnter to select · Esc to reject"
    )
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    keepers.latest().write("\x1b[2;6Hrm -rf ~")
    assert (await fault_of(rig.answer("allow_once"))).code == "request_gone"
    assert keepers.latest().typed == []


async def test_a_crash_while_stopping_is_told_as_a_crash_of_the_agent(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    rig = await new_rig()
    await rig.create()
    await rig.die()
    record = replace(rig.session("one").record, lifecycle=Lifecycle.STOPPING, version=50)
    await store.commit([SaveSession(record)])
    keepers.latest().end_child(None, 15)
    rig = await new_rig()
    await rig.until_lifecycle(Lifecycle.EXITED)
    assert rig.items() == []


async def test_a_dead_process_takes_its_screen_and_its_reason_along(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig()
    await rig.create()
    keepers.latest().write("Traceback: it fell over")
    keepers.latest().end_child(1)
    await rig.until_lifecycle(Lifecycle.CRASHED)
    await rig.journal.settled()
    await rig.die()
    rig = await new_rig()
    assert "it fell over" in rig.text("one")
    assert rig.view("one").reason == "exited with code 1"


async def test_a_status_is_lost_with_the_commit_that_failed(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    rig = await new_rig()
    await rig.create("reader")
    keepers.latest().write(IDLE)
    await rig.until_activity(Activity.IDLE)
    store.fail_next(StoreFull("no room"))
    keepers.latest().write(ASKS)
    await rig.until_activity(Activity.NEEDS_APPROVAL)
    await rig.manager.checkpoint()
    await rig.journal.settled()
    assert len(await store.open_items()) == 1


async def test_a_refused_change_is_made_all_the_same(new_rig: Any, store: MemoryStore) -> None:
    rig = await new_rig()
    view = await rig.create()
    store.fail_next(StoreFull("no room"), StoreFull("no room"))
    wish = c.UpdateSession(session_id=view.id, updates=c.SessionUpdates(name="new"))
    assert (await fault_of(rig.manager.update(wish, CAUSE))).code == "store_full"
    assert rig.manager.view(view.id).name == view.name
    await rig.journal.settled()
    await rig.manager.checkpoint()
    await rig.journal.settled()
    assert [record.name for record in await store.sessions()] == [view.name]
    assert {event.session.name for event in rig.told(SessionUpdated)} <= {view.name}


async def test_a_lost_store_takes_the_agents_along(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    """Their keepers know them: an engine on a fresh store lists them again and ends none."""
    rig = await new_rig()
    for name in ("a", "b"):
        await rig.create(name=name)
    for _ in range(3):
        await rig.die()
        rig = await new_rig()
    pids = {view.name: view.pid for view in rig.manager.views()}
    await rig.die()
    await store.commit([RemoveSession(view.id) for view in rig.manager.views()])
    fresh = MemoryStore(clock=SYSTEM_CLOCK)
    await fresh.open()
    for _ in range(2):
        rig = await new_rig(store=fresh)
        assert {view.name: view.pid for view in rig.manager.views()} == pids
        await rig.manager.tidy()
        assert len(keepers.living()) == 2
        await rig.keys("enter", name="a")
        await rig.journal.settled()
        assert [record.name for record in await fresh.sessions()] == ["a", "b"]
        await rig.die()
    rig = await new_rig(store=fresh)


async def test_a_deleted_session_comes_back(
    new_rig: Any, keepers: FakeKeepers, store: MemoryStore
) -> None:
    rig = await new_rig()
    await rig.create("reader")
    keepers.latest().write(BUSY)
    await rig.until_activity(Activity.WORKING)
    deleting = asyncio.create_task(rig.delete(force=True))
    for _ in range(20):
        keepers.latest().write(ASKS)
        await asyncio.sleep(0)
    await deleting
    await rig.manager.checkpoint()
    await rig.journal.settled()
    assert await store.sessions() == []
    assert await store.open_items() == []


async def test_one_program_that_does_not_read_blocks_every_command(
    new_rig: Any, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quarterdeck.core.sessions.typist.WRITE_PATIENCE", 0.05)
    rig = await new_rig()
    await rig.create()
    keepers.latest().reads.clear()
    for _ in range(3):
        rig.manager.input(RawInput(session_id=rig.session("one").id, data=b"x"))
    assert (await fault_of(rig.keys("enter"))).code == "input_stalled"
    await asyncio.wait_for(rig.stop(), 5)


async def test_a_resize_drag_writes_a_row_for_every_pixel(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig()
    await rig.create()
    before = len(rig.events)
    for cols in range(60, 110):
        rig.manager.input(SizeInput(session_id=rig.session("one").id, cols=cols, lines=30))
    await until(lambda: rig.view("one").cols == 109)
    await rig.journal.settled()
    told = [event for event in rig.events[before:] if isinstance(event.payload, SessionUpdated)]
    assert len(told) == 1


async def test_a_first_prompt_is_lost_or_typed_twice_by_a_crash(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig()
    await rig.create("reader", prompt="begin")
    await rig.die()
    rig = await new_rig()
    keepers.latest().write(IDLE)
    await until(lambda: keepers.latest().input == b"begin\r")
    await rig.die()
    rig = await new_rig()
    await asyncio.sleep(0.1)
    assert keepers.latest().input == b"begin\r"


async def test_a_renamed_session_keeps_its_old_name_after_a_restart(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    rig = await new_rig()
    view = await rig.create()
    wish = c.UpdateSession(session_id=view.id, updates=c.SessionUpdates(name="new"))
    await rig.manager.update(wish, CAUSE)
    await rig.die()
    rig = await new_rig()
    assert [one.name for one in rig.manager.views()] == ["new"]
