"""Votes of handlers: what the agents say becomes votes on a proposal, and a person may have one too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Protocol

from ..coordination.consensus import ConsensusResult, Proposal, Votes
from ..coordination.faults import ProposalUnknown
from .definition import Vote
from .entries import Attempt
from .files.executing import Ballot, question_of, vote_result
from .ids import derived_id
from .ports import Order

YOU = "you"
"""The name under which a person votes."""


class People(Protocol):
    """Puts a vote before people."""

    async def ask(self, order: Order, proposal: Proposal) -> None:
        """Ask for a vote; one that stands already is the same."""
        ...

    def withdraw(self, proposal_id: str) -> None:
        """Nobody needs to vote any more."""
        ...


class Voting:
    """Decides; every vote is kept before it counts, so that a decision goes on where it stood."""

    def __init__(self, votes: Votes, people: People) -> None:
        self._votes = votes
        self._people = people
        self._asked: set[str] = set()
        self.moved: Callable[[str], None] = _untold
        """Told of payloads that wait for a person's vote, or do so no more."""

    async def decide(self, order: Order, cast: Sequence[Ballot]) -> dict[str, Any]:
        """The result of a handler with a vote, once it is decided."""
        vote = order.handler.vote
        assert vote is not None  # noqa: S101  # the caller saw it
        question = question_of(order.handler, order.names)
        own = _told_apart(cast)
        of_all = len(vote.voters) + vote.people
        needed = max(ceil(vote.quorum * of_all), 1)
        if len(own) + vote.people < needed:
            return vote_result(question, own, ConsensusResult.INSUFFICIENT_VOTERS.value)
        proposal = await self._proposal(order, vote, question, own, needed)
        for ballot in own:
            if ballot.voter not in proposal.votes and proposal.result is None:
                await self._votes.vote(proposal.proposal_id, ballot.voter, ballot.choice)
        if vote.people:
            outcome = await self._with_people(order, proposal)
        else:
            outcome = await self._votes.resolve(proposal.proposal_id)
        proposal = await self._votes.get(proposal.proposal_id)
        mine = proposal.votes.get(YOU) if vote.people else None
        if mine is not None:
            own.append(Ballot(YOU, mine.value))
        return vote_result(question, own, outcome.value)

    async def drop(self, payload_id: str, handler: str, number: int) -> None:
        """The payload was cancelled: nobody needs to vote, nor is asked to by a later engine."""
        attempt = Attempt(handler, number)
        self._people.withdraw(_proposal_id(payload_id, attempt))
        await self.forget(payload_id, attempt)

    def asks(self, payload_id: str, handler: str, number: int) -> bool:
        """Whether an attempt waits for a person's vote."""
        return _proposal_id(payload_id, Attempt(handler, number)) in self._asked

    async def forget(self, payload_id: str, attempt: Attempt) -> None:
        """Drop what an attempt decided on a payload that is known no more."""
        await self._votes.forget(_proposal_id(payload_id, attempt))

    async def _with_people(self, order: Order, proposal: Proposal) -> ConsensusResult:
        try:
            if proposal.result is None and YOU not in proposal.votes:
                self._asked.add(proposal.proposal_id)
                self.moved(order.entry.id)
                await self._people.ask(order, proposal)
            return await self._votes.wait(proposal.proposal_id)
        finally:
            self._asked.discard(proposal.proposal_id)
            self.moved(order.entry.id)
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                self._people.withdraw(proposal.proposal_id)

    async def _proposal(
        self, order: Order, vote: Vote, question: str, own: Sequence[Ballot], needed: int
    ) -> Proposal:
        """The proposal of this attempt: that of an earlier engine, else a new one."""
        proposal_id = proposal_of(order)
        try:
            return await self._votes.get(proposal_id)
        except ProposalUnknown:
            voters = dict.fromkeys([one.voter for one in own], 1.0)
            if vote.people:
                voters[YOU] = 1.0
            proposal = Proposal(
                question,
                f"payload/{order.entry.id}",
                {"pipeline": order.pipeline.name, "handler": order.handler.name},
                required_approval=vote.threshold,
                voters=voters,
                quorum=needed,
                proposal_id=proposal_id,
            )
            return await self._votes.propose(proposal, vote.deadline if vote.people else None)


def _untold(_payload_id: str) -> None:
    """Nobody wants to know."""


def proposal_of(order: Order) -> str:
    """The id of the proposal that an attempt decides."""
    return _proposal_id(order.entry.id, order.attempt)


def _proposal_id(payload_id: str, attempt: Attempt) -> str:
    return derived_id(payload_id, attempt.handler, attempt.number, "vote")


def _told_apart(cast: Sequence[Ballot]) -> list[Ballot]:
    """The ballots, each under a name of its own."""
    seen: dict[str, int] = {}
    found = []
    for one in cast:
        number = seen[one.voter] = seen.get(one.voter, 0) + 1
        found.append(one if number == 1 else replace(one, voter=f"{one.voter} ({number})"))
    return found
