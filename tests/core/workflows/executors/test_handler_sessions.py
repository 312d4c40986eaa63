"""Sessions that the handlers of tasks open by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.rig import Rig
from tests.core.workflows.executors.conftest import NewStage
from tests.core.workflows.executors.scripted_agent import agents
from tests.core.workflows.executors.stage import Stage, until

from quarterdeck.core.protocol.status import Activity
from quarterdeck.core.workflows import (
    SessionsMissing,
    TaskDefinition,
    TaskExecutionContext,
    Turn,
    WorkflowOrchestrator,
)
from quarterdeck.core.workflows.executors.given import given_to
from quarterdeck.core.workflows.executors.kept_sessions import FOLDER
from quarterdeck.state.memory import MemoryStore

Context = TaskExecutionContext
TASK = TaskDefinition("it", "me", "handler", metadata={"env": "mine", "workflow": 7, "when": "no"})


@pytest.fixture
async def rig(folder: Path, store: MemoryStore) -> AsyncIterator[Rig]:
    """The sessions of the engine."""
    rig = await Rig(folder, store, agents=agents()).open()
    yield rig
    await rig.close()


@pytest.fixture
async def deck(new_stage: NewStage, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """An engine with sessions."""
    monkeypatch.setattr("tests.core.workflows.executors.stage.definitions", agents)
    return await new_stage(sessions=rig.manager)


async def twice(context: Context, cwd: str = "") -> list[Any]:
    """Two turns in one session; the second leaves a result."""
    async with context.session(agent="scripted", cwd=cwd or None, env={"N": "1"}) as session:
        first = await session.prompt("say it")
        second = await session.prompt("file it")
        third = await session.prompt("say more")
    return [session.name, first.text, second.result, second.text, third.result]


async def run(deck: Stage, handler: Any) -> Any:
    """What comes of one task with this handler."""
    deck.orchestrator.register_executor("handler", handler)
    return await deck.finish(await deck.orchestrator.create_workflow([TASK]))


async def test_a_handler_talks_to_an_agent_in_one_session(deck: Stage, rig: Rig) -> None:
    state = await run(deck, twice)
    name, first, second, text, third = state.tasks["it"].result
    assert name == "it"
    assert ("did say it" in first, second, "did file it" in text) == (True, {"n": 1}, True)
    assert "did say more" in third  # what was left for the turn before is not this one's
    view = rig.view("it")
    assert not view.living
    assert rig.items() == []  # nobody is asked to look at its turns
    log = await deck.log(state.workflow_id, "it")
    assert log.index("did say it") < log.index("did file it")
    attempt = deck.folder / "artifacts" / state.workflow_id / "it" / "1"
    assert (given_to(attempt) or {})["prompts"] == ["say it", "file it", "say more"]


async def test_a_trusted_function_is_given_its_context(deck: Stage, tmp_path: Path) -> None:
    found = await deck.results(
        f"""
        tasks:
          it:
            python: "tests.core.workflows.executors.test_handler_sessions:twice"
            trusted: true
            with: {{cwd: "{tmp_path}"}}
        """
    )
    assert found["it"][0] == "flow it"
    assert found["it"][2] == {"n": 1}


async def test_where_there_are_no_sessions_that_is_said(
    stage: Stage, engine: WorkflowOrchestrator
) -> None:
    state = await run(stage, twice)
    assert state.tasks["it"].error_type == "SessionsMissing"
    assert "quarterdeck run" in (state.tasks["it"].error or "")
    with pytest.raises(SessionsMissing, match="register_executors"):
        Context(TASK, "w").session(agent="scripted")
    engine.register_executor("handler", twice)
    workflow_id = await engine.create_workflow([TASK])
    await engine.start_workflow(workflow_id)
    await engine.wait(workflow_id)
    assert (await engine.get_workflow_status(workflow_id)).tasks["it"].error_type == (
        "SessionsMissing"
    )


async def test_an_agent_that_there_is_not_is_said(deck: Stage) -> None:
    async def handler(context: Context) -> None:
        async with context.session(agent="scriptet"):
            raise AssertionError

    state = await run(deck, handler)
    assert "Did you mean scripted?" in (state.tasks["it"].error or "")


@pytest.mark.parametrize("prompt", ["die", "fail"])
async def test_a_turn_that_ends_badly_is_the_handlers_to_judge(
    deck: Stage, rig: Rig, prompt: str
) -> None:
    async def handler(context: Context) -> Turn:
        async with context.session(agent="scripted") as session:
            return await session.prompt(prompt)

    state = await run(deck, handler)
    assert state.tasks["it"].error_type in {"SessionEnded", "AgentFailed"}
    assert not rig.view("it").living


def at_work(rig: Rig, name: str) -> bool:
    found = [one for one in rig.manager.views() if one.name == name]
    return bool(found) and found[0].status.activity is Activity.WORKING


async def test_a_cancel_ends_the_session_and_so_does_the_engines_end(deck: Stage, rig: Rig) -> None:
    async def handler(context: Context) -> None:
        async with context.session(agent="scripted") as session:
            await session.prompt("hang")

    deck.orchestrator.register_executor("handler", handler)
    for name in ("it", "it 2"):
        workflow_id = await deck.orchestrator.create_workflow([TASK])
        await deck.orchestrator.start_workflow(workflow_id)
        await until(lambda: at_work(rig, name))  # noqa: B023  # it is awaited in the same round
        if name == "it":
            await deck.orchestrator.cancel_workflow(workflow_id)
        else:
            await deck.close()
        assert not rig.view(name).living


async def test_what_a_killed_engines_handler_left_is_ended(deck: Stage, rig: Rig) -> None:
    await rig.create("scripted", "left")
    await until(lambda: rig.view("left").status.activity is Activity.IDLE)
    marker = deck.folder / FOLDER / rig.view("left").id
    await asyncio.to_thread(marker.parent.mkdir, exist_ok=True)
    await asyncio.to_thread(marker.write_text, "another engine")
    await run(deck, twice)
    await until(lambda: not rig.view("left").living)


async def test_a_kept_one_lives_on(deck: Stage, rig: Rig) -> None:
    async def handler(context: Context) -> None:
        async with context.session(agent="scripted", keep=True) as session:
            await session.prompt("say")

    await run(deck, handler)
    assert rig.view("it").living
