"""What is shown in a terminal that is too small."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from ..model.frame import small_text


class SmallScreen(ModalScreen[None], inherit_bindings=False):
    """Says which size is needed; the app takes it away once the terminal has it."""

    def compose(self) -> ComposeResult:
        """One message in the middle."""
        self.message = Static(id="small", markup=False)
        yield self.message

    def on_resize(self, event: events.Resize) -> None:
        """Say it for the present size."""
        self.message.update(small_text(*event.size))
