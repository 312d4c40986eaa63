"""The wire between a keeper and its engine: frames, versions, and who is at the other end."""

from __future__ import annotations

import enum
import socket
import struct
import sys

VERSION = 1
WINDOW = 256 * 1024  # bytes of output sent and not yet acknowledged
CHUNK = 64 * 1024
MAX_FRAME = 1024 * 1024
LATEST = 2**64 - 1


class Frame(enum.IntEnum):
    """The kinds of frames: what their number is; what their payload is.

    The first four are also the kinds of the log's records. A request's number is repeated by its
    answer: a REPLY, a WELCOME or an ERROR.
    """

    OUT = 1  # offset; standard output, or all that a terminal shows
    ERR = 2  # offset; standard error
    RESIZED = 3  # offset; JSON: [columns, rows]
    EXIT = 4  # offset; JSON: the exit code, or the negative number of the signal
    LOST = 5  # the offset at which the stream goes on: what came before it is gone
    WELCOME = 16  # request; JSON: the keeper's facts
    STATUS = 17  # 0; JSON: the facts again, unasked, because one has changed
    SUPERSEDED = 18  # the epoch of the link that took over
    REPLY = 19  # request; JSON
    WRITE_ACK = 20  # bytes of input handed to the child since its start
    ERROR = 21  # request; JSON: [code, text]
    HELLO = 32  # request; JSON: versions ([least, most]), epoch, window
    SUBSCRIBE = 33  # the offset to go on from, or LATEST for the present end
    ACK = 34  # offset: all before it was taken
    WRITE = 35  # request, answered only if it is refused; input
    CLOSE_STDIN = 36  # request
    RESIZE = 37  # request; JSON: [columns, rows]
    SIGNAL = 38  # request; JSON: [signal, whether to the whole tree]
    STOP = 39  # request; JSON: seconds from the polite signals to SIGKILL
    FOREGROUND = 40  # request
    DISMISS = 41  # request
    LOOK = 42  # request, answered with the facts once all output until now is in the log


STREAMS = (Frame.OUT, Frame.ERR)
HEADER = struct.Struct("!IBQ")  # size of the payload, kind, number


def encode_frame(kind: int, number: int = 0, payload: bytes = b"") -> bytes:
    """A frame, as it is sent and as it is logged."""
    return HEADER.pack(len(payload), kind, number) + payload


def cut_frames(buffer: bytearray) -> list[tuple[int, int, bytes]]:
    """Take the whole frames off the front of ``buffer``, as (kind, number, payload).

    :raises ValueError: if one claims more than ``MAX_FRAME`` bytes.
    """
    frames, at = [], 0
    while len(buffer) - at >= HEADER.size:
        size, kind, number = HEADER.unpack_from(buffer, at)
        if size > MAX_FRAME:
            raise ValueError(f"a frame of {size} bytes")
        end = at + HEADER.size + size
        if end > len(buffer):
            break
        frames.append((kind, number, bytes(buffer[at + HEADER.size : end])))
        at = end
    del buffer[:at]
    return frames


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket."""
    if sys.platform == "darwin":  # SOL_LOCAL and LOCAL_PEERCRED give a struct xucred
        return int(struct.unpack_from("=II", connection.getsockopt(0, 1, 76))[1])
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("=iII", credentials)[1])
