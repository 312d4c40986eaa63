"""Schedules: due times are told once each, and missed ones as asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.pipelines.triggers import triggers_of
from quarterdeck.core.pipelines.triggers.schedule import ScheduleTrigger

from .rig import Lane, PlainMemory, until, with_trigger

START = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


class Hourly:
    """A trigger each hour, with a clock that the test moves."""

    def __init__(self, catch_up: str = "none", data: object = None) -> None:
        self.clock = ManualClock(START)
        self.memory = PlainMemory()
        self.lane = Lane()
        self.pipeline = with_trigger(
            "schedule", data, cron="0 * * * *", zone="Europe/Vienna", catch_up=catch_up
        )
        self.trigger = self.made()

    def made(self) -> ScheduleTrigger:
        return ScheduleTrigger(self.pipeline, self.pipeline.triggers[0], self.memory, self.clock)

    async def restart(self) -> None:
        await self.trigger.stop()
        self.trigger = self.made()
        await self.trigger.start(self.lane.propel)

    async def pass_hours(self, hours: float) -> None:
        self.clock.advance(hours * 3600)
        self.memory.saved.clear()
        self.trigger.look()
        await asyncio.wait_for(self.memory.saved.wait(), 60)

    @property
    def dues(self) -> list[str]:
        return [one["due"][11:16] for one in self.lane.payloads.values()]


@pytest.fixture
async def hourly(request: pytest.FixtureRequest) -> AsyncIterator[Hourly]:
    made = Hourly(getattr(request, "param", "none"))
    yield made
    await made.trigger.stop()


async def test_each_due_time_is_told_once(hourly: Hourly) -> None:
    await hourly.trigger.start(hourly.lane.propel)
    assert hourly.trigger.view().next_at == datetime(2026, 5, 1, 13, tzinfo=UTC)
    await hourly.pass_hours(0.5)
    await hourly.pass_hours(1)
    await hourly.restart()
    hourly.trigger.look()
    await hourly.pass_hours(1)
    assert hourly.dues == ["13:00", "14:00", "15:00"]
    view = hourly.trigger.view()
    assert (view.what, view.count) == ("0 * * * * Europe/Vienna", 1)
    assert view.last_at == hourly.clock.now()


@pytest.mark.parametrize(
    ("hourly", "dues"),
    [("none", []), ("one", ["16:00"]), ("all", ["13:00", "14:00", "15:00", "16:00"])],
    indirect=["hourly"],
)
async def test_missed_times(hourly: Hourly, dues: list[str]) -> None:
    await hourly.trigger.start(hourly.lane.propel)
    await hourly.trigger.stop()
    hourly.clock.advance(4 * 3600)
    hourly.memory.saved.clear()
    await hourly.restart()
    await hourly.pass_hours(0)
    assert hourly.dues == dues
    assert hourly.trigger.view().next_at == datetime(2026, 5, 1, 17, tzinfo=UTC)


async def test_what_is_refused_keeps_its_id(hourly: Hourly) -> None:
    await hourly.trigger.start(hourly.lane.propel)
    hourly.lane.refusing = True
    hourly.clock.advance(1800)
    hourly.trigger.look()
    await hourly.lane.until(lambda: hourly.lane.refused == 1)
    hourly.lane.refusing = False
    hourly.trigger.look()
    await hourly.lane.until(lambda: len(hourly.lane.payloads) == 1)
    assert hourly.dues == ["13:00"]


async def test_data_that_can_not_be_made_are_seen() -> None:
    hourly = Hourly(data="{{ trigger.due.nothing }}")
    await hourly.trigger.start(hourly.lane.propel)
    await hourly.pass_hours(0.5)
    assert "nothing" in str(hourly.trigger.view().error)
    assert hourly.lane.payloads == {}
    await hourly.trigger.stop()


async def test_a_memory_that_fails_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    hourly = Hourly()
    (trigger,) = triggers_of(hourly.pipeline, hourly.memory, clock=hourly.clock)
    await trigger.start(hourly.lane.propel)

    async def full(_: str, __: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hourly.memory, "save", full)
    hourly.clock.advance(1800)
    trigger.look()
    await until(lambda: trigger.view().error is not None)
    assert "No space left" in str(trigger.view().error)
    assert hourly.dues == ["13:00"]
    await trigger.stop()
