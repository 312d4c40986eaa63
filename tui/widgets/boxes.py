"""What holds widgets beside and below each other, and is painted with every line of them."""

from __future__ import annotations

from itertools import pairwise

from textual import events
from textual.containers import Horizontal, Vertical
from textual.message import Message

from .styled import Kept


# Textual looks for the style of a kind along the first base, so that is the box.
class AcrossBox(Horizontal, Kept):
    """Widgets side by side; whoever captures the mouse for it hears where the first one is to end."""

    class Dragged(Message):
        """The mouse is where the first widget would be ``width`` cells wide; ``done``: it let go there."""

        def __init__(self, width: int, *, done: bool) -> None:
            super().__init__()
            self.width = width
            self.done = done

    def is_edge(self, x: int, y: int) -> bool:
        """Whether the first widget ends, and the second begins, at a place of the screen."""
        regions = [child.region for child in self.children if child.display]
        return any(
            first.right == second.x
            and x in {second.x - 1, second.x}
            and first.y <= y < first.bottom
            for first, second in pairwise(regions)
        )

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The edge is dragged."""
        self._tell(event, done=False)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """It is let go."""
        self._tell(event, done=True)

    def _tell(self, event: events.MouseEvent, *, done: bool) -> None:
        if self.app.mouse_captured is self:
            if done:
                self.release_mouse()
            self.post_message(self.Dragged(event.screen_x - self.region.x + 1, done=done))


class DownBox(Vertical, Kept):
    """Widgets one below the other."""
