"""The keeper: the small process that holds one child's terminal or pipes and outlives the engine.

It runs as one self-contained file, which ``bundle`` makes of this module and those that it imports:
``python -I -S`` and the file's path, its orders on standard input. Standard library only, all of it
imported at the start, so that it goes on when the installation is replaced.
"""

# pathlib would cost every keeper a megabyte.
# ruff: noqa: PTH101, PTH108, PTH110, PTH116, PTH123

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import select
import signal
import socket
import termios
import time
from collections.abc import Callable
from functools import partial

from .child import POLITE, Child, Orders, Refused, StartFailed, start_child
from .connection import Connection
from .frames import CHUNK, VERSION, Frame, peer_uid
from .ring import Ring, allocate
from .tree import Stop

MAX_STRANGERS = 8  # connections that have not said their hello
MAX_DESCRIPTORS = 65536
RECORD_SIZE = 4096
BURST = 1.0  # seconds of the rate that may be read at once
LOCK_TRIES, LOCK_PAUSE = 4, 0.01
VOID = "void"  # the file in a folder where no keeper may start any more
LULL = 0.05  # seconds of the rate that are read at one waking

Action = Callable[[], None]
Source = socket.socket | int


class Keeper:
    """One child, its log, and the link of the engine that holds it at present."""

    def __init__(self, orders: Orders, wake: int) -> None:
        self.over = False
        self.child: Child
        self.ring: Ring
        self._orders, self._wake = orders, wake
        self._record = -1
        self._closers: list[Action] = []
        self._listener: socket.socket | None = None
        self._address = ""
        self._links: list[Connection] = []
        self._link: Connection | None = None
        self._epoch = -1
        self._stop: Stop | None = None
        self._waiters: list[tuple[Connection, int]] = []
        self._size = orders.cols, orders.rows
        self._started_at = time.time()
        self._fault = ""
        self._dismissed = self._ending = False
        self._paced = 0.0  # when the rate allows to read again
        self._lingers: float | None = None
        self._leash = time.monotonic() + orders.tether if orders.tether else float("inf")

    def open(self, umask: int) -> None:
        """Lock the folder, open the log and the socket, start the child.

        :raises StartFailed: at the stage that it names.
        """
        stage = "lock"
        try:
            self._record = os.open(f"{self._orders.folder}/record", os.O_RDWR | os.O_CREAT, 0o600)
            self._closers.append(partial(os.close, self._record))
            take_lock(self._record)
            check_wanted(self._record, self._orders.folder)
            os.ftruncate(self._record, 0)
            stage = "socket"
            self._listen(self._orders.socket)
        except OSError as fault:
            raise StartFailed(stage, fault.errno) from fault
        self.ring = self._open_ring()
        self._closers.append(self.ring.close)
        self.child = start_child(self._orders, umask)
        self._closers.append(self.child.close)
        self._log(Frame.RESIZED, json.dumps(self._size).encode())
        self._save()

    def _open_ring(self) -> Ring:
        size = self._orders.ring
        try:
            return Ring(allocate(f"{self._orders.folder}/ring", size), size)
        except OSError as fault:
            self._fault = f"the log is in memory: {fault}"
            return Ring(io.BytesIO(), size)

    def _listen(self, address: str) -> None:
        self.hide()
        listener = socket.socket(socket.AF_UNIX)
        try:
            if os.path.exists(address):
                os.unlink(address)
            listener.bind(address)
            os.chmod(address, 0o600)
        except OSError:
            listener.close()
            raise
        listener.listen()
        listener.setblocking(False)
        self._listener, self._address = listener, address

    def hide(self) -> None:
        """Take the socket away."""
        if self._listener:
            self._listener.close()
            self._listener = None
            if os.path.exists(self._address):
                os.unlink(self._address)

    def leave(self) -> None:
        """Take the socket away and let go of everything; a second time does nothing."""
        self.hide()
        for link in self._links:
            self._drop(link)
        while self._closers:
            self._closers.pop()()

    def facts(self) -> dict[str, object]:
        """What there is to know of the keeper and its child."""
        return {
            "version": VERSION,
            "session": self._orders.session,
            "about": self._orders.about,
            "keeper_pid": os.getpid(),
            "child_pid": self.child.pid,
            "child_born": self.child.born,
            "mode": self._orders.mode,
            "started_at": self._started_at,
            "cols": self._size[0],
            "rows": self._size[1],
            "epoch": self._epoch,
            "start": self.ring.start,
            "end": self.ring.end,
            "ring": "memory" if self.ring.in_memory else "disk",
            "accepted": self.child.written + len(self.child.pending),
            "written": self.child.written,
            "input": self.child.stdin is not None,
            "exit": self.child.exit,
            "fault": self._fault,
        }

    def _save(self) -> None:
        """Write the facts to the record: in place and in one block, so that a full disk takes it."""
        try:
            os.pwrite(self._record, json.dumps(self.facts()).encode().ljust(RECORD_SIZE), 0)
            if self.child.exit is not None:
                os.fsync(self._record)
        except OSError as fault:
            self._fault = f"the record can't be written: {fault}"

    def run(self) -> None:
        """Serve until the child is gone and forgotten, or nobody has asked for long."""
        try:
            while not self.over:
                self.turn()
        except Exception as fault:
            self._fault = f"the keeper failed: {fault!r}"
            self._save()
            raise

    def turn(self) -> None:
        """Wait for what comes next, and do it."""
        now = time.monotonic()
        pause = self._paced - now
        if self._link and self._link.keeps_up(self.ring):
            pause = 0.0
        readers, writers = self._readers(reading=pause <= 0), self._writers()
        ready = select.select(readers, writers, (), self._timeout(now, pause))
        for act in [readers[key] for key in ready[0]] + [writers[key] for key in ready[1]]:
            act()
        self._settle(time.monotonic())

    def _readers(self, *, reading: bool) -> dict[Source, Action]:
        readers: dict[Source, Action] = {self._wake: self._on_signals}
        if self._listener:
            readers[self._listener] = partial(self._accept, self._listener)
        for link in self._links:
            readers[link.sock] = partial(self._receive, link)
        for fd in self.child.outputs if reading else ():
            readers[fd] = partial(self._read_child, fd)
        return readers

    def _writers(self) -> dict[Source, Action]:
        writers: dict[Source, Action] = {
            link.sock: partial(self._flush, link) for link in self._links if link.out
        }
        if self.child.pending and self.child.stdin is not None:
            writers[self.child.stdin] = self._feed
        return writers

    def _timeout(self, now: float, pause: float) -> float | None:
        due = [pause + LULL] if pause > 0 and self.child.outputs else []
        due += [self._stop.next - now] if self._stop else []
        due += [self._lingers - now] if self._lingers is not None else []
        due += [self._leash - now] if self._astray() else []
        return max(min(due), 0.0) if due else None

    def _settle(self, now: float) -> None:
        if self._stop and now >= self._stop.next and self._stop.advance(now):
            self._reap()
            for link, number in self._waiters:
                link.send(Frame.REPLY, number, self._stop.report())
            self._waiters.clear()
            self._stop, self.over = None, self._ending
        if self._link:
            self._link.pump(self.ring)
        for link in self._links:
            self._flush(link)
        self._end_when_due(now)

    def _astray(self) -> bool:
        """Whether whoever holds the tether is missing."""
        return bool(self._orders.tether) and not self._link and not self._ending

    def _end_when_due(self, now: float) -> None:
        if self._astray() and now >= self._leash:
            self._ending = True
            self._end_tree(self._orders.grace)
        gone = self.child.exit is not None
        if self._link or not gone:
            self._lingers = None
        elif self._lingers is None:
            found = os.fstat(self._record).st_nlink > 0  # else nobody can come and ask
            self._lingers = now + (self._orders.linger if found else 0)
        told = not any(link.out for link in self._links if not link.leaving)
        forgotten = self._dismissed and gone and told
        self.over |= forgotten or (self._lingers is not None and now >= self._lingers)

    def _on_signals(self) -> None:
        numbers = os.read(self._wake, CHUNK)
        if signal.SIGTERM in numbers:
            self._ending = True
            self._end_tree(self._orders.grace)
        if signal.SIGUSR1 in numbers and not self._dismissed:
            self._move()
        self._reap()

    def _move(self) -> None:
        """Serve another socket, whose path the engine left: the former's directory is gone."""
        try:
            with open(f"{self._orders.folder}/address") as file:
                self._listen(file.read())
        except OSError as fault:
            self._fault = f"the socket can't be opened: {fault}"
        self._save()

    def _reap(self) -> None:
        if self.child.reap():
            self._drain()
            self._log(Frame.EXIT, json.dumps(self.child.exit).encode())
            self.child.end_input()
            self._save()
            self._tell()

    def _end_tree(self, grace: float) -> None:
        self._stop = self._stop or Stop(self.child.tree, POLITE[self._orders.mode])
        self._stop.hasten(time.monotonic() + grace)

    def _read_child(self, fd: int) -> None:
        kind = self.child.outputs.get(fd)
        if kind and (data := self.child.read(fd)):
            rate = self._orders.lag_rate if self._link else self._orders.away_rate
            self._paced = max(self._paced, time.monotonic() - BURST) + len(data) / rate
            self._log(kind, data)

    def _drain(self) -> None:
        for kind, data in self.child.drain():
            self._log(kind, data)

    def _feed(self) -> None:
        written, open_ = self.child.written, self.child.stdin is not None
        self.child.feed()
        if self._link and self.child.written > written:
            self._link.send(Frame.WRITE_ACK, self.child.written)
        if open_ and self.child.stdin is None:
            self._tell()

    def _log(self, kind: int, data: bytes) -> None:
        before = self.ring.end
        try:
            self.ring.append(kind, data)
        except OSError as fault:
            data = data[self.ring.end - before :]
            self._fault = f"the log is in memory: {fault}"
            self.ring = Ring(io.BytesIO(), self._orders.ring, self.ring.end)
            self.ring.append(kind, data)
            if self._link:
                self._link.at = min(self._link.at, 0)
            self._tell()

    def _tell(self) -> None:
        if self._link:
            self._link.send(Frame.STATUS, 0, self.facts())

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:  # it left at once
            return
        if not is_ours(sock):
            sock.close()
            return
        sock.setblocking(False)
        strangers = [link for link in self._links if link is not self._link]
        if len(strangers) >= MAX_STRANGERS:
            self._drop(strangers[0])
        self._links.append(Connection(sock))

    def _receive(self, link: Connection) -> None:
        frames = link.receive()
        if frames is None:
            self._drop(link)
        for kind, number, payload in frames or ():
            if link in self._links and not link.leaving:
                self._answer(link, kind, number, payload)

    def _flush(self, link: Connection) -> None:
        if link.out and not link.flush():
            self._drop(link)

    def _drop(self, link: Connection) -> None:
        link.sock.close()
        self._links = [other for other in self._links if other is not link]
        self._link = None if self._link is link else self._link

    def _answer(self, link: Connection, kind: int, number: int, payload: bytes) -> None:
        try:
            self._obey(link, kind, number, payload)
        except Refused as fault:
            link.send(Frame.ERROR, number, fault.args)
        except (OSError, termios.error) as fault:
            link.send(Frame.ERROR, number, ["system", str(fault)])
        except Exception:  # noqa: BLE001  # whatever a link does wrong ends that link alone
            self._drop(link)

    def _obey(self, link: Connection, kind: int, number: int, payload: bytes) -> None:
        if (link is self._link) == (kind == Frame.HELLO):
            raise ValueError("out of turn")
        if kind == Frame.SUBSCRIBE:
            link.subscribe(self.ring, number)
        elif kind == Frame.ACK:
            link.acked = number
        elif kind == Frame.WRITE:
            self.child.take(payload)
        elif kind == Frame.HELLO:
            self._welcome(link, number, **json.loads(payload))
        elif kind == Frame.STOP:
            self._end_tree(float(json.loads(payload)))
            self._waiters.append((link, number))
        else:
            link.send(Frame.REPLY, number, self._do(kind, json.loads(payload or b"null")))

    def _do(self, kind: int, asked: list[int] | None) -> object:
        match kind, asked:
            case Frame.RESIZE, [cols, rows]:
                self._resize(cols, rows)
            case Frame.SIGNAL, [number, tree]:
                return self.child.signal(number, tree=bool(tree))
            case Frame.LOOK, _:
                self._drain()
                return self.facts()
            case Frame.FOREGROUND, _:
                return self.child.foreground()
            case Frame.CLOSE_STDIN, _:
                self.child.close_input()
            case Frame.DISMISS, _:
                self._dismissed = True
                self.hide()
            case _:
                raise ValueError(f"no request {kind}")
        return True

    def _resize(self, cols: int, rows: int) -> None:
        self._drain()  # what was written before the resize stands before it
        self.child.resize(cols, rows)
        self._size = cols, rows
        self._log(Frame.RESIZED, json.dumps(self._size).encode())

    def _welcome(
        self, link: Connection, number: int, *, versions: list[int], epoch: int, window: int
    ) -> None:
        if not versions[0] <= VERSION <= versions[1]:
            raise Refused("keeper_version", f"this keeper speaks version {VERSION}")
        if epoch < self._epoch:
            raise Refused("keeper_epoch", f"an engine of epoch {self._epoch} holds this keeper")
        if old := self._link:
            old.send(Frame.SUPERSEDED, epoch)
            old.leaving = True
        self._link, self._epoch, link.window = link, epoch, window
        if self._orders.tether:
            self._leash = 0.0
        self._save()
        link.send(Frame.WELCOME, number, self.facts())


