"""The child of a keeper: its start, its streams, its end."""

# pathlib would cost every keeper a megabyte.
# ruff: noqa: PTH123

from __future__ import annotations

import binascii
import json
import os
import signal
import termios
from collections.abc import Iterator

from .frames import CHUNK, Frame
from .tree import birth, find_tree, send_signals

MAX_INPUT = 1024 * 1024
DRAIN = 64  # reads that empty any terminal or pipe
IUTF8 = 0x4000  # lets cooked mode erase whole characters; termios doesn't name it
POLITE = {
    "pty": (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT),
    "pipe": (signal.SIGTERM, signal.SIGCONT),
}


class Refused(Exception):
    """A request that can't be done: its code and a text."""


class StartFailed(Exception):
    """The start failed at a stage (lock, socket, directory, command, system), with an error number."""

    def __init__(self, stage: str, number: int | None) -> None:
        super().__init__(stage, number or 0)
        self.stage, self.number = stage, number or 0


class Orders:
    """What a keeper is told at its start."""

    def __init__(self, text: bytes) -> None:
        values = json.loads(text)
        self.session: str = values["session"]
        self.about: dict[str, str] = values["about"]  # for whoever finds the record
        self.marker: str = values["marker"]  # an entry of the child's environment, its own alone
        self.mode: str = values["mode"]  # pty or pipe
        self.argv: list[str] = values["argv"]
        self.env: dict[str, str] = values["env"]
        self.cwd: str = values["cwd"]
        self.cols: int = values["cols"]
        self.rows: int = values["rows"]
        self.folder: str = values["folder"]  # of record and ring, and of the socket's new address
        self.socket: str = values["socket"]
        self.ring: int = values["ring"]  # bytes
        self.lag_rate: float = values["lag_rate"]  # bytes a second, when the engine doesn't keep up
        self.away_rate: float = values["away_rate"]  # bytes a second, when there is no engine
        self.linger: float = values["linger"]  # seconds after the child's end without an engine
        self.grace: float = values["grace"]  # seconds, when the keeper itself is told to end
        self.tether: float = values.get("tether", 0)  # seconds for the first link; all ends with it
        text = values["input"]  # all that the child reads, in base64; or None, and it stays open
        self.input: bytes | None = None if text is None else binascii.a2b_base64(text)


