"""An emulator as bytes: a header, and the streams that draw its screens again.

Layout: magic, version, digest of the rest, then zlib of: length of the JSON header, header, and
the streams whose lengths the header names. Drawing is told in escape sequences, so a snapshot by
one back end can be restored by the other.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...protocol.commands import MAX_COLS, MAX_LINES, MIN_COLS, MIN_LINES
from .history import history_stream
from .interpreter import Interpreter
from .port import SnapshotUnreadable
from .screens import Screens, row_width


class Kept(Protocol):
    """What of an emulator a snapshot holds."""

    screens: Screens
    interpreter: Interpreter

    @property
    def cols(self) -> int:
        """Its width, in cells."""
        ...

    @property
    def rows(self) -> int:
        """Its height, in cells."""
        ...


MAGIC = b"QDTS"
VERSION = 1
MAX_SIZE = 64 * 1024 * 1024
"""Bytes that a snapshot may have unpacked."""
_PREFIX = struct.Struct(">4sH16s")
_LENGTH = struct.Struct(">I")
_STREAMS = ("history", "main", "alt", "held", "carry")


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    cols: int = Field(ge=MIN_COLS, le=MAX_COLS)
    rows: int = Field(ge=MIN_LINES, le=MAX_LINES)
    scrollback: int = Field(ge=0)
    offset: int = Field(ge=0)
    title: str
    titles: list[str]
    screens: dict[str, Any]
    status: list[dict[str, Any]]
    held: bool
    alt: bool
    swallowing: Literal["", "osc", "string", "csi"]
    lengths: list[int] = Field(min_length=len(_STREAMS), max_length=len(_STREAMS))
    history_cols: int = Field(default=0, ge=0, le=MAX_COLS)
    """The width of the history's lines where a resize has made the screen narrower than they are;
    named only then."""


class Snapshot(NamedTuple):
    """A snapshot that was read."""

    header: _Header
    streams: dict[str, bytes]

    @property
    def cols(self) -> int:
        """Columns of the screen."""
        return self.header.cols

    @property
    def rows(self) -> int:
        """Lines of the screen."""
        return self.header.rows

    @property
    def scrollback(self) -> int:
        """How many lines of history the emulator keeps."""
        return self.header.scrollback

    @property
    def offset(self) -> int:
        """What the caller of ``snapshot`` gave."""
        return self.header.offset

    def apply(self, emulator: Kept) -> None:
        """Bring a fresh emulator of the same size to this state.

        :raises SnapshotUnreadable: if a value in the header is not known.
        """
        header, streams = self.header, self.streams
        interpreter = emulator.interpreter
        alt = streams["alt"] if header.alt else None
        try:
            screens = emulator.screens
            screens.load_history(streams["history"], max(header.history_cols, header.cols))
            screens.load(header.screens, streams["main"], alt)
            interpreter.status.load(header.status)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _unreadable(f"a value is not known ({error})") from error
        interpreter.title, interpreter.titles = header.title, header.titles
        if header.held:
            interpreter.resume_frame(streams["held"])
        interpreter.scanner.load(streams["carry"], header.swallowing)


def write_snapshot(emulator: Kept, *, offset: int, history: int) -> bytes:
    """The snapshot of ``emulator``, with at most ``history`` lines of history."""
    screens, interpreter = emulator.screens, emulator.interpreter
    main = screens.main
    kept = min(history, main.history_length())
    lines = main.history(main.history_length() - kept, kept)
    held = interpreter.held()
    carry, swallowing = interpreter.scanner.dump()
    widest = max((row_width(row, main) for row in lines), default=0)
    streams = {
        "history": history_stream(lines, main.rows),
        "main": screens.redraw_of(main),
        "alt": screens.redraw_of(screens.alt) if screens.alt is not None else b"",
        "held": held or b"",
        "carry": carry,
    }
    header = _Header(
        cols=emulator.cols,
        rows=emulator.rows,
        scrollback=screens.scrollback,
        offset=offset,
        title=interpreter.title,
        titles=interpreter.titles,
        screens=screens.dump(),
        status=interpreter.status.dump(),
        held=held is not None,
        alt=screens.in_alt,
        swallowing=swallowing,
        lengths=[len(streams[name]) for name in _STREAMS],
        history_cols=widest,
    )
    plain = {"history_cols"} if widest <= header.cols else set()
    head = header.model_dump_json(exclude=plain).encode()
    body = _LENGTH.pack(len(head)) + head + b"".join(streams[name] for name in _STREAMS)
    packed = zlib.compress(body, 1)
    return _PREFIX.pack(MAGIC, VERSION, _digest(packed)) + packed


def read_snapshot(data: bytes) -> Snapshot:
    """The snapshot in ``data``.

    :raises SnapshotUnreadable: if it is damaged, foreign or from a newer version.
    """
    if len(data) < _PREFIX.size or data[:4] != MAGIC:
        raise _unreadable("it is none")
    _, version, digest = _PREFIX.unpack_from(data)
    if version != VERSION:
        raise _unreadable(f"its version is {version}, this program reads {VERSION}")
    packed = data[_PREFIX.size :]
    if digest != _digest(packed):
        raise _unreadable("it is damaged")
    return _unpack(packed)


def _unpack(packed: bytes) -> Snapshot:
    try:
        body = zlib.decompressobj().decompress(packed, MAX_SIZE)
        start = _LENGTH.size + _LENGTH.unpack_from(body)[0]
        header = _Header.model_validate(json.loads(body[_LENGTH.size : start]))
    except (zlib.error, struct.error, ValueError, ValidationError) as error:
        raise _unreadable("its header makes no sense") from error
    streams = {}
    for name, length in zip(_STREAMS, header.lengths, strict=True):
        streams[name] = body[start : start + length]
        start += length
    if start != len(body):
        raise _unreadable("it is cut off")
    return Snapshot(header, streams)


def _digest(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=16).digest()


def _unreadable(why: str) -> SnapshotUnreadable:
    return SnapshotUnreadable(
        f"The terminal snapshot can't be read: {why}. Its screen has to be rebuilt from the output."
    )
