"""Who owns a child's terminal at the moment."""

from __future__ import annotations

from dataclasses import dataclass

from .tree import all_processes, process_entry, read_proc


@dataclass(frozen=True, slots=True)
class Foreground:
    """The process group in the foreground of a terminal.

    ``is_child`` says that it is the child's own: for a shell, that it waits for input. ``name``
    and ``argv`` are its leader's, or another member's if the leader has ended; empty where the
    system doesn't tell.
    """

    pgid: int
    is_child: bool
    name: str
    argv: tuple[str, ...]


def foreground_of(pgid: int, child_pid: int) -> Foreground:
    """What there is to know of the group ``pgid``."""
    pid = pgid if process_entry(pgid) else _member(pgid)
    name = read_proc(pid, "comm").decode(errors="replace").removesuffix("\n")
    line = read_proc(pid, "cmdline").decode(errors="replace").removesuffix("\0")
    return Foreground(pgid, pgid == child_pid, name, tuple(line.split("\0")) if line else ())


def _member(pgid: int) -> int:
    return min((pid for pid, entry in all_processes().items() if entry[1] == pgid), default=pgid)
