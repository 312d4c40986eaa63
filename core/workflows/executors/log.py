"""The live log of one attempt: bounded, without secrets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..backends.ports import LOG_LIMIT

LONGEST_LINE = 16 * 1024
"""Bytes of a line that is not ended yet, after which it is written all the same."""
_PRIVATE = 0o600


class AttemptLog:
    """A file that is appended to by lines, so that no secret is cut in two before it is hidden.

    Above ``limit`` bytes the middle is left out, and a line there says how much. ``hide`` takes
    secrets out of text. Nothing is made before the first write.
    """

    def __init__(self, path: Path, hide: Callable[[str], str], *, limit: int = LOG_LIMIT) -> None:
        self.path = path
        self.size = 0
        self._hide = hide
        self._limit = limit
        self._file: int | None = None
        self._open_line = b""
        self._head = self._mark = 0
        self._left_out = 0

    def begin(self, *, anew: bool) -> None:
        """Open the file; what an earlier engine wrote stays unless it is begun ``anew``."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        how = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if anew else 0)
        self._file = os.open(self.path, how, _PRIVATE)
        self.size = os.lseek(self._file, 0, os.SEEK_END)

    def write(self, data: bytes) -> bool:
        """Take ``data``; whether the file has grown."""
        whole, newline, rest = (self._open_line + data).rpartition(b"\n")
        whole += newline
        if len(rest) > LONGEST_LINE:
            whole, rest = whole + rest, b""
        self._open_line = rest
        return self._append(whole)

    def line(self, text: str) -> None:
        """A line of our own."""
        start = b"\n" if self._open_line else b""
        self.write(start + f"[quarterdeck: {text}]\n".encode("utf-8", "replace"))

    def close(self) -> None:
        """Write what was held back, and let go; a second time does nothing."""
        rest, self._open_line = self._open_line, b""
        self._append(rest)
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, data: bytes) -> bool:
        if not data:
            return False
        if self._file is None:
            self.begin(anew=True)
        assert self._file is not None  # noqa: S101  # it was just opened
        text = self._hide(data.decode("utf-8", "surrogateescape"))
        self._put(text.encode("utf-8", "surrogateescape"))
        if self.size > self._limit:
            self._shorten()
        return True

    def _put(self, data: bytes) -> None:
        assert self._file is not None  # noqa: S101  # callers have opened it
        while data:
            data = data[os.write(self._file, data) :]
        self.size = os.lseek(self._file, 0, os.SEEK_CUR)

    def _shorten(self) -> None:
        """Keep the first and the last quarter."""
        assert self._file is not None  # noqa: S101  # callers have opened it
        quarter = self._limit // 4
        if not self._head:
            self._head = self._cut(os.pread(self._file, quarter, 0))
        tail = os.pread(self._file, quarter, self.size - quarter)
        tail = tail[tail.find(b"\n") + 1 :]
        self._left_out += self.size - self._head - self._mark - len(tail)
        mark = f"[quarterdeck: {self._left_out} bytes of the log are left out here]\n".encode()
        self._mark = len(mark)
        os.lseek(self._file, self._head, os.SEEK_SET)
        self._put(mark + tail)
        os.ftruncate(self._file, self.size)

    @staticmethod
    def _cut(head: bytes) -> int:
        """Where the last whole line of the head ends."""
        return head.rfind(b"\n") + 1 or len(head)
