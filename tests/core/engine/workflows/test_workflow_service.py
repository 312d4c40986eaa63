"""The engine's workflows: created, told, asked about, steered, read, taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.core.engine.workflows.flow_rig import NOBODY, Rig, rigged

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.engine.workflows.awaited import ApprovalUnknown
from quarterdeck.core.engine.workflows.gates import ChoiceUnknown
from quarterdeck.core.engine.workflows.reading import LogMissing
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.events import AttentionClosed, AttentionRaised
from quarterdeck.core.workflows.encoding import definition_of
from quarterdeck.core.workflows.faults import WorkflowUnderWay
from quarterdeck.core.workflows.state_faults import TaskUnknown, WorkflowUnknown
from quarterdeck.state.memory import MemoryStore

CHAIN = "name: chain\ntasks: {a: {run: [x]}, b: {needs: a, run: [x]}, c: {needs: b, run: [x]}}\n"
GATE = """
name: gate
tasks:
  a: {run: [x]}
  ask: {needs: a, approve: {question: "Go {{ tasks.a.result }}?", choices: {go: Yes, wait: Later, reject: No}}}
  b: {needs: ask, run: [x]}
"""
FAN = """
name: fan
tasks:
  list: {run: [x]}
  each: {needs: list, foreach: {items: "{{ [1, 2, 3, 4, 5] }}"}, run: [x]}
  join: {needs: each, run: [x]}
"""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as made:
        yield made


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    kept = MemoryStore(clock=SYSTEM_CLOCK)
    await kept.open()
    yield kept
    await kept.close()


async def test_a_workflow_is_told_from_its_creation_to_its_end(rig: Rig) -> None:
    view = await rig.create(CHAIN)
    await rig.ended(view.id)
    await rig.until(lambda: len(rig.moves()) > 1)
    assert rig.moves() == [("pending", "running"), ("running", "completed")]
    assert [one for one in rig.tasks() if one[1] == "completed"] == [
        ("a", "completed"), ("b", "completed"), ("c", "completed"),
    ]  # fmt: skip
    created = rig.types().index("workflow.created")
    assert created < rig.types().index("workflow.changed")
    (line,) = rig.service.views()
    assert (line.total, line.done, line.engine_id) == (3, 3, None)
    assert line.file == str(rig.folder / "flow.yaml")


async def test_the_same_command_creates_one_workflow(rig: Rig) -> None:
    workflow_id = new_id()
    first = await rig.create(CHAIN, workflow_id)
    again = await rig.create(CHAIN, workflow_id)
    assert first.id == again.id
    assert len(await rig.service.reading.lines(w.ListWorkflows())) == 1


async def test_one_that_is_not_started_waits_for_it(rig: Rig) -> None:
    view = await rig.create(CHAIN, start=False)
    assert view.status == "pending"
    assert rig.work.began == []
    await rig.service.start(view.id, NOBODY)
    await rig.ended(view.id)


async def test_a_gate_is_one_item_and_its_answer_goes_on(rig: Rig) -> None:
    view = await rig.create(GATE)
    item = await rig.asked()
    assert (item.kind, item.session_id, item.task_id) == (AttentionKind.GATE, "", "ask")
    assert item.title == "Go a?"
    assert [(one.key, one.meaning) for one in item.choices] == [
        ("go", "allow_once"), ("wait", None), ("reject", "reject"),
    ]  # fmt: skip
    assert rig.service.views()[0].waiting == ("ask",)
    with pytest.raises(ChoiceUnknown, match="go, wait, reject"):
        await rig.answer(item, "perhaps")
    await rig.answer(item, "allow_once")
    await rig.ended(view.id)
    assert not rig.desk.items()
    assert rig.service.views()[0].waiting == ()
    detail = await rig.service.reading.task(w.ShowTask(workflow_id=view.id, task_id="ask"))
    assert (detail.result, detail.has_result) == ("go", True)
    closed = [one.payload for one in rig.events if isinstance(one.payload, AttentionClosed)]
    assert [(one.item.answer, one.item.answered_by) for one in closed] == [("go", "Ann")]


@pytest.mark.parametrize(
    ("approve", "status"),
    [({"*": "yes"}, "completed"), ({"*": "no"}, "failed"), ({"ask": "wait"}, "completed")],
)
async def test_a_gate_that_was_answered_ahead_asks_nobody(
    rig: Rig, approve: dict[str, str], status: str
) -> None:
    view = await rig.create(GATE, approve=approve)
    await rig.ended(view.id, status)
    assert not any(
        isinstance(one.payload, AttentionRaised) and one.payload.item.kind is AttentionKind.GATE
        for one in rig.events
    )


@pytest.mark.parametrize("approve", [{"*": "go"}, {"nobody": "yes"}, {"ask": "maybe"}])
async def test_an_answer_ahead_must_belong_to_a_question(rig: Rig, approve: dict[str, str]) -> None:
    with pytest.raises(ApprovalUnknown):
        await rig.create(GATE, approve=approve)


async def test_a_gate_stands_once_after_a_restart(tmp_path: Path, store: MemoryStore) -> None:
    async with rigged(tmp_path, store) as rig:
        view = await rig.create(GATE)
        before = await rig.asked()
    async with rigged(tmp_path, store, epoch=2) as rig:
        await rig.until(lambda: rig.service.views()[0].waiting)
        (after,) = rig.desk.items()
        assert after.item_id == before.item_id
        await rig.answer(after, "go")
        await rig.ended(view.id)
        assert not rig.desk.items()


async def test_an_answer_that_nobody_waited_for_counts(tmp_path: Path, store: MemoryStore) -> None:
    """The engine died between the answer and the task's end."""
    async with rigged(tmp_path, store) as rig:
        view = await rig.create(GATE)
        item = await rig.asked()
        rig.service.orchestrator.closing = True
        gates = rig.service.gates
        assert gates is not None
        gates.forget()
        await rig.answer(item, "go")
    async with rigged(tmp_path, store, epoch=2) as rig:
        await rig.ended(view.id)
        assert not rig.desk.items()


