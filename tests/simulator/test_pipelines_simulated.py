"""Pipelines over a disk of which a crash keeps any beginning: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from tests.core.engine.pipelines.pipe_rig import Crew, Rig, rigged
from tests.simulator.disk import Disk

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.pipelines.running import QUEUE_LOG
from quarterdeck.core.propulsion import PropulsionEngine
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.state.memory import MemoryStore

FLOW = """
name: p
events:
  first:
    handlers:
      split:
        limit: 3
        retry: {attempts: 9, initial: 0}
        run: [echo, "{{ data }}"]
        emits:
          - {event: second, each: true, data: "{{ [data, data] }}"}
          - {event: last, data: "{{ data }}"}
      beside:
        run: [echo, "{{ data }}"]
        emits: {event: last, data: "{{ data }}"}
  second:
    handlers:
      work: {retry: {attempts: 9, initial: 0}, run: [echo, "{{ data }}"], emits: {event: last}}
  last:
    handlers:
      end: {run: [echo, "{{ data }}"]}
"""
ROOTS, LIVES = 6, 5
HANDLERS = {"first": {"split", "beside"}, "second": {"work"}, "last": {"end"}}


async def live(rig: Rig, dice: Random, told: dict[str, int], wanted: dict[str, int]) -> None:
    """Propel what is not known to be kept, and go on for a while."""
    for payload_id, data in wanted.items():
        if payload_id not in told:
            await rig.propel("first", data, payload_id=payload_id)
            told[payload_id] = data
    for _ in range(dice.randint(1, 60)):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(8))
async def test_crashes_lose_nothing_and_repeat_no_success(tmp_path: Path, seed: int) -> None:
    dice = Random(seed)  # noqa: S311  # a test's dice
    kept = MemoryStore(clock=SYSTEM_CLOCK)
    await kept.open()
    wanted = {new_id(): number for number in range(ROOTS)}
    told: dict[str, int] = {}
    cut = (QuarterdeckError,)
    for number in range(LIVES):
        disk = Disk(kept, dice)
        crew = Crew(failing={"split": dice.randint(0, 2), "work": dice.randint(0, 3)})
        async with rigged(tmp_path, disk, crew=crew, tolerated=cut) as rig:
            if not number:
                await rig.load(FLOW)
            living = asyncio.ensure_future(live(rig, dice, told, wanted))
            await asyncio.wait([living], timeout=dice.choice([0.001, 0.01, 0.05]))
            tail = disk.crash()
            living.cancel()
            with suppress(asyncio.CancelledError, *cut):
                await living
        for changes in tail:
            with suppress(QuarterdeckError):  # what would have been refused is refused
                await kept.commit(changes)
    async with rigged(tmp_path, kept) as rig:
        for payload_id, data in wanted.items():
            await rig.propel("first", data, payload_id=payload_id)
        await rig.quiet()
        judge(rig, wanted)
        entries = len(rig.service.running.book.entries)
    async with rigged(tmp_path, kept) as rig:
        assert len(rig.service.running.book.entries) == entries
        judge(rig, wanted)
        assert rig.crew.began == []
    queue = PropulsionEngine(store=kept, log=QUEUE_LOG)
    assert await queue.recover() == 0
    await queue.close()
    await kept.close()


def judge(rig: Rig, wanted: dict[str, int]) -> None:
    """Each handler has succeeded once on each payload, and each success led to its payloads once."""
    entries = list(rig.service.running.book.entries.values())
    assert Counter(one.origin.event for one in entries) == {
        "first": ROOTS,
        "second": 2 * ROOTS,
        "last": 4 * ROOTS,
    }
    for one in entries:
        succeeded = Counter(run.handler for run in one.attempts if run.status is S.COMPLETED)
        assert succeeded == dict.fromkeys(HANDLERS[one.origin.event], 1)
        assert one.status is S.COMPLETED
    emitted = Counter(name for one in entries for name in one.effects())
    assert set(emitted.values()) == {1}
    assert set(emitted) | set(wanted) == {one.id for one in entries}
    (lanes,) = [view.lanes for view in rig.service.views()]
    assert [lane.completed for lane in lanes] == [ROOTS, 2 * ROOTS, 4 * ROOTS]
