"""The line that appears when the link to the engine is lost."""

from __future__ import annotations

from ..link import LinkState
from ..model.cells import Cell, both_ends
from ..model.words import clean
from .one_line import OneLine


class Banner(OneLine):
    """Hidden while the link is up, or made for the first time."""

    def show_link(self, state: LinkState, key: str, start_key: str = "r") -> None:
        """Say why the link is down and when it is tried again, or vanish."""
        self.display = bool(state.attempt) and not state.up
        if not self.display:
            return
        if state.shut_down:
            told = (
                Cell(" ! The engine was shut down. Its sessions go on if they were not stopped."),
            )
            again = (Cell(f"  {start_key} starts it again "),)
            self.lay_out(lambda width: (both_ends(told, again, width), ()))
            return
        wait = "now" if not state.wait else f"in {state.wait:g} s"
        left = (Cell(f" ! The engine is out of reach: {clean(state.reason)}"),)
        right = (Cell(f"  attempt {state.attempt + 1} {wait}, {key}: at once "),)
        self.lay_out(lambda width: (both_ends(left, right, width), ()))
