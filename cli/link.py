"""A link to an engine's socket for commands that draw nothing: blocking, standard library only.

It speaks the lines of ``core.protocol.wire``; the models stay unloaded, for start-up time.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from .failing import fault, has_code, no_engine, refusal

Message = dict[str, Any]

PROTOCOL = 1
PATIENCE = 60.0
"""Seconds that an engine may take for a command."""

GREETING = 10.0
CHUNK = 65_536
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """A fresh ULID, as ``core.base.ids`` makes them; that one loads ten times as long."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def command(kind: str, payload: Message) -> Message:
    """A command as it is sent, with a fresh id and the present time."""
    return {
        "kind": "command",
        "id": new_id(),
        "type": kind,
        "timestamp": datetime.now(UTC).isoformat(),
        "payload": payload,
    }


def to_line(message: Message) -> bytes:
    """``message`` as a line of JSON."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Messages out of the bytes of a stream."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]


class Link:
    """One link to one engine; ``engine`` is what it said of itself."""

    def __init__(self, stream: socket.socket, path: str) -> None:
        self.stream = stream
        self.path = path
        self.engine: Message = {}
        self.lines = Lines()
        self._came: deque[Message] = deque()

    @classmethod
    def open(cls, path: str, patience: float | None = None) -> Link:
        """A link to the engine at ``path`` that has greeted back.

        :raises CliFault: ``no_engine`` if none answers there.
        """
        patience = GREETING if patience is None else patience
        link = cls.begin(path)
        try:
            link.greeted(link.receive(patience))
        except BaseException as error:
            link.close()
            if has_code(error, "link_closed"):
                raise no_engine(f"The engine at {path} has just left.") from error
            raise
        return link

    @classmethod
    def begin(cls, path: str) -> Link:
        """A link to the engine at ``path`` that has said hello; this waits for nothing.

        :raises CliFault: ``no_engine`` if none listens there, ``link_closed`` if it leaves at once.
        """
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.setblocking(False)
        link = cls(stream, path)
        hello = {"kind": "hello", "protocol": PROTOCOL, "client": "command line"}
        try:
            stream.connect(path)
            link.send(hello | {"pid": os.getpid()})
        except OSError as error:
            stream.close()
            raise no_engine(f"No engine answers at {path}: {error.strerror or error}.") from error
        except BaseException:
            stream.close()
            raise
        return link

    def greeted(self, answer: Message | None) -> None:
        """Take the engine's answer to the hello.

        :raises CliFault: if it refuses the link; ``engine_silent`` if there is no answer.
        """
        if answer is None:
            raise fault("engine_silent", f"The engine at {self.path} did not greet back.")
        if answer["kind"] == "reply":
            raise refusal(answer["error"])
        if answer["kind"] != "welcome":
            raise no_engine(f"The engine at {self.path} refused the link: {answer.get('reason')}.")
        self.engine = answer["engine"]

    def send(self, message: Message) -> None:
        """Hand ``message`` over.

        :raises CliFault: ``link_closed`` if the engine is gone.
        """
        try:
            self.stream.settimeout(PATIENCE)
            self.stream.sendall(to_line(message))
        except OSError as error:
            raise _closed(error.strerror or "it takes nothing") from error

    def receive(self, patience: float | None) -> Message | None:
        """The next message; ``None`` if none came within ``patience`` seconds.

        :raises CliFault: ``link_closed`` if the engine is gone.
        """
        until = None if patience is None else time.monotonic() + patience
        while not self._came:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._fill(left)
        message = self._came.popleft()
        if message["kind"] == "goodbye" and self.engine:
            raise _closed(str(message["reason"]))
        return message

    def _fill(self, patience: float | None) -> None:
        try:
            self.stream.settimeout(patience)
            data = self.stream.recv(CHUNK)
            self._came.extend(self.lines.feed(data))
        except TimeoutError:
            return
        except OSError as error:
            raise _closed(error.strerror or str(error)) from error
        except ValueError as error:
            raise self.broken(error) from error
        if not data:
            raise _closed("it closed the link")

    def broken(self, error: ValueError) -> Exception:
        """The fault that what came is no message."""
        return fault("link_broken", f"The engine at {self.path} can't be understood: {error}.")

    def call(
        self,
        kind: str,
        payload: Message | None = None,
        patience: float = PATIENCE,
        *,
        forget: bool = False,
    ) -> Message:
        """The result of a command; with ``forget``, what came before it is dropped.

        :raises CliFault: the engine's error; ``engine_silent`` after ``patience`` seconds.
        """
        sent = command(kind, payload or {})
        self.send(sent)
        reply = self._reply(sent["id"], patience, forget=forget)
        if reply is None:
            raise fault("engine_silent", f"The engine did not answer {kind} in {patience:g} s.")
        if not reply["ok"]:
            raise refusal(reply["error"])
        result: Message = reply["result"]
        return result

    def _reply(self, command_id: str, patience: float, *, forget: bool) -> Message | None:
        """The reply to a command; what else comes meanwhile is kept for ``receive``, or dropped."""
        until = time.monotonic() + patience
        others: list[Message] = []
        try:
            while (message := self.receive(until - time.monotonic())) is not None:
                if message["kind"] == "reply" and message["command_id"] == command_id:
                    return message
                others.append(message)
            return None
        finally:
            if not forget:
                self._came.extendleft(reversed(others))

    def close(self) -> None:
        """Close the link."""
        self.stream.close()


def _closed(why: str) -> Exception:
    return fault("link_closed", f"The engine left before it answered: {why}.")
