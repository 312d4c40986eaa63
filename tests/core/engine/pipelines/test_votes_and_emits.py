"""Votes of agents and people, agents by name, and payloads that workflows emit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.core.engine.pipelines.pipe_rig import Crew, Rig, rigged
from tests.core.engine.workflows.flow_rig import NOBODY
from tests.eager import begin_tasks_at_once

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.base.ids import new_id
from quarterdeck.core.protocol import workflow_commands as w
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.state.memory import MemoryStore

VOTE = """
name: p
events:
  asked:
    handlers:
      decide:
        agents: [ann, ben, cleo]
        mode: one-shot
        prompt: Judge {{{{ data }}}}
        vote: {{question: "Ship {{{{ data }}}}?", {vote}}}
        emits:
          - {{event: yes, when: result.achieved, data: "{{{{ result }}}}"}}
          - {{event: no, when: not result.achieved, data: "{{{{ result }}}}"}}
  yes: It may ship.
  no: It may not.
"""


def answers(*votes: str) -> dict[str, Any]:
    return {f"decide[{at}]": {"vote": vote, "reason": "so"} for at, vote in enumerate(votes)}


async def outcome(rig: Rig) -> tuple[str, Any]:
    await rig.quiet()
    last = rig.all()[-1]
    return last.event, (await rig.service.payload(last.id)).data


@pytest.mark.parametrize(
    ("votes", "vote", "event"),
    [
        (("approve", "approve", "reject"), "threshold: 0.6", "yes"),
        (("approve", "reject", "reject"), "threshold: 0.5", "no"),
        (("approve", "abstain", "abstain"), "threshold: 0.9", "yes"),
        (("abstain", "abstain", "abstain"), "threshold: 0.1", "no"),
    ],
)
async def test_agents_decide(tmp_path: Path, votes: tuple[str, ...], vote: str, event: str) -> None:
    async with rigged(tmp_path, crew=Crew(answers=answers(*votes))) as rig:
        await rig.load(VOTE.format(vote=vote))
        await rig.propel("asked", "it")
        happened, data = await outcome(rig)
        assert happened == event
        assert data["question"] == "Ship it?"
        assert [one["vote"] for one in data["votes"]] == list(votes)
        assert [one["voter"] for one in data["votes"]] == ["ann", "ben", "cleo"]
        assert data["approve"] == votes.count("approve")
        handler = rig.service.whole("p").handlers[0]
        assert (handler.kind, handler.agents) == ("vote", ("ann", "ben", "cleo"))


async def test_too_few_voters_decide_nothing(tmp_path: Path) -> None:
    async with rigged(tmp_path, crew=Crew(answers={"decide[0]": None, "decide[1]": None})) as rig:
        rig.crew.answers["decide[2]"] = "approve: fine"
        await rig.load(VOTE.format(vote="quorum: 0.6"))
        await rig.propel("asked", "it")
        happened, data = await outcome(rig)
        assert (happened, data["outcome"]) == ("no", "insufficient_voters")


async def test_a_person_has_a_vote_and_it_outlives_the_engine(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    crew = Crew(answers=answers("approve", "reject", "reject"))
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.load(VOTE.format(vote="threshold: 0.5, people: true"))
        payload = await rig.propel("asked", "it")
        item = await rig.asked()
        assert item.kind is AttentionKind.GATE
        assert item.about.startswith("proposal/")
        assert "ben: reject" in item.text
        assert [choice.key for choice in item.choices] == ["approve", "reject", "abstain"]
        assert rig.payload(payload.id).status is S.RUNNING
    async with rigged(tmp_path, store, crew=crew) as rig:
        again = await rig.asked()
        assert again.item_id == item.item_id
        await rig.answer(again, "approve")
        happened, data = await outcome(rig)
        assert (happened, data["outcome"]) == ("yes", "achieved")
        assert data["votes"][-1] == {"voter": "you", "vote": "approve", "reason": ""}
        assert rig.desk.items() == []
        assert len(crew.ended) == 3, "no agent was asked twice"
    await store.close()


async def test_a_vote_ends_at_its_deadline(tmp_path: Path) -> None:
    crew = Crew(answers=answers("approve", "approve", "reject"))
    async with rigged(tmp_path, crew=crew) as rig:
        await rig.load(VOTE.format(vote="people: true, deadline: 0.2, quorum: 1"))
        await rig.propel("asked", "it")
        happened, data = await outcome(rig)
        assert (happened, data["outcome"]) == ("no", "timeout")
        assert rig.desk.items() == []


async def test_cancelling_takes_the_question_back(tmp_path: Path) -> None:
    crew = Crew(answers=answers("approve", "approve", "reject"))
    async with rigged(tmp_path, crew=crew) as rig:
        await rig.load(VOTE.format(vote="people: true"))
        payload = await rig.propel("asked", "it")
        await rig.asked()
        assert len(await rig.store.kept.all_kept("proposal", open_only=True)) == 1
        await rig.service.cancel(payload.id)
        await rig.ended(payload.id)
        assert rig.desk.items() == []
        assert rig.payload(payload.id).status is S.CANCELLED
        # else the crew would ask for the vote at the next start, and nobody would ever need it
        assert await rig.store.kept.all_kept("proposal", open_only=True) == []


async def test_an_agent_that_is_asked_for_works(tmp_path: Path) -> None:
    text = """
