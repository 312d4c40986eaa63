"""What is wrong with a field, right under it."""

from __future__ import annotations

from textual.widgets import Static


class FaultLine(Static):
    """Hidden while nothing is wrong."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False

    def say(self, text: str) -> None:
        """Show ``text``, or nothing at all."""
        self.update(text)
        self.display = bool(text)
