"""What killed engines left of attempts that nobody takes up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.core.sessions.rig import Rig, alive
from tests.core.workflows.executors.conftest import NewStage
from tests.core.workflows.executors.scripted_agent import agents
from tests.core.workflows.executors.stage import Stage, until

from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.workflows.backends.ports import Leaf
from quarterdeck.core.workflows.executors.kept_sessions import FOLDER
from quarterdeck.state.memory import MemoryStore


async def left(stage: Stage, workflow_id: str, task_id: str = "lost") -> int:
    """The process of an attempt whose engine was killed; its number."""
    before = {one.pid for one in await stage.backend.left()}
    one = Leaf(workflow_id, task_id, 1, 1, ("sleep", "600"), str(stage.folder), grace=0.5)
    await stage.backend.submit(one, stage.backend.place_of(one))
    (found,) = {one.pid for one in await stage.backend.left()} - before
    assert found is not None
    return found


async def running_process(stage: Stage) -> int:
    """The one process that an attempt runs; its keeper writes itself down after it was begun."""
    async with asyncio.timeout(60):
        while True:
            found = [one.pid for one in await stage.backend.left() if one.pid is not None]
            if found:
                (pid,) = found
                return pid
            await asyncio.sleep(0.01)


async def test_what_no_attempt_that_runs_tells_of_is_ended_and_what_is_not_known_is_told(
    new_stage: NewStage, stage: Stage, folder: Path
) -> None:
    over = await stage.run("tasks: {it: {run: [echo, hi]}}")
    running = await stage.begin("tasks: {it: {run: 'echo > begun; sleep 600', shell: true}}")
    await until((folder / "begun").exists)
    mine = await running_process(stage)
    await stage.close()  # it goes on, and nobody drives it
    later = await new_stage()
    ours, same = await left(later, over.workflow_id), await left(later, running)
    foreign, nobodys = await left(later, "of another store"), await left(later, "x" * 2000)
    unknown = await later.leftovers.end()
    assert {one.pid for one in unknown} == {foreign, nobodys}
    assert [alive(one) for one in (mine, ours, same, foreign, nobodys)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    await later.orchestrator.recover(former=[stage.orchestrator.engine_id])
    await later.leftovers.end()
    assert alive(mine), "it is driven here"
    await later.orchestrator.cancel_workflow(running)
    for one in unknown:
        await later.backend.cancel(one.place, 0.5)
        await later.backend.forget(one.place)


async def test_what_ended_attempts_left_on_disk_is_removed_where_their_workflow_is_known(
    stage: Stage,
) -> None:
    over = await stage.run("tasks: {it: {run: [echo, hi]}}")
    places = []
    for workflow_id in (over.workflow_id, "of another store"):
        one = Leaf(workflow_id, "lost", 1, 1, ("true",), str(stage.folder))
        places.append(stage.backend.place_of(one))
        await stage.backend.submit(one, places[-1])
        assert [event async for event in stage.backend.events(places[-1])]
    assert not await stage.leftovers.end()
    foreign = places[1]
    assert [one.place for one in await stage.backend.left()] == [foreign]
    await stage.backend.forget(foreign)


@pytest.fixture
async def rig(folder: Path, store: MemoryStore) -> AsyncIterator[Rig]:
    """The sessions of the engine."""
    rig = await Rig(folder, store, agents=agents()).open()
    yield rig
    await rig.close()


async def test_the_session_of_a_killed_engines_handler_is_ended_with_no_other_attempt(
    new_stage: NewStage, rig: Rig, folder: Path
) -> None:
    await rig.create("scripted", "left")
    await until(lambda: rig.view("left").status.activity is Activity.IDLE)
    marker = folder / FOLDER / rig.view("left").id
    await asyncio.to_thread(marker.parent.mkdir, exist_ok=True)
    await asyncio.to_thread(marker.write_text, "another engine")
    stage = await new_stage(sessions=rig.manager)
    await stage.leftovers.end()
    assert not rig.view("left").living
