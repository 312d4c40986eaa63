"""Pipelines over a restart: what had begun, what waits, what is dead, and what people are asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.pipelines.pipe_rig import Crew, rigged
from tests.core.engine.pipelines.test_pipeline_service import CHAIN, one
from tests.core.engine.workflows.flow_rig import NOBODY

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.base.priority import Priority
from quarterdeck.core.pipelines.running import NOT_KEPT
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.core.workflows import WorkflowOrchestrator
from quarterdeck.core.workflows.states import WorkflowState
from quarterdeck.state.faults import StoreFull
from quarterdeck.state.memory import MemoryStore


async def test_a_paused_pipeline_begins_nothing_also_after_a_restart(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        assert (await rig.service.pause("p", on=True)).paused
        payload = await rig.propel("e", "later")
        assert payload.reason == "the pipeline is paused"
    async with rigged(tmp_path, store) as rig:
        (view,) = rig.service.views()
        assert view.paused
        assert rig.payload(payload.id).reason == "the pipeline is paused"
        assert not rig.crew.began
        await rig.service.pause("p", on=False)
        await rig.quiet()
        assert rig.crew.began == [("h", "later")]
    await store.close()


async def test_what_a_former_engine_began_goes_on_in_a_paused_pipeline(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one("emits: {event: e, when: data == 'now', data: next}"))
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", "now")
        await rig.until(lambda: rig.crew.began)
        await rig.service.pause("p", on=True)
        before = (await rig.service.payload(payload.id)).runs[0].started_at
    crew = Crew(held={"h": asyncio.Event()})
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.until(lambda: rig.payload(payload.id).status is S.RUNNING)
        assert rig.payload(payload.id).reason == ""
        assert (await rig.service.payload(payload.id)).runs[0].started_at == before
        rig.crew.held["h"].set()
        await rig.ended(payload.id)
        follow = rig.all()[-1]
        assert (follow.status, follow.reason) == (S.QUEUED, "the pipeline is paused")
        await rig.service.pause("p", on=False)
        await rig.quiet()
        assert rig.crew.began == [("h", "now"), ("h", "next")]
    await store.close()


async def test_what_a_former_engine_began_counts_before_anything_else_begins(
    tmp_path: Path,
) -> None:
    """Else what is more urgent would begin beside it, more than the limit lets."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one("limit: 1"))
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", "first")
        await rig.until(lambda: rig.crew.began)
        urgent = await rig.propel("e", "urgent", priority=Priority.CRITICAL)
    crew = Crew(held={"h": asyncio.Event()})
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.until(lambda: rig.payload(payload.id).status is S.RUNNING)
        assert rig.payload(urgent.id).reason == "1 of h are at work"
        rig.crew.held["h"].set()
        await rig.quiet()
        assert [told for _, told in rig.crew.began] == ["first", "urgent"]
        assert rig.crew.most == 1
    await store.close()


async def test_an_attempt_whose_workflow_ended_as_the_engine_came_up_counts_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A former engine's process may end at any moment, also between a look at its workflow and the next step."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", "now")
        await rig.until(lambda: rig.crew.began)
    look = WorkflowOrchestrator.get_workflow_status

    async def late(engine: WorkflowOrchestrator, workflow_id: str) -> WorkflowState:
        state = await look(engine, workflow_id)
        await engine.wait(workflow_id)
        return state

    monkeypatch.setattr(WorkflowOrchestrator, "get_workflow_status", late)
    crew = Crew(held={"h": asyncio.Event()})
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.until(lambda: crew.began and rig.payload(payload.id).status is S.RUNNING)
        for _ in range(50):
            await asyncio.sleep(0)
        crew.held["h"].set()
        (done,) = await rig.ended(payload.id)
        assert (done.status, done.error) == (S.COMPLETED, None)
    await store.close()


