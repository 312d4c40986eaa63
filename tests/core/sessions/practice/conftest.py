"""A person at a terminal: runs one agent of the crew in a real PTY, types, waits, looks."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import termios
import time
from base64 import b64decode
from collections.abc import Callable, Iterator

import pyte
import pytest

from quarterdeck.core.sessions.practice import crew_path

DEADLINE = 20.0
REPORT = re.compile(r"\x1b\]7501;([^\x1b\x07]*)\x1b\\")
TITLE = re.compile(r"\x1b\]0;([^\x1b\x07]*)\x1b\\")

# A process in a session of its own has no controlling terminal until it asks for one, and without
# one neither resizes nor hang-ups reach it.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-I', '-S', *sys.argv[1:]])"
)


class Person:
    """Holds the other end of an agent's terminal."""

    def __init__(self, *arguments: str, cols: int = 80, lines: int = 24) -> None:
        self.raw = ""
        self.screen = pyte.Screen(cols, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.master, slave = os.openpty()
        termios.tcsetwinsize(slave, (lines, cols))
        self.before = termios.tcgetattr(slave)
        self.slave = slave  # kept, so that its settings can be read when the agent is gone
        command = [sys.executable, "-I", "-S", "-c", TAKE_TERMINAL, str(crew_path()), *arguments]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )

    def look(self) -> str:
        """The screen's text."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def last_lines(self, count: int) -> list[str]:
        """The last ``count`` lines of the screen."""
        return self.look().split("\n")[-count:]

    def titles(self) -> list[str]:
        """The titles set so far."""
        return TITLE.findall(self.raw)

    def reports(self) -> list[dict[str, str]]:
        """The status reports so far, ``msg`` decoded."""
        found = []
        for text in REPORT.findall(self.raw):
            fields = dict(pair.split("=", 1) for pair in text.split(":"))
            if "msg" in fields:
                fields["msg"] = b64decode(fields["msg"]).decode()
            found.append(fields)
        return found

    def states(self) -> list[str]:
        """The reported states, repeated ones once."""
        states = [report["state"] for report in self.reports()]
        return [state for last, state in zip(["", *states], states, strict=False) if state != last]

    def type(self, text: str) -> None:
        """Type ``text`` in one write."""
        os.write(self.master, text.encode())

    def read_some(self, seconds: float) -> bool:
        """Take what the agent writes within ``seconds``; False when nothing came."""
        readable, _, _ = select.select([self.master], [], [], seconds)
        if not readable:
            return False
        data = os.read(self.master, 65536)
        self.raw += data.decode()
        self._stream.feed(data)
        return True

    def wait(self, seen: Callable[[], object]) -> None:
        """Read until ``seen`` holds; fails after the deadline with what is on the screen."""
        end = time.monotonic() + DEADLINE
        while not seen():
            if time.monotonic() > end:
                pytest.fail(
                    f"not seen in {DEADLINE} s; the screen:\n{self.look()}\n{self.titles()}"
                )
            self.read_some(0.2)

    def wait_for(self, text: str) -> None:
        """Read until ``text`` is on the screen."""
        self.wait(lambda: text in self.look())

    def wait_for_count(self, text: str, count: int) -> None:
        """Read until the agent has written ``text`` ``count`` times."""
        self.wait(lambda: self.raw.count(text) >= count)

    def leave(self) -> int:
        """Read until the agent is gone; its exit code."""
        self.wait(lambda: self.process.poll() is not None)
        while self.read_some(0):
            pass
        return self.process.wait()

    def resize(self, cols: int, lines: int) -> None:
        """Give the terminal another size."""
        self.screen.resize(lines, cols)
        termios.tcsetwinsize(self.master, (lines, cols))

    def hang_up(self) -> None:
        """Close the terminal."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            self.hang_up()


MakePerson = Callable[..., Person]


@pytest.fixture
def at_terminal() -> Iterator[MakePerson]:
    """Start agents: ``at_terminal("worker", "--prompt", "x", cols=100)``, fast, with seed 7."""
    people: list[Person] = []

    def start(role: str, *arguments: str, cols: int = 80, lines: int = 24) -> Person:
        settings = ("--role", role, "--seed", "7", "--pace", "fast")
        people.append(Person(*settings, *arguments, cols=cols, lines=lines))
        return people[-1]

    yield start
    for person in people:
        person.close()
