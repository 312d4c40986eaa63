"""Events as lines of a log, and the ones that pass a filter."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import count

from rich.cells import cell_len

from ...core.protocol.events import (
    AboutSession,
    AttentionClosed,
    AttentionRaised,
    Event,
    EventPayload,
    HealthReport,
    PreferenceChanged,
    SessionCreated,
    SessionDeleted,
    SessionUpdated,
    StatusChanged,
    StatusProgress,
    SystemError_,
    SystemInfo,
    SystemWarning,
)
from ...core.protocol.status import shown_status
from ...core.protocol.views import HealthStatus, HealthView
from ...core.protocol.workflow_events import (
    TaskChanged,
    TaskOutput,
    WorkflowChanged,
    WorkflowCreated,
    WorkflowDeleted,
    WorkflowProgress,
)
from .cells import Cell, Row
from .flow.words import FLOW_SIGNS, TASK_SIGNS
from .query import Query
from .words import KIND_SIGNS, KIND_WORDS, SIGNS, clean, clean_lines, plural

KEPT = 5000
SLACK = 1000
LAGS_KEPT = 100
SEPARATOR = " · "
BARS = "▁▂▃▄▅▆▇█"


class Entry:
    """One event as it was taken in; two entries are the same only if they are one."""

    __slots__ = ("event", "number")

    def __init__(self, number: int, event: Event) -> None:
        self.number = number
        self.event = event


@dataclass(frozen=True, slots=True)
class LogRow:
    """One event's line, made when it is painted."""

    time: str
    type: str
    tone: str
    session: str
    text: str


def log_row(event: Event, names: Mapping[str, str]) -> LogRow:
    """The line of ``event``; ``names`` gives the sessions' names by id."""
    text, tone = describe(event.payload)
    return LogRow(
        time=event.metadata.timestamp.astimezone().strftime("%H:%M:%S"),
        type=clean(event.type, 40),
        tone=tone,
        session=clean(names.get(session_of(event) or "", ""), 50),
        text=clean(text, 300),
    )


def session_of(event: Event) -> str | None:
    """The session that an event is about."""
    match event.payload:
        case AboutSession(session_id=session_id):
            return session_id
        case SessionCreated(session=session) | SessionUpdated(session=session):
            return session.id
        case AttentionRaised(item=item):
            return item.session_id
        case _:
            return event.metadata.session_id


@singledispatch
def describe(_payload: EventPayload) -> tuple[str, str]:
    """What an event says, in a few words, and the tone of it."""
    return "", "muted"


@describe.register
def _(change: StatusChanged) -> tuple[str, str]:
    old = shown_status(change.old_lifecycle, change.old_activity)
    new = shown_status(change.lifecycle, change.status.activity)
    why = ": ".join(filter(None, (change.status.source.value, change.status.evidence)))
    return f"{old} → {new}  ({why})", SIGNS.get(new, ("", ""))[1]


@describe.register
def _(raised: AttentionRaised) -> tuple[str, str]:
    item = raised.item
    return f"{KIND_WORDS[item.kind]}: {item.title}", KIND_SIGNS[item.kind][1]


@describe.register
def _(closed: AttentionClosed) -> tuple[str, str]:
    return f"{closed.item.state.value}: {closed.item.title}", "muted"


@describe.register
def _(failed: SystemError_) -> tuple[str, str]:
    return f"{failed.error.code}: {failed.error.message}", "error"


@describe.register
def _(warned: SystemWarning) -> tuple[str, str]:
    return f"{warned.code}: {warned.message}", "needs"


@describe.register
def _(told: SystemInfo) -> tuple[str, str]:
    return f"{told.code}: {told.message}", ""


@describe.register
def _(created: SessionCreated) -> tuple[str, str]:
    return f"{created.session.agent} in {created.session.cwd}", ""


@describe.register
def _(deleted: SessionDeleted) -> tuple[str, str]:
    return deleted.name, "muted"


@describe.register
def _(updated: SessionUpdated) -> tuple[str, str]:
    return ", ".join(updated.changed), "muted"


@describe.register
def _(preferred: PreferenceChanged) -> tuple[str, str]:
    return f"{preferred.name} = {json.dumps(preferred.value)}", "muted"


@describe.register
def _(report: HealthReport) -> tuple[str, str]:
    return report.health.status.value, _health_tone(report.health.status)


@describe.register
def _(progress: StatusProgress) -> tuple[str, str]:
    share = "" if progress.progress is None else f"{progress.progress}% "
    return f"{share}{progress.message or progress.title}", "muted"


@describe.register
def _(created: WorkflowCreated) -> tuple[str, str]:
    return f"{created.workflow.name} ({created.workflow.file})", ""


@describe.register
def _(changed: WorkflowChanged) -> tuple[str, str]:
    flow = changed.workflow
    told = f"{flow.name}: {changed.old_status.value} → {flow.status.value}"
    return f"{told}  {flow.error or ''}", FLOW_SIGNS[flow.status.value][1]


