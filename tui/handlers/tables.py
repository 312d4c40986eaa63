"""Moving through tables: rows, pages, panels, and to what needs someone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..bridge import Bridge
from ..going import show_item
from ..widgets.table import Table
from .base import Handler, Handlers
from .steps import row_steps


class TableMoves:
    """Steps go to the table that has the focus, else to the first of those that are shown."""

    def __init__(
        self,
        bridge: Bridge,
        tables: Callable[[], Sequence[Table]],
        moved: Callable[[Table], None],
        to_deck: Callable[[], None],
    ) -> None:
        self._bridge = bridge
        self._tables = tables
        self._moved = moved
        self._to_deck = to_deck

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            **row_steps(self.step, self.page, self._no_rows),
            "nav.panel": Handler(partial(self.panel, 1), self._one_panel, repeatable=True),
            "nav.panel_back": Handler(partial(self.panel, -1), self._one_panel, repeatable=True),
            "nav.next_actionable": Handler(partial(self.to_item, backwards=False), self._nothing),
            "nav.previous_actionable": Handler(
                partial(self.to_item, backwards=True), self._nothing
            ),
        }

    @property
    def focused(self) -> Table | None:
        """The table that has the focus."""
        tables = self._tables()
        return next((one for one in tables if one.has_focus), next(iter(tables), None))

    def step(self, rows: int) -> None:
        """Move by so many rows."""
        table = self.focused
        if table is not None and table.step(rows):
            self._moved(table)
            self._bridge.stepped()

    def page(self, way: int) -> None:
        """Move by a page."""
        if self.focused is not None:
            self.step(way * self.focused.page)

    def panel(self, way: int) -> None:
        """Give the focus to the next table."""
        tables = self._tables()
        here = next((at for at, one in enumerate(tables) if one.has_focus), 0)
        tables[(here + way) % len(tables)].focus()

    def to_item(self, *, backwards: bool) -> None:
        """Go to the next item that needs someone, and to what it is about."""
        deck = self._bridge.deck
        item = deck.next_actionable(backwards=backwards)
        if item is None:
            return
        deck.select_item(item.item_id, jump=True)
        if item.session_id:
            self._to_deck()
        else:
            show_item(self._bridge, item)
        self._bridge.moved()

    def _no_rows(self) -> str | None:
        return None if self._tables() else "There is nothing to move through."

    def _one_panel(self) -> str | None:
        return None if len(self._tables()) > 1 else "There is one panel only."

    def _nothing(self) -> str | None:
        return None if self._bridge.deck.actionable() else "Nothing needs you."