class Child:
    """The process that is kept, with our ends of its streams.

    ``stdin`` is None once it takes no more input. ``outputs`` maps each descriptor that may still
    bring output to the kind of its frames.
    """

    def __init__(self, pid: int, orders: Orders, stdin: int, outputs: dict[int, int]) -> None:
        self.pid, self.born, self.mode = pid, birth(pid), orders.mode
        self.stdin: int | None = stdin
        self.outputs = outputs
        self._ours = {stdin, *outputs}
        self.exit: int | None = None
        self.pending = bytearray()
        self.written = 0
        self._marker = orders.marker.encode()
        self._closing = False
        if orders.input is not None:
            self.pending += orders.input
            orders.input = None
            self.close_input()

    def read(self, fd: int) -> bytes:
        """What there is of an output, at most ``CHUNK``; at its end it leaves ``outputs``."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return b""
        except OSError:  # a terminal that nobody has open any more
            data = b""
        if not data:
            self.outputs.pop(fd, None)
        return data

    def drain(self) -> Iterator[tuple[int, bytes]]:
        """All that was written until now, as (kind, data)."""
        for fd, kind in [*self.outputs.items()] * DRAIN:
            if data := self.read(fd):
                yield kind, data

    def reap(self) -> bool:
        """Whether it has ended just now; then ``exit`` is its code, or the signal's negative."""
        if self.exit is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.exit = os.waitstatus_to_exitcode(status) if pid else None
            return bool(pid)
        return False

    def take(self, data: bytes) -> None:
        """Queue input.

        :raises Refused: if it takes none, or too much waits already.
        """
        if self.stdin is None or self._closing:
            raise Refused("input_closed", "the child takes no more input")
        if len(self.pending) + len(data) > MAX_INPUT:
            raise Refused("input_full", "the child doesn't take the input that waits")
        self.pending += data

    def feed(self) -> None:
        """Hand on what the child takes of the queued input."""
        if self.stdin is None:
            return
        try:
            count = os.write(self.stdin, self.pending)
        except BlockingIOError:
            return
        except OSError:
            self.end_input()
            return
        del self.pending[:count]
        self.written += count
        if self._closing and not self.pending:
            self.end_input()

    def close_input(self) -> None:
        """End the input behind what is queued.

        :raises Refused: on a terminal, where Ctrl+D is typed instead.
        """
        if self.mode == "pty":
            raise Refused("not_supported", "a terminal's input isn't closed; type Ctrl+D")
        self._closing = True
        if not self.pending:
            self.end_input()

    def end_input(self) -> None:
        """Take no more input and forget what waits."""
        self.pending.clear()
        if self.mode == "pipe" and self.stdin is not None:
            self._ours.discard(self.stdin)
            os.close(self.stdin)
        self.stdin = None

    def close(self) -> None:
        """Let go of its streams; a terminal hangs up."""
        while self._ours:
            os.close(self._ours.pop())

    def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size."""
        termios.tcsetwinsize(self._terminal(), (rows, cols))

    def foreground(self) -> int:
        """The process group that owns the terminal."""
        return os.tcgetpgrp(self._terminal())

    def signal(self, number: int, *, tree: bool) -> list[int]:
        """Signal it, or all its living processes; those that got it."""
        pids = sorted(self.tree()) if tree else [self.pid] * (self.exit is None)
        return [pid for pid in pids if send_signals(pid, number)]

    def tree(self) -> dict[int, int]:
        """Its living processes, with their start times."""
        return find_tree(self.pid, self.born, self._marker)

    def _terminal(self) -> int:
        if self.mode != "pty":
            raise Refused("not_supported", "this child has pipes and no terminal")
        if self.stdin is None:
            raise Refused("input_closed", "the child has ended, and its terminal with it")
        return self.stdin


def start_child(orders: Orders, umask: int) -> Child:
    """Start the child in a session of its own.

    :raises StartFailed: with the stage at which it failed.
    """
    try:
        stdin, outputs, theirs = open_terminal(orders) if orders.mode == "pty" else open_pipes()
        reading, writing = os.pipe()
        pid = os.fork()
    except OSError as fault:
        raise StartFailed("system", fault.errno) from fault
    if not pid:
        become_child(orders, theirs, writing, umask)
    for fd in (*theirs, writing):
        os.close(fd)
    with open(reading, "rb") as file:
        failure = file.read().split()
    if failure:
        os.waitpid(pid, 0)
        for fd in {stdin, *outputs}:
            os.close(fd)
        raise StartFailed(failure[0].decode(), int(failure[1]))
    for fd in {stdin, *outputs}:
        os.set_blocking(fd, False)
    return Child(pid, orders, stdin, outputs)


def open_terminal(orders: Orders) -> tuple[int, dict[int, int], list[int]]:
    """A terminal of the size asked for: our input, our outputs, the child's end."""
    master, slave = os.openpty()
    modes = termios.tcgetattr(slave)
    modes[0] |= IUTF8
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    termios.tcsetwinsize(slave, (orders.rows, orders.cols))
    return master, {master: int(Frame.OUT)}, [slave]


def open_pipes() -> tuple[int, dict[int, int], list[int]]:
    """Three pipes: our input, our outputs, the child's ends."""
    (stdin, feed), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
    return feed, {out: int(Frame.OUT), err: int(Frame.ERR)}, [stdin, stdout, stderr]


def become_child(orders: Orders, fds: list[int], report: int, umask: int) -> None:
    """In the forked process: be the child, or write to ``report`` at which stage it failed."""
    stage = "system"
    try:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(umask)
        if len(fds) == 1:
            os.login_tty(fds[0])
        else:
            os.setsid()
            for target, fd in enumerate(fds):
                os.dup2(fd, target)
        stage = "directory"
        os.chdir(orders.cwd)
        stage = "command"
        os.execvpe(orders.argv[0], orders.argv, orders.env)  # noqa: S606  # the product
    except OSError as fault:
        os.write(report, f"{stage} {fault.errno}".encode())
    finally:
        os._exit(127)
