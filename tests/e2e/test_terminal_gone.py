"""A terminal that goes away without a signal: nobody could end the dashboard any more."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import termios
from contextlib import suppress

from tests.e2e.machine import PROGRAM, Machine


def read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    while wanted not in seen:
        seen += os.read(terminal, 65536)


def test_a_dashboard_ends_with_its_terminal_even_without_a_hangup(machine: Machine) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [PROGRAM, "--state-dir", str(machine.state_dir)]
    # A session of its own without a controlling terminal gets no SIGHUP when the terminal goes.
    running = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=machine.environment,
        cwd=machine.work, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        read_until(ours, b"SESSIONS")
        os.close(ours)
        assert running.wait(60) == 128 + signal.SIGHUP
    finally:
        running.kill()
        running.wait()
        with suppress(OSError):
            os.close(ours)
