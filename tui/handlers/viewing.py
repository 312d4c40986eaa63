"""Looking at a session and typing into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.protocol.commands import MAX_COLS, MAX_LINES, MIN_COLS, ReadScreen, SearchScreen
from ...core.protocol.screen import Run
from ...core.protocol.wire import SizeInput
from ..bridge import Bridge
from ..model.words import clean, plural
from ..pace import Alarm
from ..widgets.input_bar import InputBar
from ..widgets.terminal import TerminalView
from .base import Handler, Handlers
from .sessions import NO_SESSION


class Viewing:
    """The focused session's view: entering and leaving it, its size, its past, searches in it."""

    def __init__(
        self,
        bridge: Bridge,
        terminal: TerminalView,
        search_bar: InputBar,
        rearrange: Callable[[], None],
    ) -> None:
        self._bridge = bridge
        self._deck = bridge.deck
        self._terminal = terminal
        self._bar = search_bar
        self._rearrange = rearrange
        self._size_alarm = Alarm(self.ask_size)
        self._matches: list[int] = []
        self._match = 0

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            "session.enter": Handler(self.enter, self._cant_enter),
            "session.leave": Handler(self.leave),
            "session.fit": Handler(self.ask_size, self._cant_fit),
            "history.up": Handler(lambda: self.scroll(-1), self._no_picture, repeatable=True),
            "history.down": Handler(lambda: self.scroll(1), self._not_scrolled, repeatable=True),
            "history.close": Handler(self._terminal.to_present),
            "search.open": Handler(self.open_search, self._no_picture),
            "search.again": Handler(self.open_search, self._no_picture),
            "search.next": Handler(lambda: self.go_match(1), self._no_match, repeatable=True),
            "search.previous": Handler(lambda: self.go_match(-1), self._no_match, repeatable=True),
        }

    def close(self) -> None:
        """Leave no timer behind."""
        self._size_alarm.set(None)

    # ---- typing

    def enter(self) -> None:
        """Every key goes to the session from now on; its terminal takes the panel's size."""
        keys = self._bridge.keymap.keys["session.leave"]
        self._terminal.enter(self._bridge.input, keys)
        self._rearrange()
        self._terminal.call_after_refresh(self.size_later)

    def leave(self) -> None:
        """Keys are the dashboard's again."""
        self._size_alarm.set(None)
        self._terminal.leave()
        self._rearrange()

    def size_later(self) -> None:
        """The panel may have another size: tell the session once it holds still."""
        if self._terminal.entered:
            self._size_alarm.set(self._bridge.pacing.size)

    def ask_size(self) -> None:
        """Give the session's terminal the size of the panel."""
        model = self._terminal.model
        cols, lines = self._terminal.size
        if model is None or (model.cols, model.lines) == (cols, lines) or not lines:
            return
        cols, lines = min(max(cols, MIN_COLS), MAX_COLS), min(lines, MAX_LINES)
        self._bridge.input(SizeInput(session_id=model.session_id, cols=cols, lines=lines))

    def _cant_enter(self) -> str | None:
        session = self._deck.session
        if session is None:
            return NO_SESSION
        return (
            None
            if session.living
            else f"{clean(session.name)} is not running; <agent.start> starts it."
        )

    def _cant_fit(self) -> str | None:
        problem = self._cant_enter()
        model = self._terminal.model
        if problem is None and (model is None or (model.cols, model.lines) == self._terminal.size):
            return "It has the size of its panel already."
        return problem

    # ---- the past

    def scroll(self, pages: int) -> None:
        """Move by so many pages, back or on."""
        self._terminal.scroll_lines(pages * max(1, self._terminal.viewport.height - 1))

    def fetch(self, start: int, count: int) -> None:
        """Ask for lines of the past."""
        model = self._terminal.model
        if model is not None:
            wish = ReadScreen(session_id=model.session_id, start=start, count=count, styled=True)
            self._bridge.send(wish, then=lambda result: self._give(model.session_id, result))

    def _give(self, session_id: str, result: dict[str, Any]) -> None:
        """Take in what came, unless the person has gone on to another session."""
        if self._terminal.model is not None and self._terminal.model.session_id == session_id:
            rows = [tuple(Run(*run) for run in row) for row in result["rows"]]
            self._terminal.give(int(result["start"]), rows)

    def _no_picture(self) -> str | None:
        model = self._terminal.model
        return None if model is not None and model.generation else "There is no output to look at."

    def _not_scrolled(self) -> str | None:
        return None if self._terminal.viewport.scrolled else "This is the present already."

    # ---- searching

    @property
    def searching(self) -> bool:
        """Whether there are matches to go through."""
        return bool(self._matches and self._terminal.needle)

    def open_search(self) -> None:
        """Ask what to look for."""
        self._bar.open(self._terminal.needle, "enter searches, esc gives up")

    def search(self, text: str) -> None:
        """Look for ``text`` in all of the session's output."""
        model = self._terminal.model
        if model is None or not text.strip():
            return
        self._bridge.send(
            SearchScreen(session_id=model.session_id, text=text),
            then=lambda result: self._found(model.session_id, text, result),
        )

    def _found(self, session_id: str, text: str, result: dict[str, Any]) -> None:
        if self._terminal.model is None or self._terminal.model.session_id != session_id:
            return
        self._matches = list(dict.fromkeys(int(match["line"]) for match in result["matches"]))
        self._match = 0
        if not self._matches:
            self._terminal.needle = ""
            self._bridge.host.tell(f"“{clean(text, 40)}” is nowhere in its output.")
            return
        self._terminal.needle = text
        self.go_match(0)

    def go_match(self, step: int) -> None:
        """Go to a match: an older one for 1, a newer one for -1; wraps."""
        self._match = (self._match + step) % len(self._matches)
        self._terminal.show_line(self._matches[self._match])

    def _no_match(self) -> str | None:
        return None if self.searching else "Nothing was searched for; / searches."

    def foot(self) -> str:
        """What the panel's lower edge says."""
        terminal, model = self._terminal, self._terminal.model
        if terminal.entered:
            key = self._bridge.keymap.label("session.leave")
            return f" all keys go to it · {key} leaves it "
        if model is None or not model.generation:
            return ""
        parts = []
        if terminal.viewport.scrolled:
            parts.append(f"{plural(terminal.viewport.back(model), 'line')} back")
        if self.searching:
            found = f"{self._match + 1} of {len(self._matches)}"
            parts.append(f"“{clean(terminal.needle, 16)}” {found}")
        cols, lines = terminal.size
        if not parts and (model.cols > cols or model.lines > lines):
            parts.append(f"{cols}x{lines} of {model.cols}x{model.lines}")
        return f" {' · '.join(parts)} " if parts else ""
