"""Schedules: each due time once, in their zone, whatever was missed or crashed in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.errors import BusinessFault
from quarterdeck.core.base.ids import is_id
from quarterdeck.core.base.timetable import MOST_AT_ONCE, ScheduleInvalid, next_time
from quarterdeck.core.engine.journal import Journal
from quarterdeck.core.engine.workflows.clockwork import (
    Clockwork,
    ScheduleUnknown,
    missed,
    workflow_id_for,
)
from quarterdeck.core.protocol.events import Event, SystemWarning
from quarterdeck.core.workflows.records import ScheduleRecord
from quarterdeck.state.memory import MemoryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def schedule(cron: str = "0 * * * *", **more: Any) -> ScheduleRecord:
    given = {
        "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "name": "hourly", "cron": cron, "zone": "UTC",
        "source": "/f.yaml", "inputs": "{}", "catch_up": "none", "enabled": True,
        "created_at": NOON, "next_at": NOON + timedelta(hours=1),
    }  # fmt: skip
    return ScheduleRecord(**{**given, **more})


class Yard:
    """A clockwork with what it began; ``failing`` is raised at each begin."""

    def __init__(self, store: MemoryStore, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.begun: list[str] = []
        self.failing: BaseException | None = None
        self.told: list[Event] = []
        self.journal = Journal(store, clock=clock)
        self.journal.listen(self.told.append)
        self.work = Clockwork(store, self.journal, clock, self._begin)

    async def _begin(self, record: ScheduleRecord, workflow_id: str) -> None:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        self.begun.append(workflow_id)

    async def rest(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.journal.settled()


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    clock = ManualClock(NOON)
    store = MemoryStore(clock=clock)
    await store.open()
    one = Yard(store, clock)
    yield one
    await one.work.close()
    await store.close()


def test_due_times_are_those_of_the_zone() -> None:
    vienna = next_time("30 2 * * *", "Europe/Vienna", datetime(2026, 7, 1, tzinfo=UTC))
    assert vienna == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    # The night in which 02:30 does not exist: it is not lost.
    spring = next_time("30 2 * * *", "Europe/Vienna", datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert spring.date().isoformat() == "2026-03-29"


@pytest.mark.parametrize(
    ("cron", "zone"), [("x", "UTC"), ("0 0 31 2 *", "UTC"), ("0 0 * * *", "No/Where")]
)
def test_what_never_comes_is_refused(cron: str, zone: str) -> None:
    with pytest.raises(ScheduleInvalid):
        next_time(cron, zone, NOON)


@settings(max_examples=60, deadline=None)
@given(
    late=st.integers(min_value=0, max_value=400), catch_up=st.sampled_from(["none", "one", "all"])
)
def test_what_was_missed_is_made_up_for_as_it_says(late: int, catch_up: str) -> None:
    record = schedule(catch_up=catch_up)
    first = NOON + timedelta(hours=1)
    now = first + timedelta(minutes=late)
    found = missed(record, now)
    dues = [first + timedelta(hours=n) for n in range(late // 60 + 1)]
    on_time = now - dues[-1] <= timedelta(seconds=60)
    wanted = {"none": dues[-1:] if on_time else [], "one": dues[-1:], "all": dues}
    assert found == wanted[catch_up]


def test_years_of_missed_minutes_cost_nothing_and_are_bounded() -> None:
    record = schedule("* * * * *", catch_up="all")
    now = NOON + timedelta(days=2000)
    found = missed(record, now)
    assert len(found) == MOST_AT_ONCE
    assert found[-1] == now


@given(st.integers(min_value=0, max_value=200_000_000))
@settings(max_examples=30, deadline=None)
def test_a_due_time_has_one_workflow_id(minutes: int) -> None:
    due = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    made = workflow_id_for("a", due)
    assert is_id(made)
    assert made == workflow_id_for("a", due)
    assert made not in {workflow_id_for("b", due), workflow_id_for("a", due + timedelta(minutes=1))}


async def test_it_starts_when_it_is_due_and_remembers(yard: Yard) -> None:
    await yard.work.save(schedule())
    await yard.rest()
    assert yard.begun == []
    yard.clock.advance(3600)
    yard.work.look()
    await yard.rest()
    assert yard.begun == [workflow_id_for(schedule().id, NOON + timedelta(hours=1))]
    (kept,) = await yard.store.schedules()
    assert (kept.last_at, kept.next_at) == (NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    yard.work.look()
    await yard.rest()
    assert len(yard.begun) == 1


async def test_a_crash_before_it_is_remembered_begins_the_same_workflow_again(yard: Yard) -> None:
    await yard.work.save(schedule())
    yard.clock.advance(3600)
    yard.failing = asyncio.CancelledError()
    yard.work.look()
    await yard.rest()
    await yard.work.close()
    again = Yard(yard.store, yard.clock)
    await again.work.load()
    await again.rest()
    assert again.begun == [workflow_id_for(schedule().id, NOON + timedelta(hours=1))]
    await again.work.close()


async def test_a_disabled_one_never_starts(yard: Yard) -> None:
    await yard.work.save(schedule(enabled=False))
    yard.clock.advance(7200)
    yard.work.look()
    await yard.rest()
    assert yard.begun == []


async def test_a_start_that_fails_is_told_and_the_next_one_comes(yard: Yard) -> None:
    await yard.work.save(schedule())
    yard.failing = BusinessFault("the file is gone")
    yard.clock.advance(3600)
    yard.work.look()
    await yard.rest()
    warnings = [one.payload for one in yard.told if isinstance(one.payload, SystemWarning)]
    assert [one.code for one in warnings] == ["schedule_failed"]
    yard.failing = None
    yard.clock.advance(3600)
    yard.work.look()
    await yard.rest()
    assert len(yard.begun) == 1


async def test_it_wakes_by_itself_at_the_due_time(yard: Yard) -> None:
    soon = replace(schedule(), next_at=NOON + timedelta(seconds=0.02))
    await yard.work.save(soon)
    yard.clock.advance(0.02)
    async with asyncio.timeout(60):
        while not yard.begun:  # noqa: ASYNC110  # the timer is real
            await asyncio.sleep(0.005)


async def test_a_schedule_is_replaced_and_removed_by_name(yard: Yard) -> None:
    await yard.work.save(schedule())
    await yard.work.save(schedule("30 * * * *"))
    assert [one.cron for one in yard.work.records()] == ["30 * * * *"]
    await yard.work.remove("hourly")
    assert await yard.store.schedules() == []
    with pytest.raises(ScheduleUnknown, match="none"):
        await yard.work.remove("hourly")
