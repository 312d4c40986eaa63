"""A keeper's log: bounded, framed, readable after any death of its writer."""

from __future__ import annotations

import errno
import io
import os
import struct
import zlib

from .frames import HEADER, STREAMS, encode_frame

SEGMENTS = 16
SEGMENT = struct.Struct("!4sQQ")  # magic, number, offset; then its checksum and its records
MAGIC = b"QDR1"
CRC = 4
SEGMENT_HEAD = SEGMENT.size + CRC
LEAST = HEADER.size + CRC


def checksum(seed: int, data: bytes) -> bytes:
    """The CRC-32 of ``data``, told apart by ``seed``."""
    return zlib.crc32(data, seed & 0xFFFFFFFF).to_bytes(CRC, "big")


def allocate(path: str, size: int) -> io.FileIO:
    """A fresh file of ``size`` bytes, all of them on the disk, so that it can't run full later.

    :raises OSError: if they are not to be had.
    """
    file = io.FileIO(path, "w+")
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            write_all(file, bytes(size))
    except OSError:
        file.truncate(0)  # what little room there is is needed elsewhere
        file.close()
        raise
    return file


def write_all(file: io.FileIO | io.BytesIO, data: bytes) -> None:
    """Write ``data`` where the file stands.

    :raises OSError: if not all of it could be written.
    """
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Ring:
    """The segments of a file of fixed size, overwritten in turn.

    A record is a frame with a checksum. An offset counts the child's output; a position is a
    segment's number times its size plus a place in it, and seeds the checksums: nothing of an
    earlier lap is taken for the present one, and a reader stops at the last whole record.
    """

    def __init__(self, file: io.FileIO | io.BytesIO, size: int, end: int = 0) -> None:
        self.segment = size // SEGMENTS
        self.start = self.end = end
        self._file = file
        self._starts: dict[int, int] = {}  # segment: the offset at which it begins
        self._newest = -1
        self._at = 0

    @property
    def in_memory(self) -> bool:
        """Whether it is lost with this process."""
        return isinstance(self._file, io.BytesIO)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def append(self, kind: int, data: bytes) -> None:
        """Write ``data``, as several records where a segment ends; a mark is never split.

        :raises OSError: if the disk fails; ``end`` tells how much output was written.
        """
        while data:
            room = (self._newest + 1) * self.segment - self._at - LEAST
            if room < LEAST:
                self._turn()
                continue
            frame = encode_frame(kind, self.end, data[:room])
            self._write(self._at, frame + checksum(self._at, frame))
            self._at += len(frame) + CRC
            self.end += len(data[:room]) if kind in STREAMS else 0
            data = data[room:]

    def read(self, at: int) -> tuple[int, int, bytes, int] | None:
        """The first record from a position on: (kind, offset, data, the position behind it)."""
        while at < self._at:
            number, place = divmod(at, self.segment)
            limit = (number + 1) * self.segment
            at += max(SEGMENT_HEAD - place, 0)
            if number in self._starts and (record := self._record(at, limit)):
                return record
            at = limit
        return None

    def find(self, offset: int) -> int:
        """The position of the last segment that begins before ``offset``, or of the first."""
        before = [number for number, start in self._starts.items() if start < offset]
        return max(before, default=0) * self.segment

    def _record(self, at: int, limit: int) -> tuple[int, int, bytes, int] | None:
        if limit - at < LEAST:
            return None
        head = self._read(at, HEADER.size)
        if len(head) < HEADER.size:  # in memory the last segment ends with what was written
            return None
        size, kind, offset = HEADER.unpack(head)
        body = self._read(at + HEADER.size, min(size + CRC, limit - at))
        if not kind or body[size:] != checksum(at, head + body[:size]):
            return None
        return kind, offset, body[:size], at + HEADER.size + len(body)

    def _turn(self) -> None:
        number = self._newest + 1
        self._starts.pop(number - SEGMENTS, None)
        head = SEGMENT.pack(MAGIC, number, self.end)
        self._write(number * self.segment, head + checksum(number, head))
        self._starts[number] = self.end
        self._newest, self._at = number, number * self.segment + SEGMENT_HEAD
        self.start = min(self._starts.values())

    def _seek(self, position: int) -> None:
        number, place = divmod(position, self.segment)
        self._file.seek(number % SEGMENTS * self.segment + place)

    def _write(self, position: int, data: bytes) -> None:
        self._seek(position)
        write_all(self._file, data)

    def _read(self, position: int, size: int) -> bytes:
        self._seek(position)
        return self._file.read(size)
