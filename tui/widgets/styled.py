"""A widget that works out its own style once, not for every line it paints."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


class Styled(Widget):
    """Keeps the style that its background and colour make.

    Only for widgets with a background of their own: then nothing above them changes it.
    """

    _own_style: Style | None = None

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
