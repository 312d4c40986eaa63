"""Widgets that work out once what stays the same from one painting to the next."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Kept(Widget):
    """Gives its lines again as they were while nothing of it is dirty.

    For a key that moves a cursor Textual asks every widget around and beside the list for all its lines. Whatever
    makes a line dirty goes through ``_set_dirty``, for Textual's own cache of lines as well.
    """

    _kept: tuple[object, list[Strip]] | None = None

    def _set_dirty(self, *regions: Region) -> None:
        self._kept = None
        super()._set_dirty(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in ``crop``, to be painted."""
        wanted = (crop, self.get_line_filters(), self.hover_style)
        if self._kept is None or self._kept[0] != wanted:
            self._kept = (wanted, super().render_lines(crop))
        return self._kept[1]

    def notify_style_update(self) -> None:
        """The theme or a class changed."""
        self._kept = None
        super().notify_style_update()


class Styled(Kept):
    """Keeps the style that its background and colour make.

    Only for widgets with a background of their own: then nothing above them changes it.
    """

    _own_style: Style | None = None
    _painting = False

    @property
    def own_style(self) -> Style:
        """The style of text of no tone."""
        if self._own_style is None:
            self._own_style = self.rich_style
        return self._own_style

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in ``crop``, to be painted."""
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def placed(self, strip: Strip, line: int) -> Strip:
        """``strip`` with the place of each character in the text, as line ``line`` of it.

        Textual asks a line for that when text is selected, outside of painting; on the way to the
        terminal it would cost as much as the line itself.
        """
        return strip if self._painting else strip.apply_offsets(0, line)

    def notify_style_update(self) -> None:
        """The theme or a class changed."""
        self._own_style = None
        super().notify_style_update()
