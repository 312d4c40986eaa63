"""A recorder that owes: what the store could not keep is recorded again when it can."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..base.errors import Category, QuarterdeckError
from ..protocol.events import (
    AttentionRaised,
    Cause,
    EventPayload,
    SessionUpdated,
    StatusChanged,
)
from ..telemetry.logs import logger
from .ports import Recorder
from .records import AddStatus, RemoveSession, SaveItem, SaveSession, SessionChange

OWED_LIMIT = 4096
"""Sessions and items owed at most; beyond it the oldest go and are counted."""

LINES_LIMIT = 100
"""Lines of one session's status history owed at most."""

Key = tuple[str, str]

_log = logger("sessions.ledger")


@dataclass(slots=True)
class Debt:
    """What is to be recorded of one session or item: its newest state and what to tell of it."""

    state: SaveSession | SaveItem | None = None
    lines: list[AddStatus] = field(default_factory=list)
    events: dict[str, EventPayload] = field(default_factory=dict)

    def add(self, newer: Debt) -> Debt:
        """Both as one."""
        events = dict(self.events)
        for kind, event in newer.events.items():
            older = events.pop(kind, None)
            events[kind] = event if older is None else event.merged(older)
        lines = [*self.lines, *newer.lines][-LINES_LIMIT:]
        return Debt(newer.state or self.state, lines, events)

    def changes(self) -> list[SessionChange]:
        """What to journal."""
        return [*([] if self.state is None else [self.state]), *self.lines]


class Ledger:
    """Passes everything on to ``recorder``, and records again what the store failed to keep.

    A commit that failed for a reason of the store's (a full disk, an error of input or output) is
    owed: the newest state of each session and item in it is recorded again, each in a transaction
    of its own, as soon as any other commit succeeds, or on ``settle``. A later commit of the same
    session or item makes up for it. A commit that was refused for what it says is not repeated.
    """

    def __init__(self, recorder: Recorder, *, limit: int = OWED_LIMIT) -> None:
        self.dropped = 0
        self._recorder = recorder
        self._limit = limit
        self._owed: dict[Key, Debt] = {}
        self._under_way: Counter[Key] = Counter()

    @property
    def owed(self) -> int:
        """How many sessions and items wait to be kept."""
        return len(self._owed)

    def record(
        self,
        changes: Sequence[SessionChange],
        events: Sequence[EventPayload],
        cause: Cause | None = None,
    ) -> asyncio.Future[None]:
        """Journal ``changes`` and ``events`` in one transaction, then deliver the events.

        :raises QuarterdeckError: from the future, if the store refused.
        """
        done = asyncio.ensure_future(self._recorder.record(changes, events, cause))
        if changes:
            debts = _debts(changes, events)
            self._under_way.update(debts.keys())
            done.add_done_callback(lambda ended: self._ended(debts, ended))
        return done

    def settle(self) -> None:
        """Record again what is owed, but for what a commit under way may make up for."""
        for key in [key for key in self._owed if not self._under_way[key]]:
            debt = self._owed.pop(key)
            self.record(debt.changes(), list(debt.events.values()))

    def forget(self, session_id: str) -> None:
        """Owe nothing of a session that is not to be kept."""
        self._owed.pop(("session", session_id), None)

    def _ended(self, debts: dict[Key, Debt], commit: asyncio.Future[None]) -> None:
        self._under_way.subtract(debts.keys())
        self._under_way = +self._under_way
        error = None if commit.cancelled() else commit.exception()
        if error is None:
            for key in debts:
                self._owed.pop(key, None)
            self.settle()
        elif _passing(error):
            self._owe(debts)
        else:
            _log.error("a change was refused and is not repeated", error)

    def _owe(self, debts: dict[Key, Debt]) -> None:
        for key, debt in debts.items():
            if debt.state is not None or debt.lines:
                self._owed[key] = self._owed.pop(key, Debt()).add(debt)
        while len(self._owed) > self._limit:
            self._owed.pop(next(iter(self._owed)))
            self.dropped += 1


def _passing(error: BaseException) -> bool:
    """Whether the same change may be kept at another time."""
    if isinstance(error, QuarterdeckError):
        return error.category in {Category.RESOURCE, Category.SYSTEM}
    return isinstance(error, Exception)


def _debts(changes: Iterable[SessionChange], events: Iterable[EventPayload]) -> dict[Key, Debt]:
    """What is owed of each session and item if these can't be kept."""
    debts: dict[Key, Debt] = {}
    for change in changes:
        match change:
            case SaveSession(record):
                debts.setdefault(("session", record.id), Debt()).state = change
            case AddStatus(entry):
                debts.setdefault(("session", entry.session_id), Debt()).lines.append(change)
            case SaveItem(item):
                debts.setdefault(("item", item.item_id), Debt()).state = change
            case RemoveSession(session_id):
                debts[("session", session_id)] = Debt()
            case _:
                pass  # snapshots are taken again
    for event in events:
        key = _key_of(event)
        if key is not None and key in debts:
            debts[key].events[event.type] = event
    return debts


def _key_of(event: EventPayload) -> Key | None:
    match event:
        case StatusChanged(session_id=session_id):
            return ("session", session_id)
        case SessionUpdated(session=view):
            return ("session", view.id)
        case AttentionRaised(item=item):
            return ("item", item.item_id)
        case _:
            return None
