"""Questions and failures that a full queue, or a crash, kept from being seen."""

from __future__ import annotations

from pathlib import Path

from tests.core.engine.workflows.flow_rig import rigged

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import Cause
from quarterdeck.core.sessions.attention.queue import AttentionQueue
from quarterdeck.state.memory import MemoryStore

GATES = """
name: asks
tasks:
  a: {approve: {question: "A?"}}
  b: {approve: {question: "B?"}, priority: low}
  c: {approve: {question: "C?"}, priority: high}
"""
FAILS = "name: fails\ntasks: {bad: {run: [x]}}"


async def test_a_question_that_found_no_room_is_asked_when_there_is_some(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        rig.desk._queue = AttentionQueue(limit=1)
        view = await rig.create(GATES, start=True)
        await rig.until(lambda: [one.task_id for one in rig.desk.items()] == ["c"])
        assert rig.desk.statistics().dropped == 2
        for name in ("c", "a", "b"):  # what gave way, and what was left out at once
            await rig.until(rig.desk.items)
            (item,) = rig.desk.items()
            assert (item.task_id == "c") is (name == "c")
            await rig.answer(item, "approve")
        await rig.ended(view.id)
        assert rig.desk.items() == []


async def test_a_question_that_found_no_room_is_not_asked_when_nobody_waits(
    tmp_path: Path,
) -> None:
    async with rigged(tmp_path) as rig:
        rig.desk._queue = AttentionQueue(limit=1)
        first = await rig.create(FAILS, start=False)
        rig.work.failing.add("bad")
        await rig.service.start(first.id, Cause())
        await rig.until(rig.desk.items)
        view = await rig.create("name: w\ntasks: {a: {approve: {question: 'A?'}}, b: {approve: {question: 'B?'}}}", start=True)  # fmt: skip
        await rig.until(lambda: rig.desk.statistics().dropped == 2)
        await rig.service.cancel(view.id, Cause())
        await rig.ended(view.id, "cancelled")
        for item in rig.desk.items():
            await rig.desk.resolve(item.item_id, Cause())
        await rig.journal.settled()
        kinds = [item.kind for item in rig.desk.items()]
        assert kinds in ([], [AttentionKind.FAILURE])


async def test_a_failure_whose_item_a_crash_prevented_has_it_after_the_restart(
    tmp_path: Path,
) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        rig.work.failing.add("bad")
        rig.service._tell_failure = _nothing  # type: ignore[assignment,method-assign]  # that is the crash
        view = await rig.create(FAILS, start=True)
        await rig.ended(view.id, "failed")
        assert rig.desk.items() == []
    async with rigged(tmp_path, store, epoch=2) as rig:
        (item,) = rig.desk.items()
        assert (item.kind, item.workflow_id) == (AttentionKind.FAILURE, view.id)
        await rig.desk.resolve(item.item_id, Cause())
    async with rigged(tmp_path, store, epoch=3) as rig:
        assert rig.desk.items() == []  # what a person took off stays off
        await rig.service.retry(view.id, Cause())
        rig.work.failing.add("bad")
        await rig.until(rig.desk.items)
        await rig.service.delete(view.id, Cause())
        found = await rig.service.reading.lines(w.ListWorkflows())
        assert found == []
    await store.close()


async def _nothing(*_: object) -> None:
    """As if the engine had died right then."""
