"""The terminal that an agent runs in: raw mode, size, bytes in and out, restored at the end."""

from __future__ import annotations

import os
import select
import termios

FALLBACK = (80, 24)
READ_BYTES = 65536
RESTORE_PATIENCE = 0.2
"""Seconds that a terminal nobody reads may delay the exit."""

ENTER = "\x1b[?2004h"
ENTER_FULL = "\x1b[?1049h\x1b[2J"
LEAVE = "\x1b[?2004l\x1b[?25h\x1b[0m"
LEAVE_FULL = "\x1b[?1049l"

TYPE_CHECKING = False  # the type checkers' own would load typing, at a third of the start-up time
if TYPE_CHECKING:
    from typing import Any


def raw_attributes(attributes: list[Any]) -> list[Any]:
    """``attributes`` without echo, line editing, signals from keys and output processing."""
    iflag, oflag, cflag, lflag, *rest = attributes
    iflag &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
    oflag &= ~termios.OPOST
    cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    return [iflag, oflag, cflag, lflag, *rest]


class Terminal:
    """A terminal by its two descriptors."""

    def __init__(self, stdin: int = 0, stdout: int = 1) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self._full = False
        self._saved: list[Any] | None = None

    def usable(self) -> bool:
        """Whether both ends are a terminal."""
        return os.isatty(self.stdin) and os.isatty(self.stdout)

    def enter(self, *, full: bool) -> None:
        """Raw mode and bracketed paste; with ``full`` the alternate screen.

        :raises OSError: if the other end is closed.
        """
        self._full = full
        try:
            self._saved = termios.tcgetattr(self.stdin)
            termios.tcsetattr(self.stdin, termios.TCSANOW, raw_attributes(self._saved))
        except termios.error as fault:  # which is no OSError, for what is one
            raise OSError(*fault.args) from fault
        self.write(ENTER + (ENTER_FULL if full else ""))

    def leave(self, farewell: str = "") -> None:
        """Everything as it was before ``enter``, with ``farewell`` on the main screen."""
        if self._saved is None:
            return
        saved, self._saved = self._saved, None
        _, writable, _ = select.select([], [self.stdout], [], RESTORE_PATIENCE)
        try:
            if writable:
                self.write(LEAVE + (LEAVE_FULL if self._full else "") + farewell)
            termios.tcsetattr(self.stdin, termios.TCSANOW, saved)
        except (OSError, termios.error):
            pass  # it was closed under us: there is nothing left to restore

    def size(self) -> tuple[int, int]:
        """Columns and lines; 80 by 24 for a terminal that doesn't know."""
        try:
            cols, lines = os.get_terminal_size(self.stdout)
        except OSError:
            return FALLBACK
        return (cols, lines) if cols > 0 and lines > 0 else FALLBACK

    def read(self) -> bytes:
        """What was typed; empty when the other end is closed."""
        try:
            return os.read(self.stdin, READ_BYTES)
        except OSError:
            return b""

    def write(self, text: str) -> None:
        """All of ``text``; waits while the terminal takes nothing.

        :raises OSError: if the other end is closed.
        """
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            data = data[os.write(self.stdout, data) :]
