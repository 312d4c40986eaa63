"""The person's own terminal in raw mode, and back as it was on every way out."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from .failing import fault

LEAVING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
"""Signals that end the program; the terminal is put back first."""

RESET = (
    b"\x18"  # end whatever sequence stands open
    b"\x1b\\"
    b"\x1b[?2026l"  # synchronized output
    b"\x1b[<99u"  # the kitty keyboard's stack
    b"\x1b[=0;1u"  # and its flags
    b"\x1b[>4;0m"  # modifyOtherKeys
    b"\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse
    b"\x1b[?1004l"  # focus events
    b"\x1b[?2004l"  # bracketed paste
    b"\x1b[?2031l"  # reports of the colour scheme
    b"\x1b[?2048l"  # reports of the size
    b"\x1b[?1l\x1b>"  # cursor keys and keypad
    b"\x1b[?1049l\x1b[?1047l\x1b[?47l"  # the other screen
    b"\x1b[r\x1b[?6l\x1b[?69l"  # margins and origin
    b"\x1b[?7h\x1b[4l\x1b[20l\x1b[?5l"  # wrapping, inserting, new lines, reverse screen
    b"\x1b(B\x0f"  # character sets
    b"\x1b[0m\x1b[0 q\x1b[?25h"  # colours and cursor
    b"\x1b]8;;\x1b\\"  # a link that stands open
)
"""What takes back every mode that a program in a session may have set on this terminal."""

CHUNK = 16_384
"""Bytes that are offered to the terminal at once."""

PUSH_TITLE, POP_TITLE = b"\x1b[22;2t", b"\x1b[23;2t"


class Signalled(Exception):
    """A signal asked this program to end; no error, a way out."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class RealTerminal:
    """The terminal on standard input and output.

    :raises CliFault: ``not_a_terminal`` if either is none.
    """

    def __init__(self) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise fault(
                "not_a_terminal",
                "This needs a terminal on standard input and output; "
                "without one use: quarterdeck session screen, keys and prompt.",
            )
        self.fd_in = sys.stdin.fileno()
        self.fd_out = sys.stdout.fileno()
        self._before = termios.tcgetattr(self.fd_in)
        self._leaving = False
        self._unwritten = bytearray()

    @property
    def unwritten(self) -> int:
        """Bytes that the terminal has not taken yet: see ``go_on``."""
        return len(self._unwritten)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        size = os.get_terminal_size(self.fd_out)
        return max(size.columns, 2), max(size.lines, 1)

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Raw mode while inside.

        :raises Signalled: there, once, at a signal that ends programs.
        """
        with self._unhurried():
            yield from self._guarded()

    def _guarded(self) -> Iterator[None]:
        handlers = {number: signal.getsignal(number) for number in LEAVING}
        try:
            with _blocked():
                for number in LEAVING:
                    signal.signal(number, self._signalled)
                self.enter()
            try:
                yield
            finally:
                self._leaving = True  # from here on a signal interrupts nothing
        finally:
            with _blocked():
                self.leave()
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        """Write without waiting for the terminal while inside.

        The terminal is opened anew for it, since not to wait is a property of what is shared with
        the shell.
        """
        shared = self.fd_out
        try:
            own = os.open(os.ttyname(shared), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:  # its device is not to be seen from here, as in some containers
            own = os.dup(shared)
        self.fd_out = own
        try:
            yield
        finally:
            self.fd_out = shared
            os.close(own)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if not self._leaving:
            self._leaving = True
            raise Signalled(number)

    def enter(self) -> None:
        """Scroll what is on the screen out of the way, and go raw."""
        sys.stdout.flush()
        lines = self.size[1]
        self.write(PUSH_TITLE + b"\r\n" * lines)
        self.go_raw()

    def go_raw(self) -> None:
        """Hand every key on as it is pressed."""
        tty.setraw(self.fd_in, termios.TCSANOW)

    def leave(self) -> None:
        """Put everything back, even if the terminal takes no output any more."""
        self._unwritten.clear()
        # The terminal may be gone: then there is nothing to put back.
        with suppress(termios.error, OSError):
            termios.tcsetattr(self.fd_in, termios.TCSANOW, self._before)
        with suppress(OSError):
            self._write_if_taken(RESET + POP_TITLE + b"\x1b[%d;1H\r\n" % self.size[1])

    def _write_if_taken(self, data: bytes) -> None:
        """Write ``data`` as far as the terminal takes it; nothing here waits longer than a second.

        :raises OSError: if it is gone.
        """
        waiting = os.get_blocking(self.fd_out)
        os.set_blocking(self.fd_out, False)
        try:
            while data and select.select([], [self.fd_out], [], 1.0)[1]:
                data = data[os.write(self.fd_out, data) :]
        finally:
            os.set_blocking(self.fd_out, waiting)

    def write(self, data: bytes) -> None:
        """Write ``data`` as far as the terminal takes it now, and keep the rest for ``go_on``."""
        self._unwritten += data
        self.go_on()

    def go_on(self) -> None:
        """Write more of what waits."""
        with suppress(BlockingIOError):
            while self._unwritten:
                del self._unwritten[: os.write(self.fd_out, self._unwritten[:CHUNK])]


@contextmanager
def _blocked() -> Iterator[None]:
    """Hold the ending signals back, so that none comes between two steps that belong together."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, LEAVING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
