"""What a keeper left on disk: its log, and how its child ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .frames import HEADER, STREAMS, Frame
from .items import Exited, ExitStatus, Item, KeeperFacts, Output, Resized, Stream
from .places import KeeperPlaces, read_facts
from .ring import CRC, LEAST, MAGIC, SEGMENT, SEGMENT_HEAD, SEGMENTS, checksum


def read_ring(path: Path) -> tuple[Item, ...]:
    """The items of a log up to its last whole record, oldest first; none if it is no log.

    :raises OSError: if it can't be read.
    """
    data = path.read_bytes()
    size = len(data) // SEGMENTS
    segments = [data[at : at + size] for at in range(0, size * SEGMENTS, size)] if size else []
    numbers = {number: segment for segment in segments if (number := _number(segment)) is not None}
    chain: list[int] = []
    for number in sorted(numbers, reverse=True):
        if chain and number != chain[-1] - 1:
            break  # damaged: what comes before it would have a hole after it
        chain.append(number)
    return tuple(item for number in reversed(chain) for item in _items(number, numbers[number]))


def _number(segment: bytes) -> int | None:
    if len(segment) < SEGMENT_HEAD:
        return None
    magic, number, _ = SEGMENT.unpack_from(segment)
    whole = segment[SEGMENT.size : SEGMENT_HEAD] == checksum(number, segment[: SEGMENT.size])
    return int(number) if whole and magic == MAGIC else None


def _items(number: int, segment: bytes) -> Iterator[Item]:
    at = SEGMENT_HEAD
    while len(segment) - at >= LEAST:
        size, kind, offset = HEADER.unpack_from(segment, at)
        end = at + HEADER.size + size
        frame, seed = segment[at:end], number * len(segment) + at
        if not kind or segment[end : end + CRC] != checksum(seed, frame):
            return
        item = log_item(kind, offset, frame[HEADER.size :])
        if item is not None:
            yield item
        at = end + CRC


def log_item(kind: int, offset: int, data: bytes) -> Item | None:
    """A record of the log, or the frame that brought it, as an item; None for other frames.

    :raises ValueError: if the payload is none of that kind.
    """
    if kind in STREAMS:
        return Output(offset, Stream(kind), data)
    if kind == Frame.RESIZED:
        cols, rows = json.loads(data)
        return Resized(offset, int(cols), int(rows))
    if kind == Frame.EXIT:
        status = ExitStatus.of(int(json.loads(data)))
        return Exited(offset, status.code, status.signal)
    return None


@dataclass(frozen=True, slots=True)
class PostMortem:
    """How a child ended whose keeper is gone, and what is left of its output.

    Either ``code`` or ``signal`` says how. ``ring_start`` and ``ring_end`` bound the output that
    ``items`` hold.
    """

    code: int | None
    signal: int | None
    items: tuple[Item, ...]
    ring_start: int
    ring_end: int
    facts: KeeperFacts | None

    def output(self, offset: int = 0) -> Iterator[bytes]:
        """The output from ``offset`` on, as far as it is left."""
        for item in self.items:
            if isinstance(item, Output) and item.offset + len(item.data) > offset:
                yield item.data[max(offset - item.offset, 0) :]


def post_mortem(places: KeeperPlaces) -> PostMortem | None:
    """How the child of a keeper that is gone ended; None if nothing on disk tells."""
    facts = read_facts(places)
    try:
        items = read_ring(places.ring)
    except OSError:
        items = ()
    ends = [ExitStatus(item.code, item.signal) for item in items if isinstance(item, Exited)]
    status = facts.exit if facts and facts.exit else ends[-1] if ends else None
    if status is None:
        return None
    output = [item for item in items if isinstance(item, Output)]
    start = output[0].offset if output else facts.ring_end if facts else 0
    end = output[-1].offset + len(output[-1].data) if output else start
    return PostMortem(status.code, status.signal, items, start, end, facts)
