"""Moving through sessions and items."""

from __future__ import annotations

from ..bridge import Bridge
from ..widgets.attention_list import AttentionList
from ..widgets.lines import Lines
from ..widgets.session_list import SessionList
from .base import Handler, Handlers
from .steps import row_steps


class Moves:
    """The person's steps on the deck; the cursor is local, the engine hears of it later."""

    def __init__(self, bridge: Bridge, sessions: SessionList, attention: AttentionList) -> None:
        self._bridge = bridge
        self._deck = bridge.deck
        self._sessions = sessions
        self._attention = attention

    @property
    def _list(self) -> Lines:
        """The list that has the focus."""
        return self._attention if self._attention.has_focus else self._sessions

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            **row_steps(self.step, self._page, self._no_rows),
            "nav.panel": Handler(self.panel, self._one_panel, repeatable=True),
            "nav.panel_back": Handler(self.panel, self._one_panel, repeatable=True),
            "nav.next_actionable": Handler(self.next, self._nothing, repeatable=True),
            "nav.previous_actionable": Handler(self.previous, self._nothing, repeatable=True),
            "nav.back": Handler(self.back, self._nowhere_to_go_back_to),
        }

    def step(self, rows: int) -> None:
        """Move the cursor by so many rows of the focused list."""
        lines = self._list
        index = lines.neighbour(rows)
        if index is None and self._deck.lone_item is not None and lines is self._sessions:
            index = lines.cursor  # what is shown is a workflow's item: back to the session
        if index is None:
            return
        lines.point(index)
        if self._select(lines, index, jump=False):
            self._bridge.stepped()
        else:
            self._bridge.moved()

    def _page(self, way: int) -> None:
        self.step(way * self._list.page)

    def pick(self, lines: Lines, index: int, *, jump: bool) -> None:
        """Go to what stands on a row."""
        self._select(lines, index, jump=jump)
        self._bridge.moved()

    def _select(self, lines: Lines, index: int, *, jump: bool) -> bool:
        """Focus what stands on a row; False if that changed the list's rows."""
        item = self._attention.item_at(index) if lines is self._attention else None
        session = self._sessions.session_at(index) if lines is self._sessions else None
        if item is not None:
            self._deck.select_item(item, jump=jump)
        elif session is not None:
            self._deck.select_session(session, jump=jump)
        elif lines is self._sessions:  # the fold
            self._deck.folded = False
        return item is not None or session is not None

    def next(self) -> None:
        """Go to the next item that needs someone."""
        self._to_item(backwards=False)

    def previous(self) -> None:
        """Go to the item before."""
        self._to_item(backwards=True)

    def _to_item(self, *, backwards: bool) -> None:
        item = self._deck.next_actionable(backwards=backwards)
        if item is not None:
            self._deck.select_item(item.item_id, jump=True)
            self._bridge.moved()

    def back(self) -> None:
        """Go to the session left last."""
        self._deck.back()
        self._bridge.moved()

    def panel(self) -> None:
        """Give the focus to the other list."""
        (self._sessions if self._attention.has_focus else self._attention).focus()

    def _no_rows(self) -> str | None:
        return (
            None
            if self._list.neighbour(1) is not None or self._list.cursor is not None
            else ("There is nothing to move through.")
        )

    def _one_panel(self) -> str | None:
        return "Minimal mode has one list only." if self._deck.minimal else None

    def _nowhere_to_go_back_to(self) -> str | None:
        return None if self._deck.can_go_back() else "There is no session to go back to."

    def _nothing(self) -> str | None:
        return None if self._deck.actionable() else "Nothing needs you."
