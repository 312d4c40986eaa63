"""Failures after which another attempt is not worth it; agents that are asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.engine.pipelines.pipe_rig import rigged

from quarterdeck.core.pipelines.handling import NOT_AGAIN
from quarterdeck.core.propulsion import PermanentFault, PropulsionEngine, PropulsionPayload
from quarterdeck.core.protocol.pipeline_views import PayloadStatus as S
from quarterdeck.core.safety.monitor import OperationRefused
from quarterdeck.core.workflows.context import PermanentFailure
from quarterdeck.core.workflows.executors.faults import CommandFailed, ResultUnfit

RETRY = "retry: {attempts: 3, initial: 0}"
AGENTS = """
name: p
events:
  e:
    handlers:
      ask:
        agents: [practice-ann, practice-ben, practice-cleo]
        mode: one-shot
        prompt: "%s"
        retry: {attempts: 4, initial: 0}
        emits: {event: told%s}
  told:
"""


def one(what: str, emits: str = "") -> str:
    return f"name: p\nevents:\n  e: {{handlers: {{h: {{{what}, {RETRY}{emits}}}}}}}\n  f: {{schema: {{type: integer}}}}\n"


async def dead(folder: Path, text: str, data: object = None) -> tuple[int, str]:
    """How often it was tried, and what the dead letter says."""
    async with rigged(folder) as rig:
        await rig.load(text)
        payload = await rig.propel("e", data)
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.DEAD
        assert (await rig.asked()).about == f"payload/{payload.id}"
        return len((await rig.service.payload(payload.id)).runs), ended.error or ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (one("run: [echo, '{{ data.who.name }}']"), "who"),
        (one("run: [echo, x]", ", emits: {event: f}"), "don't fit the schema of f"),
        (one("run: [echo, x]", ", emits: {event: f, data: '{{ result.a.b }}'}"), "a"),
        (one("python: 'no_such_module:f', trusted: true"), "no function no_such_module:f"),
        (one("python: 'json:dumps', trusted: true, with: {obj: 1}, outputs: {schema: {type: object}}"),
         "does not fit outputs.schema"),
    ],
)  # fmt: skip
async def test_what_would_fail_again_is_dead_at_once(tmp_path: Path, text: str, says: str) -> None:
    tries, error = await dead(tmp_path, text, {})
    assert tries == 1
    assert says in error
    assert error.endswith(NOT_AGAIN)


@pytest.mark.parametrize(
    ("kind", "error", "tries"),
    [
        ("run", PermanentFailure("There is no command x."), 1),
        ("run", OperationRefused("It breaks the rule r."), 1),
        ("run", ResultUnfit("It does not fit."), 1),
        ("agent", ResultUnfit("It does not fit."), 3),
        ("agent", OperationRefused("It breaks the rule r."), 1),
        ("run", CommandFailed("x exited with code 1."), 3),
    ],
)
async def test_it_depends_on_what_went_wrong(
    tmp_path: Path, kind: str, error: Exception, tries: int
) -> None:
    what = {"run": "run: [echo, x]", "agent": "agent: practice-ann, mode: one-shot, prompt: x"}

    async def fail(_: object) -> None:
        raise error

    async with rigged(tmp_path) as rig:
        rig.workflows.orchestrator.register_executor(kind, fail)
        await rig.load(one(what[kind]))
        payload = await rig.propel("e")
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.DEAD
        assert len((await rig.service.payload(payload.id)).runs) == tries
        assert (NOT_AGAIN in (ended.error or "")) is (tries == 1)


async def test_an_agent_may_give_another_answer(tmp_path: Path) -> None:
    text = one("agent: practice-ann, mode: one-shot, prompt: x", ", emits: {event: f}")
    assert (await dead(tmp_path, text))[0] == 3


async def test_a_handler_of_propulsion_says_that_no_other_attempt_is_worth_it() -> None:
    calls = []

    def fail(payload: PropulsionPayload) -> None:
        calls.append(payload.id)
        raise PermanentFault("It is of the wrong kind.")

    engine = PropulsionEngine()
    engine.register_handler("e", fail)
    (result,) = await engine.propel_with_retry("e", PropulsionPayload(1), 5, 0.0)
    assert (result.success, len(calls)) == (False, 1)
    assert "wrong kind" in (result.error_message or "")
    (letter,) = engine.dead_letters()
    assert letter.payload.data == 1


async def test_only_agents_that_did_not_answer_are_asked_again(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(AGENTS % ("{{ data }}", ""))
        rig.crew.failing.update({"ask[1]": 1, "ask[0]": 0})
        payload = await rig.propel("e", "x")
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.COMPLETED
        asked = [agent for _, agent in rig.crew.began]
        assert sorted(asked[:3]) == ["practice-ann", "practice-ben", "practice-cleo"]
        assert asked[3:] == ["practice-ben"]
        first, second = (await rig.service.payload(payload.id)).runs
        assert (first.status, second.status) == (S.RETRYING, S.COMPLETED)
        names = ["practice-ann", "practice-ben", "practice-cleo"]
        assert second.result == [{"agent": name, "result": name} for name in names]


async def test_a_replay_asks_those_that_failed_unless_the_question_is_another(
    tmp_path: Path,
) -> None:
    async with rigged(tmp_path) as rig:
        await rig.load(AGENTS % ("first", ""))
        rig.crew.failing["ask[2]"] = 1
        rig.crew.failing["ask[0]"] = 6
        payload = await rig.propel("e", "x")
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.DEAD
        assert [agent for _, agent in rig.crew.began][3:] == ["practice-ann", "practice-cleo"] + [
            "practice-ann"
        ] * 2
        rig.crew.failing.clear()
        rig.crew.began.clear()
        await rig.service.replay(payload.id)
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.COMPLETED
        assert [agent for _, agent in rig.crew.began] == ["practice-ann"]

        rig.crew.failing["ask[0]"] = 9
        other = await rig.propel("e", "y")
        await rig.ended(other.id)
        await rig.load(AGENTS % ("second", ""))
        rig.crew.failing.clear()
        rig.crew.began.clear()
        await rig.service.replay(other.id)
        await rig.ended(other.id)
        assert len(rig.crew.began) == 3


async def test_answers_of_no_use_are_asked_for_again(tmp_path: Path) -> None:
    """All have answered, and what follows from it fails: the same answers would fail again."""
    async with rigged(tmp_path) as rig:
        text = AGENTS % ("x", ', data: "{{ result[0].result.vote.reason }}"')
        await rig.load(text)
        payload = await rig.propel("e")
        (ended,) = await rig.ended(payload.id)
        assert ended.status is S.DEAD
        assert len(rig.crew.began) == 4 * 3
