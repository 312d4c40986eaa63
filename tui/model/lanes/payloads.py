"""The list of payloads, kept true by the changes that come, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ....core.protocol.pipeline_views import PayloadStatus, PayloadView
from ..about import short_id
from ..cells import Cell, Row
from ..flow.words import time_of
from ..query import Query, Vocabulary
from ..table import AnyRow, Col, TableRow, heading, one
from ..words import clean
from .words import ENDED, PAYLOAD_SIGNS, PRIORITY_SIGNS, payload_lasts

KEPT = 300
EVENT_WIDE = 70
PAYLOADS = (
    Col("state", 12),
    Col("id", 7),
    Col("p", 2),
    Col("event", 18, since=EVENT_WIDE),
    Col("payload"),
    Col("try", 5, right=True),
    Col("time", 7, right=True),
)
OF_A_LANE = tuple(col for col in PAYLOADS if col.title != "event")
_STATES: dict[str, frozenset[PayloadStatus]] = {
    **{status.value: frozenset((status,)) for status in PayloadStatus},
    "waiting": frozenset((PayloadStatus.QUEUED, PayloadStatus.RETRYING)),
    "ended": ENDED,
}

PAYLOAD_WORDS: Vocabulary[PayloadView] = Vocabulary(
    fields={
        "is": lambda payload, value: payload.status in _STATES[value],
        "event": lambda payload, value: value in payload.event.casefold(),
        "handler": lambda payload, value: any(value in one.casefold() for one in payload.handlers),
        "priority": lambda payload, value: payload.priority.name.casefold().startswith(value),
        "id": lambda payload, value: value in payload.id.casefold(),
    },
    text=lambda payload: (
        f"{payload.event} {payload.summary} {payload.error or ''} {payload.reason} "
        f"{' '.join(payload.handlers)}"
    ),
    values={"is": tuple(_STATES)},
)


def wanted_statuses(query: Query[PayloadView]) -> tuple[PayloadStatus, ...]:
    """The states that a filter asks for, so that the engine gives no others; none: all."""
    found = [part.removeprefix("is:") for part in query.text.split() if part.startswith("is:")]
    named = [_STATES[word] for word in found if word in _STATES]
    return tuple(sorted(frozenset.intersection(*named))) if named else ()


class Payloads:
    """The newest payloads of a pipeline, or of one of its lanes, newest first."""

    def __init__(self) -> None:
        self._by_id: dict[str, PayloadView] = {}
        self._early: dict[str, PayloadView] = {}
        self.of = ("", "")
        self.known = False

    def begin(self, pipeline: str, event: str) -> None:
        """Others are looked at."""
        if (pipeline, event) != self.of:
            self.of = pipeline, event
            self._by_id, self._early = {}, {}
            self.known = False

    def take(self, payloads: Sequence[PayloadView]) -> None:
        """These are there; what came while they were on their way is newer."""
        self._by_id = {one.id: one for one in payloads} | self._early
        self._early, self.known = {}, True

    def change(self, payload: PayloadView) -> bool:
        """A payload came or stands otherwise; whether it belongs here."""
        pipeline, event = self.of
        if payload.pipeline != pipeline or event not in {"", payload.event}:
            return False
        self._early[payload.id] = payload
        self._by_id[payload.id] = payload
        return True

    def remove(self, payload_id: str) -> None:
        """A payload is no more."""
        self._by_id.pop(payload_id, None)
        self._early.pop(payload_id, None)

    def settle(self) -> None:
        """Nothing is on its way any more that could be older than what came."""
        self._early = {}

    def get(self, payload_id: str) -> PayloadView | None:
        """A payload, if it is held."""
        return self._by_id.get(payload_id)

    def listed(self, query: Query[PayloadView]) -> list[PayloadView]:
        """Those that pass the filter, newest first; the list never grows without end."""
        newest = sorted(
            self._by_id.values(), key=lambda one: (one.created_at, one.id), reverse=True
        )
        if len(newest) > KEPT * 2:
            self._by_id = {one.id: one for one in newest[:KEPT]}
        return [one for one in newest[:KEPT] if query.admits(one)]

    def __len__(self) -> int:
        return len(self._by_id)


def payload_rows(
    payloads: Sequence[PayloadView], now: datetime, *, of_a_lane: bool
) -> list[AnyRow]:
    """The list's rows; of one lane each is of the same event."""
    layout = OF_A_LANE if of_a_lane else PAYLOADS
    return [heading(layout), *(_payload(payload, now, layout) for payload in payloads)]


def _payload(payload: PayloadView, now: datetime, layout: tuple[Col, ...]) -> TableRow:
    sign, tone = PAYLOAD_SIGNS[payload.status]
    letter, urgency = PRIORITY_SIGNS[payload.priority]
    event = () if layout is OF_A_LANE else (one(clean(payload.event, 60)),)
    many = payload.max_attempts > 1 or payload.attempt > 1
    return TableRow(
        layout,
        (
            one(f"{sign} {payload.status.value}", tone),
            one(short_id(payload.id), "muted"),
            one(letter, urgency),
            *event,
            _told(payload),
            one(f"{payload.attempt}/{payload.max_attempts}" if many else "", "muted"),
            one(time_of(payload.created_at, payload.ended_at, now), "muted"),
        ),
        f"payload/{payload.id}",
    )


def _told(payload: PayloadView) -> Row:
    """What keeps or kept it, and what it is: why it waits, what went wrong, who works on it."""
    cells: list[Cell] = []
    if payload.status is PayloadStatus.RUNNING and payload.handlers:
        cells.append(Cell(f"{clean(', '.join(payload.handlers), 60)}  ", "working"))
    if payload.reason and payload.status not in ENDED:
        cells.append(Cell(f"{clean(payload.reason, 200)}  ", "muted"))
    if payload.error:
        cells.append(Cell(f"{clean(payload.error, 200)}  ", "error"))
    return (*cells, Cell(clean(payload.summary, 200)))


def payloads_last(payloads: Sequence[PayloadView], now: datetime) -> float | None:
    """Seconds until a time in the rows says something else; ``None``: never."""
    found = (payload_lasts(payload, now) for payload in payloads)
    return min((seconds for seconds in found if seconds is not None), default=None)
