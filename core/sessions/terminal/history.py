"""Lines that have scrolled off: kept in segments, written as a stream that scrolls them off again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ...protocol.screen import Row, row_text
from .styles import row_ansi

_MAX_SEGMENTS = 4


class Segment(Protocol):
    """A stretch of history, oldest line first."""

    def __len__(self) -> int: ...

    def rows(self, start: int, count: int) -> list[Row]:
        """``count`` lines from ``start`` on; all of them exist."""
        ...

    def lines(self) -> list[str]:
        """The text of all lines."""
        ...


class Frozen:
    """A stretch that no longer grows, as rows."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, start: int, count: int) -> list[Row]:
        """``count`` lines from ``start`` on."""
        return self._rows[start : start + count]

    def lines(self) -> list[str]:
        """The text of all lines."""
        return [row_text(row).rstrip(" ") for row in self._rows]


class Segments:
    """Former stretches and the one that grows; of all lines the newest ``limit`` are shown."""

    def __init__(self, limit: int, growing: Segment) -> None:
        self._limit = limit
        self._segments: list[Segment] = [growing]

    def __len__(self) -> int:
        return min(self._limit, sum(map(len, self._segments)))

    def add(self, growing: Segment) -> None:
        """Let ``growing`` take the lines that come from now on."""
        self._segments = [segment for segment in self._segments if len(segment)]
        if len(self._segments) >= _MAX_SEGMENTS:
            self._segments = [Frozen(self.rows(0, len(self)))]
        self._segments.append(growing)

    def rows(self, start: int, count: int) -> list[Row]:
        """At most ``count`` lines from ``start`` on; 0 is the oldest shown."""
        start += self._hidden()
        rows: list[Row] = []
        for segment in self._segments:
            size = len(segment)
            if start < size and count:
                taken = min(count, size - start)
                rows += segment.rows(start, taken)
                start, count = 0, count - taken
            else:
                start = max(0, start - size)
        return rows

    def lines(self) -> list[str]:
        """The text of all lines shown."""
        texts = [text for segment in self._segments for text in segment.lines()]
        return texts[self._hidden() :]

    def _hidden(self) -> int:
        return max(0, sum(map(len, self._segments)) - self._limit)


def history_stream(rows: Iterable[Row], screen_rows: int) -> bytes:
    """The bytes that draw ``rows`` on a blank screen and scroll them all off."""
    text = "".join(row_ansi(row) + "\r\n" for row in rows)
    return text.encode() + b"\n" * (screen_rows - 1) if text else b""
