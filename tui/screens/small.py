"""What is shown in a terminal that is too small."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

LEAST = (80, 24)


def is_small(cols: int, lines: int) -> bool:
    """Whether the dashboard has no room in a terminal of this size."""
    return cols < LEAST[0] or lines < LEAST[1]


class SmallScreen(ModalScreen[None], inherit_bindings=False):
    """Says which size is needed; the app takes it away once the terminal has it."""

    def compose(self) -> ComposeResult:
        """One message in the middle."""
        self.message = Static(id="small", markup=False)
        yield self.message

    def on_resize(self, event: events.Resize) -> None:
        """Say it for the present size."""
        cols, lines = event.size
        needed = f"Quarterdeck needs\n{LEAST[0]}x{LEAST[1]}; this is {cols}x{lines}."
        self.message.update(f"{needed}\nMake it larger:\nnothing is lost.")