async def test_a_pause_with_interrupt_takes_the_question_back_and_resume_asks_anew(
    rig: Rig,
) -> None:
    view = await rig.create(GATE)
    await rig.asked()
    await rig.service.pause(w.PauseWorkflow(workflow_id=view.id, interrupt=True), NOBODY)
    await rig.until(lambda: not rig.desk.items())
    await rig.service.resume(view.id, NOBODY)
    await rig.answer(await rig.asked(), "go")
    await rig.ended(view.id)


async def test_what_waits_in_a_paused_workflow_says_so_after_a_restart_too(
    tmp_path: Path, store: MemoryStore
) -> None:
    async with rigged(tmp_path, store) as rig:
        rig.work.held["a"] = asyncio.Event()
        view = await rig.create(CHAIN)
        await rig.until(lambda: ("a", "running") in rig.tasks() and "a" in rig.work.began)
        before = len(rig.tasks())
        await rig.service.pause(w.PauseWorkflow(workflow_id=view.id, interrupt=True), NOBODY)
        await rig.until(lambda: ("a", "ready") in rig.tasks()[before:])
    async with rigged(tmp_path, store, epoch=2) as rig:
        whole = await rig.service.reading.whole(w.ShowWorkflow(workflow_id=view.id))
        assert (whole.tasks[0].status, whole.tasks[0].reason) == ("ready", "the workflow is paused")


async def test_a_task_that_came_too_late_says_so(rig: Rig) -> None:
    rig.work.held["a"] = asyncio.Event()
    view = await rig.create(
        "name: late\ntasks: {a: {run: [x]}, b: {needs: a, run: [x], deadline: 20ms}}\n"
    )
    await rig.until(lambda: ("b", "failed") in rig.tasks())
    rig.work.held["a"].set()
    await rig.ended(view.id, "failed")
    whole = await rig.service.reading.whole(w.ShowWorkflow(workflow_id=view.id))
    assert whole.tasks[1].reason == "it had not begun by its deadline"


async def test_a_failure_needs_a_person_until_it_is_retried(rig: Rig) -> None:
    rig.work.failing.add("b")
    view = await rig.create(CHAIN)
    item = await rig.asked()
    assert (item.kind, item.workflow_id) == (AttentionKind.FAILURE, view.id)
    assert "b (" in item.text
    rig.work.failing.clear()
    await rig.service.retry(view.id, NOBODY)
    await rig.ended(view.id)
    assert not rig.desk.items()
    assert rig.work.began == ["a", "b", "b", "c"]


async def test_a_deleted_workflow_leaves_nothing(rig: Rig) -> None:
    rig.work.failing.add("a")
    view = await rig.create(CHAIN)
    await rig.asked()
    left = rig.folder / "artifacts" / view.id
    left.mkdir(parents=True)
    await rig.service.delete(view.id, NOBODY)
    assert not rig.desk.items()
    assert not left.exists()
    assert rig.service.views() == ()
    with pytest.raises(WorkflowUnknown):
        await rig.service.reading.line(view.id)


async def test_one_that_runs_is_cancelled_before_it_is_deleted(rig: Rig) -> None:
    rig.work.held["a"] = asyncio.Event()
    view = await rig.create(CHAIN)
    await rig.until(lambda: rig.work.began)
    with pytest.raises(WorkflowUnderWay):
        await rig.service.delete(view.id, NOBODY)
    await rig.service.cancel(view.id, NOBODY)
    await rig.ended(view.id, "cancelled")
    await rig.service.delete(view.id, NOBODY)


async def test_a_running_workflow_is_taken_up_by_the_next_engine(
    tmp_path: Path, store: MemoryStore
) -> None:
    async with rigged(tmp_path, store) as rig:
        rig.work.held["b"] = asyncio.Event()
        view = await rig.create(CHAIN)
        await rig.until(lambda: "b" in rig.work.began)
    async with rigged(tmp_path, store, epoch=2) as rig:
        await rig.ended(view.id)
        assert rig.work.began == ["b", "c"]


