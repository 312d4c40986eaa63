"""Pipelines loaded, replaced, unloaded and forgotten; what is told of them, and what is not."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.core.engine.pipelines.pipe_rig import Crew, rigged
from tests.core.engine.pipelines.test_functions_in_place_guarded import told
from tests.core.engine.pipelines.test_pipeline_service import CHAIN, one
from tests.core.engine.workflows.flow_rig import NOBODY

from quarterdeck.core.base.batches import Batch, BatchChange, DropBatches
from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.workflows.service import WorkflowOptions
from quarterdeck.core.pipelines import faults as f
from quarterdeck.core.pipelines.together import Together
from quarterdeck.core.pipelines.triggers import FileMemory
from quarterdeck.core.protocol import pipeline_commands as c
from quarterdeck.core.protocol.commands import DeleteSession
from quarterdeck.core.protocol.events import Cause
from quarterdeck.core.protocol.pipeline_events import PayloadChanged
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.core.sessions.faults import SessionUnknown
from quarterdeck.core.workflows.orchestrator import WorkflowOrchestrator
from quarterdeck.core.workflows.state_manager import StateManager
from quarterdeck.state.memory import MemoryStore

ORDERS = """
name: p
events:
  e:
    handlers:
      h: {run: [echo, "{{ data.at }}"]}
