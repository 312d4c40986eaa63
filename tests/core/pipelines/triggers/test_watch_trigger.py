"""Watched folders: with the operating system's own notices, and by hand where order matters."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import is_id
from quarterdeck.core.pipelines.definition import PipelineDefinition
from quarterdeck.core.pipelines.triggers import FileMemory, triggers_of
from quarterdeck.core.pipelines.triggers.telling import key_of
from quarterdeck.core.pipelines.triggers.watch import WatchTrigger

from .rig import Lane, PlainMemory, until, with_trigger


class HandNotices:
    """Notices that the test gives."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] = lambda: None
        self.error: OSError | None = None
        self.closed = False

    def listen(self, folder: str, *, deep: bool, wake: Callable[[], None]) -> None:
        assert Path(folder).is_absolute()
        assert isinstance(deep, bool)
        if self.error is not None:
            raise self.error
        self.wake = wake

    def close(self) -> None:
        self.closed = True


def watching(folder: Path, pattern: str = "*", *on: str, data: object = None) -> PipelineDefinition:
    return with_trigger(
        "watch",
        data,
        folder=str(folder),
        pattern=pattern,
        on=list(on) or ["created", "changed"],
        settle=0.02,
    )


@pytest.fixture
async def running() -> AsyncIterator[list[WatchTrigger]]:
    started: list[WatchTrigger] = []
    yield started
    for one in started:
        await one.stop()


async def started(
    running: list[WatchTrigger], pipeline: PipelineDefinition, lane: Lane, memory: PlainMemory
) -> WatchTrigger:
    """The pipeline's trigger, when it has looked for the first time."""
    (trigger,) = triggers_of(pipeline, memory)
    assert isinstance(trigger, WatchTrigger)
    running.append(trigger)
    await trigger.start(lane.propel)
    await asyncio.wait_for(memory.saved.wait(), 60)
    return trigger


async def test_files_that_come_and_change_are_told(
    tmp_path: Path, running: list[WatchTrigger]
) -> None:
    (tmp_path / "old.txt").write_text("was here")
    lane = Lane()
    data = {"file": "{{ trigger.name }}", "why": "{{ trigger.change }}", "who": "{{ inputs.who }}"}
    pipeline = watching(tmp_path, "*.txt", data=data)
    trigger = await started(running, pipeline, lane, PlainMemory())
    (tmp_path / "new.txt").write_text("1")
    (tmp_path / "other.md").write_text("1")
    await lane.until(lambda: len(lane.told) == 1)
    (tmp_path / "old.txt").write_text("has changed")
    await lane.until(lambda: len(lane.told) == 2)
    assert lane.told == [
        {"file": "new.txt", "why": "created", "who": "ann"},
        {"file": "old.txt", "why": "changed", "who": "ann"},
    ]
    assert all(map(is_id, lane.payloads))
    view = trigger.view()
    assert (view.kind, view.event, view.count, view.error) == ("watch", "came", 2, None)
    assert view.what == f"{tmp_path}/*.txt created, changed"
    assert view.last_at is not None


async def test_a_folder_that_is_removed_and_made_anew_is_watched_on(
    tmp_path: Path, running: list[WatchTrigger]
) -> None:
    folder = tmp_path / "a" / "b"
    lane = Lane()
    await started(running, watching(folder, "**/*.txt"), lane, PlainMemory())
    for round_ in range(3):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / f"{round_}.txt").write_text("x")
        await lane.until(lambda: len(lane.told) == round_ + 1)  # noqa: B023  # asked at once
        shutil.rmtree(tmp_path / "a")
    assert [one["name"] for one in lane.told] == ["0.txt", "1.txt", "2.txt"]


async def test_what_was_told_is_remembered_across_restarts(
    tmp_path: Path, running: list[WatchTrigger]
) -> None:
    folder, lane = tmp_path / "in", Lane()
    folder.mkdir()
    memory = FileMemory(tmp_path / "memory")
    counted = PlainMemory()
    await started(running, watching(folder), lane, counted)
    (folder / "one").write_text("1")
    await lane.until(lambda: len(lane.told) == 1)
    await running.pop().stop()
    for key, value in counted.kept.items():
        await memory.save(key, value)
    (folder / "two").write_text("2")
    (trigger,) = triggers_of(watching(folder), memory)
    assert isinstance(trigger, WatchTrigger)
    running.append(trigger)
    await trigger.start(lane.propel)
    await lane.until(lambda: len(lane.payloads) >= 2)
    names = sorted(one["name"] for one in lane.payloads.values())
    assert names == ["one", "two"]


async def test_what_is_refused_is_told_again(tmp_path: Path) -> None:
    lane, memory, notices = Lane(), PlainMemory(), HandNotices()
    pipeline = watching(tmp_path, "*", "created", "removed")
    trigger = WatchTrigger(pipeline, pipeline.triggers[0], memory, notices, SYSTEM_CLOCK)
    await trigger.start(lane.propel)
    await asyncio.wait_for(memory.saved.wait(), 60)
    lane.refusing = True
    (tmp_path / "x").write_text("x")
    notices.wake()
    await lane.until(lambda: lane.refused == 1)
    lane.refusing = False
    notices.wake()
    await lane.until(lambda: len(lane.told) == 1)
    (tmp_path / "x").unlink()
    notices.wake()
    await lane.until(lambda: len(lane.told) == 2)
    assert [one["change"] for one in lane.told] == ["created", "removed"]
    await trigger.stop()
    await trigger.stop()
    assert notices.closed


async def test_a_memory_that_is_full_is_written_later(tmp_path: Path) -> None:
    class Full(PlainMemory):
        full = True

        async def save(self, key: str, value: object) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            await super().save(key, value)

    memory, notices, lane = Full(), HandNotices(), Lane()
    pipeline = watching(tmp_path)
    trigger = WatchTrigger(pipeline, pipeline.triggers[0], memory, notices, SYSTEM_CLOCK)
    await trigger.start(lane.propel)
    await until(lambda: trigger.view().error is not None)
    memory.full = False
    notices.wake()
    await asyncio.wait_for(memory.saved.wait(), 60)
    trigger.look()
    await trigger.stop()
    assert list(memory.kept.values()) == [{"files": {}}]


async def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    pipeline = watching(tmp_path)
    for nonsense in ({}, {"files": 3}, {"files": {"x": 3}}, {"files": {"x": ["a", "b"]}}):
        memory, lane = PlainMemory(), Lane()
        key = key_of(pipeline, pipeline.triggers[0])
        memory.kept[key] = nonsense
        trigger = WatchTrigger(pipeline, pipeline.triggers[0], memory, HandNotices(), SYSTEM_CLOCK)
        await trigger.start(lane.propel)
        await asyncio.wait_for(memory.saved.wait(), 60)
        await trigger.stop()
        assert list(memory.kept[key]["files"]) == ["x"]
        assert lane.told == []


async def test_what_can_not_be_watched_is_seen(tmp_path: Path) -> None:
    memory, notices = PlainMemory(), HandNotices()
    notices.error = OSError(28, "No space left on device")
    pipeline = watching(tmp_path)
    trigger = WatchTrigger(pipeline, pipeline.triggers[0], memory, notices, SYSTEM_CLOCK)
    await trigger.start(Lane().propel)
    await until(lambda: trigger.view().error is not None)
    assert "No space left" in str(trigger.view().error)
    await trigger.stop()
