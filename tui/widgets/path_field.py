"""A field for a path, which tab completes."""

from __future__ import annotations

import asyncio

from textual.suggester import Suggester
from textual.widgets import Input

from ..model.directories import file_completion


class PathSuggester(Suggester):
    """Goes on with the name of a directory, or a file that ends so; the disk is read in a thread."""

    def __init__(self, base: str, endings: tuple[str, ...]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._base = base
        self._endings = endings

    async def get_suggestion(self, value: str) -> str | None:
        """The completed path."""
        return await asyncio.to_thread(file_completion, value, self._base, self._endings)


class PathField(Input):
    """Directories, and files with one of ``endings``; relative paths lie in ``base``."""

    def __init__(
        self,
        value: str,
        base: str,
        *,
        id: str,  # noqa: A002 - Textual's own name
        endings: tuple[str, ...] = (),
        placeholder: str = "",
        select_on_focus: bool = False,
    ) -> None:
        super().__init__(
            value, id=id, compact=True, placeholder=placeholder,
            select_on_focus=select_on_focus, suggester=PathSuggester(base, endings),
        )  # fmt: skip
        self._found = value

    def note(self) -> None:
        """What stands in the field before the person writes is no beginning."""
        self._found = self.value

    def complete(self) -> bool:
        """Take the suggested path, if one was begun here; whether there was one."""
        before = self.value
        if self.has_focus and before != self._found:
            self.action_cursor_right()
        return self.value != before