"""


async def test_a_pipeline_is_replaced_without_loss(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(CHAIN)
        await rig.service.pause("p", on=True)
        first = await rig.propel("first", {"n": 1})
        second = await rig.propel("second", {"n": 1})
        changed = CHAIN.replace("double:", "twice:").replace("after", "behind")
        await rig.load(changed.replace("{{ causes[0].data.n }}", "nothing"))
        await rig.service.pause("p", on=False)
        await rig.quiet()
        assert rig.payload(first.id).status is S.DEAD
        assert "no handler double any more" in (rig.payload(first.id).error or "")
        assert rig.payload(second.id).status is S.DEAD, "its data have no got"
        with pytest.raises(f.HandlerGone):
            await rig.service.replay(first.id)
        await rig.propel("first", {"n": 2})
        await rig.quiet()
        assert rig.crew.began == [("twice", "2-2"), ("finish", "2-2 behind nothing")]


async def test_unloading_needs_force_while_payloads_wait(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", 1)
        with pytest.raises(f.PipelineBusy):
            await rig.service.unload(c.UnloadPipeline(name="p"), NOBODY)
        await rig.service.unload(c.UnloadPipeline(name="p", force=True), NOBODY)
        await rig.ended(payload.id)
        assert rig.payload(payload.id).status is S.CANCELLED
        assert rig.service.views() == ()
        assert "pipeline.unloaded" in rig.types()
        with pytest.raises(f.PipelineUnknown):
            await rig.service.unload(c.UnloadPipeline(name="p"), NOBODY)


async def test_a_pipeline_that_is_loaded_again_after_an_unload_begins_at_nothing(
    tmp_path: Path,
) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        await rig.ended((await rig.propel("e", 1)).id)
        (handler,) = rig.service.whole("p").handlers
        assert (handler.succeeded, rig.service.view("p").lanes[0].completed) == (1, 1)
        await rig.service.unload(c.UnloadPipeline(name="p"), NOBODY)
        await rig.load(one())
        (handler,) = rig.service.whole("p").handlers
        assert (handler.succeeded, rig.service.view("p").lanes[0].completed) == (0, 0)


class Scanned(dict[Any, None]):
    """Counts how often it is gone through."""

    scans = 0

    def __iter__(self) -> Iterator[Any]:
        self.scans += 1
        return super().__iter__()


async def test_many_payloads_are_cancelled_in_one_go(tmp_path: Path) -> None:
    """Else an unload by force would hold the engine up for minutes: each looked at all of them."""
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        await rig.service.pause("p", on=True)
        ids = [(await rig.propel("e", number)).id for number in range(40)]
        running = rig.service.running._engine._running
        running.open = scanned = Scanned(running.open)
        await rig.service.unload(c.UnloadPipeline(name="p", force=True), NOBODY)
        assert {rig.payload(one_of).status for one_of in ids} == {S.CANCELLED}
        assert (len(scanned), scanned.scans) == (0, 1)


async def test_a_file_that_is_broken_by_now_is_told_and_its_payloads_wait(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        rig.crew.held["h"] = asyncio.Event()
        begun = await rig.propel("e", 0)
        await rig.until(lambda: rig.crew.began)
        await rig.service.pause("p", on=True)
        payload = await rig.propel("e", 1)
    (tmp_path / "pipeline.yaml").write_text("name: p\nevents: {}\n")
    crew = Crew(held={"h": asyncio.Event()})
    async with rigged(tmp_path, store, crew=crew) as rig:
        (view,) = rig.service.views()
        assert view.error
        assert rig.payload(payload.id).reason == "its pipeline is not loaded"
        await rig.until(lambda: "what had begun goes on" in rig.payload(begun.id).reason)
        assert rig.service.whole("p").handlers == ()
        with pytest.raises(f.PipelineUnusable):
            await rig.propel("e", 2)
        await rig.load(one())
        assert rig.service.view("p").error is None
        await rig.until(lambda: told(rig, payload.id)[-1:] == ["the pipeline is paused"])
        await rig.until(lambda: rig.payload(begun.id).status is S.RUNNING)
        crew.held["h"].set()
        await rig.service.pause("p", on=False)
        await rig.quiet()
        assert rig.payload(payload.id).status is S.COMPLETED
    await store.close()


async def test_an_attempt_that_another_engine_took_over_is_waited_for(tmp_path: Path) -> None:
    """Else a payload would be dead, or be worked on twice, because its engine was away for long."""
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        rig.crew.held["h"] = asyncio.Event()
        payload = await rig.propel("e", 1)
        await rig.until(lambda: rig.crew.began)
    crew = Crew(held={"h": asyncio.Event()})
    there = WorkflowOrchestrator(StateManager(store=store), engine_id="there")
    there.register_executor("run", crew)
    assert len(await there.recover()) == 1
    await rig.until(lambda: crew.began)
    options = WorkflowOptions(shared=True, lease_seconds=0.02)
    async with rigged(tmp_path, store, options=options) as rig:
        await rig.until(lambda: rig.payload(payload.id).status is S.RUNNING)
        await rig.workflows.neighbours.looked()
        crew.held["h"].set()
        await rig.ended(payload.id)
        assert rig.payload(payload.id).status is S.COMPLETED
        assert (crew.ended, rig.crew.began) == (["h"], [])
    await there.close()
    await store.close()


async def test_one_whose_file_is_broken_is_unloaded_with_its_payloads(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with rigged(tmp_path, store) as rig:
        await rig.load(one())
        await rig.service.pause("p", on=True)
        payload = await rig.propel("e", 1)
    (tmp_path / "pipeline.yaml").write_text("name: p\nevents: {}\n")
    async with rigged(tmp_path, store) as rig:
        with pytest.raises(f.PipelineBusy):
            await rig.service.unload(c.UnloadPipeline(name="p"), NOBODY)
        await rig.service.unload(c.UnloadPipeline(name="p", force=True), NOBODY)
        assert rig.payload(payload.id).status is S.CANCELLED
        await rig.load(one())
        assert not rig.service.view("p").paused
        again = await rig.propel("e", 2)
        await rig.quiet()
        assert rig.payload(again.id).status is S.COMPLETED
    await store.close()


async def test_changes_are_gathered_and_told(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(CHAIN)
        first = await rig.propel("first", {"n": 1})
        await rig.quiet()
        await rig.until(lambda: rig.types().count("pipeline.changed") >= 1)
        assert rig.types()[0] == "pipeline.loaded"

        def told() -> list[tuple[str, str]]:
            found = (one.payload for one in rig.events)
            return [
                (one.payload.event, one.payload.status)
                for one in found
                if isinstance(one, PayloadChanged)
            ]

        await rig.until(lambda: told()[-2:] and {("first", "completed")} <= set(told()))
        await rig.until(lambda: ("second", "completed") in told())
        assert first.id


async def test_secrets_of_inputs_are_not_shown(tmp_path: Path) -> None:
    text = """
name: p
inputs:
  token: {secret: true}
events:
  e:
    handlers:
      h: {run: [echo, "{{ inputs.token }}"]}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text, inputs={"token": "hush-hush"})
        await rig.propel("e")
        await rig.quiet()
        assert rig.crew.began == [("h", "hush-hush")]
        assert "hush-hush" not in rig.service.whole("p").model_dump_json()


