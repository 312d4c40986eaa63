"""What a command prints: JSON for programs, tables for people, plain where no terminal is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from ..core.sessions.terminal.untrusted import one_line

_DIRECTIONS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""What makes a terminal show text in another order than it is written in."""
_CONTROLS = {
    code: None for code in (*range(32), *range(127, 160), *_DIRECTIONS) if code not in {9, 10}
}
_ESCAPED = {code: f"\\u{code:04x}" for code in range(127, 160)}
"""Controls that JSON lets stand as they are."""

ONE_LINE = 2000


def clean(text: str) -> str:
    """``text`` on one line, without controls and invisibles: agents' words can't drive a terminal."""
    return one_line(" ".join(text.split()), ONE_LINE)


def clean_lines(text: str) -> str:
    """``text`` without control and direction characters but for line ends and tabs."""
    return text.translate(_CONTROLS)


def to_json(data: Any, out: TextIO, **form: Any) -> str:
    """``data`` as JSON that ``out`` can take: what its encoding lacks, and controls, as escapes."""
    plain = "utf" not in (getattr(out, "encoding", None) or "utf-8").lower()
    return json.dumps(data, ensure_ascii=plain, **form).translate(_ESCAPED)


def homely(path: str) -> str:
    """``path`` with ``~`` for the person's home."""
    home = os.environ.get("HOME", "").rstrip("/")
    inside = bool(home) and (path == home or path.startswith(f"{home}/"))
    return f"~{path[len(home) :]}" if inside else path


def stamp(text: str | None) -> datetime | None:
    """The time in a protocol's field."""
    return datetime.fromisoformat(text) if text else None


def local_time(text: str | None) -> str:
    """A stamp by the person's clock, to the second."""
    then = stamp(text)
    return "" if then is None else f"{then.astimezone():%Y-%m-%d %H:%M:%S}"


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago a stamp was, in its largest unit: ``12s``, ``3m``, ``2h``, ``5d``."""
    then = stamp(text)
    if then is None:
        return ""
    seconds = max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class Printer:
    """One command's way out."""

    def __init__(self, *, as_json: bool, out: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out

    @property
    def out(self) -> TextIO:
        """Where results go."""
        return self._out or sys.stdout

    @property
    def fancy(self) -> bool:
        """Whether a terminal is there that can draw."""
        return self.out.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, data: Any, human: Callable[[], None]) -> None:
        """Print ``data`` as JSON if asked for, else what ``human`` prints."""
        if self.as_json:
            self.raw(to_json(data, self.out, indent=2) + "\n")
        else:
            human()

    def record(self, data: Any) -> None:
        """Print ``data`` as one line of JSON."""
        self.raw(to_json(data, self.out, separators=(",", ":")) + "\n")

    def line(self, text: str = "") -> None:
        """Print a line, without control and direction characters, and send it on its way."""
        self.raw(clean_lines(text) + "\n")

    def raw(self, text: str) -> None:
        """Print ``text`` as it stands, escape sequences and all, and send it on its way."""
        print(text, file=self.out, end="", flush=True)

    def fields(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Print names and values below each other; empty values are left out."""
        kept = [(name, clean(str(value))) for name, value in pairs if value not in (None, "", ())]
        width = max((len(name) for name, _ in kept), default=0)
        for name, value in kept:
            self.line(f"{name:<{width}}  {value}")

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[object]],
        empty: str,
        spare: Sequence[str] = (),
    ) -> None:
        """Print a table, or ``empty`` if there are no rows.

        On a terminal that is too narrow the columns in ``spare`` give way, one after the other, and
        with them the last column is cut to one line; otherwise it is folded.
        """
        cells = [[clean(str(cell)) for cell in row] for row in rows]
        if not cells:
            self.line(empty)
        elif self.fancy:
            # Start-up time: rich loads only where a terminal shows what it can do.
            from .drawing import draw_table  # noqa: PLC0415

            draw_table(self.out, heads, cells, spare)
        else:
            self._plain(heads, cells)

    def _plain(self, heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        every = [[head.upper() for head in heads], *cells]
        widths = [max(len(row[column]) for row in every) for column in range(len(heads))]
        for row in every:
            padded = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            self.line("  ".join(padded).rstrip())
