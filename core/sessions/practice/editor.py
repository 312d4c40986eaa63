"""The line a person types into."""

from __future__ import annotations

from .keys import Key
from .text import clean

PASTE_PAUSE = 0.05
"""Seconds after a paste in which Enter belongs to the text, as with agents that guard pastes."""

SECOND_PRESS = 0.8
"""Seconds in which a second Ctrl-C leaves."""

TEXT_LIMIT = 100_000


class Editor:
    """Text with the cursor at its end."""

    def __init__(self) -> None:
        self.text = ""
        self._pasted_at: float | None = None

    def key(self, key: Key, now: float) -> str | None:
        """The text that ``key`` submits, stripped and maybe empty; None if it submits nothing."""
        name, text = key
        if name == "enter" and not self._in_paste(now):
            return self._submit()
        if name == "paste":
            self._pasted_at = now
        self._edit(name, text)
        return None

    def clear(self) -> None:
        """Throw the text away."""
        self.text = ""

    def _in_paste(self, now: float) -> bool:
        return self._pasted_at is not None and now - self._pasted_at < PASTE_PAUSE

    def _submit(self) -> str:
        submitted, self.text = self.text.strip(), ""
        return submitted

    def _edit(self, name: str, text: str) -> None:
        if name in {"text", "paste"}:
            self.text = (self.text + clean(text))[:TEXT_LIMIT]
        elif name in {"newline", "enter"}:
            self.text += "\n"
        elif name == "backspace":
            self.text = self.text[:-1]
        elif name == "ctrl-u":
            self.text = ""
        elif name == "ctrl-w":
            self.text = self.text.rstrip().rpartition(" ")[0]
