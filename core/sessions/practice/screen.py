"""A practice agent's screen: transcript, input box, and the painter that writes what changed."""

from __future__ import annotations

from .text import Row, clip, paint, text_width, wrap

KEPT_ENTRIES = 400
BOX_ROWS = 6

# A kind of entry: mark, its style, the text's style, and whether an empty row stands before it.
KINDS = {
    "logo": ("", "", "accent", False),
    "lead": ("", "", "dim", False),
    "you": ("› ", "choice", "bold", True),
    "say": ("● ", "accent", "", True),
    "tool": ("● ", "good", "bold", True),
    "result": ("  ⎿  ", "dim", "dim", False),
    "note": ("✻ ", "dim", "dim", True),
    "fault": ("■ ", "bad", "bad", True),
}

Cursor = tuple[int, int]
"""Column and row, from 0."""


def result_style(line: str) -> str:
    """The style of one line of a tool's result; a diff's lines have their own."""
    return {"+ ": "good", "- ": "bad"}.get(line[:2], "dim")


def entry_rows(kind: str, text: str, cols: int) -> list[Row]:
    """One entry of the transcript in rows of ``cols`` cells."""
    mark, mark_style, style, gap = KINDS[kind]
    rows: list[Row] = [[]] if gap else []
    width = text_width(mark)
    for line in text.split("\n"):
        line_style = result_style(line) if kind == "result" else style
        for row in wrap(line, cols - width):
            rows.append([(mark_style, mark), (line_style, row)])
            mark = " " * width
    return rows


class Transcript:
    """What was said and done, oldest first; bounded."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, str]] = []

    def add(self, kind: str, text: str) -> None:
        """Append an entry; the oldest beyond the bound goes."""
        self._entries.append((kind, text))
        del self._entries[:-KEPT_ENTRIES]

    def extend(self, text: str) -> None:
        """Lengthen the last entry."""
        kind, before = self._entries[-1]
        self._entries[-1] = (kind, before + text)

    def rows(self, cols: int, lines: int) -> list[Row]:
        """The last ``lines`` rows."""
        blocks: list[list[Row]] = []
        missing = lines
        for kind, text in reversed(self._entries):
            if missing <= 0:
                break
            blocks.append(entry_rows(kind, text, cols))
            missing -= len(blocks[-1])
        rows = [row for block in reversed(blocks) for row in block]
        return rows[-lines:] if lines > 0 else []


def box_rows(text: str, hint: str, footer: str, cols: int) -> tuple[list[Row], Cursor]:
    """The input box with the end of ``text``, or ``hint`` when it is empty; where its cursor is."""
    rule: Row = [("dim", "─" * cols)]
    if not text:
        body: list[Row] = [[("choice", "❯ "), ("dim", hint)]]
        cursor = (2, 1)
    else:
        shown = wrap(text, cols - 3)[-BOX_ROWS:]
        body = [
            [("choice", "  " if number else "❯ "), ("", row)] for number, row in enumerate(shown)
        ]
        cursor = (2 + text_width(shown[-1]), len(shown))
    return [rule, *body, rule, [("dim", f"  {footer}")]], cursor


def lay_out(
    transcript: Transcript, bottom: list[Row], cols: int, lines: int
) -> tuple[list[Row], int]:
    """A whole screen: the transcript from the top, ``bottom`` on the last lines.

    Also gives the line at which ``bottom`` begins (negative when its first rows don't fit).
    """
    room = lines - len(bottom)
    rows = transcript.rows(cols, room)
    rows += [[] for _ in range(room - len(rows))]
    return [clip(row, cols) for row in [*rows, *bottom][-lines:]], room


class Painter:
    """Remembers what the terminal shows and writes the rows that differ."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._cursor: Cursor | None = None

    def reset(self) -> None:
        """Forget what is shown: the next frame is painted whole."""
        self._shown = []

    def frame(self, rows: list[Row], cursor: Cursor | None) -> str:
        """The bytes that make the terminal show ``rows``; empty when it does already.

        A frame is one synchronized update. Without ``cursor`` the terminal's is hidden.
        """
        painted = [paint(row) for row in rows]
        fresh = len(self._shown) != len(painted)
        if not fresh and painted == self._shown and cursor == self._cursor:
            return ""
        changed = [
            f"\x1b[{number + 1};1H{row}\x1b[K"
            for number, row in enumerate(painted)
            if fresh or row != self._shown[number]
        ]
        self._shown, self._cursor = painted, cursor
        clear = "\x1b[2J" if fresh else ""
        place = f"\x1b[{cursor[1] + 1};{cursor[0] + 1}H\x1b[?25h" if cursor else ""
        return f"\x1b[?2026h\x1b[?25l{clear}{''.join(changed)}{place}\x1b[?2026l"
