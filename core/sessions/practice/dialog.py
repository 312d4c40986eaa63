"""Dialogs at the bottom of the screen: a permission or a question, answered by keys."""

from __future__ import annotations

from .keys import Key
from .text import Row, clean, text_width, wrap
from .turns import ALWAYS, FREE_TEXT, NO, ONCE, Permission, Question

PERMISSION_OPTIONS = ("Yes, once", "Yes, always", "No")
PERMISSION_ANSWERS = (ONCE, ALWAYS, NO)


class Dialog:
    """An open dialog: which option is selected, and the text typed into the free one.

    Once ``key`` has returned True, ``answer`` holds what was chosen; None: skipped.
    """

    def __init__(self, asked: Permission | Question) -> None:
        self.asked = asked
        self.selected = 0
        self.typed: str | None = None
        self.answer: str | None = None
        if isinstance(asked, Permission):
            self.options: tuple[str, ...] = PERMISSION_OPTIONS
            self.closing = "Enter to select · Esc to reject"
        else:
            self.options = asked.options
            self.closing = "Enter to answer · Esc to skip"

    def key(self, key: Key) -> bool:
        """Whether ``key`` answers the dialog."""
        if self.typed is not None:
            return self._type(self.typed, key)
        name, text = key
        if name in {"up", "down"}:
            step = 1 if name == "down" else -1
            self.selected = (self.selected + step) % len(self.options)
        elif name == "enter":
            return self._choose(self.selected)
        elif name == "esc":
            return self._close(NO if isinstance(self.asked, Permission) else None)
        elif name == "text" and text[0].isdecimal():
            return self._digit(text)
        elif name in {"text", "paste"} and self.options[self.selected] == FREE_TEXT:
            return self._type("", key)
        return False

    def _digit(self, text: str) -> bool:
        """Choose by the first digit; what follows it in one write goes into the free option."""
        index = "123456789".find(text[0])
        if not 0 <= index < len(self.options):
            return False
        self.selected = index
        answered = self._choose(index)
        if self.typed is not None:
            self.typed = clean(text[1:])
        return answered

    def _choose(self, index: int) -> bool:
        if isinstance(self.asked, Permission):
            return self._close(PERMISSION_ANSWERS[index])
        if self.options[index] == FREE_TEXT:
            self.typed = ""
            return False
        return self._close(self.options[index])

    def _close(self, answer: str | None) -> bool:
        self.answer = answer
        return True

    def _type(self, typed: str, key: Key) -> bool:
        name, text = key
        if name == "esc":
            self.typed = None
        elif name == "enter" and typed.strip():
            return self._close(typed.strip())
        elif name == "backspace":
            self.typed = typed[:-1]
        elif name == "ctrl-u":
            self.typed = ""
        elif name in {"text", "paste"}:
            self.typed = typed + clean(text).replace("\n", " ")
        return False

    def _question(self, cols: int) -> list[Row]:
        if isinstance(self.asked, Question):
            return [[("bold", row)] for row in wrap(f"Question: {self.asked.text}", cols)]
        # Wrapped, never cut: nobody shall approve what he couldn't read.
        first, *more = wrap(self.asked.text, cols - 5)
        return [
            [("bold", " Run this command?")],
            [("", "   "), ("accent", f"$ {first}")],
            *([("", "     "), ("accent", row)] for row in more),
        ]

    def _option(self, index: int, cols: int) -> list[Row]:
        chosen = index == self.selected
        typed = self.typed if chosen else None
        first, *more = wrap(self.options[index] if typed is None else typed, cols - 5)
        mark, style = ("❯", "choice") if chosen else (" ", "")
        return [
            [(style, f"{mark} {index + 1}. {first}")],
            *([(style, f"     {row}")] for row in more),
        ]

    def rows(self, cols: int) -> tuple[list[Row], tuple[int, int] | None]:
        """The dialog's rows, and the cursor (column, row) while text is typed."""
        rows: list[Row] = [[("dim", "─" * cols)], *self._question(cols)]
        cursor = None
        for index in range(len(self.options)):
            rows += self._option(index, cols)
            if index == self.selected and self.typed is not None:
                cursor = (text_width(rows[-1][0][1]), len(rows) - 1)
        rows.append([("dim", self.closing)])
        return rows, cursor
