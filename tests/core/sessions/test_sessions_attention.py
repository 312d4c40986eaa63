"""Attention: focus and seen, items with their states in one transaction, snoozing, restarts."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from tests.core.sessions.fakes import FakeKeepers
from tests.core.sessions.rig import CAUSE, Rig, fault_of, until
from tests.core.sessions.test_sessions_prompts import ASKS, BUSY, IDLE, reader

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind, ItemState
from quarterdeck.core.protocol.events import (
    AttentionClosed,
    AttentionRaised,
    AttentionUpdated,
    StatusChanged,
)
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.sessions.desk import AttentionDesk
from quarterdeck.core.sessions.faults import ItemUnknown
from quarterdeck.core.sessions.ledger import Ledger
from quarterdeck.core.sessions.records import SaveItem, SaveSession
from quarterdeck.state.memory import MemoryStore


@pytest.fixture
async def read(new_rig: Any, keepers: FakeKeepers) -> Rig:
    rig: Rig = await new_rig(agents={"reader": reader()}, keepers=keepers)
    await rig.create("reader")
    return rig


async def done(rig: Rig, keepers: FakeKeepers) -> AttentionItem:
    """Let the agent finish a turn; the item that tells it."""
    keepers.latest().write(IDLE)
    await rig.until_activity(Activity.IDLE)
    rig.session("one").reader.submitted()
    keepers.latest().write(BUSY)
    await rig.until_activity(Activity.WORKING)
    keepers.latest().write(IDLE)
    await rig.until_activity(Activity.TURN_DONE)
    [item] = rig.items()
    assert item.kind is AttentionKind.TURN_DONE
    return item


# Focus


async def test_a_finished_turn_is_seen_after_some_time_in_focus(
    read: Rig, keepers: FakeKeepers
) -> None:
    item = await done(read, keepers)
    started = asyncio.get_running_loop().time()
    read.manager.focus("me", read.view("one").id)
    await read.until_activity(Activity.IDLE)
    assert asyncio.get_running_loop().time() - started >= read.services.options.seen_after * 0.9
    assert read.items() == []
    closed = read.told(AttentionClosed)[-1].item
    assert (closed.item_id, closed.state) == (item.item_id, ItemState.RESOLVED)


async def test_a_glance_is_not_seen_and_two_people_count_as_one(
    read: Rig, keepers: FakeKeepers
) -> None:
    await done(read, keepers)
    one = read.view("one").id
    read.manager.focus("me", one)
    read.manager.focus("me", one)
    read.manager.focus("you", one)
    read.manager.focus("me", None)
    read.manager.focus("you", None)
    await asyncio.sleep(read.services.options.seen_after * 1.5)
    assert read.view("one").status.activity is Activity.TURN_DONE
    read.manager.focus("me", one)
    read.manager.focus("you", one)
    read.manager.focus("me", None)  # the other one still looks
    await read.until_activity(Activity.IDLE)


async def test_focus_on_what_is_gone_is_nobodys_fault(read: Rig) -> None:
    one = read.view("one").id
    read.manager.focus("me", one)
    await read.delete(force=True)
    read.manager.focus("me", None)
    read.manager.focus("me", new_id())


# Items and the states that call for them


async def test_a_status_and_its_item_share_one_transaction(
    read: Rig, keepers: FakeKeepers, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[Any]] = []
    commit = store.commit

    def watched(changes: Any) -> Any:
        batches.append(list(changes))
        return commit(changes)

    monkeypatch.setattr(store, "commit", watched)
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    [batch] = [one for one in batches if any(isinstance(part, SaveItem) for part in one)]
    [saved] = [part.record for part in batch if isinstance(part, SaveSession)]
    [item] = [part.item for part in batch if isinstance(part, SaveItem)]
    assert saved.status.activity is Activity.NEEDS_APPROVAL
    assert saved.status.request is not None
    assert item.request_id == saved.status.request.request_id
    types = [json.loads(part.event.body)["type"] for part in batch if hasattr(part, "event")]
    assert types == ["status.changed", "attention.raised"]
    await read.journal.settled()
    heard = [event.type for event in read.events]
    assert heard[heard.index("attention.raised") - 1] == "status.changed"


async def test_an_item_follows_its_request(read: Rig, keepers: FakeKeepers) -> None:
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    [item] = read.items()
    updates = c.SessionUpdates(name="renamed", priority=Priority.CRITICAL)
    await read.manager.update(c.UpdateSession(session_id=item.session_id, updates=updates), CAUSE)
    updated = read.told(AttentionUpdated)[-1].item
    assert (updated.item_id, updated.priority) == (item.item_id, Priority.CRITICAL)
    keepers.latest().write(BUSY)
    await read.until_activity(Activity.WORKING, name="renamed")
    assert read.told(AttentionClosed)[-1].item.item_id == item.item_id
    assert read.items() == []


async def test_the_end_of_a_session_closes_what_it_asked(read: Rig, keepers: FakeKeepers) -> None:
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    await read.stop()
    await read.journal.settled()
    assert read.items() == []
    assert [one.item.state for one in read.told(AttentionClosed)] == [ItemState.RESOLVED]


# By hand


async def test_a_snoozed_item_comes_back_by_itself(read: Rig, keepers: FakeKeepers) -> None:
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    [item] = read.items()
    aside = await read.manager.snooze(c.SnoozeItem(item_id=item.item_id, seconds=0.4), CAUSE)
    assert aside.snoozed_until is not None
    assert read.manager.items(snoozed=False) == []
    assert read.manager.next_actionable(c.NextActionable()) is None
    await until(lambda: read.told(AttentionUpdated)[-1].item.snoozed_until is None)
    assert read.manager.next_actionable(c.NextActionable()) == read.items()[0]
    back = await read.manager.snooze(c.SnoozeItem(item_id=item.item_id, seconds=60), CAUSE)
    assert back.snoozed_until is not None
    back = await read.manager.snooze(c.SnoozeItem(item_id=item.item_id, seconds=0), CAUSE)
    assert back.snoozed_until is None


async def test_a_resolved_item_stays_away_while_its_request_is_open(
    read: Rig, keepers: FakeKeepers, store: MemoryStore
) -> None:
    keepers.latest().write(ASKS)
    await read.until_activity(Activity.NEEDS_APPROVAL)
    [item] = read.items()
    wish = c.ResolveItem(item_id=item.item_id)
    closed = await read.manager.resolve(wish, CAUSE)
    assert (closed.state, closed.answered_by) == (ItemState.RESOLVED, CAUSE.client_id)
    assert await store.open_items() == []
    assert isinstance(await fault_of(read.manager.resolve(wish, CAUSE)), ItemUnknown)
    updates = c.SessionUpdates(priority=Priority.HIGH)
    await read.manager.update(c.UpdateSession(session_id=item.session_id, updates=updates), CAUSE)
    assert read.items() == []


async def test_next_and_previous_go_round(faked: Rig, keepers: FakeKeepers) -> None:
    for name in "abc":
        await faked.create(name=name)
        keepers.latest().end_child(1)
        await faked.until_lifecycle(Lifecycle.CRASHED, name=name)
    ids = [item.item_id for item in faked.items()]
    at = faked.manager.next_actionable
    assert at(c.NextActionable()).item_id == ids[0]  # type: ignore[union-attr]
    assert at(c.NextActionable(current=ids[2])).item_id == ids[0]  # type: ignore[union-attr]
    assert at(c.NextActionable(current=ids[0], backwards=True)).item_id == ids[2]  # type: ignore[union-attr]


# Restarts of the engine


async def test_open_items_keep_their_ids_and_snoozes_through_a_restart(
    new_rig: Any, keepers: FakeKeepers
) -> None:
    agents = {"reader": reader()}
    first = await new_rig(agents=agents, keepers=keepers)
    await first.create("reader")
    keepers.latest().write(ASKS)
    await first.until_activity(Activity.NEEDS_APPROVAL)
    [item] = first.items()
    await first.manager.snooze(c.SnoozeItem(item_id=item.item_id, seconds=0.3), CAUSE)
    await first.die()
    second = await new_rig(agents=agents, keepers=keepers)
    assert second.manager.items(snoozed=False) == []
    await until(lambda: second.told(AttentionUpdated))
    assert [one.item_id for one in second.items()] == [item.item_id]
    assert second.told(AttentionRaised) == second.told(AttentionUpdated)


@pytest.mark.parametrize("what", ["approval", "crash", "turn"])
async def test_what_was_resolved_stays_resolved_through_a_restart(
    new_rig: Any, keepers: FakeKeepers, what: str
) -> None:
    agents = {"reader": reader()}
    first = await new_rig(agents=agents, keepers=keepers)
    await first.create("reader")
    if what == "approval":
        keepers.latest().write(ASKS)
    elif what == "crash":
        keepers.latest().end_child(4)
    else:
        await done(first, keepers)
    [item] = await until(first.items)
    await first.manager.resolve(c.ResolveItem(item_id=item.item_id), CAUSE)
    await first.die()
    second = await new_rig(agents=agents, keepers=keepers)
    await second.journal.settled()
    updates = c.SessionUpdates(priority=Priority.HIGH)
    await second.manager.update(c.UpdateSession(session_id=item.session_id, updates=updates), CAUSE)
    await asyncio.sleep(0.1)
    assert second.items() == []
    assert second.told(AttentionRaised) == []


# The desk by itself


class _Nothing:
    def record(self, changes: Any, events: Any, cause: Any = None) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def _item(clock: ManualClock, **changes: Any) -> AttentionItem:
    given = {
        "item_id": new_id(),
        "kind": AttentionKind.GATE,
        "session_id": new_id(),
        "request_id": "r",
        "title": "t",
        "created_at": clock.now(),
    }
    return AttentionItem(**{**given, **changes})


async def test_a_clock_that_jumps_ahead_or_a_machine_that_slept_brings_items_back() -> None:
    clock = ManualClock()
    desk = AttentionDesk(Ledger(_Nothing()), clock)
    item = _item(clock, snoozed_until=clock.now() + timedelta(hours=1))
    desk.load([item], [])
    assert desk.items(snoozed=False) == []
    clock.jump(7200)
    desk.look()
    assert desk.items(snoozed=False)[0].snoozed_until is None
    assert desk.statistics().snoozed == 0
    desk.close()


async def test_a_clock_that_jumps_back_neither_spins_nor_loses_the_item() -> None:
    clock = ManualClock()
    desk = AttentionDesk(Ledger(_Nothing()), clock)
    item = _item(clock, snoozed_until=clock.now() + timedelta(seconds=0.02))
    desk.load([item], [])
    clock.jump(-3600)
    await asyncio.sleep(0.05)
    assert desk._wake is not None
    assert desk._wake.when() - asyncio.get_running_loop().time() > 3000
    clock.jump(7200)
    desk.look()
    assert desk.items(snoozed=False)
    desk.close()
    assert desk._wake is None


async def test_a_deadline_that_passes_closes_its_item() -> None:
    clock = ManualClock()
    desk = AttentionDesk(Ledger(_Nothing()), clock)
    desk.load([_item(clock, deadline=clock.now() + timedelta(seconds=5))], [])
    clock.advance(6)
    desk.look()
    assert desk.items() == []
    assert desk.statistics().expired == 1
    desk.close()


async def test_a_full_queue_says_what_it_left_out(
    faked: Rig, keepers: FakeKeepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faked.desk._queue, "_limit", 1)
    for name in "ab":
        await faked.create(name=name)
        keepers.latest().end_child(1)
        await faked.until_lifecycle(Lifecycle.CRASHED, name=name)
    await faked.journal.settled()
    codes = [getattr(event.payload, "code", "") for event in faked.events]
    assert "attention_full" in codes
    assert len(faked.items()) == 1
    assert faked.told(StatusChanged)