def main() -> None:
    """Read the orders, leave the engine, keep the child."""
    umask = os.umask(0o077)
    orders = Orders(b"".join(iter(partial(os.read, 0, CHUNK), b"")))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.closerange(3, min(os.sysconf("SC_OPEN_MAX"), MAX_DESCRIPTORS))
    keeper = Keeper(orders, watch_signals())
    if not say({"keeper_pid": os.getpid()}):
        return  # the engine is gone already: nobody would know of the child
    answer: dict[str, object]
    try:
        keeper.open(umask)
        answer = keeper.facts()
    except StartFailed as fault:
        keeper.leave()  # before the engine clears the place away
        answer = {"stage": fault.stage, "errno": fault.number}
    say(answer)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    if "stage" not in answer:
        keeper.run()
        keeper.leave()


def take_lock(fd: int) -> None:
    """Lock a record for as long as this process lives.

    :raises BlockingIOError: if another keeper holds it.
    """
    for _ in range(LOCK_TRIES):
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # perhaps somebody only looked whether a keeper lives
            time.sleep(LOCK_PAUSE)
    return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def check_wanted(record: int, folder: str) -> None:
    """Nothing, unless an engine took this start for dead, and its child for one that never was.

    :raises OSError: if so.
    """
    try:
        ours = os.path.samestat(os.fstat(record), os.stat(f"{folder}/record"))
    except FileNotFoundError:
        ours = False
    if not ours or os.path.exists(f"{folder}/{VOID}"):
        raise OSError(errno.ESTALE, "given up")


def is_ours(sock: socket.socket) -> bool:
    """Whether the same user is at the other end."""
    try:
        return peer_uid(sock) == os.getuid()
    except OSError:
        return False


def say(answer: dict[str, object]) -> bool:
    """Tell the engine that waits for the start; whether it still does."""
    try:
        os.write(1, json.dumps(answer).encode() + b"\n")
    except OSError:
        return False
    return True


def watch_signals() -> int:
    """A descriptor that brings the numbers of the signals that come."""
    wake, alarm = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return wake


if __name__ == "__main__":
    main()
