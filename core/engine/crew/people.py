"""What needs a person in the crew: proposals to vote on, and sagas that could not be undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...base.errors import BusinessFault, QuarterdeckError
from ...base.kept import Followed, Kept, KeptStore
from ...coordination.consensus import KIND as PROPOSAL
from ...coordination.consensus import Proposal
from ...coordination.layer import CoordinationLayer
from ...coordination.saga import SagaResult, SagaRun, SagaStatus
from ...coordination.sagas import KIND as SAGA
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.commands import AnswerItem
from ...protocol.crew_views import VoteChoice
from ...protocol.events import Cause
from ...protocol.status import Choice
from ...sessions.attention.drafts import Draft, headline
from ...sessions.desk import AttentionDesk
from ...telemetry.logs import logger
from ..answering import Answerers
from ..journal import Journal
from ..workflows.gates import chosen

PEOPLE = ("you", "person")
"""The names under which a person votes; ``person:NAME`` is one, too."""
CHOICES = (
    Choice(key="approve", label="approve", meaning="allow_once"),
    Choice(key="reject", label="reject", meaning="reject"),
    Choice(key="abstain", label="abstain"),
)
LEFT = "saga_left"
"""Sagas that a person left as they are, with the version of their record."""
AGAIN = Choice(key="again", label="undo again", meaning="allow_once")
LEAVE = Choice(key="leave", label="leave it as it is", meaning="reject")

_log = logger("engine.crew")


class NoVoteLeft(BusinessFault):
    """Every vote of people on that proposal was cast, or it asks no person."""

    code = "no_vote_left"


def is_person(voter: str) -> bool:
    """Whether a voter of this name is a person."""
    return voter in PEOPLE or voter.startswith("person:")


class People:
    """Asks people about proposals and sagas through the attention queue, and hears their answers.

    It follows the kept records: whoever proposes, in whatever room, need not know of it. ``changed`` is
    told that something it follows has changed.
    """

    def __init__(
        self,
        layer: CoordinationLayer,
        store: KeptStore,
        desk: AttentionDesk,
        journal: Journal,
        changed: Callable[[], None],
    ) -> None:
        self._layer = layer
        self._store = store
        self._desk = desk
        self._journal = journal
        self._answering: set[str] = set()
        self._changed = changed
        self._looks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._again: set[tuple[str, str]] = set()
        self._unfollow: Callable[[], None] = lambda: None
        self._closed = False

    def answer_through(self, answerers: Answerers) -> None:
        """Take the answers to what is asked here."""
        answerers.register("proposal", self.answer_proposal)
        answerers.register("saga", self.answer_saga)

    async def load(self) -> None:
        """Ask about what is kept, and follow what changes."""
        if isinstance(self._store, Followed):
            self._unfollow = self._store.follow_kept(self._heard)
        for kind in (PROPOSAL, SAGA):
            known = [record.key for record in await self._store.all_kept(kind)]
            for key in known:
                await self._look(kind, key)
            self._close_items_of_nothing(kind, known)

    async def close(self) -> None:
        """Follow nothing more; what was asked stands."""
        self._closed = True
        self._unfollow()
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    def _close_items_of_nothing(self, kind: str, known: Collection[str]) -> None:
        """Take back what was asked about records that were dropped meanwhile."""
        for item in self._desk.items():
            prefix, _, found = item.about.partition("/")
            if prefix == kind and found not in known:
                self._desk.close_about("", item.kind, about=item.about)

    # ---- following -----------------------------------------------------------------------------

    def _heard(self, kind: str, key: str) -> None:
        self._changed()
        if kind not in {PROPOSAL, SAGA} or self._closed:
            return
        if (kind, key) in self._looks:
            self._again.add((kind, key))
            return
        task = asyncio.get_running_loop().create_task(self._look_safely(kind, key))
        if not task.done():  # the dashboard's loop begins tasks at once
            self._looks[kind, key] = task

    async def _look_safely(self, kind: str, key: str) -> None:
        try:
            await self._look(kind, key)
            while (kind, key) in self._again:
                self._again.discard((kind, key))
                await self._look(kind, key)
        except QuarterdeckError as fault:
            _log.error("a record could not be followed", fault, kind=kind, key=key)
        finally:
            self._looks.pop((kind, key), None)

    async def _look(self, kind: str, key: str) -> None:
        """Ask about a record, or take the question back, as it stands now."""
        if f"{kind}/{key}" in self._answering:
            return  # whoever answers looks afterwards
        record = await self._store.get_kept(kind, key)
        draft: Draft | None = None
        if record is not None and kind == PROPOSAL:
            draft = _proposal_draft(Proposal.from_json(record.body))
        elif record is not None:
            draft = await self._saga_draft(record)
        if draft is not None:
            await self._desk.ask(draft)
        else:
            item = AttentionKind.GATE if kind == PROPOSAL else AttentionKind.FAILURE
            self._desk.close_about("", item, about=f"{kind}/{key}")

    # ---- answers -------------------------------------------------------------------------------

    async def answer_proposal(
        self, item: AttentionItem, wish: AnswerItem, by: str, cause: Cause
    ) -> Mapping[str, Any]:
        """Vote as an item was answered.

        :raises ChoiceUnknown: if it has no such choice.
        :raises NoVoteLeft: if no vote of a person is missing.
        """
        choice = chosen(item, wish.choice)
        proposal_id = item.about.partition("/")[2]
        proposal = await self.vote(proposal_id, VoteChoice(choice), by, wish.text or "", cause)
        return {"proposal_id": proposal_id, "choice": choice, "result": proposal.result}

    async def vote(
        self, proposal_id: str, choice: VoteChoice, by: str, reason: str, cause: Cause
    ) -> Proposal:
        """Cast a person's vote: the first one of people's that is missing.

        :raises ProposalUnknown: if there is none with that id.
        :raises NoVoteLeft: if no vote of a person is missing.
        :raises VoteRefused: if it comes too late.
        """
        proposal = await self._layer.votes.get(proposal_id)
        voter = _person_to_vote(proposal, by)
        about = f"{PROPOSAL}/{proposal_id}"
        self._answering.add(about)
        try:
            proposal = await self._layer.votes.vote(proposal_id, voter, choice.value, reason=reason)
            if proposal.complete:
                await self._layer.votes.resolve(proposal_id)
            await self._close_answered(about, choice.value, by, cause)
        finally:
            self._answering.discard(about)
            await self._look(PROPOSAL, proposal_id)
        return await self._layer.votes.get(proposal_id)

    async def _close_answered(self, about: str, answer: str, by: str, cause: Cause) -> None:
        item = next((one for one in self._desk.items() if one.about == about), None)
        if item is not None:
            rows, events = self._desk.answer(item.item_id, answer, by or cause.client_id or "")
            await self._journal.record(rows, events, cause)

    async def answer_saga(
        self, item: AttentionItem, wish: AnswerItem, _by: str, _cause: Cause
    ) -> Mapping[str, Any]:
        """Undo again, or leave it.

        :raises ChoiceUnknown: if it has no such choice.
        """
        choice = chosen(item, wish.choice)
        saga_id = item.about.partition("/")[2]
        if choice == LEAVE.key:
            await self._leave(saga_id)
            await self._look(SAGA, saga_id)
            return {"saga_id": saga_id, "choice": choice}
        result = await self.resume(saga_id)
        return {"saga_id": saga_id, "choice": choice, "status": result.status.value}

    async def _leave(self, saga_id: str) -> None:
        """Note that a person has seen how the saga stands, for good."""
        record = await self._store.get_kept(SAGA, saga_id)
        left = await self._store.get_kept(LEFT, saga_id)
        if record is not None:
            version = 1 if left is None else left.version + 1
            await self._store.put_kept(
                Kept(LEFT, saga_id, version, str(record.version), open=False)
            )

    async def _saga_draft(self, record: Kept) -> Draft | None:
        run = SagaRun.from_json(record.body)
        if run.status is not SagaStatus.COMPENSATION_FAILED:
            return None
        left = await self._store.get_kept(LEFT, record.key)
        seen = left is not None and left.body == str(record.version)
        return None if seen else _saga_draft(run, record.version)

    async def resume(self, saga_id: str) -> SagaResult:
        """Try the compensations of a saga again that failed; how it stands then.

        :raises SagaUnknown: if there is none with that id.
        """
        result = await self._layer.sagas.compensate_again(saga_id)
        await self._look(SAGA, saga_id)
        return result


def _person_to_vote(proposal: Proposal, by: str) -> str:
    """The name under which a person votes."""
    if proposal.voters is None:
        return f"person:{by}" if by else PEOPLE[0]
    mine = f"person:{by}"
    missing = [one for one in proposal.voters if is_person(one) and one not in proposal.votes]
    if not missing:
        raise NoVoteLeft(
            f"No vote of a person is missing on {proposal.topic!r}.",
            proposal_id=proposal.proposal_id,
        )
    return mine if mine in missing else missing[0]


def _proposal_draft(proposal: Proposal) -> Draft | None:
    """The question to people; ``None`` if nobody needs to vote."""
    voters = proposal.voters or {}
    missing = [one for one in voters if is_person(one) and one not in proposal.votes]
    if proposal.result is not None or not missing:
        return None
    said = [f"{voter}: {vote}{_why(proposal, voter)}" for voter, vote in proposal.votes.items()]
    return Draft(
        AttentionKind.GATE,
        f"proposal:{proposal.proposal_id}/{len(missing)}",  # each person is another question
        headline(proposal.topic),
        "\n".join([proposal.topic, *said]),
        choices=CHOICES,
        deadline=proposal.deadline,
        about=f"{PROPOSAL}/{proposal.proposal_id}",
    )


def _why(proposal: Proposal, voter: str) -> str:
    reason = proposal.reasons.get(voter, "")
    return f" ({reason})" if reason else ""


def _saga_draft(run: SagaRun, version: int) -> Draft:
    """What a person is to decide about a saga whose undoing failed."""
    result = run.result()
    failed = [f"{step}: {error}" for step, error in result.compensation_errors.items()]
    return Draft(
        AttentionKind.FAILURE,
        f"saga:{run.saga.saga_id}/{version}",
        headline(f"{run.saga.name} could not be undone: {', '.join(result.compensation_errors)}"),
        "\n".join([f"It failed: {result.error or ''}", "Could not be undone:", *failed]),
        choices=(AGAIN, LEAVE),
        about=f"{SAGA}/{run.saga.saga_id}",
    )
