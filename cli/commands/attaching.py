"""``quarterdeck session attach``: this terminal is the session's, until the leave key or its end."""

from __future__ import annotations

import base64
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from ..failing import fault
from ..following import reconnect
from ..invocation import Invocation
from ..leaving import LeaveKey
from ..link import CHUNK, Message, to_line
from ..naming import find_session
from ..passing import Passage
from ..place import setting
from ..presenting import ENDED, ending
from ..printing import clean
from ..realterm import RealTerminal, Signalled

LEAVE_KEY = "ctrl+]"
HINT_SECONDS = 3.0
HOLD_SECONDS = 0.05
"""How long an unfinished key sequence may wait for its rest."""

UNSENT_LIMIT = 1024 * 1024
"""Bytes of input that may wait for the engine before more is read from the terminal."""

NOTICED = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)


class Outcome(Enum):
    """What ended an attachment: the leave key, the session's end, the terminal's."""

    LEFT = 1
    ENDED = 2
    GONE = 3


def attach(invocation: Invocation, *, name: str, leave: str | None) -> int | None:
    """``session attach``."""
    key = LeaveKey(leave or setting(invocation.place, "ui", "leave_key") or LEAVE_KEY)
    terminal = RealTerminal()
    session = find_session(invocation, name)
    if session["lifecycle"] not in {"starting", "running", "stopping"}:
        raise fault(
            "not_running",
            f"{session['name']} is {session['lifecycle']}. "
            f"Start it with: quarterdeck session start {session['name']!r}",
        )
    attachment = Attachment(invocation, session, terminal, key)
    try:
        with terminal.raw(), noticing() as notices:
            outcome = attachment.run(notices)
    except Signalled as signalled:
        return 128 + signalled.number
    if outcome is Outcome.GONE:
        return 128 + signal.SIGHUP
    _farewell(invocation, session, outcome)
    return None


def _farewell(invocation: Invocation, session: Message, outcome: Outcome) -> None:
    if outcome is Outcome.LEFT:
        invocation.printer.line(f"Left {session['name']}; it goes on.")
        return
    sessions = invocation.call("session.list")["sessions"]
    view = next((one for one in sessions if one["id"] == session["id"]), session)
    how = ending(view)
    state = view["lifecycle"] if view["lifecycle"] in ENDED else "ended"
    invocation.printer.line(f"{session['name']} {state}" + (f": {how}." if how else "."))


@contextmanager
def noticing() -> Iterator[socket.socket]:
    """A socket that has a byte for each signal of ``NOTICED``: its number."""
    ours, pythons = socket.socketpair()
    ours.setblocking(False)
    pythons.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in NOTICED}
    woken = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        pythons.close()


