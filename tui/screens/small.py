"""What is shown in a terminal that is too small."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

LEAST = (80, 24)


def is_small(cols: int, lines: int) -> bool:
    """Whether the dashboard has no room in a terminal of this size."""
    return cols < LEAST[0] or lines < LEAST[1]


class SmallScreen(ModalScreen[None], inherit_bindings=False):
    """Says which size is needed; goes by itself once the terminal has it."""

    def compose(self) -> ComposeResult:
        """One message in the middle."""
        self.message = Static(id="small", markup=False)
        yield self.message

    def on_mount(self) -> None:
        """Say it."""
        self.on_resize()

    def on_resize(self) -> None:
        """Say it for the present size, or go."""
        cols, lines = self.app.size
        if not is_small(cols, lines):
            self.dismiss()
            return
        needed = f"Quarterdeck needs {LEAST[0]}x{LEAST[1]}.\nThis terminal is {cols}x{lines}."
        self.message.update(f"{needed}\n\nMake it larger; nothing is lost.")
