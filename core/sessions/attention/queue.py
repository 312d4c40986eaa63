"""The one queue of everything that needs a person: a machine without I/O.

Items are held in the order of ``core.protocol.attention.urgency``. Every change is returned, so
that the caller can journal and announce it; nothing is dropped unseen. Times are aware UTC.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from ...base.clock import require_aware
from ...base.ids import new_id
from ...protocol.attention import AttentionItem, AttentionKind, ItemState, is_snoozed, urgency
from ..faults import ItemUnknown
from .drafts import Draft

QUEUE_LIMIT = 1000
"""Open items held; beyond it the least urgent one gives way."""

MEMORY = 4
"""For how many times the limit closed requests and places are remembered."""

Key = tuple[str, str]


class ChangeKind(StrEnum):
    """What happened to an item; ``dropped``: the queue was full."""

    RAISED = "raised"
    UPDATED = "updated"
    CLOSED = "closed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Change:
    """An item as it is now, and what happened to it."""

    what: ChangeKind
    item: AttentionItem


@dataclass(frozen=True, slots=True)
class AttentionStatistics:
    """Figures: items open, put aside and by kind; the others count since the queue was made."""

    open: int
    snoozed: int
    by_kind: dict[AttentionKind, int]
    limit: int
    raised: int
    answered: int
    resolved: int
    expired: int
    dropped: int


class AttentionQueue:
    """Open attention items, at most ``limit``, one for each request of a session."""

    def __init__(
        self, limit: int = QUEUE_LIMIT, *, new_item_id: Callable[[], str] = new_id
    ) -> None:
        if limit < 1:
            msg = f"a queue holds at least one item, not {limit}"
            raise ValueError(msg)
        self._limit = limit
        self._new_item_id = new_item_id
        self._order: list[AttentionItem] = []
        self._items: dict[str, AttentionItem] = {}
        self._by_key: dict[Key, str] = {}
        self._settled: OrderedDict[Key, None] = OrderedDict()
        self._places: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether another item would be left out, or have one give way."""
        return len(self._items) >= self._limit

    def get(self, item_id: str) -> AttentionItem:
        """The open item ``item_id``.

        :raises ItemUnknown: if there is none.
        """
        if (item := self._items.get(item_id)) is None:
            raise ItemUnknown(
                f"No open attention item has the id {item_id}; it was answered, resolved, or its "
                "request is gone.",
                item_id=item_id,
            )
        return item

    def items(self, now: datetime, *, snoozed: bool = True) -> list[AttentionItem]:
        """The open items, most urgent first; those put aside only with ``snoozed``."""
        return [item for item in self._order if snoozed or not is_snoozed(item, now)]

    def raise_item(self, session_id: str, draft: Draft, now: datetime) -> list[Change]:
        """Enter what ``draft`` asks, or bring the item of the same request up to date.

        A request that a person has answered or resolved is not raised again.
        """
        key = (session_id, draft.request_id)
        if key in self._settled:
            return []
        if (item_id := self._by_key.get(key)) is not None:
            return self.update(item_id, draft)
        item = AttentionItem(
            item_id=self._new_item_id(),
            session_id=session_id,
            created_at=require_aware(now, "the time an item is raised"),
            **_fields(draft),
        )
        return self._make_room(item, now) or self._enter(item, now)

    def _make_room(self, item: AttentionItem, now: datetime) -> list[Change]:
        """Drop ``item`` itself if the queue is full of more urgent ones."""
        if len(self._items) < self._limit or urgency(item) < urgency(self._order[-1]):
            return []
        return [self._dropped(item, now)]

    def _enter(self, item: AttentionItem, now: datetime) -> list[Change]:
        changes = []
        if len(self._items) >= self._limit:
            least = self._order[-1]
            self._forget(least)
            changes.append(self._dropped(least, now))
        self._keep(item)
        self._counts["raised"] += 1
        return [*changes, Change(ChangeKind.RAISED, item)]

    def _dropped(self, item: AttentionItem, now: datetime) -> Change:
        self._counts["dropped"] += 1
        closed = item.model_copy(update={"state": ItemState.EXPIRED, "closed_at": now})
        return Change(ChangeKind.DROPPED, closed)

    def update(self, item_id: str, draft: Draft) -> list[Change]:
        """Bring an open item up to date; no change if it says the same already.

        :raises ItemUnknown: if there is no such item.
        """
        old = self.get(item_id)
        asked = _fields(draft)
        if all(getattr(old, name) == value for name, value in asked.items()):
            return []
        return [self._replace(old, asked)]

    def sync(self, session_id: str, drafts: Iterable[Draft], now: datetime) -> list[Change]:
        """Make the session's items those of ``drafts``: what it no longer asks is resolved."""
        wanted = list(drafts)
        kept = {draft.request_id for draft in wanted}
        gone = [
            item
            for item in self._order
            if item.session_id == session_id and item.request_id not in kept
        ]
        changes = [self._close(item, now, ItemState.RESOLVED) for item in gone]
        for draft in wanted:
            changes += self.raise_item(session_id, draft, now)
        return changes

    def answer(self, item_id: str, answer: str, by: str, now: datetime) -> Change:
        """Close an item with an answer that has arrived; its request is not raised again.

        :raises ItemUnknown: if there is no such item.
        """
        item = self.get(item_id)
        self._settle(item)
        return self._close(item, now, ItemState.ANSWERED, answer=answer, answered_by=by)

    def resolve(self, item_id: str, now: datetime, by: str | None = None) -> Change:
        """Close an item without an answer; its request is not raised again.

        :raises ItemUnknown: if there is no such item.
        """
        item = self.get(item_id)
        self._settle(item)
        return self._close(item, now, ItemState.RESOLVED, answered_by=by)

    def snooze(self, item_id: str, until: datetime, now: datetime) -> Change:
        """Put an item aside; a time that is over brings it back.

        :raises ItemUnknown: if there is no such item.
        """
        until = require_aware(until, "the time an item is put aside for")
        aside = until if until > now else None
        return self._replace(self.get(item_id), {"snoozed_until": aside})

    def unsnooze(self, item_id: str) -> Change:
        """Bring an item back.

        :raises ItemUnknown: if there is no such item.
        """
        return self._replace(self.get(item_id), {"snoozed_until": None})

    def put_back(self, before: AttentionItem, after: AttentionItem) -> bool:
        """Take back what made ``after`` of ``before``; whether it was that still.

        An item that was closed is open again, at its place and under its id.
        """
        if after.state is ItemState.OPEN:
            if self._items.get(after.item_id) != after:
                return False
            self._forget(after)
        else:
            if _key(after) not in self._settled or _key(after) in self._by_key:
                return False
            del self._settled[_key(after)]
            self._counts[_CLOSED[after.state]] -= 1
        self._keep(before)
        return True

    def tick(self, now: datetime) -> list[Change]:
        """Expire what is past its deadline, and bring back what was put aside until now."""
        changes = []
        for item in list(self._order):
            if item.deadline is not None and item.deadline <= now:
                self._settle(item)
                changes.append(self._close(item, now, ItemState.EXPIRED))
            elif item.snoozed_until is not None and item.snoozed_until <= now:
                changes.append(self._replace(item, {"snoozed_until": None}))
        return changes

    def wake_at(self) -> datetime | None:
        """When ``tick`` is wanted; ``None`` if time changes nothing."""
        times = [
            stamp
            for item in self._order
            for stamp in (item.deadline, item.snoozed_until)
            if stamp is not None
        ]
        return min(times, default=None)

    def next_item(self, current: str | None, now: datetime) -> AttentionItem | None:
        """The actionable item after ``current``, from the first on after the last."""
        ready = self.items(now, snoozed=False)
        if not ready:
            return None
        place = self._place(current)
        if place is None:
            return ready[0]
        at = bisect_right(ready, place, key=urgency)
        return ready[at % len(ready)]

    def previous_item(self, current: str | None, now: datetime) -> AttentionItem | None:
        """The actionable item before ``current``, from the last on before the first."""
        ready = self.items(now, snoozed=False)
        if not ready:
            return None
        place = self._place(current)
        at = len(ready) if place is None else bisect_left(ready, place, key=urgency)
        return ready[at - 1]

    def _place(self, item_id: str | None) -> tuple[Any, ...] | None:
        """Where an item stands, or stood before it was closed."""
        if item_id is None:
            return None
        item = self._items.get(item_id)
        return urgency(item) if item else self._places.get(item_id)

    def snapshot(self) -> tuple[AttentionItem, ...]:
        """The open items, for ``restore``."""
        return tuple(self._order)

    def restore(self, items: Iterable[AttentionItem]) -> None:
        """Take kept items up. Closed ones among them are remembered as settled.

        More than the limit are let in: they were promised before.
        """
        for item in items:
            if item.state is ItemState.OPEN:
                self._keep(item)
            else:
                self._settle(item)

    def statistics(self) -> AttentionStatistics:
        """Figures of the moment."""
        kinds = Counter(item.kind for item in self._order)
        return AttentionStatistics(
            open=len(self._order),
            snoozed=sum(item.snoozed_until is not None for item in self._order),
            by_kind=dict(kinds),
            limit=self._limit,
            **{name: self._counts[name] for name in ("raised", *_CLOSED.values(), "dropped")},
        )

    def _keep(self, item: AttentionItem) -> None:
        self._items[item.item_id] = item
        self._by_key[_key(item)] = item.item_id
        insort(self._order, item, key=urgency)

    def _forget(self, item: AttentionItem) -> None:
        del self._order[bisect_left(self._order, urgency(item), key=urgency)]
        del self._items[item.item_id], self._by_key[_key(item)]
        self._remember(self._places, item.item_id, urgency(item))

    def _replace(self, old: AttentionItem, changed: dict[str, Any]) -> Change:
        item = old.model_copy(update=changed)
        self._forget(old)
        self._keep(item)
        return Change(ChangeKind.UPDATED, item)

    def _close(self, item: AttentionItem, now: datetime, state: ItemState, **more: Any) -> Change:
        self._forget(item)
        self._counts[_CLOSED[state]] += 1
        update = {"state": state, "closed_at": now, "snoozed_until": None, **more}
        return Change(ChangeKind.CLOSED, item.model_copy(update=update))

    def _settle(self, item: AttentionItem) -> None:
        self._remember(self._settled, _key(item), None)

    def _remember(self, memory: OrderedDict[Any, Any], key: Any, value: Any) -> None:
        memory[key] = value
        if len(memory) > self._limit * MEMORY:
            memory.popitem(last=False)


_CLOSED = {
    ItemState.ANSWERED: "answered",
    ItemState.RESOLVED: "resolved",
    ItemState.EXPIRED: "expired",
}


def _key(item: AttentionItem) -> Key:
    return (item.session_id, item.request_id)


def _fields(draft: Draft) -> dict[str, Any]:
    return {field.name: getattr(draft, field.name) for field in fields(draft)}
