"""The process tree of a child: how it is found, and how it is ended."""

# pathlib would cost every keeper a megabyte.
# ruff: noqa: PTH112, PTH123, PTH208

from __future__ import annotations

import os
import signal
from collections.abc import Callable

MARKER = "QUARTERDECK_KEEPER"
PROC = "/proc"
HAS_PROC = os.path.isdir(f"{PROC}/self")
FORCE_LIMIT = 5.0  # seconds after the grace in which SIGKILL is repeated
FIRST_LOOK, LAST_LOOK = 0.01, 0.1

Entry = tuple[int, int, int, int]


def read_proc(pid: int, name: str) -> bytes:
    """A file of a process; empty where it can't be read."""
    try:
        with open(f"{PROC}/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""


def process_entry(pid: int) -> Entry | None:
    """A living process as (parent, group, session, start time in ticks since boot).

    Where there is no /proc (macOS), a process stands for its group, and no more is known of it.
    """
    if not HAS_PROC:
        return (0, pid, pid, 0) if send_signals(pid, 0) else None
    fields = read_proc(pid, "stat").rpartition(b") ")[2].split()
    if not fields or fields[0] in b"ZX":
        return None
    return int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19])


def birth(pid: int) -> int:
    """The start time of a process, by which its number is told from a later one's; -1 if gone."""
    entry = process_entry(pid)
    return entry[3] if entry else -1


def all_processes() -> dict[int, Entry]:
    """Every living process but this one; none where there is no /proc."""
    names = os.listdir(PROC) if HAS_PROC else []
    entries = {int(name): process_entry(int(name)) for name in names if name.isdigit()}
    return {pid: entry for pid, entry in entries.items() if entry and pid != os.getpid()}


def find_tree(leader: int, born: int, marker: bytes) -> dict[int, int]:
    """The living processes of a child, with their start times.

    They are the members of its session and all that carry ``marker`` in their environment, with
    all their descendants: groups and sessions of their own don't hide them.
    """
    if not HAS_PROC:
        return {leader: 0} if process_entry(leader) else {}
    table = all_processes()
    same = leader not in table or table[leader][3] == born
    found = {pid for pid, entry in table.items() if same and entry[2] == leader}
    found |= {pid for pid in table if marker in read_proc(pid, "environ").split(b"\0")}
    while children := {pid for pid, entry in table.items() if entry[0] in found} - found:
        found |= children
    return {pid: table[pid][3] for pid in found}


def send_signals(pid: int, *numbers: int) -> bool:
    """Signal a process, or its group where processes can't be listed; whether there is one."""
    try:
        for number in numbers:
            (os.kill if HAS_PROC else os.killpg)(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class Stop:
    """The ending of a tree: polite signals, a grace, then SIGKILL until none is left.

    ``find`` gives the living processes with their start times. What was seen once is followed
    even where it can no longer be found, and is told from a later process of the same number.
    """

    def __init__(self, find: Callable[[], dict[int, int]], polite: tuple[int, ...]) -> None:
        self.deadline = float("inf")
        self.next = 0.0
        self._find, self._polite = find, polite
        self._known: dict[int, int] = {}
        self._ended: set[int] = set()
        self._forced: set[int] = set()
        self._pause = FIRST_LOOK

    def hasten(self, deadline: float) -> None:
        """End the grace at ``deadline`` at the latest, and look at once."""
        self.deadline = min(self.deadline, deadline)
        self.next = 0.0

    def advance(self, now: float) -> bool:
        """Send what is due and set when to look again; whether it is over."""
        forcing = now >= self.deadline
        alive = {pid: born for pid, born in self._known.items() if birth(pid) == born}
        self._ended |= self._known.keys() - alive.keys()
        fresh = self._find() if forcing or not alive else {}
        self._known = alive | fresh
        if forcing:
            self._forced |= self._known.keys()
        for pid in self._known if forcing else fresh:
            send_signals(pid, *((signal.SIGKILL,) if forcing else self._polite))
        self._pause = min(self._pause * 2, LAST_LOOK)
        self.next = now + self._pause
        return not self._known or now >= self.deadline + FORCE_LIMIT

    def report(self) -> dict[str, list[int]]:
        """The processes that ended, those among them that were forced, those that are left."""
        sets = {"ended": self._ended, "forced": self._forced, "left": self._known.keys()}
        return {name: sorted(pids) for name, pids in sets.items()}
