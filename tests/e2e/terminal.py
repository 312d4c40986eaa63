"""A program in a real terminal, and the screen that a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyte

PATIENCE = 60.0
LAUNCH = "import fcntl,os,sys,termios;fcntl.ioctl(0,termios.TIOCSCTTY,0);os.execvp(sys.argv[1],sys.argv[1:])"
"""Makes the terminal the controlling one; in a process of its own, as pytest may have threads."""

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "shift+pageup": "\x1b[5;2~",
    "shift+pagedown": "\x1b[6;2~",
    "delete": "\x1b[3~",
}
SEQUENCE = re.compile(
    rb"\x1b\[(?P<prefix>[<=>?]?)(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\x1b[P_^X][^\x1b]*\x1b\\"  # DCS, APC, PM, SOS
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
)
UNFINISHED = re.compile(rb"\x1b(?:\[[ -?]*|[P_^X\]][^\x07\x1b]*\x1b?)?$")
HELD = 0.35
"""Seconds within which the same key again is taken for one that is held down, and a bit."""

READ = 0.3
"""Seconds after which a person has read a question; a key before them does not count, on purpose."""

LAST_WORDS = 1.0
"""Seconds that what a program wrote before its end may take to be read."""

OTHER_SCREEN = {b"47", b"1047", b"1049"}


def bytes_of(key: str) -> bytes:
    """What a plain terminal sends for a key, named as Quarterdeck names it, or for a text."""
    if key.startswith("ctrl+") and len(key) == len("ctrl+") + 1:
        return bytes([ord(key[-1].upper()) & 0x1F])
    return KEYS.get(key, key).encode()


class Picture:
    """The screen that bytes draw: two pyte screens, what pyte can't read taken out before.

    ``answer`` is told what a plain terminal (a VT220 without extras) answers to a query.
    """

    def __init__(self, cols: int, lines: int, answer: Callable[[bytes], None]) -> None:
        self._screens = (pyte.Screen(cols, lines), pyte.Screen(cols, lines))
        self._streams = tuple(pyte.ByteStream(screen) for screen in self._screens)
        self._answer = answer
        self._rest = b""
        self.other = False

    @property
    def screen(self) -> Any:
        """The screen in front."""
        return self._screens[self.other]

    def feed(self, data: bytes) -> None:
        """Draw what came."""
        data = self._rest + data
        unfinished = UNFINISHED.search(data)
        end = unfinished.start() if unfinished else len(data)
        data, self._rest = data[:end], data[end:]
        place = 0
        for found in SEQUENCE.finditer(data):
            self._draw(data[place : found.start()])
            self._take(found)
            place = found.end()
        self._draw(data[place:])

    def _draw(self, data: bytes) -> None:
        if data:
            self._streams[self.other].feed(data)

    def _take(self, found: re.Match[bytes]) -> None:
        """Answer, switch, pass on or swallow one sequence."""
        final = found["final"]
        if final is None:
            return
        prefix, parameters = found["prefix"], found["parameters"]
        reply = self._reply(prefix, parameters, found["between"] + final)
        if reply is not None:
            self._answer(reply)
        elif prefix == b"?" and final in b"hl" and OTHER_SCREEN & set(parameters.split(b";")):
            self._switch(other=final == b"h")
        elif not prefix or (prefix == b"?" and final in b"hl"):
            self._draw(found[0].replace(b":", b";"))

    def _reply(self, prefix: bytes, parameters: bytes, final: bytes) -> bytes | None:
        match prefix, parameters, final:
            case b"", b"" | b"0", b"c":
                return b"\x1b[?62;22c"
            case b"", b"5", b"n":
                return b"\x1b[0n"
            case b"", b"6", b"n":
                cursor = self.screen.cursor
                return b"\x1b[%d;%dR" % (cursor.y + 1, cursor.x + 1)
            case b"?", mode, b"$p":
                return b"\x1b[?%b;0$y" % mode  # a mode that it doesn't have
        return None

    def _switch(self, *, other: bool) -> None:
        if other and not self.other:
            self._screens[1].reset()
        self.other = other

    def resize(self, cols: int, lines: int) -> None:
        """Another size."""
        for screen in self._screens:
            screen.resize(lines, cols)

    def rows(self) -> list[str]:
        """The screen's text, row by row."""
        screen = self.screen
        cells = (
            [screen.buffer[y][x].data for x in range(screen.columns)] for y in range(screen.lines)
        )
        return ["".join(row).rstrip() for row in cells]