@describe.register
def _(went_on: WorkflowProgress) -> tuple[str, str]:
    return f"{went_on.workflow.name}: {went_on.workflow.done}/{went_on.workflow.total}", "muted"


@describe.register
def _(changed: TaskChanged) -> tuple[str, str]:
    task = changed.task
    told = f"{task.id}: {task.status.value}"
    return f"{told}  {task.error or ''}", TASK_SIGNS[task.status.value][1]


@describe.register
def _(grown: TaskOutput) -> tuple[str, str]:
    return f"{grown.task_id}: {plural(grown.size, 'byte')} of output", "muted"


@describe.register
def _(deleted: WorkflowDeleted) -> tuple[str, str]:
    return deleted.name, "muted"


def _health_tone(status: HealthStatus) -> str:
    return {"healthy": "done", "degraded": "needs", "unhealthy": "error"}[status.value]


class Log:
    """The newest 5 000 events, and those of them that pass the filter.

    ``lags`` holds the loop's lag at each health report, in milliseconds.
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._query: Query[Event] = Query()
        self.rows: list[Entry] = []
        self.lags: deque[float] = deque(maxlen=LAGS_KEPT)

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, events: Sequence[Event]) -> int:
        """Take in newer events; how many rows left at the top to make room."""
        for event in events[-KEPT:]:
            entry = Entry(next(self._numbers), event)
            self._entries.append(entry)
            if self._query.admits(event):
                self.rows.append(entry)
            if isinstance(event.payload, HealthReport):
                self.lags.append(event.payload.health.loop_lag_ms)
        return self._trim()

    def _trim(self) -> int:
        if len(self.rows) <= KEPT + SLACK:
            return 0
        surplus = len(self.rows) - KEPT
        del self.rows[:surplus]
        return surplus

    def filter(self, query: Query[Event]) -> None:
        """Keep only rows of events that pass ``query``."""
        self._query = query
        self.rows = [entry for entry in self._entries if query.admits(entry.event)]


def detail_rows(event: Event) -> list[Row]:
    """An event as indented JSON, keys and values in tones of their own."""
    text = json.dumps(event.dump(), indent=2, ensure_ascii=False, default=str)
    return [tuple(_json_cells(line)) for line in clean_lines(text)]


def _json_cells(line: str) -> Iterator[Cell]:
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    key, colon, value = stripped.partition('": ')
    if colon and key.startswith('"'):
        yield Cell(f'{indent}{key}"', "working")
        yield Cell(f": {value}")
    else:
        yield Cell(line)


def health_cells(health: HealthView | None, width: int, age: float = 0.0) -> tuple[Row, str]:
    """The engine's health on one line; what of its facts needs another one, whole facts only.

    ``age`` is how many seconds ago it was told.
    """
    if health is None:
        return (Cell(" health: not reported yet", "muted"),), ""
    tone = _health_tone(health.status)
    sessions = f"{health.active_sessions} of {plural(health.max_sessions, 'session')}"
    facts = (
        sessions,
        f"up {_span(health.uptime_seconds + age)}",
        f"queue {health.command_queue}",
        f"dropped {health.events_dropped}",
        plural(health.clients, "client"),
        f"store {health.durability}",
    )
    word = Cell(f" {health.status.value}", tone)
    first = len(facts)
    while first > 1 and cell_len(f"{word.text}  {SEPARATOR.join(facts[:first])}") > width:
        first -= 1
    return (word, Cell(f"  {SEPARATOR.join(facts[:first])}")), SEPARATOR.join(facts[first:])


def faults_cells(health: HealthView | None) -> Row:
    """The checks that found something, on one line."""
    checks = health.checks if health is not None else ()
    bad = [check for check in checks if check.status is not HealthStatus.HEALTHY]
    if not bad:
        return (Cell(f" {plural(len(checks), 'check')}, all well", "muted"),) if checks else ()
    text = " · ".join(f"{clean(check.name)}: {clean(check.message)}" for check in bad)
    return (Cell(f" {text}", _health_tone(bad[0].status)),)


def sparkline(values: Sequence[float], width: int) -> str:
    """The last ``width`` values as bars from 0 to their greatest."""
    shown = values[-width:] if width > 0 else ()
    top = max(shown, default=0.0)
    if top <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[min(len(BARS) - 1, int(value / top * len(BARS)))] for value in shown)


def span_lasts(seconds: float) -> float:
    """The seconds until a span is written in another way."""
    unit = 1.0 if seconds < 60 else 60.0
    return unit - seconds % unit


def _span(seconds: float) -> str:
    minutes = int(seconds) // 60
    if not minutes:
        return f"{int(seconds)}s"
    if minutes < 60:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h {minutes % 60}m" if hours < 24 else f"{hours // 24}d {hours % 24}h"
