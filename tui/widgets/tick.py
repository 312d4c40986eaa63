"""A box to tick that says so by its sign, and not by its colour alone."""

from __future__ import annotations

from textual.widgets import Checkbox


class Tick(Checkbox):
    """Empty until it is ticked."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """Show the sign that belongs to the value."""
        self.BUTTON_INNER = "✓" if self.value else " "
        super().watch_value()
