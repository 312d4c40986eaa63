"""Deadlines that pass while a payload waits, and cancelling that a crash cuts short."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.core.engine.pipelines.pipe_rig import Crew, rigged
from tests.core.engine.pipelines.test_handlers_that_wait import Purse
from tests.simulator.disk import Disk

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.pipelines.deadlines import LEAST, Deadlines
from quarterdeck.core.pipelines.faults import PayloadEnded
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.state.memory import MemoryStore

ONE = "name: p\nevents: {e: {handlers: {h: {run: [echo, '{{ data }}'], limit: 1}}}}"
DEAR = "name: p\nevents: {e: {handlers: {dear: {run: [echo, '{{ data }}']}}}}"


def soon(seconds: float = 0.2) -> Any:
    return SYSTEM_CLOCK.now() + timedelta(seconds=seconds)


@pytest.mark.parametrize("gate", ["pause", "limit", "not loaded"])
async def test_a_payload_behind_a_closed_gate_expires(tmp_path: Path, gate: str) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(ONE)
        rig.crew.held["h"] = asyncio.Event()
        first = await rig.propel("e", "first")
        await rig.until(lambda: rig.crew.began)
        if gate != "limit":
            await rig.service.pause("p", on=True)
        late = await rig.propel("e", "late", deadline=soon(0.2 if gate != "not loaded" else 0.01))
        patient = await rig.propel("e", "patient", deadline=soon(3600))
        if gate != "not loaded":
            await rig.ended(late.id)
            assert rig.payload(late.id).status is S.EXPIRED
            assert rig.payload(patient.id).status is S.QUEUED
            (lane,) = rig.service.view("p").lanes
            assert (lane.expired, lane.waiting) == (1, 1)
        if gate == "limit":
            rig.crew.held["h"].set()
            await rig.ended(first.id, patient.id)
            assert [told for _, told in rig.crew.began] == ["first", "patient"]
    (tmp_path / "pipeline.yaml").unlink()
    async with rigged(tmp_path, store) as rig:
        await rig.ended(late.id)
        assert rig.payload(late.id).status is S.EXPIRED
    await store.close()


async def test_what_waits_for_a_budget_has_not_begun_and_expires(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        rig.workflows.orchestrator.guard(Purse())
        await rig.load(DEAR)
        late = await rig.propel("e", "late", deadline=soon())
        await rig.until(lambda: rig.payload(late.id).reason == "the budget is used up")
        (ended,) = await rig.ended(late.id)
        assert (ended.status, ended.error) == (S.EXPIRED, "Payload expired before processing")
        (run,) = (await rig.service.payload(late.id)).runs
        assert run.status is S.EXPIRED


async def test_what_had_begun_before_its_deadline_goes_on_after_a_restart(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    crew = Crew()
    crew.held["h"] = asyncio.Event()
    deadline = soon()
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.load(ONE)
        payload = await rig.propel("e", "x", deadline=deadline)
        await rig.until(lambda: crew.began)
    while SYSTEM_CLOCK.now() <= deadline:  # noqa: ASYNC110  # the clock is what is waited for
        await asyncio.sleep(0.02)
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.until(lambda: rig.payload(payload.id).status is S.RUNNING)
        crew.held["h"].set()
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.COMPLETED
    await store.close()


async def test_a_dead_payload_past_its_deadline_is_not_replayed_but_stays(tmp_path: Path) -> None:
    """Else a replay would make it expired: gone for good, by what was to save it."""
    async with rigged(tmp_path) as rig:
        await rig.load(ONE)
        rig.crew.failing["h"] = 1
        deadline = soon()
        payload = await rig.propel("e", "x", deadline=deadline)
        await rig.ended(payload.id)
        while SYSTEM_CLOCK.now() <= deadline:  # noqa: ASYNC110  # the clock is what is waited for
            await asyncio.sleep(0.02)
        with pytest.raises(PayloadEnded, match="Propel its data anew"):
            await rig.service.replay(payload.id)
        assert rig.payload(payload.id).status is S.DEAD
        await rig.service.discard(payload.id)


async def test_deadlines_of_what_has_ended_are_not_remembered_for_ever() -> None:
    told: list[set[str]] = []
    deadlines = Deadlines(SYSTEM_CLOCK, told.append, lambda payload_id: payload_id == "open")
    for number in range(5 * LEAST):
        deadlines.watch("open" if number == 7 else f"{number}", soon(3600 + number))
    assert len(deadlines._coming) <= 2 * LEAST
    assert "open" in {name for _, name in deadlines._coming}
    deadlines.watch("now", soon(-1))
    deadlines.look()
    assert told == [{"now"}]
    deadlines.close()


@pytest.mark.parametrize("cut", ["while it is stopped", "when it has stopped"])
async def test_what_was_cancelled_stays_so_over_a_crash(tmp_path: Path, cut: str) -> None:
    """The engine is gone between the end of the work and that of the payload."""
    kept = MemoryStore(clock=SYSTEM_CLOCK)
    await kept.open()
    disk = Disk(kept, Random(1))  # noqa: S311  # a test's dice
    answered, crashed = asyncio.Event(), asyncio.Event()
    async with rigged(tmp_path, disk, tolerated=(QuarterdeckError,)) as rig:
        await rig.load(ONE)
        rig.crew.held["h"] = asyncio.Event()
        payload, other = [await rig.propel("e", number) for number in range(2)]
        await rig.until(lambda: rig.crew.began)
        runner = rig.service.running._runner
        stop = runner.cancel

        async def cancel(*given: Any) -> None:
            await answered.wait()
            if cut == "when it has stopped":
                await stop(*given)
            for changes in disk.crash():
                await kept.commit(changes)
            crashed.set()

        runner.cancel = cancel  # type: ignore[method-assign, assignment]  # the crash comes there
        await rig.service.cancel(payload.id)
        answered.set()
        async with asyncio.timeout(60):
            await crashed.wait()
    async with rigged(tmp_path, kept) as rig:
        await rig.ended(payload.id, other.id)
        assert rig.payload(payload.id).status is S.CANCELLED
        assert rig.payload(other.id).status is S.COMPLETED
        if cut == "when it has stopped":
            assert [told for _, told in rig.crew.began] == ["1"]
        assert rig.desk.items() == []
    async with rigged(tmp_path, kept) as rig:
        assert rig.payload(payload.id).status is S.CANCELLED
    await kept.close()


async def test_what_is_being_stopped_as_the_engine_ends_stays_cancelled(tmp_path: Path) -> None:
    """An agent may take a while to stop; the next engine sees to it, and begins nothing anew."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(ONE)
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", "x")
        await rig.until(lambda: rig.crew.began)
        stopping = asyncio.Event()

        async def cancel(*_: Any) -> None:
            stopping.set()
            await asyncio.Event().wait()

        rig.service.running._runner.cancel = cancel  # type: ignore[method-assign, assignment]  # it takes long
        await rig.service.cancel(payload.id)
        async with asyncio.timeout(60):
            await stopping.wait()
    async with rigged(tmp_path, store) as rig:
        other = await rig.propel("e", "y")
        await rig.ended(payload.id, other.id)
        assert rig.payload(payload.id).status is S.CANCELLED
    await store.close()
