"""A compositor that renders, for a part of the screen, only what lies in that part.

Textual's own renders every visible widget in full for every partial update, also those that the
part does not touch; on a deck that is most of a frame's cost.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor as WholeCompositor
from textual.geometry import Region
from textual.strip import Strip


class Compositor(WholeCompositor):
    """Textual's, with partial updates cropped to the lines and the widgets they are about."""

    def _get_renders(
        self, crop: Region | None = None
    ) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """The widgets front to back: their region, the part of it that is wanted, its strips."""
        if crop is None:
            yield from super()._get_renders()
            return
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            wanted = shown.intersection(crop)
            if not wanted:
                continue
            part = Region(shown.x, wanted.y, shown.width, wanted.height)
            yield region, part, widget.render_lines(part.translate(-region.offset))
