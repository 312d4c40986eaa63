"""``quarterdeck session attach``: this terminal is the session's, until the leave key or its end."""

from __future__ import annotations

import base64
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

from ..failing import fault, has_code, refusal
from ..invocation import Invocation
from ..leaving import LeaveKey
from ..link import CHUNK, Link, Message, to_line
from ..naming import find_session
from ..passing import Passage
from ..place import setting
from ..presenting import ENDED, ending
from ..printing import clean
from ..realterm import RealTerminal, Signalled
from ..rejoining import Rejoining

LEAVE_KEY = "ctrl+]"
HINT_SECONDS = 3.0
HOLD_SECONDS = 0.05
"""How long an unfinished key sequence may wait for its rest."""

UNSENT_LIMIT = 1024 * 1024
"""Bytes of input that may wait for the engine before more is read from the terminal."""

UNDRAWN_LIMIT = 256 * 1024
"""Bytes of output that may wait for the terminal before no more is taken from the engine, which
has a fresh screen in their place then."""

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
    view = _as_it_is_now(invocation, session)
    how = ending(view)
    state = view["lifecycle"] if view["lifecycle"] in ENDED else "ended"
    invocation.printer.line(f"{session['name']} {state}" + (f": {how}." if how else "."))


def _as_it_is_now(invocation: Invocation, session: Message) -> Message:
    """The session as the engine has it; as it was, if either is gone."""
    try:
        sessions = invocation.call("session.list")["sessions"]
    except Exception as error:
        if not has_code(error, "no_engine", "link_closed"):
            raise
        return session
    return next((one for one in sessions if one["id"] == session["id"]), session)


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
        self._goodbye = "it closed the link"
        self._lost = ""
        self._way_back: Rejoining | None = None
        self._selector = DefaultSelector()

    def run(self, notices: socket.socket) -> Outcome:
        """Go on until something ends it."""
        with self._selector:
            self._watch(self._terminal.fd_in, EVENT_READ, self._from_terminal)
            self._watch(notices, EVENT_READ, lambda _: self._notice(notices.recv(64)))
            self._open()
            while self._outcome is None:
                self._turn()
        if self._way_back is not None:
            self._way_back.close()
        self._send_rest()
        return self._outcome

    def _turn(self) -> None:
        self._balance()
        ready = self._selector.select(self._patience())
        if not ready:
            self._type(self._key.flush())
        for key, mask in ready:
            key.data(mask)
        if self._hint_until is not None and time.monotonic() >= self._hint_until:
            self._repaint()
        way = self._way_back
        if way is not None and time.monotonic() >= way.due:
            self._step(way, way.look)

    def _patience(self) -> float | None:
        """How long nothing may come: until a held key goes on, the hint goes, or a look is due."""
        if self._key.waiting:
            return HOLD_SECONDS
        due = self._hint_until if self._way_back is None else self._way_back.due
        return None if due is None else max(due - time.monotonic(), 0)

    def _watch(self, what: int | socket.socket, events: int, react: Callable[[int], None]) -> None:
        """Have ``react`` called at ``events`` of ``what``; none: not any more."""
        known = self._selector.get_map().get(what)
        if not events:
            if known is not None:
                self._selector.unregister(what)
        elif known is None:
            self._selector.register(what, events, react)
        else:
            self._selector.modify(what, events, react)

    def _balance(self) -> None:
        """Read from either side what the other has room for, and write what waits."""
        typed, drawn = len(self._unsent), self._terminal.unwritten
        reading = EVENT_READ if typed <= UNSENT_LIMIT else 0
        self._watch(self._terminal.fd_in, reading, self._from_terminal)
        self._watch(self._terminal.fd_out, EVENT_WRITE if drawn else 0, self._to_terminal)
        if self._way_back is None:
            events = (EVENT_READ if drawn <= UNDRAWN_LIMIT else 0) | (EVENT_WRITE if typed else 0)
            self._watch(self._invocation.link.stream, events, self._from_engine)

    # ---- the engine ------------------------------------------------------------------------

    def _open(self) -> None:
        """Begin with the engine that the invocation is linked to."""
        self._invocation.link.stream.setblocking(False)
        self._unsent.clear()
        self._passage = Passage()
        self._resize()
        self._repaint()

    def _from_engine(self, mask: int) -> None:
        try:
            data = self._exchange(mask)
            messages = self._invocation.link.lines.feed(data or b"")
        except OSError as error:
            self._link_lost(error.strerror or str(error))
            return
        except ValueError as error:
            raise self._invocation.link.broken(error) from error
        for message in messages:
            self._take(message)
        if data == b"" and self._outcome is None:
            self._link_lost(self._goodbye)

    def _exchange(self, mask: int) -> bytes | None:
        """Send what waits and what fits; what came, empty at the end, ``None`` if nothing did."""
        stream = self._invocation.link.stream
        if mask & EVENT_WRITE:
            del self._unsent[: stream.send(self._unsent)]
        return stream.recv(CHUNK) if mask & EVENT_READ else None

    def _send_rest(self) -> None:
        """Send what was typed before the leave key, as far as the engine takes it at once."""
        if self._unsent:
            with suppress(OSError):
                self._invocation.link.stream.send(self._unsent)

    def _take(self, message: Message) -> None:
        """React to a message; an engine that refuses has the session no more.

        :raises CliFault: what it refused with.
        """
        if message["kind"] == "goodbye":
            self._goodbye = str(message["reason"])
        elif message["kind"] == "reply" and not message["ok"]:
            raise refusal(message["error"])
        elif message["kind"] == "output" and message["session_id"] == self._session["id"]:
            self._draw(base64.b64decode(message["data"]))
            if message["ended"]:
                self._outcome = self._outcome or Outcome.ENDED

    def _link_lost(self, why: str) -> None:
        """Look for the engine that takes over, and say so; what is typed meanwhile is dropped."""
        self._watch(self._invocation.link.stream, 0, self._from_engine)
        self._invocation.close()
        self._unsent.clear()
        self._hint_until = None
        self._way_back = Rejoining(lambda: self._invocation.place.socket)
        self._lost = why
        self._say_lost()

    def _say_lost(self) -> None:
        key = self._key.name
        told = f"no engine, waiting for one; the session goes on; {key} leaves"
        self._say(f"{told} ({self._lost})")

    def _step(self, way: Rejoining, act: Callable[[], Link | None]) -> None:
        """One step on the way back; nothing here waits."""
        if way.stream is not None:
            self._watch(way.stream, 0, self._from_engine)
        link = act()
        if link is not None:
            self._way_back = None
            self._invocation.adopt(link)
            self._open()
        elif way.stream is not None:
            self._watch(way.stream, EVENT_READ, lambda _: self._step(way, way.hear))

    def _send(self, message: Message) -> None:
        if self._way_back is None:
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

    def _to_terminal(self, _mask: int) -> None:
        self._write(b"")

    def _write(self, data: bytes) -> None:
        try:
            self._terminal.write(data)
        except OSError:
            self._outcome = Outcome.GONE

    def _draw(self, data: bytes) -> None:
        self._write(self._passage.feed(data))
        if self._hint_due:
            self._show_hint()

    def _show_hint(self) -> None:
        """Say on the last line which key leaves; the next key or some seconds take it away."""
        self._hint_due = False
        self._hint_until = time.monotonic() + HINT_SECONDS
        text = self._say(f"{self._key.name} leaves it")
        self._write(b"\x1b]2;" + text.encode() + b"\x1b\\")

    def _say(self, what: str) -> str:
        """Write on the last line, over what the session has there; what was written."""
        cols, lines = self._terminal.size
        text = clean(f"{self._session['name']}: {what}")[: cols - 2]
        # What the session holds back of its drawing must not hold this back, too.
        line = f"\x1b[?2026l\x1b7\x1b[{lines};1H\x1b[0;7m {text} \x1b[0m\x1b8"
        self._write(line.encode())
        return text

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
        if self._way_back is not None:
            self._say_lost()