async def test_history_difference_and_rollback(rig: Rig) -> None:
    view = await rig.create(CHAIN)
    await rig.ended(view.id)
    versions = await rig.service.reading.history(w.WorkflowHistory(workflow_id=view.id))
    assert [one.version for one in versions] == list(range(1, len(versions) + 1))
    newest = await rig.service.reading.history(w.WorkflowHistory(workflow_id=view.id, limit=2))
    assert newest == versions[-2:]
    done = next(v.version for v in versions if (v.task_id, v.status) == ("a", "completed"))
    wish = w.CompareVersions(workflow_id=view.id, before=done, after=len(versions))
    found = await rig.service.reading.compare(wish)
    assert found.tasks["c"]["status"] == ["pending", "completed"]
    then = await rig.service.reading.whole(w.ShowWorkflow(workflow_id=view.id, version=done))
    assert next(str(task.status) for task in then.tasks) == "completed"
    back = await rig.service.roll_back(
        w.RollBackWorkflow(workflow_id=view.id, version=done), NOBODY
    )
    assert (back.status, back.restored_from) == ("paused", done)
    assert rig.moves()[-1] == ("completed", "paused")
    await rig.service.resume(view.id, NOBODY)
    await rig.ended(view.id)
    assert rig.work.began == ["a", "b", "c", "b", "c"]


async def test_rerun_begins_anew_from_one_task(rig: Rig) -> None:
    view = await rig.create(CHAIN)
    await rig.ended(view.id)
    await rig.service.rerun(w.RerunTask(workflow_id=view.id, task_id="b"), NOBODY)
    await rig.until(lambda: rig.work.began == ["a", "b", "c", "b", "c"])
    await rig.ended(view.id)


async def test_a_signal_ends_what_waits_for_it(rig: Rig) -> None:
    text = "name: s\ntasks: {w: {wait_for: ready}, b: {needs: w, run: [x]}}\n"
    view = await rig.create(text)
    await rig.until(lambda: ("w", "running") in rig.tasks())
    assert await rig.service.signal(w.SignalWorkflow(workflow_id=view.id, name="ready", value=3))
    await rig.ended(view.id)
    assert not await rig.service.signal(w.SignalWorkflow(workflow_id=view.id, name="ready"))


async def test_a_fan_out_is_shown_with_its_parts_and_drawn_folded(rig: Rig) -> None:
    view = await rig.create(FAN)
    await rig.ended(view.id)
    whole = await rig.service.reading.whole(w.ShowWorkflow(workflow_id=view.id))
    parts = [task.id for task in whole.tasks if task.parent == "each"]
    assert parts == [f"each[{at}]" for at in range(5)]
    assert whole.critical == ("list", "each", "join")
    folded = await rig.service.reading.graph(w.DrawWorkflow(workflow_id=view.id))
    assert {box.name for box in folded.boxes} == {"list", "each", "join"}
    fan = next(box for box in folded.boxes if box.name == "each")
    assert list(fan.members) == parts
    assert all(word not in line for line in folded.lines for word in ("list", "each"))
    opened = await rig.service.reading.graph(
        w.DrawWorkflow(workflow_id=view.id, unfolded=("each",))
    )
    assert {box.name for box in opened.boxes} == {"list", "each", "join", *parts}


async def test_what_is_not_there_is_said(rig: Rig) -> None:
    view = await rig.create(CHAIN)
    await rig.ended(view.id)
    with pytest.raises(WorkflowUnknown):
        await rig.service.reading.task(w.ShowTask(workflow_id=new_id(), task_id="a"))
    with pytest.raises(TaskUnknown):
        await rig.service.reading.task(w.ShowTask(workflow_id=view.id, task_id="z"))
    with pytest.raises(LogMissing):
        await rig.service.reading.log(w.ReadTaskLog(workflow_id=view.id, task_id="a"))


async def test_fifty_workflows_of_a_hundred_tasks_at_once(rig: Rig) -> None:
    tasks = "".join(
        f"  t{at}: {{run: [x], needs: [{f't{at - 10}' if at > 9 else ''}]}}\n" for at in range(100)
    )
    first = await rig.create(f"name: many\ntasks:\n{tasks}")
    kept = await rig.store.instance(first.id)
    assert kept is not None
    definition = definition_of(kept[0].definition)
    made = [
        await rig.service.orchestrator.create_workflow(definition, workflow_id=new_id())
        for _ in range(49)
    ]
    views = [first, *await asyncio.gather(*(rig.service.start(one, NOBODY) for one in made))]
    for view in views:
        await rig.ended(view.id)
    lines = await rig.service.reading.lines(w.ListWorkflows(limit=100))
    assert {line.done for line in lines} == {100}
    assert len(rig.work.began) == 5000
    told = [one for one in rig.tasks() if one[1] == "completed"]
    assert len(told) == 5000
    await rig.until(lambda: rig.types().count("workflow.changed") == 100)
