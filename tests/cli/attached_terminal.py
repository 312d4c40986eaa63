"""A real terminal in which a test attaches to a session; the test is the person and the window."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

from tests.cli.fake_engine import FakeEngine

from quarterdeck.core.protocol.wire import RawInput, SizeInput

PATIENCE = 60.0
PROGRAM = "import sys; from quarterdeck.cli.main import run; sys.exit(run())"


class Terminal:
    """A real terminal with ``session attach`` in it; the test is the person and the window."""

    def __init__(self, state_dir: Path, *words: str) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(100, 30)
        self.before = termios.tcgetattr(self.theirs)
        self.shown = b""
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--state-dir", str(state_dir), *words],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def resize(self, cols: int, lines: int) -> None:
        """The person pulls at the window."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, cols, 0, 0))

    def type(self, data: bytes) -> None:
        """The person types."""
        os.write(self.ours, data)

    def read_until(self, what: bytes) -> bytes:
        """All that is shown up to ``what``."""
        end = time.monotonic() + PATIENCE
        while what not in self.shown:
            ready, _, _ = select.select([self.ours], [], [], max(end - time.monotonic(), 0))
            assert ready, f"{what!r} is not in {self.shown!r}"
            self.shown += os.read(self.ours, 65_536)
        return self.shown

    def end(self) -> int:
        """The exit code, once everything shown was read."""
        end = time.monotonic() + PATIENCE
        while self.child.poll() is None:
            assert time.monotonic() < end, f"it still runs; shown: {self.shown!r}"
            self._drain(0.02)
        self._drain(0)
        return self.child.returncode

    def _drain(self, seconds: float) -> None:
        while select.select([self.ours], [], [], seconds)[0]:
            self.shown += os.read(self.ours, 65_536)

    @property
    def attributes(self) -> Any:
        """The terminal's modes as the kernel has them."""
        return termios.tcgetattr(self.theirs)

    def close(self) -> None:
        """Take the window away."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        assert self.child.stderr is not None
        self.child.stderr.close()
        for fd in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(fd)


def typed(engine: FakeEngine) -> bytes:
    return b"".join(one.data for one in engine.came if isinstance(one, RawInput))


def sizes(engine: FakeEngine) -> list[tuple[int, int]]:
    return [(one.cols, one.lines) for one in engine.came if isinstance(one, SizeInput)]


def is_raw(attributes: Any) -> bool:
    return not attributes[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
