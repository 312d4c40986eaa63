"""A list that narrows as one types; palette and help are made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.widget import Widget
from textual.widgets import Input

from ..bridge import Bridge
from ..model.cells import Cell, Column, Row, arrange
from ..widgets.lines import Lines
from .base import Dialog, Offer

NOTHING = "nothing fits"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a finder: a title with a key at the right; a ``group`` is shown once over it."""

    title: str
    key: str = ""
    group: str = ""
    words: str = ""
    run: Callable[[], None] | None = None


def narrow(entries: Sequence[Entry], text: str) -> list[Entry]:
    """The entries that hold every word of ``text``; those whose titles begin with it first."""
    wanted = text.casefold().split()
    if not wanted:
        return list(entries)
    found = [
        (_rank(entry, wanted), number, entry)
        for number, entry in enumerate(entries)
        if all(word in _searched(entry) for word in wanted)
    ]
    return [entry for _, _, entry in sorted(found, key=lambda one: one[:2])]


def _searched(entry: Entry) -> str:
    return f"{entry.title} {entry.words} {entry.key} {entry.group}".casefold()


def _rank(entry: Entry, wanted: Sequence[str]) -> int:
    """0 if a word of the title begins with the first wanted word, 1 if it is in it, else 2."""
    title = entry.title.casefold()
    if any(word.startswith(wanted[0]) for word in title.split()):
        return 0
    return 1 if wanted[0] in title else 2


class EntryList(Lines):
    """Entries, each group's name over its first one."""

    def show_entries(self, entries: Sequence[Entry], cursor: int, *, grouped: bool) -> None:
        """Show ``entries`` with the cursor on one of them."""
        rows: list[Any] = []
        place = None
        group = ""
        for number, entry in enumerate(entries):
            if grouped and entry.group != group:
                group = entry.group
                rows.append(group)
            if number == cursor:
                place = len(rows)
            rows.append(entry)
        self.show(tuple(rows) or (NOTHING,), place)

    def can_pick(self, index: int) -> bool:
        """Only entries can be picked."""
        return super().can_pick(index) and isinstance(self.rows[index], Entry)

    def compose_row(self, row: Any, width: int) -> Row:
        """The cells of an entry or a heading."""
        if not isinstance(row, Entry):
            return (Cell(str(row), "muted" if row == NOTHING else "head"),)
        keys = min(max(len(row.key), 1), width // 2)
        return arrange(
            (Column(f"  {row.title}"), Column(f"{row.key} ", "key", keys + 1, right=True)), width
        )


class FinderDialog(Dialog[Callable[[], None]]):
    """Type to narrow, move, choose; ends with what the chosen entry does."""

    def __init__(self, bridge: Bridge, title: str, *, kind: str, text: str = "") -> None:
        super().__init__(bridge, title, kind=kind)
        self.input = Input(text, placeholder="type to search", compact=True, select_on_focus=False)
        self.list = EntryList(classes="finder-list")
        self.list.can_focus = False
        self.entries: Sequence[Entry] = ()
        self.found: Sequence[Entry] = ()
        self.cursor = 0

    def all_entries(self) -> Sequence[Entry]:
        """Everything that can be found."""
        return ()

    def body(self) -> Iterable[Widget]:
        """Field over list."""
        return (self.input, self.list)

    def begin(self) -> None:
        """Gather the entries once: the list must not move under the hand."""
        self.entries = self.all_entries()
        self.input.focus()
        self._narrow(self.input.value)

    def offers(self) -> Sequence[Offer]:
        """Move and choose."""
        page = self.list.page
        return (
            Offer(("enter",), "do it", self.choose),
            Offer(("down", "ctrl+n"), "", lambda: self.step(1), repeatable=True),
            Offer(("up", "ctrl+p"), "", lambda: self.step(-1), repeatable=True),
            Offer(("pagedown",), "", lambda: self.step(page), repeatable=True),
            Offer(("pageup",), "", lambda: self.step(-page), repeatable=True),
            self.escape(),
        )

    def step(self, by: int) -> None:
        """Move the cursor."""
        if self.found:
            self.cursor = min(max(0, self.cursor + by), len(self.found) - 1)
            self._show()

    def choose(self) -> None:
        """End with the entry under the cursor."""
        if self.found:
            self.dismiss(self.found[self.cursor].run)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        event.stop()
        self._narrow(event.value)

    def _narrow(self, text: str) -> None:
        self.found, self.cursor = narrow(self.entries, text), 0
        self._show()

    def _show(self) -> None:
        self.list.show_entries(self.found, self.cursor, grouped=not self.input.value.strip())

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """A click chooses."""
        event.stop()
        entry = event.lines.rows[event.index]
        self.cursor = self.found.index(entry)
        self.choose()
