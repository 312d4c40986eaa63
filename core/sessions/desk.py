"""The attention desk: keeps the queue true to the sessions, durable and told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from ..base.clock import Clock
from ..base.errors import QuarterdeckError
from ..base.ids import new_id
from ..protocol.attention import AttentionItem, AttentionKind, ItemState
from ..protocol.events import (
    AttentionClosed,
    AttentionRaised,
    AttentionUpdated,
    Cause,
    EventPayload,
    SystemWarning,
)
from .attention.drafts import Draft, draft_of, session_drafts
from .attention.queue import AttentionQueue, AttentionStatistics, Change, ChangeKind
from .ports import Recorder
from .records import SaveItem, SessionChange, SessionRecord

Outcome = tuple[list[SessionChange], list[EventPayload]]
"""Changes to journal and events to tell, from one look at a session."""


_TOLD_OTHERWISE = frozenset({AttentionKind.TURN_DONE, AttentionKind.FAILURE, AttentionKind.LIMIT})


class AttentionDesk:
    """The queue with its clock, its journal and the answers that are on their way."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock
        self._queue = AttentionQueue()
        self._answers: dict[tuple[str, str], tuple[str, str]] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._hushed: set[str] = set()
        # Drafts that found no room, one for each thing that asks; until it does not any more.
        self._left_out: dict[tuple[str, str], Draft] = {}
        self._asking_again = False

    def load(self, items: Iterable[AttentionItem], records: Iterable[SessionRecord]) -> None:
        """Take up the items an earlier engine kept open.

        What a kept session needs and no item asks for was settled by a person: an item and the
        state that calls for it are journalled in one transaction.
        """
        kept = list(items)
        self._queue.restore(kept)
        asked = {(item.session_id, item.request_id) for item in kept}
        now = self._clock.now()
        for record in records:
            drafts = [
                draft for draft in _drafts(record) if (record.id, draft.request_id) not in asked
            ]
            self._queue.restore(_settled(record.id, draft, now) for draft in drafts)
        self._schedule()

    def close(self) -> None:
        """Set no more timers."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def items(self, *, snoozed: bool = True) -> list[AttentionItem]:
        """The open items in the queue's order."""
        return self._queue.items(self._clock.now(), snoozed=snoozed)

    def get(self, item_id: str) -> AttentionItem:
        """One open item.

        :raises ItemUnknown: if there is none of this id.
        """
        return self._queue.get(item_id)

    def next(self, current: str | None, *, backwards: bool) -> AttentionItem | None:
        """The actionable item after or before ``current``, wrapping."""
        move = self._queue.previous_item if backwards else self._queue.next_item
        return move(current, self._clock.now())

    def statistics(self) -> AttentionStatistics:
        """The queue's figures."""
        return self._queue.statistics()

    def reconcile(self, record: SessionRecord) -> Outcome:
        """Make the session's items those that its state calls for."""
        drafts = _drafts(record)
        if record.id in self._hushed:
            drafts = [draft for draft in drafts if draft.kind not in _TOLD_OTHERWISE]
        return self._sync(record.id, drafts)

    def hush(self, session_id: str, *, on: bool) -> None:
        """Let the ends of a session, and of its turns, be nobody's business; from the next look at it on.

        Who works with it hears of them. What it asks for is asked all the same.
        """
        if on:
            self._hushed.add(session_id)
        else:
            self._hushed.discard(session_id)

    def forget(self, session_id: str) -> Outcome:
        """Close everything of a session that is removed."""
        self._hushed.discard(session_id)
        return self._sync(session_id, [])

    def _sync(self, session_id: str, drafts: list[Draft]) -> Outcome:
        now = self._clock.now()
        changes = self._take_answers(session_id, {draft.request_id for draft in drafts})
        changes += self._noted(self._queue.sync(session_id, drafts, now))
        self._schedule()
        return _outcome(changes)

    def _take_answers(self, session_id: str, open_requests: set[str]) -> list[Change]:
        """Close items whose request went away after an answer as answered, not just resolved."""
        now = self._clock.now()
        gone = {
            request_id: self._answers.pop((session_id, request_id))
            for asked_of, request_id in list(self._answers)
            if asked_of == session_id and request_id not in open_requests
        }
        answered = [
            item
            for item in (self._queue.items(now) if gone else ())
            if item.session_id == session_id and item.request_id in gone
        ]
        return [self._queue.answer(item.item_id, *gone[item.request_id], now) for item in answered]

    def answering(self, session_id: str, request_id: str, answer: str, cause: Cause) -> None:
        """Note an answer that is being typed."""
        self._answers[session_id, request_id] = (answer, cause.client_id or "")

    def not_answered(self, session_id: str, request_id: str) -> None:
        """The answer did not arrive."""
        self._answers.pop((session_id, request_id), None)

    # ---- workflows ---------------------------------------------------------------------------

    async def ask(self, draft: Draft) -> bool:
        """Enter what a workflow, or what ``about`` names, needs of a person; returns when it is on disk.

        Where an item of this kind stands already for the same, it is brought up to date. ``False`` if the
        queue is full of what is more urgent: it is entered as soon as there is room.
        """
        now = self._clock.now()
        same = self._about(draft.workflow_id, draft.kind, draft.task_id, draft.about)
        if same:
            changes = self._queue.update(same[0].item_id, draft)
        else:
            changes = self._noted(self._queue.raise_item("", draft, now))
        rows, events = _outcome(changes)
        self._schedule()
        if rows:
            await self._recorder.record(rows, events)
        return _key(draft) not in self._left_out

    def _noted(self, changes: list[Change]) -> list[Change]:
        """Remember what of them found no room, and nobody will ask for again by himself."""
        for change in changes:
            if change.what is ChangeKind.DROPPED and not change.item.session_id:
                draft = draft_of(change.item)
                self._left_out[_key(draft)] = draft
        return changes

    def _ask_again(self) -> None:
        """Enter what was left out, oldest first, as long as there is room."""
        self._asking_again = False
        now, changes = self._clock.now(), list[Change]()
        while self._left_out and not self._queue.full:
            draft = self._left_out.pop(next(iter(self._left_out)))
            changes += self._queue.raise_item("", draft, now)
        rows, events = _outcome(changes)
        if rows:
            self._recorder.record(rows, events)
            self._schedule()

    def answer(self, item_id: str, answer: str, by: str) -> Outcome:
        """Close an item with an answer, for the caller to journal with what follows from it.

        :raises ItemUnknown: if there is none of this id.
        """
        outcome = _outcome([self._queue.answer(item_id, answer, by, self._clock.now())])
        self._schedule()
        return outcome

    def close_about(
        self,
        workflow_id: str,
        kind: AttentionKind,
        task_id: str | None = None,
        *,
        about: str = "",
    ) -> None:
        """Take the items of a workflow, of one task of it, or of what ``about`` names off the queue."""
        now = self._clock.now()
        for key, draft in list(self._left_out.items()):
            if _is_about(draft, workflow_id, kind, task_id, about):
                del self._left_out[key]
        gone = self._about(workflow_id, kind, task_id, about)
        rows, events = _outcome(self._queue.resolve(item.item_id, now) for item in gone)
        if rows:
            self._schedule()
            self._recorder.record(rows, events)

    def _about(
        self, workflow_id: str, kind: AttentionKind, task_id: str | None, about: str
    ) -> list[AttentionItem]:
        return [
            item
            for item in self.items()
            if not item.session_id and _is_about(item, workflow_id, kind, task_id, about)
        ]

    # ---- a person's own ----------------------------------------------------------------------

    async def snooze(self, item_id: str, seconds: float, cause: Cause) -> AttentionItem:
        """Put an item aside for ``seconds``; 0 brings it back.

        :raises QuarterdeckError: if that can't be kept; the item stands as it did.
        """
        before, now = self._queue.get(item_id), self._clock.now()
        change = self._queue.snooze(item_id, now + timedelta(seconds=seconds), now)
        return await self._keep(before, change, cause)

    async def resolve(self, item_id: str, cause: Cause) -> AttentionItem:
        """Take an item off the queue without an answer.

        :raises QuarterdeckError: if that can't be kept; the item is on the queue still.
        """
        before = self._queue.get(item_id)
        change = self._queue.resolve(item_id, self._clock.now(), cause.client_id)
        return await self._keep(before, change, cause)

    async def _keep(self, before: AttentionItem, change: Change, cause: Cause) -> AttentionItem:
        changes, events = _outcome([change])
        self._schedule()
        try:
            await self._recorder.record(changes, events, cause)
        except QuarterdeckError:
            self._put_back(before, change.item)
            raise
        return change.item

    def _put_back(self, before: AttentionItem, after: AttentionItem) -> None:
        """What a person was told has failed must not come true later, when the debt is paid."""
        if self._queue.put_back(before, after):
            self._schedule()
            self._recorder.record([SaveItem(before)], [])

    def _schedule(self) -> None:
        """Wake when the next snooze or deadline is over; no timer otherwise."""
        self.close()
        if self._left_out and not (self._asking_again or self._queue.full):
            self._asking_again = True
            asyncio.get_running_loop().call_soon(self._ask_again)
        at = self._queue.wake_at()
        if at is not None:
            delay = max((at - self._clock.now()).total_seconds(), 0.0)
            self._wake = asyncio.get_running_loop().call_later(delay, self._tick)

    def look(self) -> None:
        """Bring back what is due now: the wall clock may have jumped, or the machine slept."""
        self.close()
        self._tick()

    def _tick(self) -> None:
        self._wake = None
        changes, events = _outcome(self._queue.tick(self._clock.now()))
        if changes:
            self._recorder.record(changes, events)
        self._schedule()


