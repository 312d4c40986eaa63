"""Agents that work in sessions, with the crew in real terminals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.sessions.rig import Rig
from tests.core.workflows.executors.conftest import NewStage
from tests.core.workflows.executors.scripted_agent import agents
from tests.core.workflows.executors.stage import Stage, until

from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import AttentionRaised
from quarterdeck.core.protocol.status import Activity, Lifecycle
from quarterdeck.core.workflows.executors.live_session import session_name
from quarterdeck.core.workflows.executors.session_turn import ANSWER_NAME
from quarterdeck.core.workflows.executors.transcript import Screen, gained
from quarterdeck.state.memory import MemoryStore

WORK = "tasks: {plan: {agent: practice-worker, prompt: plan it}}"


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


async def test_a_session_does_the_task_in_sight_and_nobody_is_bothered(
    deck: Stage, rig: Rig
) -> None:
    workflow_id = await deck.begin(WORK)
    (session,) = await until(rig.manager.views)
    assert (session.name, session.agent) == ("flow plan", "practice-worker")
    state = await deck.finish(workflow_id)
    assert "Done." in state.tasks["plan"].result
    assert "plan it" in state.tasks["plan"].result
    assert "enter sends" not in state.tasks["plan"].result
    assert (await deck.log(workflow_id, "plan")).strip() == state.tasks["plan"].result.strip()
    assert rig.view("flow plan").lifecycle is Lifecycle.EXITED
    raised = [event.item.kind for event in rig.told(AttentionRaised)]
    assert AttentionKind.TURN_DONE not in raised
    assert rig.items() == []


async def test_what_an_agent_asks_goes_to_a_person(deck: Stage, rig: Rig) -> None:
    workflow_id = await deck.begin("tasks: {ask: {agent: practice-approver, prompt: clean up}}")
    while (row := await deck.store.task(workflow_id, "ask")) and row.status != "completed":
        asking = [one for one in rig.manager.views() if one.status.request is not None]
        if asking and rig.items():
            await answered(rig)
        await asyncio.sleep(0.02)
    state = await deck.finish(workflow_id)
    assert "last command" in state.tasks["ask"].result


async def answered(rig: Rig) -> None:
    """Allow what is asked; a question that has just gone is no fault."""
    request = rig.session("flow ask").status.request
    if request is not None:
        key = next(one.key for one in request.choices if one.meaning == "allow_once")
        await rig.answer(key, name="flow ask")


async def test_a_result_left_in_the_file_counts(deck: Stage, rig: Rig) -> None:
    found = await deck.results(
        """
        tasks:
          file: {agent: scripted, prompt: file it, outputs: {schema: {type: object}}}
          text: {agent: scripted, prompt: say it}
          next: {needs: [file, text], agent: scripted, prompt: "n {{ tasks.file.result.n }}"}
        """
    )
    assert found["file"] == {"n": 1}
    assert "did say it" in found["text"]
    assert "did n 1" in found["next"]
    assert {one.name for one in rig.manager.views()} == {"flow file", "flow text", "flow next"}


@pytest.mark.parametrize(
    ("prompt", "told"),
    [("die", "SessionEnded: The session flow it exited before its turn was over"),
     ("fail", "AgentFailed: scripted failed")],
)  # fmt: skip
async def test_a_turn_that_ends_badly_fails_the_task(
    deck: Stage, rig: Rig, prompt: str, told: str
) -> None:
    error = await deck.error(f"tasks: {{it: {{agent: scripted, prompt: {prompt}}}}}")
    assert error.startswith((told, told.replace("exited", "crashed")))
    assert not rig.view("flow it").living
    assert rig.manager.items() == [], "the task tells of it"


async def test_an_agent_that_fails_before_it_takes_the_prompt_fails_the_task(
    deck: Stage, rig: Rig
) -> None:
    """Its session is hushed: without a word here nobody would ever hear of it."""
    error = await deck.error(
        "tasks: {it: {agent: scripted, prompt: say, env: {AT_START: error}, retry: {attempts: 1}}}"
    )
    assert error.startswith("AgentFailed: scripted failed")
    assert not rig.view("flow it").living


async def test_cancelling_ends_the_session(deck: Stage, rig: Rig) -> None:
    workflow_id = await deck.begin("tasks: {it: {agent: scripted, prompt: hang}}")
    await until(rig.manager.views)
    await until(lambda: rig.view("flow it").status.activity is Activity.WORKING)
    await deck.orchestrator.cancel_workflow(workflow_id)
    assert not rig.view("flow it").living


async def test_a_kept_session_lives_on_as_its_persons(deck: Stage, rig: Rig) -> None:
    await deck.results("tasks: {it: {agent: scripted, prompt: say, keep: true}}")
    assert rig.view("flow it").living
    await rig.prompt("more", name="flow it")
    await until(lambda: [one.kind for one in rig.items()] == [AttentionKind.TURN_DONE])


async def test_ended_sessions_are_deleted_after_a_while(
    new_stage: NewStage, rig: Rig, deck: Stage
) -> None:
    await deck.results("tasks: {it: {agent: scripted, prompt: say}}")
    assert rig.manager.views()
    await deck.close()
    soon = await new_stage(sessions=rig.manager, session_kept=0.0)
    await soon.results("tasks: {other: {agent: scripted, prompt: say}}")
    await until(lambda: "flow it" not in {one.name for one in rig.manager.views()})
    await until(lambda: not rig.manager.views())


async def test_tasks_wait_for_room_among_the_sessions(deck: Stage, rig: Rig) -> None:
    rig.manager._register._limit = 1
    state = await deck.run(
        """
        tasks:
          a: {agent: scripted, prompt: say}
          b: {agent: scripted, prompt: say}
          c: {agent: scripted, prompt: say}
        """
    )
    assert {str(task.status) for task in state.tasks.values()} == {"completed"}


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_new_engine_takes_the_turn_up(
    new_stage: NewStage, deck: Stage, rig: Rig, folder: Path, store: MemoryStore, meanwhile: bool
) -> None:
    workflow_id = await deck.begin("tasks: {it: {agent: scripted, prompt: slow}}")
    await until(rig.manager.views)
    await until(lambda: rig.view("flow it").status.activity is Activity.WORKING)
    row = await store.task(workflow_id, "it")
    assert row is not None
    assert json.loads(row.child or "")["place"] == rig.view("flow it").id
    await deck.close()
    await rig.close(stop_sessions=False)
    if meanwhile:
        await asyncio.to_thread((folder / "go").touch)
    second = await Rig(folder, store, agents=agents()).open("second")
    try:
        stage = await new_stage(sessions=second.manager)
        assert await stage.orchestrator.recover() == [workflow_id]
        await asyncio.to_thread((folder / "go").touch)
        state = await stage.finish(workflow_id)
        assert state.status == "completed", state.error
        assert "done slow" in state.tasks["it"].result
        assert state.tasks["it"].attempt == 1
        await stage.close()
    finally:
        await second.close()


@pytest.mark.parametrize(
    ("gone", "told"), [("variable", "TemplateFailed"), ("agent", "AgentUnusable")]
)
async def test_a_session_that_the_next_engine_can_not_go_on_with_is_ended(
    new_stage: NewStage, rig: Rig, monkeypatch: pytest.MonkeyPatch, gone: str, told: str
) -> None:
    monkeypatch.setattr("tests.core.workflows.executors.stage.definitions", agents)
    first = await new_stage(sessions=rig.manager, environment={"MINE": "x"})
    workflow_id = await first.begin(
        "tasks: {it: {agent: scripted, prompt: hang, env: {MINE: null}}}"
    )
    await until(rig.manager.views)
    await until(lambda: rig.view("flow it").status.activity is Activity.WORKING)
    await first.close()
    assert rig.view("flow it").living
    if gone == "agent":
        others = {name: one for name, one in agents().items() if name != "scripted"}
        monkeypatch.setattr("tests.core.workflows.executors.stage.definitions", lambda: others)
    environment = {"MINE": "x"} if gone == "agent" else {}
    second = await new_stage(sessions=rig.manager, environment=environment)
    await second.orchestrator.recover()
    state = await second.finish(workflow_id)
    assert (state.status, state.tasks["it"].error_type) == ("failed", told)
    assert not rig.view("flow it").living


async def test_a_session_that_is_gone_loses_its_attempt(
    new_stage: NewStage, deck: Stage, rig: Rig
) -> None:
    workflow_id = await deck.begin("tasks: {it: {agent: scripted, prompt: slow}}")
    await until(rig.manager.views)
    await until(lambda: rig.view("flow it").status.activity is Activity.WORKING)
    await deck.close()
    await rig.delete("flow it", force=True)
    (deck.folder / "go").touch()
    stage = await new_stage(sessions=rig.manager)
    await stage.orchestrator.recover()
    state = await stage.finish(workflow_id)
    assert (state.status, state.tasks["it"].attempt) == ("completed", 2)


@pytest.mark.parametrize("answer_lost", [False, True])
async def test_an_engine_gone_between_the_sessions_end_and_the_tasks_is_no_failure(
    new_stage: NewStage,
    deck: Stage,
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    answer_lost: bool,
) -> None:
    """The agent is ended when its turn is over: nobody can read its screen after that."""
    stopped, stop = asyncio.Event(), rig.manager.stop

    async def stop_and_hang(*what: Any) -> None:
        await stop(*what)
        stopped.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(rig.manager, "stop", stop_and_hang)
    workflow_id = await deck.begin("tasks: {it: {agent: scripted, prompt: leave a file}}")
    async with asyncio.timeout(60):
        await stopped.wait()
    await deck.close()
    monkeypatch.setattr(rig.manager, "stop", stop)
    assert not rig.view("flow it").living
    (left,) = deck.folder.rglob(ANSWER_NAME)
    assert not left.stat().st_mode & 0o077, "others can read it"
    if answer_lost:
        left.unlink()
    stage = await new_stage(sessions=rig.manager)
    await stage.orchestrator.recover()
    state = await stage.finish(workflow_id)
    assert (state.status, state.tasks["it"].result) == ("completed", {"n": 1}), state.error
    assert state.tasks["it"].attempt == (2 if answer_lost else 1)


@pytest.mark.parametrize(
    ("workflow", "task", "number", "name"),
    [
        ("flow", "plan", 1, "flow plan"),
        ("flow", "plan", 2, "flow plan 2"),
        ("Träume!", "check[3]", 1, "Tr-ume check-3"),
        ("w" * 100, "t" * 30, 12, "w" * 16 + " " + "t" * 30 + " 12"),
        ("flow", "t" * 100, 1, "t" * 50),
    ],
)
def test_sessions_are_called_after_workflow_and_task(
    workflow: str, task: str, number: int, name: str
) -> None:
    assert session_name(workflow, task, number) == name
    assert len(name) <= 50


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (["top", "> ", ""], ["top", "> do", "did", "> ", ""], "> do\ndid"),
        (["logo", "┌─┐", "└─┘", "keys"], ["logo", "you: do", "done", "┌─┐", "└─┘", "keys"],
         "you: do\ndone"),
        ([], ["all", "new"], "all\nnew"),
        (["same"], ["same"], ""),
        (["a", "a"], ["a"], ""),
    ],
)  # fmt: skip
def test_a_turns_text_is_what_the_screen_gained(
    before: list[str], after: list[str], text: str
) -> None:
    assert gained(Screen(0, tuple(before)), Screen(0, tuple(after))) == text
    whole = "\n".join(row.rstrip() for row in after).strip("\n")
    assert gained(Screen(7, tuple(before)), Screen(0, tuple(after))) == whole
