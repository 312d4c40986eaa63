"""Votes: proposals with weights, a quorum and a deadline; every vote is kept before it counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..base.clock import Clock, require_aware
from ..base.ids import new_id
from ..base.kept import Kept, KeptStore
from . import faults as f

KIND = "proposal"
_ROUNDING = 1e-9


class Vote(StrEnum):
    """What one may say; an abstention counts for the quorum, and neither for nor against."""

    APPROVE = "approve"
    REJECT = "reject"
    ABSTAIN = "abstain"


class ConsensusResult(StrEnum):
    """What came of a proposal."""

    ACHIEVED = "achieved"
    NOT_ACHIEVED = "not_achieved"
    TIMEOUT = "timeout"
    INSUFFICIENT_VOTERS = "insufficient_voters"


@dataclass(slots=True)
class Proposal:
    """Something to agree on.

    ``required_approval`` (0 to 1) is the share of approving weight among those that approve or
    reject. ``voters`` are those who may vote, with their weights (``None``: anyone, each 1);
    ``quorum`` is how many must have voted. ``reasons`` are what voters gave with
    their votes.
    """

    topic: str
    proposed_by: str
    data: Any = None
    required_approval: float = 0.5
    voters: dict[str, float] | None = None
    quorum: int = 1
    deadline: datetime | None = None
    votes: dict[str, Vote] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    result: ConsensusResult | None = None
    proposal_id: str = field(default_factory=new_id)

    @property
    def complete(self) -> bool:
        """Whether everyone who may vote has."""
        return self.voters is not None and len(self.votes) >= len(self.voters)

    def tally(self) -> dict[Vote, float]:
        """The weight of each vote."""
        found = dict.fromkeys(Vote, 0.0)
        for voter, vote in self.votes.items():
            found[vote] += 1.0 if self.voters is None else self.voters[voter]
        return found

    def outcome(self, *, late: bool) -> ConsensusResult:
        """What comes of the votes so far; ``late``: its deadline has passed."""
        if len(self.votes) < self.quorum:
            return ConsensusResult.TIMEOUT if late else ConsensusResult.INSUFFICIENT_VOTERS
        tally = self.tally()
        decided = tally[Vote.APPROVE] + tally[Vote.REJECT]
        share = tally[Vote.APPROVE] / decided if decided else 0.0
        good = decided > 0 and share + _ROUNDING >= self.required_approval
        return ConsensusResult.ACHIEVED if good else ConsensusResult.NOT_ACHIEVED

    def to_json(self) -> str:
        """The whole proposal as JSON text.

        :raises ProposalInvalid: if its data are no JSON.
        """
        body = asdict(self) | {"deadline": self.deadline.isoformat() if self.deadline else None}
        try:
            return json.dumps(body, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise f.ProposalInvalid(
                f"The proposal {self.topic!r} can't be kept, since its data are no JSON: {error}."
            ) from error

    @classmethod
    def from_json(cls, text: str) -> Proposal:
        """The proposal that ``to_json`` gave."""
        body = json.loads(text)
        body["deadline"] = datetime.fromisoformat(body["deadline"]) if body["deadline"] else None
        body["votes"] = {voter: Vote(vote) for voter, vote in body["votes"].items()}
        body["result"] = ConsensusResult(body["result"]) if body["result"] else None
        return cls(**body)


class _Seat:
    """A proposal here: the version of its record, when its time is over, and who waits for votes."""

    def __init__(self, proposal: Proposal, version: int, until: float | None) -> None:
        self.proposal = proposal
        self.version = version
        self.until = until
        self.lock = asyncio.Lock()
        self.changed = asyncio.Event()


class Votes:
    """The proposals of one engine. While it lives deadlines are counted by its monotonic clock."""

    def __init__(self, store: KeptStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seats: dict[str, _Seat] = {}

    async def propose(self, proposal: Proposal, deadline_seconds: float | None = None) -> Proposal:
        """Open a proposal; it is kept when this returns.

        :raises ProposalInvalid: if its terms mean nothing or can't be met.
        """
        _check(proposal)
        if deadline_seconds is not None:
            proposal.deadline = self._clock.now() + timedelta(seconds=deadline_seconds)
        seat = _Seat(proposal, 0, self._until(proposal))
        await self._keep(seat)
        self._seats[proposal.proposal_id] = seat
        return proposal

    async def vote(self, proposal_id: str, voter: str, vote: str, *, reason: str = "") -> Proposal:
        """Cast a vote; it is kept when this returns. The same one again changes nothing.

        :raises ProposalUnknown: if there is none with that id.
        :raises VoteInvalid: if it is neither approve, reject nor abstain.
        :raises VoteRefused: if it comes late, differs from the voter's first, or isn't theirs to cast.
        """
        if vote not in set(Vote):
            raise f.VoteInvalid(f"{vote!r} is no vote; say approve, reject or abstain.", vote=vote)
        seat = await self._seat(proposal_id)
        async with seat.lock:
            proposal = seat.proposal
            if proposal.votes.get(voter) == vote:
                return proposal
            self._may_vote(seat, voter)
            proposal.votes[voter] = Vote(vote)
            if reason:
                proposal.reasons[voter] = reason
            try:
                await self._keep(seat)
            except BaseException:
                proposal.votes.pop(voter, None)
                proposal.reasons.pop(voter, None)
                raise
            seat.changed.set()
            return proposal

    async def resolve(self, proposal_id: str) -> ConsensusResult:
        """What comes of the votes. Too few before the deadline leave the proposal open; else it ends.

        :raises ProposalUnknown: if there is none with that id.
        """
        seat = await self._seat(proposal_id)
        async with seat.lock:
            proposal = seat.proposal
            if proposal.result is None:
                found = proposal.outcome(late=self._late(seat))
                if found is not ConsensusResult.INSUFFICIENT_VOTERS:
                    proposal.result = found
                    try:
                        await self._keep(seat)
                    except BaseException:
                        proposal.result = None
                        raise
                    seat.changed.set()
                return found
            return proposal.result

    async def wait(self, proposal_id: str) -> ConsensusResult:
        """As ``resolve``, once everyone has voted or the deadline has passed.

        :raises ProposalUnknown: if there is none with that id.
        :raises ProposalInvalid: if it has neither voters nor a deadline, so that nothing would end it.
        """
        seat = await self._seat(proposal_id)
        if seat.proposal.voters is None and seat.until is None:
            raise f.ProposalInvalid(
                "A proposal that anyone may vote on needs a deadline to be waited for."
            )
        while not (seat.proposal.complete or seat.proposal.result or self._late(seat)):
            seat.changed.clear()
            left = None if seat.until is None else max(0.0, seat.until - self._clock.monotonic())
            try:
                async with asyncio.timeout(left):
                    await seat.changed.wait()
            except TimeoutError:
                continue
        return await self.resolve(proposal_id)

    async def get(self, proposal_id: str) -> Proposal:
        """A proposal with its votes.

        :raises ProposalUnknown: if there is none with that id.
        """
        return (await self._seat(proposal_id)).proposal

    async def all(self, *, open_only: bool = False) -> list[Proposal]:
        """Every kept proposal, oldest first."""
        found = await self._store.all_kept(KIND, open_only=open_only)
        return [Proposal.from_json(record.body) for record in found]

    async def forget(self, proposal_id: str) -> None:
        """Drop a proposal."""
        self._seats.pop(proposal_id, None)
        await self._store.remove_kept(KIND, proposal_id)

    def tick(self) -> None:
        """Look at the clock now; only needed where a clock is moved by hand."""
        for seat in self._seats.values():
            seat.changed.set()

    # ---- parts -----------------------------------------------------------------------------

    def _may_vote(self, seat: _Seat, voter: str) -> None:
        proposal = seat.proposal
        why = ""
        if proposal.result is not None:
            why = f"it ended as {proposal.result}"
        elif self._late(seat):
            why = "its deadline has passed"
        elif voter in proposal.votes:
            why = f"{voter!r} has voted {proposal.votes[voter]} already"
        elif proposal.voters is not None and voter not in proposal.voters:
            why = f"{voter!r} is none of its voters"
        if why:
            raise f.VoteRefused(
                f"The vote on {proposal.topic!r} was refused: {why}.",
                proposal_id=proposal.proposal_id,
                voter=voter,
            )

    def _until(self, proposal: Proposal) -> float | None:
        if proposal.deadline is None:
            return None
        left = (proposal.deadline - self._clock.now()).total_seconds()
        return self._clock.monotonic() + left

    def _late(self, seat: _Seat) -> bool:
        return seat.until is not None and self._clock.monotonic() >= seat.until

    async def _seat(self, proposal_id: str) -> _Seat:
        seat = self._seats.get(proposal_id)
        if seat is not None:
            return seat
        record = await self._store.get_kept(KIND, proposal_id)
        if record is None:
            raise f.ProposalUnknown(
                f"No proposal has the id {proposal_id!r}.", proposal_id=proposal_id
            )
        proposal = Proposal.from_json(record.body)
        made = _Seat(proposal, record.version, self._until(proposal))
        return self._seats.setdefault(proposal_id, made)

    async def _keep(self, seat: _Seat) -> None:
        """Keep it; what another engine kept meanwhile is taken in first."""
        proposal = seat.proposal
        while True:
            record = Kept(
                KIND, proposal.proposal_id, seat.version + 1, proposal.to_json(),
                open=proposal.result is None,
            )  # fmt: skip
            if await self._store.put_kept(record):
                seat.version += 1
                return
            kept = await self._store.get_kept(KIND, proposal.proposal_id)
            if kept is None:
                raise f.ProposalUnknown(f"The proposal {proposal.proposal_id!r} was dropped.")
            theirs = Proposal.from_json(kept.body)
            seat.version = kept.version
            if theirs.result is not None:
                seat.proposal = theirs
                raise f.VoteRefused(f"The vote on {theirs.topic!r} ended as {theirs.result}.")
            proposal.votes.update(theirs.votes)
            proposal.reasons.update(theirs.reasons)


def _check(proposal: Proposal) -> None:
    weights: Mapping[str, float] = proposal.voters or {}
    wrong = ""
    if not 0 <= proposal.required_approval <= 1:
        wrong = f"required_approval is from 0 to 1, not {proposal.required_approval}"
    elif proposal.quorum < 1:
        wrong = f"the quorum is at least 1, not {proposal.quorum}"
    elif any(not weight >= 0 for weight in weights.values()):
        wrong = "weights can't be negative"
    elif proposal.voters is not None and proposal.quorum > len(proposal.voters):
        wrong = f"{proposal.quorum} must vote, but only {len(proposal.voters)} may"
    if wrong:
        raise f.ProposalInvalid(f"The proposal {proposal.topic!r} is refused: {wrong}.")
    if proposal.deadline is not None:
        try:
            require_aware(proposal.deadline, "the proposal's deadline")
        except ValueError as error:
            raise f.ProposalInvalid(f"{error}.") from error