def _drafts(record: SessionRecord) -> list[Draft]:
    """What of a session's state needs a person."""
    return session_drafts(
        record.lifecycle,
        record.status,
        record.priority,
        reason=record.reason,
        ended_at=record.ended_at,
    )


def _key(draft: Draft) -> tuple[str, str]:
    return draft.request_id, draft.about


def _is_about(
    one: AttentionItem | Draft,
    workflow_id: str,
    kind: AttentionKind,
    task_id: str | None,
    about: str,
) -> bool:
    same = (one.workflow_id, one.about, one.kind) == (workflow_id, about, kind)
    return same and task_id in {None, one.task_id}


def _settled(session_id: str, draft: Draft, now: datetime) -> AttentionItem:
    """What stands for a request that needs nobody any more."""
    return AttentionItem(
        item_id=new_id(),
        kind=draft.kind,
        session_id=session_id,
        request_id=draft.request_id,
        title=draft.title,
        created_at=now,
        state=ItemState.RESOLVED,
        closed_at=now,
    )


_EVENTS = {
    ChangeKind.RAISED: AttentionRaised,
    ChangeKind.UPDATED: AttentionUpdated,
    ChangeKind.CLOSED: AttentionClosed,
    ChangeKind.DROPPED: AttentionClosed,
}


def _outcome(changes: Iterable[Change]) -> Outcome:
    rows: list[SessionChange] = []
    events: list[EventPayload] = []
    for change in changes:
        rows.append(SaveItem(change.item))
        events.append(_EVENTS[change.what](item=change.item))
        if change.what is ChangeKind.DROPPED:
            events.append(
                SystemWarning(
                    code="attention_full",
                    message=f"The attention queue is full; “{change.item.title}” was left out.",
                )
            )
    return rows, events
