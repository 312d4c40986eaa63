"""What screens have in common that show a list beside a panel: how wide the list is, and how that is changed."""

from __future__ import annotations

from functools import partial

from textual import events

from ..bridge import Bridge
from ..handlers.base import Handler, Handlers
from ..model.frame import LEFT_OVER, fitting_width, list_width
from ..widgets.boxes import AcrossBox
from .base import MainScreen

WIDTH_STEP = 4


class BesideScreen(MainScreen):
    """A list at the left of ``middle``; keys, or the mouse on the edge between, make it wider or narrower."""

    middle: AcrossBox

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self._dragged: int | None = None

    def width_handlers(self) -> Handlers:
        """The keys of the width."""
        return {
            "ui.narrower": Handler(partial(self.widen, -WIDTH_STEP), repeatable=True),
            "ui.wider": Handler(partial(self.widen, WIDTH_STEP), repeatable=True),
        }

    @property
    def kept_width(self) -> int:
        """The width that the person gave the list, as far as the terminal has room; 0: none."""
        width, kept = self.app.size.width, int(self.bridge.preferences["list_width"])
        if self._dragged is not None:
            return fitting_width(self._dragged, width)
        return fitting_width(kept, width, LEFT_OVER) if kept else 0

    @property
    def list_width(self) -> int:
        """The left column's width: the person's own, or its share of the terminal's."""
        return list_width(self.kept_width, self.app.size.width)

    def widen(self, cells: int) -> None:
        """Change the width of the left column; it is kept."""
        self._keep_width(self.list_width + cells)

    def _keep_width(self, cells: int) -> None:
        self._dragged = None
        self.bridge.prefer("list_width", fitting_width(cells, self.size.width))
        self.lay_out()

    def lay_out(self) -> None:
        """Give everything its place."""

    # ---- the mouse on the edge

    def _forward_event(self, event: events.Event) -> None:
        # Before Textual begins to select text: nothing is written on the edge.
        if isinstance(event, events.MouseDown) and self.app.mouse_captured is None:
            at_edge = self.middle.is_edge(event.screen_x, event.screen_y)
            if at_edge and event.button == 1 and not self.bridge.deck.minimal:
                self.app.capture_mouse(self.middle)
        super()._forward_event(event)

    def on_screen_suspend(self) -> None:
        """Another screen came, or a dialog: the mouse is its own, whatever was dragged."""
        if self.app.mouse_captured is self.middle:
            self.app.capture_mouse(None)
            self._dragged = None

    def on_across_box_dragged(self, event: AcrossBox.Dragged) -> None:
        """The edge follows the mouse; where that lets go, it stays."""
        event.stop()
        if event.done:
            self._keep_width(event.width)
        else:
            self._dragged = event.width
            self.bridge.changed()
