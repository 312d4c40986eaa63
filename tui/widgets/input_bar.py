"""A line to type in that opens over the line of keys: filters and searches."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static


class InputBar(Horizontal):
    """Hidden until opened; ``enter`` keeps what was typed, ``escape`` gives it up."""

    class Typed(Message):
        """The text changed."""

        def __init__(self, bar: InputBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

    class Closed(Message):
        """The person is done; ``kept`` is false after escape."""

        def __init__(self, bar: InputBar, text: str, *, kept: bool) -> None:
            super().__init__()
            self.bar = bar
            self.text = text
            self.kept = kept

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="input-bar")
        self._label = label
        self.input = Input(compact=True, select_on_focus=False)
        self.note = ""
        self.faulty = False
        self._before: Widget | None = None

    def compose(self) -> ComposeResult:
        """Label and field."""
        yield Static(self._label, classes="input-label", markup=False)
        yield self.input

    def open(self, text: str, note: str = "") -> None:
        """Show the bar with ``text`` in it."""
        self.display = True
        self._before = self.screen.focused
        self.input.value = text
        self.input.cursor_position = len(text)
        self.show_note(note)
        self.input.focus()

    def show_note(self, note: str, *, fault: bool = False) -> None:
        """What the line of keys says while the field is open."""
        self.note, self.faulty = note, fault

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the text on as it is typed."""
        event.stop()
        if self.display:
            self.post_message(self.Typed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the text."""
        event.stop()
        self._close(kept=True)

    def on_key(self, event: events.Key) -> None:
        """Escape gives up; tab has nowhere to go."""
        if event.key in {"escape", "tab", "shift+tab"}:
            event.stop()
            event.prevent_default()
        if event.key == "escape":
            self._close(kept=False)

    def _close(self, *, kept: bool) -> None:
        self.display = False
        if self._before is not None:
            self._before.focus()
        self.post_message(self.Closed(self, self.input.value, kept=kept))
