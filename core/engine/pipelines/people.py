"""What of pipelines needs a person: votes, and payloads that failed for good."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from ...coordination.consensus import Proposal, Votes
from ...pipelines.entries import Entry
from ...pipelines.ports import Order
from ...pipelines.voting import YOU
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.commands import AnswerItem
from ...protocol.events import Cause
from ...protocol.status import Choice
from ...sessions.attention.drafts import Draft, headline
from ...sessions.desk import AttentionDesk
from ..journal import Journal
from ..workflows.gates import chosen

PROPOSAL, PAYLOAD = "proposal", "payload"
REPLAY, DISCARD = "replay", "discard"

_VOTES = (
    Choice(key="approve", label="Approve", meaning="allow_once"),
    Choice(key="reject", label="Reject", meaning="reject"),
    Choice(key="abstain", label="Abstain"),
)
_ENDS = (
    Choice(key=REPLAY, label="Replay: try it again", meaning="allow_once"),
    Choice(key=DISCARD, label="Discard: forget it", meaning="reject"),
)

Errand = Callable[[Coroutine[Any, Any, None]], None]
Act = Callable[[str], Coroutine[Any, Any, object]]


class PipelinePeople:
    """Asks for votes, and what is to become of dead payloads; takes the answers.

    Of each lane one dead payload is asked about at a time: when it is gone, the next one is.
    ``lane`` gives the dead payloads of an entry's lane, oldest first; ``noted`` keeps that somebody was
    asked about one.
    """

    def __init__(
        self,
        desk: AttentionDesk | None,
        journal: Journal,
        votes: Votes,
        *,
        errand: Errand,
        lane: Callable[[str, str], list[Entry]],
        noted: Callable[[Entry], None],
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._votes = votes
        self._errand = errand
        self._lane = lane
        self._noted = noted
        self._asked: dict[tuple[str, str], str] = {}
        self._asking: set[tuple[str, str]] = set()

    # ---- votes -----------------------------------------------------------------------------------

    async def ask(self, order: Order, proposal: Proposal) -> None:
        """Ask for a vote."""
        if self._desk is None:
            return
        told = [f"{voter}: {vote.value}" for voter, vote in proposal.votes.items()]
        question = proposal.topic
        await self._desk.ask(
            Draft(
                AttentionKind.GATE,
                f"vote:{proposal.proposal_id}",
                headline(question),
                "\n".join([question, f"{order.pipeline.name}, {order.handler.name}", *told]),
                choices=_VOTES,
                priority=order.entry.origin.priority,
                deadline=proposal.deadline,
                about=f"{PROPOSAL}/{proposal.proposal_id}",
            )
        )

    def withdraw(self, proposal_id: str) -> None:
        """Nobody needs to vote any more."""
        if self._desk is not None:
            about = f"{PROPOSAL}/{proposal_id}"
            self._desk.close_about("", AttentionKind.GATE, about=about)

    async def vote(
        self, item: AttentionItem, wish: AnswerItem, by: str, cause: Cause
    ) -> Mapping[str, Any]:
        """Take a person's vote."""
        choice = chosen(item, wish.choice)
        proposal_id = item.about.partition("/")[2]
        await self._votes.vote(proposal_id, YOU, choice)
        await self._close(item, choice, by, cause)
        return {"proposal_id": proposal_id, "choice": choice}

    # ---- dead payloads -----------------------------------------------------------------------------

    def died(self, entry: Entry) -> None:
        """A payload has failed for good."""
        lane = (entry.origin.pipeline, entry.origin.event)
        if self._desk is None or lane in self._asking:
            return
        if self._is_asked(lane):
            self._noted(entry)
            return
        self._asked[lane] = entry.id
        self._asking.add(lane)
        self._errand(self._ask_about(entry, lane))

    async def _ask_about(self, entry: Entry, lane: tuple[str, str]) -> None:
        assert self._desk is not None  # noqa: S101  # the caller saw it
        try:
            if await self._desk.ask(self._draft(entry)):
                for one in self._lane(*lane):
                    self._noted(one)
        finally:
            self._asking.discard(lane)

    def _is_asked(self, lane: tuple[str, str]) -> bool:
        """Whether a person is asked about a payload of the lane; one may have put the question away."""
        about = f"{PAYLOAD}/{self._asked.get(lane)}"
        return self._desk is not None and any(one.about == about for one in self._desk.items())

    def _draft(self, entry: Entry) -> Draft:
        origin = entry.origin
        others = len(self._lane(origin.pipeline, origin.event)) - 1
        text = entry.error or "It failed."
        more = [f"{others} more of this lane are dead."] if others > 0 else []
        return Draft(
            AttentionKind.FAILURE,
            f"dead:{entry.id}/{len(entry.attempts)}",
            headline(f"{origin.pipeline}, {origin.event}: {' '.join(text.split())}"),
            "\n".join([text, *more]),
            choices=_ENDS,
            priority=origin.priority,
            about=f"{PAYLOAD}/{entry.id}",
        )

    def gone(self, entry: Entry) -> None:
        """A dead payload was replayed or discarded, by whatever way: ask about the next one."""
        lane = (entry.origin.pipeline, entry.origin.event)
        if self._asked.get(lane) != entry.id:
            return
        if self._desk is not None:
            about = f"{PAYLOAD}/{entry.id}"
            self._desk.close_about("", AttentionKind.FAILURE, about=about)
        self._next(lane)

    def _next(self, lane: tuple[str, str]) -> None:
        before = self._asked.pop(lane, None)
        left = [one for one in self._lane(*lane) if one.id != before]
        if left:
            self.died(left[0])

    def load(self, known: Callable[[str], Entry | None], dead: Iterable[Entry]) -> None:
        """Take up the questions of a former engine; close those whose payload is not dead any more.

        Those that it could not ask any more are asked now.
        """
        if self._desk is None:
            return
        for item in self._desk.items():
            kind, _, name = item.about.partition("/")
            if kind != PAYLOAD or item.kind is not AttentionKind.FAILURE:
                continue
            entry = known(name)
            if entry is None or entry not in self._lane(entry.origin.pipeline, entry.origin.event):
                self._desk.close_about("", AttentionKind.FAILURE, about=item.about)
            else:
                self._asked[entry.origin.pipeline, entry.origin.event] = entry.id
        for entry in dead:
            if not entry.asked:
                self.died(entry)

    async def decide(
        self, item: AttentionItem, wish: AnswerItem, by: str, cause: Cause, acts: Mapping[str, Act]
    ) -> Mapping[str, Any]:
        """Take a person's answer about a dead payload."""
        choice = chosen(item, wish.choice)
        payload_id = item.about.partition("/")[2]
        lane = next((one for one, asked in self._asked.items() if asked == payload_id), None)
        if lane is not None:
            self._asked[lane] = ""  # the answer itself closes the item
        try:
            await acts[choice](payload_id)
        except BaseException:
            if lane is not None:
                self._asked[lane] = payload_id
            raise
        await self._close(item, choice, by, cause)
        if lane is not None:
            self._next(lane)
        return {"payload_id": payload_id, "choice": choice}

    async def _close(self, item: AttentionItem, choice: str, by: str, cause: Cause) -> None:
        assert self._desk is not None  # noqa: S101  # there is an item of ours
        rows, events = self._desk.answer(item.item_id, choice, by or cause.client_id or "")
        await self._journal.record(rows, events, cause)
