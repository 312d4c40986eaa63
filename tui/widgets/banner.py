"""The line that appears when the link to the engine is lost."""

from __future__ import annotations

from ..link import LinkState
from ..model.cells import Cell
from ..model.words import clean
from .one_line import OneLine


class Banner(OneLine):
    """Hidden while the link is up, or made for the first time."""

    def show_link(self, state: LinkState, key: str) -> None:
        """Say why the link is down and when it is tried again, or vanish."""
        self.display = bool(state.attempt) and not state.up
        if not self.display:
            return
        wait = "now" if not state.wait else f"in {state.wait:g} s"
        text = f" ! The engine is out of reach: {clean(state.reason)} Trying again {wait}"
        self.show((Cell(f"{text} (attempt {state.attempt}); {key} tries at once. "),))
