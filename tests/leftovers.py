"""Processes that tests started and did not take away, found by the directories they were given."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process as ``/proc`` tells of it."""

    pid: int
    parent: int
    state: str
    line: str

    def __str__(self) -> str:
        """One line for whoever must find out where it came from."""
        return f"  {self.pid} ({self.state}, child of {self.parent}): {self.line or '?'}"


def _read(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""


def _process(pid: int) -> Process | None:
    stat = _read(PROC / str(pid) / "stat")
    if not stat:
        return None
    name, _, rest = stat.partition(b" (")[2].rpartition(b") ")
    state, parent = rest.split()[:2]
    line = _read(PROC / str(pid) / "cmdline").replace(b"\0", b" ").strip() or name
    return Process(pid, int(parent), state.decode(), line.decode(errors="replace")[:300])


def _belongings(pid: int) -> bytes:
    """What a process was started with: its command line, its variables, where it works."""
    found = [_read(PROC / str(pid) / name) for name in ("cmdline", "environ")]
    with suppress(OSError):
        found.append(os.fsencode((PROC / str(pid) / "cwd").readlink()))
    return b"\0".join(found)


@dataclass
class Watch:
    """Notes every temporary directory; whoever lives in one of them later is ours.

    By the directory, as keepers are nobody's children, and other runs of these tests may be
    under way on the same machine.
    """

    places: set[str] = field(default_factory=set)
    begun: bool = False

    def begin(self) -> None:
        """Note from now on."""
        if not self.begun:
            self.begun = True
            sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if event == "tempfile.mkdtemp":
            self.places.add(str(args[0]))

    def left(self) -> list[Process]:
        """The processes of ours that are there now, the dead that nobody fetched included."""
        if not PROC.is_dir():
            return []
        marks = [os.fsencode(place) for place in self.places]
        own = os.getpid()
        found = []
        for pid in (int(path.name) for path in PROC.iterdir() if path.name.isdigit()):
            process = _process(pid)
            if process is None or pid == own:
                continue
            if process.parent == own or (process.state not in "ZX" and _mentions(pid, marks)):
                found.append(process)
        return found

    def left_after(self, seconds: float) -> list[Process]:
        """The same, once those that are ending had their time."""
        end = time.monotonic() + seconds
        while (left := self.left()) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def end(self, processes: list[Process]) -> None:
        """Take them away, so that they are told of once."""
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(process.pid, 0)


def _mentions(pid: int, marks: list[bytes]) -> bool:
    belongings = _belongings(pid)
    return any(mark in belongings for mark in marks)
