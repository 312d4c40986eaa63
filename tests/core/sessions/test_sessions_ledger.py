"""A store that fails: what is in force stays in force, and is kept as soon as it can be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, fault_of, until
from tests.core.sessions.test_sessions_prompts import ASKS, BUSY, IDLE, reader

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.events import (
    AttentionClosed,
    AttentionRaised,
    SessionUpdated,
    StatusChanged,
)
from quarterdeck.core.protocol.status import Activity, Lifecycle, Status
from quarterdeck.core.protocol.views import HealthStatus
from quarterdeck.core.sessions.ledger import LINES_LIMIT, Ledger
from quarterdeck.core.sessions.records import AddStatus, SaveSession, SessionRecord, StatusEntry
from quarterdeck.state.faults import StaleVersion, StoreFull
from quarterdeck.state.memory import MemoryStore

FULL = StoreFull("no room on the disk")


@pytest.fixture
async def read(new_rig: Any, keepers: FakeKeepers) -> Rig:
    rig: Rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader")
    keepers.latest().write(IDLE)
    await rig.until_activity(Activity.IDLE)
    await rig.journal.settled()
    return rig


async def test_a_status_that_could_not_be_kept_is_in_force_and_kept_later(
    read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    told = len(read.told(StatusChanged))
    store.fail_next(FULL)
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    await read.journal.settled()
    [item] = read.items()
    assert await store.open_items() == []
    await until(lambda: read.ledger.owed == 2)
    [check] = await read.manager.checks()
    assert check.status is HealthStatus.DEGRADED
    assert "changes of 2 sessions or items are not on disk" in check.message
    assert len(read.told(StatusChanged)) == told, "an event is told once it is kept"
    await read.manager.checkpoint()
    await read.journal.settled()
    assert read.ledger.owed == 0
    assert [one.item_id for one in await store.open_items()] == [item.item_id]
    [record] = await store.sessions()
    assert record == read.session("one").record
    late = read.told(StatusChanged)[-1]
    assert (late.old_activity, late.status.activity) == (Activity.IDLE, Activity.NEEDS_APPROVAL)
    assert read.told(AttentionRaised)[-1].item.item_id == item.item_id
    history = await store.history(record.id, 1)
    assert history[0].activity is Activity.NEEDS_APPROVAL


async def test_any_commit_that_succeeds_brings_the_others_after_it(
    read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    await read.create("reader", name="two", start=False)
    store.fail_next(FULL)
    keepers.by_key[read.session("one").place_key].write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    await read.journal.settled()
    updates = c.SessionUpdates(priority=Priority.HIGH)
    wish = c.UpdateSession(session_id=read.session("two").id, updates=updates)
    await read.manager.update(wish, CAUSE)
    await until(lambda: not read.ledger.owed)
    await read.journal.settled()
    assert {record.name: record.status.activity for record in await store.sessions()}[
        "one"
    ] is Activity.NEEDS_APPROVAL


async def test_a_later_state_makes_up_for_an_earlier_one(
    read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    store.fail_next(FULL, FULL, FULL)
    for screen, activity in (
        (BUSY, Activity.WORKING),
        (ASKS, Activity.NEEDS_APPROVAL),
        (BUSY, Activity.WORKING),
    ):
        keepers.latest().write(screen)
        await read.until_activity(activity)
    await read.journal.settled()
    before = len(read.told(StatusChanged))
    await read.manager.checkpoint()
    await read.journal.settled()
    [record] = await store.sessions()
    assert record == read.session("one").record
    assert await store.open_items() == []
    told = read.told(StatusChanged)[before:]
    assert [(one.old_activity, one.status.activity) for one in told] == [
        (Activity.IDLE, Activity.WORKING)
    ]
    kept = await store.history(record.id, 3)
    assert [one.activity for one in kept] == [
        Activity.WORKING,
        Activity.NEEDS_APPROVAL,
        Activity.WORKING,
    ]


async def test_a_change_whose_commit_fails_says_so_and_is_not_in_force(
    read: Rig, store: MemoryStore
) -> None:
    updates = c.SessionUpdates(name="renamed")
    wish = c.UpdateSession(session_id=read.session("one").id, updates=updates)
    store.fail_next(FULL)
    assert isinstance(await fault_of(read.manager.update(wish, CAUSE)), StoreFull)
    assert read.view("one").name == "one"
    await read.manager.checkpoint()
    await read.journal.settled()
    assert [record.name for record in await store.sessions()] == ["one"]
    assert {told.session.name for told in read.told(SessionUpdated)} == {"one"}


@pytest.mark.parametrize("what", ["resolve", "snooze"])
async def test_an_item_whose_change_is_refused_stands_as_it_did(
    read: Rig, keepers: FakeKeepers, store: MemoryStore, what: str
) -> None:
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    await read.journal.settled()
    [item] = read.items()

    async def do() -> None:
        if what == "resolve":
            await read.manager.resolve(c.ResolveItem(item_id=item.item_id), CAUSE)
        else:
            await read.manager.snooze(c.SnoozeItem(item_id=item.item_id, seconds=60), CAUSE)

    figures = read.desk.statistics()
    store.fail_next(FULL)
    assert isinstance(await fault_of(do()), StoreFull)
    assert read.items() == [item]
    assert read.desk.statistics() == figures
    await read.manager.checkpoint()
    await read.journal.settled()
    assert await store.open_items() == [item], "nor does it come true as a debt"
    assert read.told(AttentionClosed) == []
    await do()
    assert read.manager.items(snoozed=False) == []


async def test_what_a_session_no_longer_asks_is_gone_though_its_closing_was_refused(
    read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    await read.journal.settled()
    [item] = read.items()
    with store.held():
        store.fail_next(FULL)
        refused = asyncio.ensure_future(
            fault_of(read.manager.resolve(c.ResolveItem(item_id=item.item_id), CAUSE))
        )
        await until(lambda: not read.items())
        keepers.latest().write(BUSY)
        await until(lambda: read.session("one").status.activity is Activity.WORKING)
    assert isinstance(await refused, StoreFull)
    assert read.items() == []
    await read.manager.checkpoint()
    await read.journal.settled()
    assert await store.open_items() == []


async def test_an_end_on_a_full_disk_is_known_after_a_crash_all_the_same(
    new_rig: Any, read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    store.fail_next(*[FULL] * 3)
    keepers.latest().end_child(6)
    await read.until_lifecycle(Lifecycle.CRASHED)
    await read.die()
    second = await new_rig(agents={"reader": reader()}, keepers=keepers)
    assert second.view("one").lifecycle is Lifecycle.CRASHED
    assert second.view("one").exit_code == 6
    assert len(second.items()) == 1


async def test_a_snapshot_that_could_not_be_kept_is_taken_again(
    read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    store.fail_next(FULL)
    await read.manager.checkpoint()
    session = read.session("one")
    assert await store.snapshot(session.id) is None
    await read.manager.checkpoint()
    snapshot = await store.snapshot(session.id)
    assert snapshot is not None
    assert snapshot.offset == session.offset
    commits = store.statistics().commits
    await read.manager.checkpoint()
    assert store.statistics().commits == commits, "nothing changed, nothing is kept"


async def test_what_is_refused_for_what_it_says_is_not_repeated(
    read: Rig, store: MemoryStore
) -> None:
    store.fail_next(StaleVersion("someone else changed it"))
    await fault_of(read.session("one").change(reason="x"))
    assert read.ledger.owed == 0


async def test_what_is_owed_waits_for_what_is_on_its_way(store: MemoryStore) -> None:
    """Else an older state would come after a newer one, and be refused."""
    ledger = Ledger(Journal(store))
    with store.held():
        first = ledger.record([SaveSession(_record(1))], [])
        second = ledger.record([SaveSession(_record(2))], [])
        other = ledger.record([SaveSession(_record(1, "other"))], [])
        store.fail_next(FULL)
    await asyncio.wait([first, second, other])
    assert isinstance(first.exception(), StoreFull)
    assert second.exception() is None
    await until(lambda: ledger.owed == 0)
    assert {one.id: one.version for one in await store.sessions()} == {"one": 2, "other": 1}


async def test_what_is_owed_is_bounded(store: MemoryStore) -> None:
    ledger = Ledger(Journal(store), limit=10)
    await store.close()
    for number in range(25):
        ledger.record([SaveSession(_record(1, f"s{number}"))], [])
    for _ in range(LINES_LIMIT * 2):
        ledger.record([SaveSession(_record(1)), AddStatus(_line("one"))], [])
    await until(lambda: not ledger._under_way)
    assert ledger.owed == 10
    assert ledger.dropped == 16
    assert len(ledger._owed["session", "one"].lines) == LINES_LIMIT


def _record(version: int, session_id: str = "one") -> SessionRecord:
    now = SYSTEM_CLOCK.now()
    status = Status(since=now)
    return SessionRecord(session_id, session_id, "shell", "/", now, status, version=version)


def _line(session_id: str) -> StatusEntry:
    status = Status(since=SYSTEM_CLOCK.now())
    return StatusEntry(
        session_id, status.since, Lifecycle.RUNNING, status.activity, status.source, ""
    )


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["good", "full", "held", "settle"])),
        max_size=30,
    )
)
def test_whatever_fails_the_store_ends_with_the_newest_states(steps: list[tuple[str, str]]) -> None:
    async def play() -> None:
        store = MemoryStore(clock=SYSTEM_CLOCK)
        await store.open()
        journal = Journal(store)
        await journal.open()
        ledger = Ledger(journal)
        versions = dict.fromkeys("abc", 0)
        for session_id, step in steps:
            if step == "settle":
                ledger.settle()
                continue
            versions[session_id] += 1
            if step == "full":
                store.fail_next(FULL)
            ledger.record([SaveSession(_record(versions[session_id], session_id))], [])
            if step != "held":
                await journal.settled()
                await asyncio.sleep(0)
        for _ in range(4):
            await journal.settled()
            await asyncio.sleep(0)
            store._planned.clear()
            ledger.settle()
        await journal.settled()
        kept = {one.id: one.version for one in await store.sessions()}
        assert kept == {key: version for key, version in versions.items() if version}
        assert ledger.owed == 0
        await store.close()

    asyncio.run(play())
