"""The log: every event, with filter, follow and detail, and the engine's health."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from textual.containers import Container, Vertical
from textual.widget import Widget

from ...core.base.errors import QuarterdeckError
from ...core.protocol.commands import HealthCheck, ListEvents
from ...core.protocol.events import Event
from ...core.protocol.views import HealthView
from ..bridge import Bridge
from ..handlers.base import Handler, Handlers
from ..keys.actions import Context
from ..model.cells import Cell, cut
from ..model.log import (
    Entry,
    Log,
    detail_rows,
    faults_cells,
    health_cells,
    session_of,
    span_lasts,
    sparkline,
)
from ..model.query import events_vocabulary, parse
from ..model.words import clean, plural
from ..pace import Alarm
from ..widgets.event_list import EventList
from ..widgets.input_bar import InputBar
from ..widgets.lines import Lines
from ..widgets.one_line import OneLine
from ..widgets.text_lines import TextLines
from .base import MainScreen

OLDER = 500
EVERYTHING = 1_000_000
SPARK = 30
WIDE = 140


class LogScreen(MainScreen):
    """Events at the top, the chosen one's detail below, health at the bottom."""

    NAME = "log"
    HINTS = (
        "link.reconnect",
        "log.follow", "log.filter", "log.go", "nav.panel", "screen.deck", "ui.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.names: dict[str, str] = {}
        self.vocabulary = events_vocabulary(self.names)
        self.log_model = Log()
        self.cursor: int | None = None
        self.events = EventList(self.names, id="events")
        self.detail = TextLines(id="detail")
        self.health = OneLine(id="health")
        self.checks = OneLine(id="checks")
        self.filter_bar = InputBar("filter ", id="filter")
        self._filter_text = ""
        self._seen: int | None = None
        self._shown: Entry | None = None
        self._told: HealthView | None = None
        self._told_at = 0.0
        self._alarm = Alarm(self.bring_up_to_date)

    def body(self) -> Iterable[Widget]:
        """Log, detail, health, and the bar that opens at the bottom."""
        self.events.border_title = "EVENTS"
        self.detail.border_title = "DETAIL"
        self.detail.show_plain(["no event is chosen"], "muted")
        return (
            Container(self.events, self.detail, id="log-middle"),
            Vertical(self.health, self.checks, id="log-health"),
            self.filter_bar,
        )

    def own_handlers(self) -> Handlers:
        """All that can be done on the log."""
        return {
            "nav.down": Handler(lambda: self.step(1), repeatable=True),
            "nav.up": Handler(lambda: self.step(-1), repeatable=True),
            "nav.page_down": Handler(lambda: self.step(self.page), repeatable=True),
            "nav.page_up": Handler(lambda: self.step(-self.page), repeatable=True),
            "nav.first": Handler(lambda: self.step(-EVERYTHING)),
            "nav.last": Handler(lambda: self.step(EVERYTHING)),
            "nav.panel": Handler(self.panel),
            "nav.panel_back": Handler(self.panel),
            "log.filter": Handler(self.open_filter),
            "log.follow": Handler(self.toggle_follow, self._no_events),
            "log.go": Handler(self.go, self._no_session),
        }

    def contexts(self) -> Sequence[Context]:
        """The log's own, and everywhere's."""
        return (*self.over(), Context.LOG, Context.APP)

    def begin(self) -> None:
        """Ask for what happened before this dashboard, and for the engine's health."""
        self.events.focus()
        self.bridge.send(ListEvents(limit=OLDER), then=self._older, failed=self._no_older)

    def on_screen_resume(self) -> None:
        """Health is told when it changes; what else stands in its line is asked for."""
        self.bridge.send(HealthCheck(), then=self._healthy, failed=self._not_told)

    def end(self) -> None:
        """Leave no timer behind."""
        self._alarm.set(None)

    def on_resize(self) -> None:
        """With room the detail stands beside the events."""
        self.set_class(self.size.width >= WIDE, "-wide")

    def _older(self, result: dict[str, Any]) -> None:
        """Put kept events before the ones that came by themselves."""
        known = {event.metadata.event_id for event in self.bridge.feed}
        older = (Event.parse(raw) for raw in result["events"])
        self._take([event for event in older if event.metadata.event_id not in known])
        self._begin()

    def _no_older(self, error: QuarterdeckError) -> None:
        self.bridge.complain(error)
        self._begin()

    def _begin(self) -> None:
        """From now on events are taken as they come, those first that came so far."""
        self._seen = self.bridge.fed - len(self.bridge.feed)
        self.bring_up_to_date()

    def _healthy(self, result: dict[str, Any]) -> None:
        self.bridge.view.health = HealthView.model_validate(result["health"])
        self.bring_up_to_date()

    def _not_told(self, _: QuarterdeckError) -> None:
        """It was nobody's wish; that there is no link is told at the top."""

    # ---- showing

    def show_state(self) -> None:
        """Bring log, detail and health up to date."""
        dropped = self._take_new()
        if self.cursor is not None:
            self.cursor = max(0, self.cursor - dropped)
        self.events.show_events(self.log_model.rows, self.cursor, dropped=dropped)
        held = "following" if self.cursor is None else "holding still"
        count = f"{len(self.log_model.rows)} of {plural(len(self.log_model), 'event')}"
        wanted = f" · {clean(self._filter_text, 40)}" if self._filter_text else ""
        self.events.show_foot(f" {held} · {count}{wanted} ")
        self._show_detail()
        self._show_health()
        super().show_state()

    def _take_new(self) -> int:
        """Take in what has come since the last time; rows dropped at the top."""
        if self._seen is None:
            return 0
        new, self._seen = self.bridge.fed - self._seen, self.bridge.fed
        feed = self.bridge.feed
        return self._take(list(islice(feed, max(0, len(feed) - new), None))) if new else 0

    def _take(self, events: Sequence[Event]) -> int:
        self.names.update({s.id: s.name for s in self.bridge.view.sessions.values()})
        return self.log_model.take(events)

    def _row(self) -> Entry | None:
        """The row under the cursor; the newest while following."""
        index, rows = self.events.cursor, self.log_model.rows
        return rows[index] if index is not None and index < len(rows) else None

    def _show_detail(self) -> None:
        row = self._row()
        if row == self._shown:
            return
        self._shown = row
        if row is None:
            self.detail.show_plain(["no event is chosen"], "muted")
        else:
            self.detail.show_text(detail_rows(row.event))

    def _show_health(self) -> None:
        health, now = self.bridge.view.health, self.bridge.clock.monotonic()
        if health is not self._told:
            self._told, self._told_at = health, now
        age = now - self._told_at
        self.health.lay_out(lambda width: (cut(health_cells(health, width, age)[0], width), ()))
        if health is not None:
            lasts = span_lasts(health.uptime_seconds + age)
            self._alarm.set(lasts if self.bridge.link.state.up else None)
            lag = f"   loop lag {health.loop_lag_ms:.1f} ms "
            plot = Cell(f"{lag}{sparkline(tuple(self.log_model.lags), SPARK)}", "muted")
            checks = faults_cells(health)
            self.checks.lay_out(
                lambda width: (cut((*checks, _rest(health, width, age), plot), width), ())
            )

    # ---- actions

    @property
    def page(self) -> int:
        """A page of the panel that has the focus."""
        return self.detail.page if self.detail.has_focus else self.events.page

    def step(self, rows: int) -> None:
        """Move through the events, or scroll the detail."""
        if self.detail.has_focus:
            self.detail.scroll_relative(y=rows, animate=False)
            return
        index = self.events.neighbour(rows)
        if index is not None:
            self._go_to(index)
        elif rows > 0:
            self.cursor = None
        self.bring_up_to_date()

    def _go_to(self, index: int) -> None:
        """Hold still at a row; at the newest one, follow."""
        self.cursor = None if index == len(self.log_model.rows) - 1 else index
        if self.cursor is not None:
            self.events.show_line(index)

    def panel(self) -> None:
        """Give the focus to the other panel."""
        (self.events if self.detail.has_focus else self.detail).focus()

    def toggle_follow(self) -> None:
        """Follow the newest event, or hold still at this one."""
        self.cursor = self.events.cursor if self.cursor is None else None
        self.bring_up_to_date()

    def go(self) -> None:
        """Go to the session of the event."""
        session_id = self._session_id()
        if session_id is not None:
            self.bridge.deck.select_session(session_id, jump=True)
            self.app.switch_mode("deck")

    def _session_id(self) -> str | None:
        row = self._row()
        found = session_of(row.event) if row is not None else None
        return found if found in self.bridge.view.sessions else None

    def _no_session(self) -> str | None:
        return None if self._session_id() else "The session of this event is not there."

    def _no_events(self) -> str | None:
        return None if self.log_model.rows else "There is no event to hold at."

    def open_filter(self) -> None:
        """Ask which events to show."""
        self.filter_bar.open(self._filter_text, self.vocabulary.tokens())

    def _filter(self, text: str) -> None:
        query = parse(text, self.vocabulary)
        self._filter_text = query.text
        self.log_model.filter(query)
        self.cursor = None
        self.filter_bar.show_note(
            query.faults[0] if query.faults else self.vocabulary.tokens(), fault=bool(query.faults)
        )
        self.bring_up_to_date()

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """An event was clicked; a second time quickly: go to its session."""
        event.stop()
        self._go_to(event.index)
        self.bring_up_to_date()
        if event.double:
            self.perform("log.go")

    def on_input_bar_typed(self, event: InputBar.Typed) -> None:
        """The filter works as it is typed."""
        self._filter(event.text)

    def on_input_bar_closed(self, event: InputBar.Closed) -> None:
        """The filter is kept, or given up."""
        self._filter(event.text if event.kept else "")


def _rest(health: HealthView, width: int, age: float) -> Cell:
    """What the line of health has no room for."""
    rest = health_cells(health, width, age)[1]
    return Cell(f" · {rest}" if rest else "", "muted")
