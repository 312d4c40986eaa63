"""What is asked of workflows that can't be: it is refused, and the refusal says what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.core.engine.workflows.flow_rig import Rig, rigged

from quarterdeck.core.base.errors import QuarterdeckError
from quarterdeck.core.base.machine import IllegalTransition
from quarterdeck.core.engine.workflows.awaited import EventUnknown
from quarterdeck.core.engine.workflows.reading import LogMissing
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.events import Cause
from quarterdeck.core.workflows.executors.children import Child, ChildKind
from quarterdeck.core.workflows.files.loading import check

PLAIN = "name: plain\ntasks: {a: {run: [x]}, b: {needs: [a], wait_for: released}}"


async def ended(rig: Rig) -> str:
    view = await rig.create("name: over\ntasks: {a: {run: [x]}}", start=True)
    await rig.ended(view.id)
    return view.id


@pytest.mark.parametrize(
    ("wish", "told"),
    [("pause", "is completed, so it can't be paused: only one that runs can be paused"),
     ("resume", "so it can't be resumed: retry it, or rerun it"),
     ("cancel", "so it can't be cancelled: nothing of it runs")],
)  # fmt: skip
async def test_what_has_ended_is_not_steered(tmp_path: Path, wish: str, told: str) -> None:
    async with rigged(tmp_path) as rig:
        workflow_id = await ended(rig)
        steer = {
            "pause": lambda: rig.service.pause(w.PauseWorkflow(workflow_id=workflow_id), Cause()),
            "resume": lambda: rig.service.resume(workflow_id, Cause()),
            "cancel": lambda: rig.service.cancel(workflow_id, Cause()),
        }
        for _ in range(2):  # and it is not held by having been asked
            with pytest.raises(IllegalTransition, match=told):
                await steer[wish]()
        assert not rig.service.orchestrator.drives(workflow_id)


async def test_an_event_that_nobody_waits_for_is_refused(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        view = await rig.create(PLAIN)
        with pytest.raises(EventUnknown, match="it waits for released"):
            await rig.service.signal(w.SignalWorkflow(workflow_id=view.id, name="release"))
        assert not await rig.service.signal(w.SignalWorkflow(workflow_id=view.id, name="released"))
        over = await ended(rig)
        with pytest.raises(EventUnknown, match="none of its tasks waits"):
            await rig.service.signal(w.SignalWorkflow(workflow_id=over, name="go"))


async def test_events_whose_names_are_made_later_are_taken(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        view = await rig.create(
            "name: many\ninputs: {l: {type: list, default: [1, 2]}}\n"
            "tasks: {each: {foreach: '{{ inputs.l }}', wait_for: 'part {{ item }}'}}"
        )
        wish = w.SignalWorkflow(workflow_id=view.id, name="part 1")
        assert not await rig.service.signal(wish)


async def test_a_task_that_has_not_begun_has_no_log_yet(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        view = await rig.create(PLAIN, start=False)
        with pytest.raises(LogMissing, match="a has not begun"):
            await rig.service.reading.log(w.ReadTaskLog(workflow_id=view.id, task_id="a"))


@pytest.mark.parametrize("version", [0, -1, 999])
async def test_a_version_that_there_is_not_is_refused_and_the_workflow_stays(
    tmp_path: Path, version: int
) -> None:
    async with rigged(tmp_path) as rig:
        workflow_id = await ended(rig)
        with pytest.raises((QuarterdeckError, ValueError)):
            await rig.service.roll_back(
                w.RollBackWorkflow(workflow_id=workflow_id, version=version), Cause()
            )
        assert (await rig.service.reading.line(workflow_id)).status == "completed"


@pytest.mark.parametrize(
    "text",
    ['run: !!python/object/apply:os.system ["touch pwned"]', "run: !mine [x]", "!!set {run: [x]}"],
)
def test_tags_of_other_programs_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(f"name: t\ntasks:\n  a: {{{text}}}\n" if text[0] == "r" else f"name: t\ntasks:\n  a: {text}\n")  # fmt: skip
    assert any("is not known here" in fault.message for fault in check(file))


async def test_why_an_attempt_waits_where_it_was_submitted_is_told(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        rig.work.held["a"] = asyncio.Event()
        view = await rig.create("name: w\ntasks: {a: {run: [x]}}", start=True)
        await rig.until(lambda: rig.work.began)
        instance = rig.service.orchestrator._instances[view.id]
        instance.children[0] = Child(ChildKind.PROCESS, 1, "dask:there").text
        rig.service.orchestrator._machine.note(instance.run, 0)
        rig.service.orchestrator._changed()
        await rig.service.orchestrator.settled()
        rig.service.reading.waiting = lambda: {"dask:there": "no worker offers gpu"}
        whole = await rig.service.reading.whole(w.ShowWorkflow(workflow_id=view.id))
        told = await rig.service.reading.task(w.ShowTask(workflow_id=view.id, task_id="a"))
        assert [whole.tasks[0].reason, told.task.reason] == ["no worker offers gpu"] * 2
        rig.work.held["a"].set()
        await rig.ended(view.id)
