"""What is started by the clock: looked at, switched on and off, removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from textual.content import Content
from textual.widget import Widget

from ...core.base.errors import QuarterdeckError
from ...core.protocol.workflow_commands import ListSchedules, RemoveSchedule, SaveSchedule
from ...core.protocol.workflow_views import ScheduleView
from ..bridge import Bridge
from ..model.cells import Cell, Column, Row, arrange
from ..model.words import clean, short_path
from ..widgets.fault_line import FaultLine
from ..widgets.lines import Lines
from .base import Dialog, Offer
from .confirm import ConfirmDialog

NOTHING = "no schedule: a file's own is kept by `quarterdeck workflow schedule FILE`"
ASKING = "asking…"


class ScheduleRow(NamedTuple):
    """One schedule's line."""

    name: str
    cron: str
    next: str
    file: str
    enabled: bool


class ScheduleList(Lines):
    """One line for each schedule."""

    def can_pick(self, index: int) -> bool:
        """Only schedules can be picked."""
        return super().can_pick(index) and isinstance(self.rows[index], ScheduleRow)

    def compose_row(self, row: Any, width: int) -> Row:
        """On or off, name, when, next time."""
        if not isinstance(row, ScheduleRow):
            return (Cell(str(row), "muted"),)
        tone = "done" if row.enabled else "muted"
        return arrange(
            (
                Column("● on" if row.enabled else "○ off", tone, 6),
                Column(row.name, "head", max(12, width // 4)),
                Column(f" {row.cron}", "", 18),
                Column(f" {row.next}", "muted", 17),
                Column(f" {row.file}", "muted"),
            ),
            width,
        )


def schedule_row(view: ScheduleView) -> ScheduleRow:
    """A schedule's line."""
    when = view.next_at.astimezone().strftime("%Y-%m-%d %H:%M") if view.next_at else "never"
    return ScheduleRow(
        name=clean(view.name, 100),
        cron=clean(view.cron, 60),
        next=when if view.enabled else "",
        file=short_path(view.file),
        enabled=view.enabled,
    )


class SchedulesDialog(Dialog[None]):
    """Asks for the schedules when it opens and after each change."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge, "Schedules", kind="schedules")
        self.list = ScheduleList(id="schedules-list")
        self.fault = FaultLine()
        self.schedules: Sequence[ScheduleView] = ()
        self._asked_once = False
        self._cursor = 0

    def body(self) -> Iterable[Widget]:
        """List, fault."""
        return (self.list, self.fault)

    def begin(self) -> None:
        """Ask for them."""
        self.list.focus()
        self._ask()

    def _ask(self) -> None:
        self.bridge.send(ListSchedules(), then=self._take, failed=self._refused)

    def _take(self, result: dict[str, Any]) -> None:
        self.schedules = [ScheduleView.model_validate(raw) for raw in result["schedules"]]
        self._asked_once = True
        self._cursor = min(self._cursor, max(0, len(self.schedules) - 1))
        self.show_state()

    def show_state(self) -> None:
        """Show them, and what the one under the cursor is about."""
        rows = tuple(schedule_row(view) for view in self.schedules)
        nothing = (NOTHING if self._asked_once else ASKING,)
        self.list.show(rows or nothing, self._cursor if rows else None)
        self.frame.border_subtitle = Content(self._about())
        super().show_state()

    @property
    def chosen(self) -> ScheduleView | None:
        """The schedule under the cursor."""
        return self.schedules[self._cursor] if self._cursor < len(self.schedules) else None

    def _about(self) -> str:
        view = self.chosen
        if view is None:
            return ""
        last = view.last_at.astimezone().strftime("%Y-%m-%d %H:%M") if view.last_at else "never yet"
        return f" {clean(view.zone, 40)} · missed times: {clean(view.catch_up, 20)} · started last: {last} "

    def offers(self) -> Sequence[Offer]:
        """Switch, remove, move."""
        moves = (
            Offer(("down", "j"), "", lambda: self._step(1), repeatable=True),
            Offer(("up", "k"), "", lambda: self._step(-1), repeatable=True),
            self.escape(),
        )
        if self.chosen is None:
            return moves
        word = "switch off" if self.chosen.enabled else "switch on"
        return (
            Offer(("space", "enter"), word, self.switch),
            Offer(("D", "delete"), "remove", self.take_away),
            *moves,
        )

    def _step(self, by: int) -> None:
        self._cursor = min(max(0, self._cursor + by), max(0, len(self.schedules) - 1))
        self.show_state()

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """A click chooses."""
        event.stop()
        self._cursor = event.index
        self.show_state()

    def switch(self) -> None:
        """On, or off."""
        view = self.chosen
        if view is not None:
            wish = SaveSchedule(
                name=view.name, file=view.file, cron=view.cron, zone=view.zone,
                catch_up=view.catch_up, inputs=view.inputs, enabled=not view.enabled,
            )  # fmt: skip
            self.bridge.send(wish, then=lambda _: self._ask(), failed=self._refused)

    def take_away(self) -> None:
        """Remove it, once confirmed."""
        view = self.chosen
        if view is not None:
            dialog = ConfirmDialog(
                self.bridge, action="flow.delete", title=f"Remove {clean(view.name, 60)}?",
                text="It is started by the clock no more; workflows that it started go on.",
                verb="remove it",
            )  # fmt: skip
            self.bridge.host.open(dialog, partial(self._removed, view.name))

    def _removed(self, name: str, sure: bool | None) -> None:
        if sure:
            self.bridge.send(
                RemoveSchedule(name=name), then=lambda _: self._ask(), failed=self._refused
            )

    def _refused(self, error: QuarterdeckError) -> None:
        if self.is_attached:
            self._asked_once = True
            self.fault.say(error.info().message)
            self.show_state()
        else:
            self.bridge.complain(error)
