"""A program in a terminal of ours: what it writes, with times."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

ANSWERS = {b"\x1b[c": b"\x1b[?62;22c", b"\x1b[6n": b"\x1b[1;1R", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}
FRAME, FRAME_ENDS = b"\x1b[?2026h", b"\x1b[?2026l"
_PLAIN = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.")


class Program:
    """A child in a pseudo-terminal; used as a context manager, which ends it."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cols: int = 120,
        lines: int = 36,
        env: dict[str, str] | None = None,
    ) -> None:
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, cols, 0, 0))
        self.fd = master
        self.started = time.perf_counter()
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **(env or {}),
        }
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.fd)

    def read(self, seconds: float) -> bytes:
        """What it writes next; empty if nothing comes within ``seconds``."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return b""
        for query, answer in ANSWERS.items():
            if query in data:
                os.write(self.fd, answer)
        return data

    def until(self, text: bytes, seconds: float = 20.0) -> float:
        """Seconds from the start until ``text`` was written, escape sequences left out.

        :raises TimeoutError: if it does not come.
        """
        seen = b""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            seen = (seen + self.read(0.5))[-200_000:]
            if text in _PLAIN.sub(b"", seen):
                return time.perf_counter() - self.started
        raise TimeoutError(f"{text!r} did not come; the last output was {seen[-300:]!r}")

    def drain(self, seconds: float) -> None:
        """Read whatever comes for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def quiet(self, seconds: float) -> None:
        """Wait until it has written nothing for ``seconds``, 20 s at most."""
        end = time.perf_counter() + 20
        while self.read(seconds) and time.perf_counter() < end:
            pass

    def press(self, key: bytes, wanted: bytes = b"", seconds: float = 2.0) -> float:
        """Seconds from a key to the end of the first output after it (holding ``wanted``).

        Where the program says where a frame ends, the output has come with that end.

        :raises TimeoutError: if none comes.
        """
        began = time.perf_counter()
        os.write(self.fd, key)
        seen = b""
        while time.perf_counter() - began < seconds:
            data = self.read(seconds)
            seen += data
            whole = seen.rfind(FRAME_ENDS) >= seen.rfind(FRAME)
            if data and whole and wanted in _PLAIN.sub(b"", seen):
                return time.perf_counter() - began
        raise TimeoutError(f"nothing was drawn after {key!r}")