class Attachment:
    """Bytes to and fro between a terminal and a session."""

    def __init__(
        self, invocation: Invocation, session: Message, terminal: RealTerminal, key: LeaveKey
    ) -> None:
        self._invocation = invocation
        self._session = session
        self._terminal = terminal
        self._key = key
        self._passage = Passage()
        self._unsent = bytearray()
        self._hint_due = True
        self._hint_until: float | None = None
        self._outcome: Outcome | None = None
        self._selector = selectors.DefaultSelector()

    def run(self, notices: socket.socket) -> Outcome:
        """Go on until something ends it."""
        with self._selector:
            self._selector.register(self._terminal.fd_in, selectors.EVENT_READ, self._from_terminal)
            self._selector.register(
                notices, selectors.EVENT_READ, lambda _: self._notice(notices.recv(64))
            )
            self._open()
            while self._outcome is None:
                self._turn()
        self._send_rest()
        return self._outcome

    def _turn(self) -> None:
        self._watch_link()
        ready = self._selector.select(self._patience())
        if not ready:
            self._type(self._key.flush())
        for key, mask in ready:
            key.data(mask)
        if self._hint_until is not None and time.monotonic() >= self._hint_until:
            self._repaint()

    def _patience(self) -> float | None:
        """How long nothing may come: until a held key goes on, or the hint goes."""
        if self._key.waiting:
            return HOLD_SECONDS
        return self._hint_until and max(self._hint_until - time.monotonic(), 0)

    # ---- the engine ------------------------------------------------------------------------

    def _open(self) -> None:
        """Begin with the engine that the invocation is linked to."""
        stream = self._invocation.link.stream
        stream.setblocking(False)
        self._unsent.clear()
        self._passage = Passage()
        self._selector.register(stream, selectors.EVENT_READ, self._from_engine)
        self._resize()
        self._repaint()

    def _watch_link(self) -> None:
        """Wait for what the link is needed for: always to read, to write when input waits."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        self._selector.modify(self._invocation.link.stream, events, self._from_engine)
        reading = self._terminal.fd_in in self._selector.get_map()
        if reading and len(self._unsent) > UNSENT_LIMIT:
            self._selector.unregister(self._terminal.fd_in)
        elif not reading and len(self._unsent) <= UNSENT_LIMIT:
            self._selector.register(self._terminal.fd_in, selectors.EVENT_READ, self._from_terminal)

    def _from_engine(self, mask: int) -> None:
        try:
            data = self._exchange(mask)
        except OSError as error:
            self._link_lost(error.strerror or str(error))
            return
        if data == b"":
            self._link_lost("it closed the link")
        for message in self._invocation.link.lines.feed(data or b""):
            self._take(message)

    def _exchange(self, mask: int) -> bytes | None:
        """Send what waits and what fits; what came, empty at the end, ``None`` if nothing did."""
        stream = self._invocation.link.stream
        if mask & selectors.EVENT_WRITE:
            del self._unsent[: stream.send(self._unsent)]
        return stream.recv(CHUNK) if mask & selectors.EVENT_READ else None

    def _send_rest(self) -> None:
        """Send what was typed before the leave key."""
        stream = self._invocation.link.stream
        stream.settimeout(1.0)
        with suppress(OSError):
            stream.sendall(self._unsent)

    def _take(self, message: Message) -> None:
        if message["kind"] == "output" and message["session_id"] == self._session["id"]:
            self._draw(base64.b64decode(message["data"]))
            if message["ended"]:
                self._outcome = self._outcome or Outcome.ENDED

    def _link_lost(self, why: str) -> None:
        """Go on with the engine that took over.

        :raises CliFault: ``link_closed`` if none did.
        """
        self._selector.unregister(self._invocation.link.stream)
        if not reconnect(self._invocation):
            raise fault("link_closed", f"The engine left ({why}); the session goes on without it.")
        self._open()

    def _send(self, message: Message) -> None:
        self._unsent += to_line(message | {"session_id": self._session["id"]})

    # ---- the terminal ----------------------------------------------------------------------

    def _from_terminal(self, _mask: int) -> None:
        try:
            data = os.read(self._terminal.fd_in, CHUNK)
        except OSError:
            data = b""
        taken = self._key.feed(data)
        if taken.left or not data:
            self._outcome = Outcome.LEFT if taken.left else Outcome.GONE
        self._type(taken.data)

    def _type(self, data: bytes) -> None:
        if data:
            self._send({"kind": "input.raw", "data": base64.b64encode(data).decode()})
            if self._hint_until is not None:
                self._repaint()

    def _draw(self, data: bytes) -> None:
        try:
            self._terminal.write(self._passage.feed(data))
            if self._hint_due:
                self._show_hint()
        except OSError:
            self._outcome = Outcome.GONE

    def _show_hint(self) -> None:
        """Say on the last line which key leaves; the next key or some seconds take it away."""
        self._hint_due = False
        self._hint_until = time.monotonic() + HINT_SECONDS
        cols, lines = self._terminal.size
        text = clean(f"{self._session['name']}: {self._key.name} leaves it")[: cols - 2]
        title = b"\x1b]2;" + text.encode() + b"\x1b\\"
        line = f"\x1b7\x1b[{lines};1H\x1b[0;7m {text} \x1b[0m\x1b8".encode()
        self._terminal.write(title + line)

    def _repaint(self) -> None:
        """Have the engine draw everything again, over the hint, too."""
        self._hint_until = None
        self._send({"kind": "watch", "mode": "bytes"})

    def _resize(self) -> None:
        cols, lines = self._terminal.size
        self._send({"kind": "input.size", "cols": min(cols, 1000), "lines": min(lines, 1000)})

    def _notice(self, numbers: bytes) -> None:
        """React to signals: another size, stopped, continued."""
        if signal.SIGTSTP in numbers:
            self._terminal.leave()
            os.kill(os.getpid(), signal.SIGSTOP)
            self._terminal.enter()
        if signal.SIGCONT in numbers:
            self._terminal.go_raw()
        if {signal.SIGTSTP, signal.SIGCONT} & set(numbers):
            self._repaint()
        self._resize()