async def test_a_payload_waits_for_its_workflow_that_a_person_sets_back(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", "now")
        await rig.until(lambda: rig.crew.began)
        flow = (await rig.service.payload(payload.id)).runs[0].workflow_id
        assert flow is not None
        engine = rig.workflows.orchestrator
        await engine.pause_workflow(flow, interrupt=True)
        await rig.until(lambda: not engine.is_at_work(flow))
        await engine.settled()
        await engine.rollback_workflow(flow, 2)
        await rig.until(lambda: engine.drives(flow))
        assert rig.payload(payload.id).status is S.RUNNING
        rig.crew.held["h"].set()
        await engine.resume_workflow(flow)
        (done,) = await rig.ended(payload.id)
        assert (done.status, done.error) == (S.COMPLETED, None)
    await store.close()


async def test_a_retry_waits_for_its_time_over_a_restart(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one("retry: {attempts: 3, initial: 600, max: 600}"))
        rig.crew.failing["h"] = 1
        payload = await rig.propel("e", "x")
        await rig.until(lambda: rig.payload(payload.id).status is S.RETRYING)
        due = rig.payload(payload.id).next_attempt_at
    async with rigged(tmp_path, store) as rig:
        other = await rig.propel("e", "other")
        await rig.ended(other.id)
        view = rig.payload(payload.id)
        assert (view.status, view.next_attempt_at) == (S.RETRYING, due)
        await rig.service.retry(payload.id)
        await rig.ended(payload.id)
        assert [told for _, told in rig.crew.began] == ["other", "x"]
    await store.close()


async def test_a_question_that_a_crash_prevented_is_asked_by_the_next_engine(
    tmp_path: Path,
) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        rig.crew.failing["h"] = 9

        async def never(_draft: Any) -> bool:
            return await asyncio.get_running_loop().create_future() is None

        rig.desk.ask = never  # type: ignore[method-assign, assignment]  # the engine ends before
        payload = await rig.propel("e", 1)
        await rig.ended(payload.id)
    async with rigged(tmp_path, store) as rig:
        item = await rig.asked()
        assert item.about == f"payload/{payload.id}"
        rig.crew.failing["h"] = 9
        other = await rig.propel("e", 2)
        await rig.ended(other.id)
        await rig.desk.resolve(item.item_id, NOBODY)
    async with rigged(tmp_path, store) as rig:
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.desk.items() == [], "what a person put away stays so"
    await store.close()


async def test_what_could_not_be_kept_is_done_neither_now_nor_after_a_restart(
    tmp_path: Path,
) -> None:
    """Whoever was told that it failed propels it once more."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        await rig.service.pause("p", on=True)
        store.fail_next(StoreFull("The disk is full."))
        with pytest.raises(StoreFull):
            await rig.propel("e", "once", payload_id=new_id())
        (refused,) = rig.all()
        assert (refused.status, refused.error) == (S.CANCELLED, NOT_KEPT)
        await rig.service.pause("p", on=False)
        again = await rig.propel("e", "again")
        await rig.ended(again.id)
        assert rig.crew.began == [("h", "again")]
    async with rigged(tmp_path, store) as rig:
        await rig.quiet()
        assert {one_of.id: one_of.status for one_of in rig.all()} == {
            refused.id: S.CANCELLED, again.id: S.COMPLETED,
        }  # fmt: skip
        assert rig.crew.began == []
    await store.close()


async def test_a_dead_payload_stays_dead_over_a_restart(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        rig.crew.failing["h"] = 1
        payload = await rig.propel("e", {"kept": True})
        await rig.quiet()
        await rig.asked()
    async with rigged(tmp_path, store) as rig:
        item = await rig.asked()
        assert item.about == f"payload/{payload.id}"
        await rig.answer(item, "replay")
        await rig.quiet()
        assert rig.payload(payload.id).status is S.COMPLETED
        detail = await rig.service.payload(payload.id)
        assert [run.attempt for run in detail.runs] == [1, 2]
        assert rig.desk.items() == []
    async with rigged(tmp_path, store) as rig:
        assert rig.payload(payload.id).status is S.COMPLETED
        (lane,) = rig.service.view("p").lanes
        assert (lane.completed, lane.failed, lane.dead) == (1, 1, 0)
        assert rig.service.whole("p").handlers[0].succeeded == 1
        assert rig.crew.began == []
    await store.close()


async def test_what_runs_at_the_end_of_an_engine_is_not_begun_twice(tmp_path: Path) -> None:
    """The workflow of the attempt is known by its id, so that the next engine goes on with it."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    crew = Crew()
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.load(CHAIN)
        crew.held["double"] = asyncio.Event()
        payload = await rig.propel("first", {"n": 1})
        await rig.until(lambda: crew.began)
        before = (await rig.service.payload(payload.id)).runs
    crew.held["double"].set()
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.quiet()
        assert [one.status for one in rig.all()] == [S.COMPLETED, S.COMPLETED]
        (run,) = (await rig.service.payload(payload.id)).runs
        assert run.workflow_id == before[0].workflow_id
        assert crew.ended == ["double", "finish"]
    await store.close()
