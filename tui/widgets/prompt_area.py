"""A field of several lines that is sent with enter."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import TextArea

NEW_LINE_KEYS = frozenset(("alt+enter", "shift+enter", "ctrl+j"))


class PromptArea(TextArea, inherit_bindings=True):
    """Enter submits; alt+enter, shift+enter and ctrl+j begin a new line."""

    class Submitted(Message):
        """The text is done."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str = "", *, id: str, placeholder: str = "") -> None:  # noqa: A002 - Textual's own name
        super().__init__(
            text, id=id, tab_behavior="focus", soft_wrap=True, placeholder=placeholder,
            show_line_numbers=False, highlight_cursor_line=False, compact=True,
        )  # fmt: skip

    async def _on_key(self, event: events.Key) -> None:  # Textual calls TextArea's own after it
        if event.key in NEW_LINE_KEYS:
            event.stop()
            event.prevent_default()
            self.insert("\n")
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Submitted(self.text))
