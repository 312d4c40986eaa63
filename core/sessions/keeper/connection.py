"""A keeper's side of an engine's link."""

from __future__ import annotations

import json
import socket

from .frames import CHUNK, STREAMS, WINDOW, Frame, cut_frames, encode_frame
from .ring import Ring


class Connection:
    """A connection, what waits to be sent on it, and how far its engine has come.

    One that is ``leaving`` was told so: nothing it says counts any more. It is for the other end to
    close it, which would lose what it was told if its writing failed before.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox, self.out = bytearray(), bytearray()
        self.at = -1  # the position in the log, once it is subscribed
        self.sent = self.acked = 0
        self.window = WINDOW
        self.leaving = False

    def send(self, kind: int, number: int, value: object = b"") -> None:
        """Put a frame behind what waits; its payload is the bytes given, or JSON."""
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.out += encode_frame(kind, number, payload)

    def flush(self) -> bool:
        """Send what the socket takes; whether the other end is still there."""
        try:
            del self.out[: self.sock.send(self.out)]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def receive(self) -> list[tuple[int, int, bytes]] | None:
        """The frames that came; None if the other end is gone or speaks nonsense."""
        try:
            data = self.sock.recv(CHUNK)
            self.inbox += data
            return cut_frames(self.inbox) if data else None
        except BlockingIOError:
            return []
        except (OSError, ValueError):
            return None

    def subscribe(self, ring: Ring, offset: int) -> None:
        """Go on from an offset."""
        self.sent = self.acked = min(offset, ring.end)
        self.at = ring.find(self.sent)

    def keeps_up(self, ring: Ring) -> bool:
        """Whether it takes the output as fast as it comes."""
        return self.at >= 0 and ring.end - self.acked <= self.window

    def pump(self, ring: Ring) -> None:
        """Queue what comes next of the log, as far as socket and window have room."""
        while self.at >= 0 and len(self.out) < CHUNK and self.sent - self.acked < self.window:
            if self.sent < ring.start:
                self.sent = ring.start
                self.send(Frame.LOST, self.sent)
            record = ring.read(self.at)
            if record is None:
                break
            kind, offset, data, self.at = record
            wanted = self.sent
            if kind in STREAMS:
                data, offset = data[wanted - offset :], wanted
                self.sent += len(data)
            if data and offset >= wanted:
                self.send(kind, offset, data)
