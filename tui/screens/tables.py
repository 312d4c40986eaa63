"""What the screens of tables share: moving, answering, the question that is open, wide and narrow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from ...core.protocol.attention import AttentionItem
from ...core.protocol.commands import ToggleMinimal
from ..bridge import Bridge
from ..handlers.answers import Answers
from ..handlers.base import Handler, Handlers
from ..handlers.tables import TableMoves
from ..keys.actions import Context
from ..model.ages import age_lasts, age_of
from ..model.asking import question_rows
from ..pace import Alarm
from ..widgets.input_bar import InputBar
from ..widgets.lines import Lines
from ..widgets.one_line import OneLine, cut_layout
from ..widgets.table import Table
from .base import MainScreen

STEPS = frozenset(("nav.down", "nav.up", "nav.page_down", "nav.page_up", "nav.first", "nav.last"))
NO_COLUMN = "The panels of this screen share its width."


class TablesScreen(MainScreen):
    """A screen of tables; which of them are shown depends on the room and on what was chosen."""

    WIDE: ClassVar[int]
    CONTEXT: ClassVar[Context]
    OPEN: ClassVar[str]
    """The action of a double click."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.filter_bar = InputBar("filter ", id="filter")
        self.asked = OneLine(id="asked")
        self.choices = OneLine(id="choices")
        self.moves = TableMoves(bridge, self.tables, self.moved_in, self._to_deck)
        self._alarm = Alarm(bridge.changed)

    def tables(self) -> Sequence[Table]:
        """The tables that can have the focus now, in the order of tab."""
        return ()

    def moved_in(self, table: Table) -> None:
        """The cursor of ``table`` is elsewhere."""

    def item(self) -> AttentionItem | None:
        """The open item about what the cursor stands on."""
        return None

    def show_tables(self) -> list[float | None]:
        """Bring the tables up to date; seconds until each says something else by itself."""
        return []

    def open_filter(self) -> None:
        """Ask what to show."""

    def own_handlers(self) -> Handlers:
        """What every screen of tables can do."""
        return {
            **self.moves.handlers(),
            **Answers(self.bridge, self._target).handlers(),
            "ui.filter": Handler(self.open_filter),
            "ui.toggle_minimal": Handler(self.toggle_minimal),
            "ui.narrower": Handler(_nothing, partial(str, NO_COLUMN)),
            "ui.wider": Handler(_nothing, partial(str, NO_COLUMN)),
        }

    def _to_deck(self) -> None:
        self.app.switch_mode("deck")

    def contexts(self) -> Sequence[Context]:
        """The screen's own keys, then those of every board."""
        return (*self.over(), self.CONTEXT, Context.BOARD, Context.APP)

    def perform(self, name: str) -> None:
        """Carry out an action on what is shown: after a step, all is shown first."""
        if name not in STEPS:
            self.bridge.catch_up()
        super().perform(name)

    @property
    def wide(self) -> bool:
        """Whether there is room for the panels side by side."""
        return self.app.size.width >= self.WIDE and not self.bridge.deck.minimal

    def show_state(self) -> None:
        """Bring everything up to date."""
        self.set_class(self.wide, "-wide")
        lasts = self.show_tables()
        item = self._follow_item()
        now = self.bridge.clock.now()
        question, choices = question_rows(item, self.key_here, now) if item else ((), ())
        for line, row in ((self.asked, question), (self.choices, choices)):
            line.display = bool(row)
            line.lay_out(partial(cut_layout, row))
        lasts.append(age_lasts(age_of(item.created_at, now)) if item else None)
        self._alarm.set(min((one for one in lasts if one is not None), default=None))
        super().show_state()

    def end(self) -> None:
        """Leave no timer behind."""
        self._alarm.set(None)

    def show_hints(self) -> None:
        """Show the keys that do something now; while the cursor moves on they stay."""
        if not self.bridge.stepping:
            super().show_hints()

    def _follow_item(self) -> AttentionItem | None:
        """The item that is asked here, which answers go to."""
        item = self.item()
        deck = self.bridge.deck
        if item is not None and deck.item_id != item.item_id:
            deck.select_item(item.item_id, by_hand=False)
        return item

    def _target(self) -> AttentionItem | None:
        item, target = self.item(), self.bridge.deck.target
        same = item is not None and target is not None and item.item_id == target.item_id
        return target if same else None

    def toggle_minimal(self) -> None:
        """One panel at a time, or as many as have room."""
        deck = self.bridge.deck
        deck.minimal = deck.folded = not deck.minimal
        self.bridge.send(ToggleMinimal())
        self.bridge.moved()

    def on_resize(self) -> None:
        """There is another width."""
        self.bridge.changed()

    def on_descendant_focus(self) -> None:
        """Other keys hold elsewhere."""
        self.bridge.changed()
        super().on_descendant_focus()

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """A row was clicked; a second time quickly: open it."""
        event.stop()
        if isinstance(event.lines, Table):
            event.lines.choose(event.index)
            self.moved_in(event.lines)
            self.bridge.moved()
            if event.double:
                self.perform(self.OPEN)


def _nothing() -> None:
    """There is nothing to do."""
