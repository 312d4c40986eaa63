"""The line that appears when the link to the engine is lost."""

from __future__ import annotations

from ..link import LinkState
from ..model.cells import Cell
from ..model.words import clean
from .one_line import OneLine


class Banner(OneLine):
    """Hidden while the link is up."""

    def show_link(self, state: LinkState, key: str) -> None:
        """Say why the link is down and when it is tried again, or vanish."""
        self.display = not state.up
        if state.up:
            return
        if not state.attempt:
            self.show((Cell(" Reaching the engine…"),))
            return
        wait = "now" if not state.wait else f"in {state.wait:g} s"
        text = f" ! The engine is out of reach: {clean(state.reason)} Trying again {wait}"
        self.show((Cell(f"{text} (attempt {state.attempt}); {key} tries at once. "),))
