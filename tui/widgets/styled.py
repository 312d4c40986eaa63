"""Widgets that work out once what stays the same from one painting to the next."""

from __future__ import annotations

from rich.style import Style
from textual.css.styles import RenderStyles
from textual.dom import DOMNode
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
    """Keeps the style that its background and colour make, and works out only those of tones that it shows.

    Only for widgets with a background of their own: then nothing above them changes it.
    """

    _own_style: Style | None = None
    _shown: frozenset[str] = frozenset()

    def _get_component_classes(self) -> frozenset[str]:  # type: ignore[override]  # Textual's own are of the class
        # Each is a node of its own to Textual, for which it goes through the style sheets whenever a
        # style may have changed: a dozen for every line and list, of which most are never seen.
        return self._shown

    def get_component_styles(self, *names: str) -> RenderStyles:
        """The styles of tones, worked out when they are first asked for."""
        for name in names:
            if name not in self._component_styles and name in self.COMPONENT_CLASSES:
                self._shown |= {name}
                node = DOMNode(classes=name)
                node._attach(self)  # noqa: SLF001  # as Textual does it for all of them
                self.app.stylesheet.apply(node)
                self._component_styles[name] = node.styles
        return super().get_component_styles(*names)

    @property
    def own_style(self) -> Style:
        """The style of text of no tone."""
        if self._own_style is None:
            self._own_style = self.rich_style
        return self._own_style

    def notify_style_update(self) -> None:
        """The theme or a class changed."""
        self._own_style = None
        super().notify_style_update()
