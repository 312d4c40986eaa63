"""What holds widgets beside and below each other, and is painted with every line of them."""

from __future__ import annotations

from textual.containers import Horizontal, Vertical

from .styled import Kept


# Textual looks for the style of a kind along the first base, so that is the box.
class AcrossBox(Horizontal, Kept):
    """Widgets side by side."""


class DownBox(Vertical, Kept):
    """Widgets one below the other."""
