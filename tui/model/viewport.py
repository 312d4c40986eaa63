"""Which lines of a session's output a panel shows: the present, or a part of the past."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.client.screen import ScreenModel
from ...core.protocol.screen import Row, row_text

PAST_KEPT = 4000


def used_lines(model: ScreenModel) -> int:
    """How many lines of the screen hold something, the cursor's included."""
    for index in range(len(model.rows) - 1, model.cursor.y, -1):
        if row_text(model.rows[index]).strip():
            return index + 1
    return min(model.cursor.y + 1, len(model.rows))


class Viewport:
    """A window of ``height`` lines on a session's output.

    Lines are counted from the oldest one kept: first the history, then the screen. ``top`` is the
    first line shown while scrolled back, ``None`` in the present, where the window follows the
    lower end of what the screen holds.
    """

    def __init__(self) -> None:
        self.height = 1
        self.top: int | None = None
        self._past: dict[int, Row] = {}
        self._used: tuple[ScreenModel | None, int, int] = (None, 0, 0)

    @property
    def scrolled(self) -> bool:
        """Whether the past is shown."""
        return self.top is not None

    def present(self, model: ScreenModel) -> int:
        """The first line shown in the present."""
        if model.lines <= self.height:
            return model.history
        hidden = max(0, min(model.lines, self._used_lines(model)) - self.height)
        return model.history + hidden

    def _used_lines(self, model: ScreenModel) -> int:
        """``used_lines``, counted once for each frame."""
        counted, generation, used = self._used
        if counted is not model or generation != model.generation:
            used = used_lines(model)
            self._used = model, model.generation, used
        return used

    def first(self, model: ScreenModel) -> int:
        """The first line shown."""
        return self.present(model) if self.top is None else self.top

    def scroll(self, model: ScreenModel, lines: int) -> bool:
        """Move by ``lines`` (negative: into the past); whether that changed anything."""
        return self.show(model, self.first(model) + lines)

    def show(self, model: ScreenModel, line: int) -> bool:
        """Make ``line`` the first one shown, as far as there are lines."""
        before, end = self.top, self.present(model)
        wanted = max(0, line)
        self.top = None if wanted >= end else wanted
        if self.top is None:
            self._past.clear()
        return self.top != before

    def back(self, model: ScreenModel) -> int:
        """How many lines the window is away from the present."""
        return self.present(model) - self.first(model)

    def row(self, model: ScreenModel, line: int) -> Row | None:
        """The line's cells: ``None`` if they must be asked for, ``()`` beyond the end."""
        if self.top is not None:
            known = self._past.get(line)
            if known is not None or line < model.history:
                return known
        index = line - model.history
        return model.rows[index] if 0 <= index < len(model.rows) else ()

    def missing(self, model: ScreenModel) -> tuple[int, int] | None:
        """What to ask for, start and count, so that the window can be drawn; with room to move."""
        if self.top is None:
            return None
        window = range(self.top, min(self.top + self.height, model.history))
        if all(line in self._past for line in window):
            return None
        start = max(0, self.top - self.height)
        return start, min(3 * self.height, model.history + model.lines - start)

    def keep(self, start: int, rows: Sequence[Row]) -> None:
        """Take in lines that were asked for."""
        if len(self._past) + len(rows) > PAST_KEPT:
            self._past.clear()
        self._past.update(enumerate(rows, start))

    def forget(self) -> None:
        """Back to the present of another session."""
        self.top = None
        self._past.clear()