class Terminal:
    """A program in a terminal of its own, read by a thread as long as it is open."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: str,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self._master, self.slave = pty.openpty()
        self._changed = threading.Condition()
        self._closed = False
        self._resize(size)
        self.picture = Picture(*size, self._send)
        self.raw = bytearray()
        self._pressed: dict[str, float] = {}
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCH, *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
        self._words = words
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # ---- what comes ------------------------------------------------------------------------

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                data = b""
            with self._changed:
                if self._closed or not data:
                    return
                self.raw += data
                self.picture.feed(data)
                self._changed.notify_all()

    def rows(self) -> list[str]:
        """The rows of the screen."""
        with self._changed:
            return self.picture.rows()

    def text(self) -> str:
        """The screen."""
        return "\n".join(self.rows())

    def shows(self, wanted: str | re.Pattern[str] | Callable[[str], object]) -> bool:
        """Whether the screen shows a text, matches a pattern or satisfies a predicate."""
        text = self.text()
        if isinstance(wanted, str):
            return wanted in text
        if isinstance(wanted, re.Pattern):
            return wanted.search(text) is not None
        return bool(wanted(text))

    def wait_for(
        self, wanted: str | re.Pattern[str] | Callable[[str], object], seconds: float = PATIENCE
    ) -> str:
        """Wait until the screen shows what is wanted; the screen then.

        :raises AssertionError: with the screen, if it did not come in time or the program ended.
        """
        end = time.monotonic() + seconds
        while not self.shows(wanted):
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(self._complaint(wanted, seconds))
            if self.process.poll() is not None:  # its last words may be on their way still
                end = min(end, time.monotonic() + LAST_WORDS) if left > LAST_WORDS else end
            with self._changed:
                self._changed.wait(min(left, 0.25))  # the program's end wakes nobody
        return self.text()

    def _complaint(self, wanted: object, seconds: float) -> str:
        state = self.process.returncode
        lines, cols = self.picture.screen.lines, self.picture.screen.columns
        head = f"{wanted!r} did not come within {seconds} s in {' '.join(self._words)}"
        how = "it runs" if state is None else f"it ended with {state}"
        edge = "-" * min(cols, 120)
        return f"{head}; {how}; {cols}x{lines}:\n{edge}\n{self.text()}\n{edge}"

    def wait_end(self, seconds: float = PATIENCE) -> int:
        """Wait until the program ends, and all that it wrote was read; its exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._complaint("the end", seconds)) from None
        self._read_up(seconds)
        return code

    def _read_up(self, seconds: float) -> None:
        """Wait until what was written before now was read: a blank byte comes after it."""
        try:
            os.write(self.slave, b"\0")
        except OSError:  # this side was closed
            return
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.raw.endswith(b"\0"), seconds)

    def modes(self) -> list[Any]:
        """The terminal's line settings now."""
        return termios.tcgetattr(self.slave)

    # ---- what is done ----------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self._master, data)

    def press(self, *keys: str) -> None:
        """Press keys, or type texts, one after the other; no key again as fast as a held one."""
        for key in keys:
            ready = self._pressed.get(key, 0.0) + HELD
            while (left := ready - time.monotonic()) > 0:
                time.sleep(left)
            self._send(bytes_of(key))
            if len(key) == 1 or key in KEYS:
                self._pressed[key] = time.monotonic()

    def answer(self, key: str) -> None:
        """Press a key as one does who has read what is shown."""
        time.sleep(READ)
        self.press(key)

    def burst(self, text: str) -> None:
        """Send everything in one go, as a multiplexer does, or a slow network."""
        self._send(text.encode())

    def insist(self, key: str, wanted: str, seconds: float = PATIENCE) -> str:
        """Press ``key`` again and again, as a person does who is told to, until ``wanted`` shows."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.press(key)
            with suppress(AssertionError):
                return self.wait_for(wanted, 1.0)
        raise AssertionError(self._complaint(wanted, seconds))

    def resize(self, cols: int, lines: int) -> None:
        """Give the terminal another size; the program is told by SIGWINCH."""
        with self._changed:
            self.picture.resize(cols, lines)
        self._resize((cols, lines))

    def _resize(self, size: tuple[int, int]) -> None:
        cols, lines = size
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, cols, 0, 0))

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window does."""
        with self._changed:
            self._closed = True
        os.write(self.slave, b"\n")  # wakes the reader
        self._reader.join(5)
        os.close(self.slave)
        os.close(self._master)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def close(self) -> None:
        """End the program, if it still runs, and the reading; again, nothing."""
        if self._closed:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        with self._changed:
            self._closed = True
        os.write(self.slave, b"\n")  # wakes the reader
        self._reader.join(5)
        os.close(self.slave)
        os.close(self._master)
