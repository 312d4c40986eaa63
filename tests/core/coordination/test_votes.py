"""Votes: weights, quorum, deadline, the four results; every vote outlives the process."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.base.kept import Kept, MemoryKept
from quarterdeck.core.coordination import (
    ConsensusResult,
    CoordinationLayer,
    ProposalInvalid,
    ProposalUnknown,
    Vote,
    VoteInvalid,
    VoteRefused,
)

R = ConsensusResult


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> MemoryKept:
    return MemoryKept()


@pytest.fixture
def layer(clock: ManualClock, store: MemoryKept) -> CoordinationLayer:
    return CoordinationLayer(clock=clock, store=store)


@pytest.mark.parametrize(
    ("votes", "terms", "result"),
    [
        ("aar", {}, R.ACHIEVED),
        ("arr", {}, R.NOT_ACHIEVED),
        ("ar", {}, R.ACHIEVED),  # 50 % is enough where 50 % is required
        ("aar", {"required_approval": 0.7}, R.NOT_ACHIEVED),
        ("a--", {"quorum": 3}, R.ACHIEVED),  # abstentions count for the quorum, not against
        ("a", {"quorum": 2}, R.INSUFFICIENT_VOTERS),
        ("", {}, R.INSUFFICIENT_VOTERS),
        ("--", {}, R.NOT_ACHIEVED),
        ("arr", {"voters": {"v0": 3.0, "v1": 1.0, "v2": 1.0}}, R.ACHIEVED),
    ],
)
async def test_results(
    layer: CoordinationLayer, votes: str, terms: dict[str, Any], result: R
) -> None:
    proposal = await layer.propose_consensus("t", "me", {"x": 1}, **terms)
    said = {"a": "approve", "r": "reject", "-": "abstain"}
    for number, vote in enumerate(votes):
        await layer.vote_on_proposal(proposal.proposal_id, f"v{number}", said[vote])
    assert await layer.resolve_consensus(proposal.proposal_id) is result
    assert await layer.resolve_consensus(proposal.proposal_id) is result
    open_ones = await layer.votes.all(open_only=True)
    assert bool(open_ones) == (result is R.INSUFFICIENT_VOTERS)


async def test_too_few_by_the_deadline_is_a_timeout_enough_is_a_result(
    layer: CoordinationLayer, clock: ManualClock
) -> None:
    few = await layer.propose_consensus("t", "me", quorum=2, deadline_seconds=10)
    enough = await layer.propose_consensus("t", "me", deadline_seconds=10)
    for proposal in (few, enough):
        await layer.vote_on_proposal(proposal.proposal_id, "a", "approve")
    assert await layer.resolve_consensus(few.proposal_id) is R.INSUFFICIENT_VOTERS
    clock.jump(-3600)  # the deadline is counted by the other clock
    clock.advance(10)
    assert await layer.resolve_consensus(few.proposal_id) is R.TIMEOUT
    assert await layer.resolve_consensus(enough.proposal_id) is R.ACHIEVED


async def test_votes_that_are_refused(layer: CoordinationLayer, clock: ManualClock) -> None:
    proposal = await layer.propose_consensus("t", "me", voters=["a", "b"], deadline_seconds=10)

    async def refused(voter: str, vote: str, why: str) -> None:
        with pytest.raises((VoteRefused, VoteInvalid), match=why):
            await layer.vote_on_proposal(proposal.proposal_id, voter, vote)

    await refused("a", "maybe", "no vote")
    await refused("z", "approve", "none of its voters")
    await layer.vote_on_proposal(proposal.proposal_id, "a", "approve")
    await layer.vote_on_proposal(proposal.proposal_id, "a", "approve")  # sent twice, counts once
    await refused("a", "reject", "has voted approve already")
    clock.advance(10)
    await refused("b", "reject", "deadline has passed")
    assert await layer.resolve_consensus(proposal.proposal_id) is R.ACHIEVED
    await refused("b", "reject", "ended as achieved")
    with pytest.raises(ProposalUnknown):
        await layer.vote_on_proposal("none", "a", "approve")


async def test_waiting_ends_when_all_have_voted_or_the_time_is_over(
    layer: CoordinationLayer, clock: ManualClock
) -> None:
    proposal = await layer.propose_consensus("t", "me", voters=["a", "b"])
    waiting = asyncio.create_task(layer.wait_for_consensus(proposal.proposal_id))
    await layer.vote_on_proposal(proposal.proposal_id, "a", "reject")
    await asyncio.sleep(0)
    assert not waiting.done()
    await layer.vote_on_proposal(proposal.proposal_id, "b", "reject")
    assert await waiting is R.NOT_ACHIEVED
    late = await layer.propose_consensus("t", "me", deadline_seconds=5)
    waiting = asyncio.create_task(layer.wait_for_consensus(late.proposal_id))
    await asyncio.sleep(0)
    clock.advance(5)
    layer.tick()
    assert await waiting is R.TIMEOUT
    endless = await layer.propose_consensus("t", "me")
    with pytest.raises(ProposalInvalid, match="deadline"):
        await layer.wait_for_consensus(endless.proposal_id)


async def test_waiting_wakes_by_itself_at_the_deadline() -> None:
    layer = CoordinationLayer()
    proposal = await layer.propose_consensus("t", "me", deadline_seconds=0.02)
    assert await layer.wait_for_consensus(proposal.proposal_id) is R.TIMEOUT


async def test_a_proposal_goes_on_after_a_restart(store: MemoryKept, clock: ManualClock) -> None:
    first = CoordinationLayer(store=store, clock=clock)
    made = await first.propose_consensus("t", "me", {"x": 1}, voters={"a": 2.0, "b": 1.0},
                                         deadline_seconds=60)  # fmt: skip
    await first.vote_on_proposal(made.proposal_id, "a", "approve")
    clock.advance(30)
    second = CoordinationLayer(store=store, clock=clock)
    assert [one.proposal_id for one in await second.votes.all(open_only=True)] == [made.proposal_id]
    await second.vote_on_proposal(made.proposal_id, "b", "reject")
    assert (await second.votes.get(made.proposal_id)).tally() == {
        Vote.APPROVE: 2.0, Vote.REJECT: 1.0, Vote.ABSTAIN: 0.0
    }  # fmt: skip
    clock.advance(30)
    assert await second.resolve_consensus(made.proposal_id) is R.ACHIEVED
    await second.votes.forget(made.proposal_id)
    assert await second.votes.all() == []


async def test_two_engines_lose_no_vote(store: MemoryKept, clock: ManualClock) -> None:
    one, other = (CoordinationLayer(store=store, clock=clock) for _ in range(2))
    made = await one.propose_consensus("t", "me")
    await other.votes.get(made.proposal_id)
    voters = [f"v{at}" for at in range(8)]
    await asyncio.gather(
        *((one if at % 2 else other).vote_on_proposal(made.proposal_id, voter, "approve")
          for at, voter in enumerate(voters))
    )  # fmt: skip
    (kept,) = await one.votes.all()
    assert sorted(kept.votes) == voters
    assert await one.resolve_consensus(made.proposal_id) is R.ACHIEVED
    with pytest.raises(VoteRefused, match="ended as achieved"):
        await other.vote_on_proposal(made.proposal_id, "late", "reject")


async def test_a_vote_that_could_not_be_kept_does_not_count(clock: ManualClock) -> None:
    class Full(MemoryKept):
        full = False

        async def put_kept(self, record: Kept) -> bool:
            if self.full:
                raise OSError("no space left")
            return await super().put_kept(record)

    store = Full()
    layer = CoordinationLayer(store=store, clock=clock)
    made = await layer.propose_consensus("t", "me")
    store.full = True
    with pytest.raises(OSError, match="no space"):
        await layer.vote_on_proposal(made.proposal_id, "a", "approve")
    assert (await layer.votes.get(made.proposal_id)).votes == {}
    store.full = False
    await layer.vote_on_proposal(made.proposal_id, "a", "reject")
    store.full = True
    with pytest.raises(OSError, match="no space"):
        await layer.resolve_consensus(made.proposal_id)
    store.full = False
    assert await layer.resolve_consensus(made.proposal_id) is R.NOT_ACHIEVED


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"required_approval": 1.5}, "0 to 1"),
        ({"quorum": 0}, "at least 1"),
        ({"quorum": 3, "voters": ["a", "b"]}, "only 2 may"),
        ({"voters": {"a": -1.0}}, "negative"),
        ({"deadline": datetime(2030, 1, 1)}, "time zone"),  # noqa: DTZ001  # that is the fault
        ({"data": object()}, "no JSON"),
    ],
)
async def test_proposals_that_are_refused(
    layer: CoordinationLayer, terms: dict[str, Any], why: str
) -> None:
    with pytest.raises(ProposalInvalid, match=why):
        await layer.propose_consensus("t", "me", **terms)


async def test_a_reason_is_kept_with_its_vote() -> None:
    store = MemoryKept()
    layer = CoordinationLayer(store=store)
    made = await layer.propose_consensus("Ship?", "lead", voters=["a", "b"])
    await layer.vote_on_proposal(made.proposal_id, "a", "reject", reason="red tests")
    await layer.vote_on_proposal(made.proposal_id, "b", "approve")
    await layer.close()
    (kept,) = await CoordinationLayer(store=store).votes.all()
    assert kept.reasons == {"a": "red tests"}
    assert set(kept.votes) == {"a", "b"}