name: p
events:
  e:
    handlers:
      h: {agent: ann, mode: one-shot, prompt: "Do {{ data }}"}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text)
        await rig.propel("e", 1)
        await rig.propel("e", 2, agent_affinity="ben")
        await rig.quiet()
        assert sorted(told for _, told in rig.crew.began) == ["ann", "ben"]


EMITTING = """
name: flow
tasks:
  build: {run: [echo, built]}
  tell:
    needs: build
    emit: {pipeline: p, event: e, data: {what: "{{ tasks.build.result }}"}, priority: high}
"""
TAKING = """
name: p
events:
  e:
    handlers:
      h: {run: [echo, "{{ data.what }} of {{ payload.cause }}"]}
"""


async def test_a_workflow_emits_and_is_the_cause(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(TAKING)
        (tmp_path / "flow.yaml").write_text(EMITTING)
        rig.crew.answers["build"] = "a ship"
        wish = w.CreateWorkflow(file=str(tmp_path / "flow.yaml"))
        view = await rig.workflows.create(wish, NOBODY, new_id())
        await rig.until(rig.all)
        await rig.quiet()
        (payload,) = rig.all()
        assert payload.cause == f"workflow/{view.id}/tell"
        assert payload.priority == 1
        assert rig.crew.began[-1] == ("h", f"a ship of workflow/{view.id}/tell")
        await rig.until(lambda: rig.workflows.views()[0].status == "completed")
        state = await rig.workflows.orchestrator.get_workflow_status(view.id)
        assert state.tasks["tell"].result == {"payload_id": payload.id}


async def test_what_is_emitted_as_the_engine_ends_comes_with_the_next_one(tmp_path: Path) -> None:
    """Workflows end after the pipelines: a task must not fail because these take nothing more."""
    store, crew = MemoryStore(clock=SYSTEM_CLOCK), Crew()
    await store.open()
    crew.held["build"] = asyncio.Event()
    crew.answers["build"] = "a ship"
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.load(TAKING)
        (tmp_path / "flow.yaml").write_text(EMITTING)
        wish = w.CreateWorkflow(file=str(tmp_path / "flow.yaml"))
        view = await rig.workflows.create(wish, NOBODY, new_id())
        await rig.until(lambda: crew.began)
        await rig.service.close()
        crew.held["build"].set()
        await rig.until(lambda: rig.workflows.orchestrator.children(view.id))
    async with rigged(tmp_path, store, crew=crew) as rig:
        await rig.until(lambda: rig.workflows.views()[0].status == "completed")
        await rig.quiet()
        (payload,) = rig.all()
        assert (payload.status, payload.cause) == (S.COMPLETED, f"workflow/{view.id}/tell")
    await store.close()


async def test_a_handler_starts_a_workflow_that_people_see(tmp_path: Path) -> None:
    text = """
name: p
events:
  e:
    handlers:
      h: {workflow: inner.yaml, inputs: {what: "{{ data }}"}}
"""
    inner = """
name: inner
inputs: {what: {}}
tasks:
  say: {run: [echo, "{{ inputs.what }}"]}
"""
    async with rigged(tmp_path) as rig:
        (tmp_path / "inner.yaml").write_text(inner)
        await rig.load(text)
        payload = await rig.propel("e", "{{ 1 }}")
        await rig.quiet()
        assert rig.payload(payload.id).status is S.COMPLETED
        detail = await rig.service.payload(payload.id)
        assert detail.runs[0].result == {"say": "{{ 1 }}"}
        (view,) = rig.workflows.views()
        assert (view.name, view.parent) == ("inner", f"payload/{payload.id}")
        rig.crew.failing["say"] = 1
        failed = await rig.propel("e", "x")
        await rig.quiet()
        assert "inner" in (rig.payload(failed.id).error or "")


LOOP = """
name: p
max_hops: {hops}
events:
  begin: {{handlers: {{start: {{workflow: outer.yaml}}}}}}
  e: {{handlers: {{h: {{run: [echo, "{{{{ causes | map(attribute='event') | join('>') }}}}"]{more}}}}}}}
  last: {{handlers: {{end: {{run: ["true"]}}}}}}
"""
OUTER = "name: outer\ntasks:\n  inner: {workflow: flow.yaml}\n"


async def test_workflows_and_payloads_are_one_chain_of_causes(tmp_path: Path) -> None:
    """A handler starts a workflow, in which another one is nested, whose task emits."""
    async with rigged(tmp_path) as rig:
        (tmp_path / "flow.yaml").write_text(EMITTING)
        (tmp_path / "outer.yaml").write_text(OUTER)
        await rig.load(LOOP.format(hops=9, more=", emits: last"))
        begin = await rig.propel("begin")
        await rig.until(lambda: len(rig.all()) == 3)
        await rig.quiet()
        first, second, third = rig.all(root=begin.id)
        assert (first.id, second.above, third.above) == (begin.id, begin.id, second.id)
        assert [one.hops for one in (first, second, third)] == [0, 1, 2]
        assert (second.cause or "").startswith("workflow/")
        assert third.cause == f"payload/{second.id}"
        assert ("h", "begin") in rig.crew.began, "templates see what lies before the workflow"
        details = [await rig.service.payload(one.id) for one in (first, second, third)]
        assert [one.id for one in details[0].effects] == [second.id, third.id]
        assert [one.id for one in details[2].causes] == [first.id, second.id]
        flow = (second.cause or "").split("/")[1]
        views = {view.id: view for view in rig.workflows.views()}
        above = views[flow].parent or ""
        assert views[above.split("/")[0]].parent == f"payload/{begin.id}"


async def test_a_circle_through_a_workflow_ends(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        (tmp_path / "flow.yaml").write_text(EMITTING.replace("event: e", "event: begin"))
        (tmp_path / "outer.yaml").write_text(OUTER)
        await rig.load(LOOP.format(hops=2, more=""))
        await rig.propel("begin")
        await rig.until(lambda: rig.all(statuses=(S.DEAD,)))
        await rig.quiet()
        assert [(one.hops, one.status) for one in rig.all()] == [
            (0, S.COMPLETED), (1, S.COMPLETED), (2, S.COMPLETED), (3, S.DEAD),
        ]  # fmt: skip


async def slow(seconds: float) -> None:
    await asyncio.sleep(seconds)


def double(n: int) -> dict[str, int]:
    return {"n": 2 * n}


async def test_a_trusted_function_needs_no_workflow(tmp_path: Path) -> None:
    here = "tests.core.engine.pipelines.test_votes_and_emits"
    text = f"""
name: p
events:
  e:
    handlers:
      h: {{python: "{here}:double", trusted: true, with: {{n: "{{{{ data }}}}"}}}}
  late:
    handlers:
      k: {{python: "{here}:slow", trusted: true, with: {{seconds: 60}}, timeout: 0.05}}
"""
    async with rigged(tmp_path) as rig:
        await rig.load(text)
        payload, late = await rig.propel("e", 21), await rig.propel("late")
        await rig.quiet()
        (run,) = (await rig.service.payload(payload.id)).runs
        assert (run.result, run.workflow_id) == ({"n": 42}, None)
        assert rig.payload(late.id).status is S.DEAD
        assert "longer than 0.05 s" in (rig.payload(late.id).error or "")


class Moody:
    """Fails the first time."""

    calls = 0


async def moody() -> int:
    Moody.calls += 1
    if Moody.calls == 1:
        raise ValueError("not in the mood")
    return Moody.calls


async def test_a_replay_in_the_dashboards_loop_ends_as_its_handler_does(tmp_path: Path) -> None:
    """A function that never waits would have ended before the payload was said to be tried again."""
    begin_tasks_at_once()
    here = "tests.core.engine.pipelines.test_votes_and_emits"
    Moody.calls = 0
    async with rigged(tmp_path) as rig:
        await rig.load(
            f"name: p\nevents: {{e: {{handlers: {{h: {{python: '{here}:moody', trusted: true}}}}}}}}\n"
        )
        payload = await rig.propel("e")
        await rig.until(lambda: rig.payload(payload.id).status is S.DEAD)
        await rig.service.replay(payload.id)
        await rig.ended(payload.id)
        assert rig.payload(payload.id).status is S.COMPLETED


async def test_a_trusted_function_may_lie_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "sums_beside.py").write_text("def add(a, b): return a + b\n")
    async with rigged(tmp_path) as rig:
        await rig.load(
            "name: p\nevents: {e: {handlers: {h: "
            "{python: 'sums_beside:add', trusted: true, with: {a: 5, b: 2}}}}}\n"
        )
        payload = await rig.propel("e", 1)
        await rig.quiet()
        assert (await rig.service.payload(payload.id)).runs[0].result == 7