async def test_what_worked_on_a_payload_goes_with_it(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        rig.service.running.book._bounds[False] = 1
        await rig.load(one())
        first = await rig.propel("e", 1)
        await rig.quiet()
        run = (await rig.service.payload(first.id)).runs[0].workflow_id
        assert run is not None
        await rig.propel("e", 2)
        await rig.quiet()
        await rig.until(lambda: len(rig.all()) == 1)
        await rig.until(lambda: not rig.service._errands)
        assert await rig.store.workflow(run) is None
        assert len(await rig.store.workflows(parent=f"payload/{rig.all()[0].id}/h")) == 1


def blurt(token: str) -> None:
    raise ValueError(f"refused {token}")


async def test_secrets_stay_out_of_what_went_wrong(tmp_path: Path) -> None:
    text = """
name: p
inputs:
  token: {secret: true}
events:
  e:
    handlers:
      h:
        python: "tests.core.engine.pipelines.test_pipelines_loaded:blurt"
        trusted: true
        with: {token: "{{ inputs.token }}"}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text, inputs={"token": "hush-hush"})
        payload = await rig.propel("e")
        await rig.quiet()
        detail = await rig.service.payload(payload.id)
        assert "refused" in (detail.payload.error or "")
        assert "hush-hush" not in detail.model_dump_json()


async def test_triggers_are_at_work_while_a_pipeline_is_loaded(tmp_path: Path) -> None:
    """What is noticed is the triggers' affair; here it is told for them."""
    more = "triggers: [{schedule: {cron: '0 0 1 1 *'}, event: e, priority: high}]"
    memory = FileMemory(tmp_path / "triggers")
    async with rigged(tmp_path, memory=memory) as rig:
        await rig.load(ORDERS + more)
        (view,) = rig.service.whole("p").triggers
        assert (view.kind, view.event) == ("schedule", "e")
        trigger = rig.service.running.loaded["p"].triggers[0]
        payload_id = new_id()
        for _ in range(2):
            await rig.service._triggered("p", trigger, {"at": "noon"}, payload_id)
        await rig.quiet()
        (payload,) = rig.all()
        assert (payload.cause, payload.priority) == ("trigger/schedule", 1)
        await rig.load(ORDERS + more.replace("1 1 *", "2 2 *"))
        assert len(rig.service.whole("p").triggers) == 1
        await rig.service.unload(c.UnloadPipeline(name="p"), NOBODY)
        assert rig.service._triggers.views("p") == ()


async def test_pausing_and_loading_at_once_leave_it_as_it_says(tmp_path: Path) -> None:
    """Else its gates stay closed, while it is said not to be paused, so that nothing resumes it."""
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        keep, keeping, go_on = rig.service._keep, asyncio.Event(), asyncio.Event()

        async def slowly(name: str, standing: Any) -> None:
            keeping.set()
            await go_on.wait()
            await keep(name, standing)

        rig.service._keep = slowly  # type: ignore[method-assign]  # a slow store
        loading = asyncio.create_task(rig.load(one("limit: 1")))
        await asyncio.wait_for(keeping.wait(), 60)
        pausing = asyncio.create_task(rig.service.pause("p", on=True))
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(loading, pausing)
        payload = await rig.propel("e", 1)
        assert rig.service.view("p").paused
        assert payload.reason == "the pipeline is paused"
        await rig.service.pause("p", on=False)
        await rig.ended(payload.id)


async def test_a_pause_that_could_not_be_kept_is_none_and_may_be_tried_again(
    tmp_path: Path,
) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(one())
        keep = rig.service._keep

        async def full(name: str, standing: Any) -> None:
            raise OSError(f"{name}: no space left for {standing}")

        rig.service._keep = full  # type: ignore[method-assign]  # a full disk
        with pytest.raises(OSError, match="no space"):
            await rig.service.pause("p", on=True)
        assert not rig.service.view("p").paused
        rig.service._keep = keep  # type: ignore[method-assign]  # there is room again
        await rig.service.pause("p", on=True)
        assert (await rig.propel("e", 1)).reason == "the pipeline is paused"


async def test_triggers_go_on_where_a_pipeline_was_busy_after_all(tmp_path: Path) -> None:
    more = "triggers: [{schedule: {cron: '0 0 1 1 *'}, event: e}]"
    async with rigged(tmp_path, memory=FileMemory(tmp_path / "triggers")) as rig:
        await rig.load(ORDERS + more)
        await rig.service.pause("p", on=True)
        stop = rig.service._triggers.stop

        async def told_meanwhile(pipeline: str) -> None:
            await stop(pipeline)
            rig.service._triggers.stop = stop  # type: ignore[method-assign]  # once
            await rig.propel("e", {"at": "noon"})

        rig.service._triggers.stop = told_meanwhile  # type: ignore[method-assign]  # see above
        with pytest.raises(f.PipelineBusy):
            await rig.service.unload(c.UnloadPipeline(name="p"), NOBODY)
        (view,) = rig.service.whole("p").triggers
        assert view.next_at is not None


class Refusing:
    """A store that keeps nothing."""

    def commit(self, changes: Sequence[BatchChange]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(OSError(f"{len(changes)} changes"))
        return future

    async def batches(self, log: str) -> list[Batch]:
        return []


async def test_logs_that_are_kept_together_fail_together() -> None:
    together = Together(Refusing())
    first = together.commit([DropBatches("a", 1)])
    second = together.commit([DropBatches("b", 1), DropBatches("c", 1)])
    for one_of in (first, second):
        with pytest.raises(OSError, match="3 changes"):
            await one_of


async def test_a_hook_of_gits_is_counted_once_and_named_as_the_cause(tmp_path: Path) -> None:
    text = """
name: p
events: {pushed: , other: }
triggers:
  - {git: {hook: post-commit, repository: here}, event: pushed}
  - {git: {hook: post-merge, repository: here}, event: pushed}
"""
    for name in ("here", "there"):
        words = ["git", "init", "-q", str(tmp_path / name)]
        await asyncio.to_thread(subprocess.run, words, check=True)
    async with rigged(tmp_path, memory=FileMemory(tmp_path / "memory")) as rig:
        await rig.load(text)

        def fired(payload_id: str, hook: str, repository: str) -> Any:
            wish = c.PropelPayload(
                name="p", event="pushed", hook=hook, repository=str(tmp_path / repository)
            )
            return rig.service.propel_asked(wish, payload_id)

        first, second = new_id(), new_id()
        view = await fired(first, "post-commit", "here")
        assert view.cause == "trigger/git/post-commit"
        await fired(first, "post-commit", "here")
        await fired(second, "post-commit", "there")
        commit, merge = rig.service.whole("p").triggers
        assert (commit.count, commit.error, merge.count) == (1, None, 0)
        assert commit.last_at is not None
        assert "not installed" in (merge.error or "")
        assert len(rig.all()) == 2


async def test_only_the_newest_ended_session_of_a_handlers_attempts_stays(tmp_path: Path) -> None:
    there = EndedSessions()
    async with rigged(tmp_path) as rig:
        await rig.load(ONE_HANDLER)
        rig.crew.failing["h"] = 1
        places = rig.service._runs.places
        payload = await rig.propel("e")
        await rig.until(lambda: rig.payload(payload.id).status is S.RETRYING)
        (run,) = (await rig.service.payload(payload.id)).runs
        sessions = {run.workflow_id: [ENDED, LIVING, new_id()], "another": [LAST]}
        places.sessions_of = lambda workflow_id: sessions.get(workflow_id, [])
        assert (await rig.service.payload(payload.id)).runs[0].session_id == ENDED
        assert rig.workflows.surroundings is not None
        rig.workflows.surroundings = replace(rig.workflows.surroundings, sessions=there)  # type: ignore[arg-type]
        await rig.service.retry(payload.id)
        await rig.quiet()
        assert set(there.left) == {LIVING, LAST}


ENDED, LIVING, LAST = new_id(), new_id(), new_id()


class EndedSessions:
    """Two sessions have ended, one lives."""

    def __init__(self) -> None:
        self.left = {ENDED: False, LIVING: True, LAST: False}

    def view(self, session_id: str) -> Any:
        if session_id not in self.left:
            raise SessionUnknown(f"{session_id} is gone.")
        return SimpleNamespace(living=self.left[session_id])

    async def delete(self, wish: DeleteSession, _cause: Cause) -> None:
        del self.left[wish.session_id]


ONE_HANDLER = """
name: p
events: {e: {handlers: {h: {run: [echo, x], retry: {attempts: 2, initial: 600, max: 600}}}}}
"""
