"""SQLite's journal file: telling a damaged one from one that merely ends torn; laying it down beforehand.

SQLite stops at the first frame whose checksum is wrong, silently: right for a process that died
while it wrote, since what follows was never acknowledged, but a loss if frames of committed
transactions follow. Format: https://www.sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682

JOURNAL_BYTES = 16_777_216
"""What SQLite leaves of the journal when it begins anew, at most."""

LAID_BYTES = 4_194_304
"""Laid down of it at a time (5 ms)."""

SPARE_BYTES = LAID_BYTES // 4
_FREE_AT_LEAST = 64 * JOURNAL_BYTES


def journal_of(path: Path) -> Path:
    """The journal file of the database at ``path``."""
    return path.with_name(path.name + "-wal")


def size_of(path: Path) -> int:
    """The file's bytes; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def committed_frames(journal: Path) -> int | None:
    """How many frames the journal's last committed transaction ends at, checksums unread.

    ``None`` if there is something, but not a journal.
    """
    if size_of(journal) < _HEADER.size:
        return 0
    with journal.open("rb") as file:
        magic, _, page_size, _, *salts, _, _ = _HEADER.unpack(file.read(_HEADER.size))
        if magic & ~1 != _MAGIC or page_size < 512:
            return None
        return _last_commit(file, page_size, tuple(salts))


def _last_commit(file: BinaryIO, page_size: int, salts: tuple[int, ...]) -> int:
    """The number of the last frame that ends a transaction and carries the present salts.

    Frames with other salts are left over from before the journal was last begun anew.
    """
    count = (os.fstat(file.fileno()).st_size - _HEADER.size) // (_FRAME.size + page_size)
    last = 0
    for number in range(1, count + 1):
        _, pages_after, *found = _FRAME.unpack(file.read(_FRAME.size))
        if pages_after and tuple(found[:2]) == salts:
            last = number
        file.seek(page_size, os.SEEK_CUR)
    return last


def lay_down(journal: Path, used: int) -> int | None:
    """Fill a begun journal with zeros beyond the bytes in use; how many may be used before the next time.

    A commit that is synced has no new file size and no new blocks to write down then, which takes
    as long as all the rest. SQLite, for which the first frame without its salts is the end, writes
    over them. They are appended, so that no frame of it can be written over here. ``None``: there is
    nothing more to do, as the journal is as large as it should become, or the disk is nearly full.
    """
    try:
        size = size_of(journal)
        if size < _HEADER.size:
            return 0
        if size - used < SPARE_BYTES:
            wanted = min(used + LAID_BYTES, JOURNAL_BYTES)
            if wanted <= size or shutil.disk_usage(journal).free < _FREE_AT_LEAST:
                return None
            _append_zeros(journal, wanted - size)
            size = wanted
    except OSError:
        return None  # the journal grows by itself, too
    return size - SPARE_BYTES


def _append_zeros(journal: Path, count: int) -> None:
    with journal.open("ab", buffering=0) as file:
        while count > 0:
            count -= file.write(bytes(count))
        os.fsync(file.fileno())
