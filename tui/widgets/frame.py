"""The opening screen: the whole frame in one widget, painted while the rest of the program loads."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from ..keys.actions import ACTIONS
from ..model.cells import Row
from ..model.frame import FIRST_HINTS, LAST_HINT, TABS, Hints, frame_rows

TONES = (
    "bar", "bar-head", "bar-muted", "bar-key", "edge", "title", "focus-edge", "focus-title", "muted",
)  # fmt: skip


class OpeningFrame(Widget):
    """Lines, lists and panel without anything in them, where the deck will paint its own."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"frame--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    OpeningFrame {
        width: 100%; height: 100%; background: $background; color: $foreground;
        .frame--bar { background: $panel; color: $foreground; }
        .frame--bar-head { background: $panel; color: $foreground; text-style: bold; }
        .frame--bar-muted { background: $panel; color: $text-muted; }
        .frame--bar-key { background: $panel; color: $text-accent; text-style: bold; }
        .frame--edge { color: $foreground 30%; }
        .frame--title { color: $text-muted; text-style: bold; }
        .frame--focus-edge { color: $border; }
        .frame--focus-title { color: $text-primary; text-style: bold; }
        .frame--muted { color: $text-muted; }
    }
    """

    def __init__(self, *, minimal: bool) -> None:
        super().__init__()
        self._minimal = minimal
        self._made_for = Size(0, 0)
        self._rows: list[Row] = []

    def render_line(self, y: int) -> Strip:
        """One line of the frame."""
        if self._made_for != self.size:
            self._made_for = self.size
            self._rows = frame_rows(_hints(), *self.size, minimal=self._minimal)
        return Strip([Segment(text, self._style(tone)) for text, tone in self._rows[y]])

    def _style(self, tone: str) -> Style:
        return self.get_component_rich_style(f"frame--{tone}") if tone else self.rich_style


def _hints() -> Hints:
    """The default keys; others are known only once the settings are."""

    def key(name: str) -> str:
        return ACTIONS[name].keys.split(",")[0]

    left = [(key(name), ACTIONS[name].hint) for name in FIRST_HINTS]
    return Hints(left, (key(LAST_HINT), ACTIONS[LAST_HINT].hint), [(key(n), t) for n, t in TABS])
