"""People in the crew: votes and failed sagas through the attention queue, locks that are taken away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.core.engine.crew.crew_rig import NOBODY, Crew, crewed
from tests.eager import begin_tasks_at_once

from quarterdeck.core.base.clock import SYSTEM_CLOCK
from quarterdeck.core.coordination import Saga, SagaStep
from quarterdeck.core.coordination.consensus import ConsensusResult
from quarterdeck.core.coordination.faults import LockFree, LockLost, VoteRefused
from quarterdeck.core.coordination.layer import CoordinationLayer
from quarterdeck.core.engine.crew.people import NoVoteLeft, is_person
from quarterdeck.core.engine.workflows.gates import ChoiceUnknown
from quarterdeck.core.protocol.attention import AttentionKind
from quarterdeck.core.protocol.crew_views import VoteChoice
from quarterdeck.state.memory import MemoryStore


async def propose(crew: Crew, *voters: str, **terms: object) -> str:
    made = await crew.layer.propose_consensus(
        "Ship it?",
        "lead",
        {"version": 3},
        voters=voters,
        quorum=len(voters),
        **terms,  # type: ignore[arg-type]  # terms are told by name
    )
    return made.proposal_id


def test_who_is_a_person() -> None:
    assert all(is_person(one) for one in ("you", "person", "person:ann"))
    assert not any(is_person(one) for one in ("ann", "claude", "persona"))


async def test_a_person_votes_by_answering_the_item(tmp_path: Path) -> None:
    async with crewed(tmp_path) as crew:
        proposal_id = await propose(crew, "claude", "you")
        await crew.layer.vote_on_proposal(proposal_id, "claude", "approve", reason="tests pass")
        await crew.until(lambda: [i for i in crew.desk.items() if "tests pass" in i.text])
        (item,) = crew.desk.items()
        assert (item.kind, item.about) == (AttentionKind.GATE, f"proposal/{proposal_id}")
        assert item.text.splitlines() == ["Ship it?", "claude: approve (tests pass)"]
        assert [one.key for one in item.choices] == ["approve", "reject", "abstain"]
        with pytest.raises(ChoiceUnknown):
            await crew.answer(item, "perhaps")
        told = await crew.answer(item, "allow_once", "Ann")
        assert told == {"proposal_id": proposal_id, "choice": "approve", "result": "achieved"}
        assert crew.desk.items() == []
        await crew.until(lambda: any(one.type == "attention.closed" for one in crew.events))
        closed = next(one.payload for one in crew.events if one.type == "attention.closed")
        assert (closed.item.state, closed.item.answer, closed.item.answered_by) == (  # type: ignore[attr-defined]  # its type says what it is
            "answered", "approve", "Ann",
        )  # fmt: skip
        (shown,) = (await crew.service.view()).proposals
        assert (shown.status, shown.question, shown.missing) == ("achieved", "Ship it?", ())
        assert {one.voter: (one.choice, one.reason) for one in shown.votes} == {
            "claude": ("approve", "tests pass"),
            "you": ("approve", ""),
        }


async def test_two_people_are_asked_one_after_the_other(tmp_path: Path) -> None:
    async with crewed(tmp_path) as crew:
        deadline = datetime.now(UTC) + timedelta(hours=1)
        proposal_id = await propose(crew, "person:ann", "person:bob", deadline=deadline)
        await crew.until(crew.desk.items)
        assert crew.desk.items()[0].deadline == deadline
        view = await crew.service.vote(proposal_id, VoteChoice.REJECT, "bob", "too early", NOBODY)
        assert (view.missing, view.status) == (("person:ann",), "open")
        (item,) = crew.desk.items()
        assert item.text.endswith("person:bob: reject (too early)")
        view = await crew.service.vote(proposal_id, VoteChoice.ABSTAIN, "carl", "", NOBODY)
        assert view.status == "not_achieved"
        assert [(one.voter, one.choice) for one in view.votes] == [
            ("person:bob", "reject"),
            ("person:ann", "abstain"),
        ]
        with pytest.raises(NoVoteLeft):
            await crew.service.vote(proposal_id, VoteChoice.APPROVE, "ann", "", NOBODY)


async def test_anyone_may_vote_where_no_voters_are_named(tmp_path: Path) -> None:
    async with crewed(tmp_path) as crew:
        made = await crew.layer.propose_consensus("Lunch?", "lead", deadline_seconds=3600)
        view = await crew.service.vote(made.proposal_id, VoteChoice.APPROVE, "ann", "", NOBODY)
        assert [one.voter for one in view.votes] == ["person:ann"]
        assert crew.desk.items() == []
        await crew.layer.votes.resolve(made.proposal_id)
        with pytest.raises(VoteRefused):
            await crew.service.vote(made.proposal_id, VoteChoice.APPROVE, "bob", "", NOBODY)


async def test_a_question_is_taken_back_when_it_is_decided_or_dropped(tmp_path: Path) -> None:
    async with crewed(tmp_path) as crew:
        first = await propose(crew, "claude", "you")
        await crew.until(crew.desk.items)
        await crew.layer.votes.forget(first)
        await crew.until(lambda: not crew.desk.items())


async def test_after_a_restart_the_same_question_stands_once(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with crewed(tmp_path, store=store) as crew:
        kept = await propose(crew, "claude", "you")
        gone = await propose(crew, "you")
        await crew.until(lambda: len(crew.desk.items()) == 2)
    await store.kept.remove_kept("proposal", gone)
    async with crewed(tmp_path, store=store) as crew:
        (item,) = crew.desk.items()
        assert item.about == f"proposal/{kept}"
        await crew.answer(item, "reject")
        assert await crew.layer.resolve_consensus(kept) is ConsensusResult.INSUFFICIENT_VOTERS
    await store.close()


async def test_a_saga_that_could_not_be_undone_is_undone_again_by_a_person(tmp_path: Path) -> None:
    broken = {"undo"}

    def act(action: str) -> str:
        if action in broken or action == "fail":
            raise ValueError(f"no {action}")
        return action

    async with crewed(tmp_path) as crew:
        crew.layer.register_agent("git", act)
        steps = [SagaStep("branch", "git", "make", "undo"), SagaStep("push", "git", "fail", "x")]
        result = await crew.layer.run_saga(Saga("publish", steps))
        await crew.until(crew.desk.items)
        (item,) = crew.desk.items()
        assert (item.kind, item.about) == (AttentionKind.FAILURE, f"saga/{result.saga_id}")
        assert item.title == "publish could not be undone: branch"
        assert "branch: ValueError: no undo" in item.text
        (shown,) = (await crew.service.view()).sagas
        assert (shown.status, shown.name) == ("compensation_failed", "publish")
        assert [(one.name, one.status) for one in shown.steps] == [
            ("branch", "undo_failed"),
            ("push", "failed"),
        ]
        assert (await crew.answer(item, "again"))["status"] == "compensation_failed"
        (item,) = crew.desk.items()
        broken.clear()
        assert (await crew.service.resume_saga(result.saga_id)).status == "compensated"
        assert crew.desk.items() == []
        assert (await crew.service.resume_saga(result.saga_id)).status == "compensated"


async def test_what_becomes_of_a_saga_is_followed_in_the_dashboards_loop_too(
    tmp_path: Path,
) -> None:
    """That begins tasks within ``create_task``; a look that had ended there was waited for ever after."""

    def act(action: str) -> None:
        if action != "make":
            raise ValueError(f"no {action}")

    async with crewed(tmp_path) as crew:
        begin_tasks_at_once()
        crew.layer.register_agent("git", act)
        steps = [SagaStep("a", "git", "make", "undo"), SagaStep("b", "git", "fail", "x")]
        await crew.layer.run_saga(Saga("publish", steps))
        await crew.until(crew.desk.items)


async def test_a_failed_saga_may_be_left_as_it_is(tmp_path: Path) -> None:
    def act(action: str) -> None:
        if action != "make":
            raise ValueError(action)

    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    async with crewed(tmp_path, store=store) as crew:
        crew.layer.register_agent("git", act)
        steps = [SagaStep("a", "git", "make", "undo"), SagaStep("b", "git", "fail", "x")]
        result = await crew.layer.run_saga(Saga("publish", steps))
        await crew.until(crew.desk.items)
        await crew.answer(crew.desk.items()[0], "leave")
        assert crew.desk.items() == []
    async with crewed(tmp_path, store=store) as crew:
        assert crew.desk.items() == []
        crew.layer.register_agent("git", act)
        await crew.service.resume_saga(result.saga_id)
        assert len(crew.desk.items()) == 1
    await store.close()


async def test_a_lock_is_taken_from_its_holder_and_the_next_one_has_it(tmp_path: Path) -> None:
    async with crewed(tmp_path) as crew:
        held = await crew.layer.lock("branch:main", "ada", 600)
        (lock,) = (await crew.service.view()).locks
        assert (lock.resource, lock.holder, lock.token, lock.ttl_seconds) == (
            "branch:main", "ada", held.token, 600,
        )  # fmt: skip
        assert lock.since is not None
        taken = await crew.service.release_lock("branch:main")
        assert (taken.holder, taken.token) == ("ada", held.token)
        with pytest.raises(LockLost):
            held.check()
        after = await crew.layer.lock("branch:main", "ben", 600)
        assert after.token > held.token
        await crew.layer.release_lock(after)
        await crew.until(lambda: not crew.layer.locks.statistics())
        with pytest.raises(LockFree):
            await crew.service.release_lock("branch:main")


async def test_another_engine_s_lock_is_taken_away_too(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    await store.open()
    other = CoordinationLayer(store=store.kept)
    held = await other.lock("branch:main", "zoe", 600)
    async with crewed(tmp_path, store=store) as crew:
        (lock,) = (await crew.service.view()).locks
        assert (lock.holder, lock.waiters, lock.since) == ("zoe", (), None)
        await crew.service.release_lock("branch:main")
        mine = await crew.layer.lock("branch:main", "ada", 600, timeout=60)
        assert mine.token == held.token + 1
        with pytest.raises(LockLost):
            await other.renew_lock(held)
        assert mine.check() == mine.token
    await other.close()
    await store.close()


async def test_without_anybody_to_ask_a_vote_is_refused(tmp_path: Path) -> None:
    async with crewed(tmp_path) as crew:
        crew.service._people = None  # as in an engine without an attention queue
        with pytest.raises(NoVoteLeft):
            await crew.service.vote("x", VoteChoice.APPROVE, "", "", NOBODY)
