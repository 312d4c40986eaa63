"""What an attempt wrote, on its worker's disk until the engine has it."""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from ..ports import LeafOutput, Stream

HEAD = struct.Struct("!BQI")  # stream, offset in that stream, size
STREAMS = (Stream.STDOUT, Stream.STDERR)
PIECE = 64 * 1024
SHARE = 8  # of the limit in each part but the first, which has half of it


@dataclass(slots=True)
class Part:
    """A file of the spool; ``start`` is the position of its first byte."""

    path: Path
    start: int
    size: int = 0

    @property
    def end(self) -> int:
        """The position behind it."""
        return self.start + self.size


class Spool:
    """Output in the order in which it came: the first half of the limit, and the newest of the rest.

    A position counts the bytes of the files since the beginning, and stands between records; what lies between
    the two halves of a long output is gone, which the offsets of the records around it tell.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.offsets = dict.fromkeys(STREAMS, 0)
        self.end = 0
        self.fault = ""
        self._folder = folder
        self._head = max(limit // 2, PIECE)
        self._part = max(limit // 2 // SHARE, PIECE)
        self._parts: list[Part] = []

    def append(self, stream: Stream, data: bytes) -> None:
        """Write ``data``; where the disk fails it is lost, and ``fault`` says so."""
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            record = HEAD.pack(STREAMS.index(stream), self.offsets[stream], len(piece)) + piece
            self.offsets[stream] += len(piece)
            try:
                self._write(record)
            except OSError as error:
                self.fault = f"output was lost on the worker: {error}"

    def _write(self, record: bytes) -> None:
        if not self._parts or self._parts[-1].size + len(record) > self._room():
            self._turn()
        part = self._parts[-1]
        with part.path.open("r+b") as file:
            file.seek(part.size)
            file.write(record)
        part.size += len(record)
        self.end = part.end

    def _room(self) -> int:
        return self._head if len(self._parts) == 1 else self._part

    def _turn(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{self.end}"
        path.touch(mode=0o600)
        self._parts.append(Part(path, self.end))
        while len(self._parts) > SHARE + 1:
            self._parts.pop(1).path.unlink()

    def read(self, position: int, most: int) -> tuple[list[LeafOutput], int]:
        """The records from a position on, about ``most`` bytes of them, and the position behind them.

        :raises OSError: if the disk fails.
        """
        for part in self._parts:
            if position < part.end:
                return self._records(part, max(position, part.start), most)
        return [], position

    def _records(self, part: Part, position: int, most: int) -> tuple[list[LeafOutput], int]:
        with part.path.open("rb") as file:
            file.seek(position - part.start)
            data = file.read(min(part.end - position, most + PIECE + HEAD.size))
        found: list[LeafOutput] = []
        at = 0
        while at < most and len(data) - at >= HEAD.size:
            stream, offset, size = HEAD.unpack_from(data, at)
            begin = at + HEAD.size
            if begin + size > len(data):
                break
            found.append(LeafOutput(STREAMS[stream], offset, data[begin : begin + size]))
            at = begin + size
        return found, position + at

    def erase(self) -> None:
        """Remove its files."""
        self._parts.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
