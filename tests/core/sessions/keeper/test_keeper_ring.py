from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.sessions.keeper.frames import STREAMS, Frame
from quarterdeck.core.sessions.keeper.items import Exited, Item, Output, Resized, Stream
from quarterdeck.core.sessions.keeper.recording import log_item, read_ring
from quarterdeck.core.sessions.keeper.ring import SEGMENTS, Ring, allocate, write_all

SIZE = SEGMENTS * 128

outputs = st.tuples(st.sampled_from(STREAMS), st.binary(min_size=1, max_size=400))
resizes = st.tuples(
    st.just(Frame.RESIZED),
    st.tuples(st.integers(1, 999), st.integers(1, 999)).map(lambda size: json.dumps(size).encode()),
)
exits = st.tuples(st.just(Frame.EXIT), st.integers(-64, 255).map(lambda code: b"%d" % code))
entries = st.lists(outputs | resizes | exits, max_size=40)


class CutFile(io.BytesIO):
    """A file whose writer is killed after a number of bytes."""

    def __init__(self, left: int) -> None:
        super().__init__(bytes(SIZE))
        self._left = left

    def write(self, data: Any) -> int:
        part = bytes(data)[: self._left]
        self._left -= len(part)
        super().write(part)
        if len(part) < len(data):
            raise InterruptedError
        return len(part)


def records(ring: Ring, at: int = 0) -> list[tuple[int, int, bytes]]:
    found = []
    while record := ring.read(at):
        found.append(record[:3])
        at = record[3]
    return found


def flat(items: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Output byte by byte, marks as they are: how it was split doesn't matter."""
    return [
        piece
        for kind, offset, data in items
        for piece in (
            [(kind, offset + at, data[at : at + 1]) for at in range(len(data))]
            if kind in STREAMS
            else [(kind, offset, data)]
        )
    ]


def written(log: list[tuple[int, bytes]]) -> list[tuple[int, int, bytes]]:
    whole, end = [], 0
    for kind, data in log:
        whole.append((int(kind), end, data))
        end += len(data) if kind in STREAMS else 0
    return flat(whole)


def as_records(items: tuple[Item, ...]) -> list[tuple[int, int, bytes]]:
    found: list[tuple[int, int, bytes]] = []
    for item in items:
        match item:
            case Output(offset, stream, data):
                found.append((int(stream), offset, data))
            case Resized(offset, cols, rows):
                found.append((Frame.RESIZED, offset, json.dumps([cols, rows]).encode()))
            case Exited(offset, code, signal):
                status = code if signal is None else -signal
                found.append((Frame.EXIT, offset, json.dumps(status).encode()))
    return flat(found)


@given(entries)
def test_a_ring_holds_the_end_of_what_was_written(log: list[tuple[int, bytes]]) -> None:
    ring = Ring(io.BytesIO(), SIZE)
    for kind, data in log:
        ring.append(kind, data)
    whole, kept = written(log), flat(records(ring))
    assert kept == whole[len(whole) - len(kept) :]
    assert ring.end == sum(len(data) for kind, data in log if kind in STREAMS)
    first = next((offset for kind, offset, _ in kept if kind in STREAMS), ring.end)
    assert ring.start <= first
    assert all(offset >= ring.start for _, offset, _ in kept)


@given(entries)
def test_nothing_is_lost_before_the_ring_is_full(log: list[tuple[int, bytes]]) -> None:
    ring = Ring(io.BytesIO(), SEGMENTS * 65536)
    for kind, data in log:
        ring.append(kind, data)
    assert ring.start == 0
    assert flat(records(ring)) == written(log)


@given(entries, st.integers(0, 20_000))
def test_what_is_found_for_an_offset_has_every_byte_from_there_on(
    log: list[tuple[int, bytes]], wanted: int
) -> None:
    ring = Ring(io.BytesIO(), SIZE)
    for kind, data in log:
        ring.append(kind, data)
    wanted = min(max(wanted, ring.start), ring.end)
    found = flat(records(ring, ring.find(wanted)))
    ours = [piece for piece in flat(records(ring)) if piece[1] >= wanted]
    assert [piece for piece in found if piece[1] >= wanted] == ours


@given(entries, st.integers(0, 8000))
def test_whatever_byte_the_keeper_dies_at_the_log_is_readable_up_to_its_last_whole_record(
    tmp_path_factory: pytest.TempPathFactory, log: list[tuple[int, bytes]], left: int
) -> None:
    file = CutFile(left)
    ring = Ring(file, SIZE)
    done = 0
    try:
        for kind, data in log:
            ring.append(kind, data)
            done += 1
    except InterruptedError:
        pass
    path = tmp_path_factory.getbasetemp() / "cut-ring"
    path.write_bytes(file.getvalue())
    kept = as_records(read_ring(path))
    certain, possible = written(log[:done]), written(log[: done + 1])
    ends = range(len(certain), len(possible) + 1)
    assert any(kept == possible[max(end - len(kept), 0) : end] for end in ends)
    assert kept or not certain


@settings(max_examples=50)
@given(entries)
def test_a_file_reads_as_the_ring_that_wrote_it(
    tmp_path_factory: pytest.TempPathFactory, log: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole-ring"
    file = allocate(str(path), SIZE)
    ring = Ring(file, SIZE)
    for kind, data in log:
        ring.append(kind, data)
    file.close()
    assert as_records(read_ring(path)) == flat(records(ring_of(path, ring)))


def ring_of(path: Path, ring: Ring) -> Ring:
    """``ring`` over the bytes on disk."""
    ring._file = io.BytesIO(path.read_bytes())
    return ring


@settings(max_examples=50)
@given(st.binary(max_size=SIZE))
def test_any_file_can_be_read_as_a_log(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "no-ring"
    path.write_bytes(data)
    assert read_ring(path) == ()


@settings(max_examples=50)
@given(entries, st.data())
def test_a_damaged_log_gives_nothing_that_was_not_written(
    tmp_path_factory: pytest.TempPathFactory, log: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    file = io.BytesIO(bytes(SIZE))
    ring = Ring(file, SIZE)
    for kind, payload in log:
        ring.append(kind, payload)
    raw = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "damaged-ring"
    path.write_bytes(raw)
    assert set(as_records(read_ring(path))) <= set(written(log))


def test_a_mark_is_never_split_at_the_end_of_a_segment() -> None:
    for fill in range(1, 140):
        ring = Ring(io.BytesIO(), SIZE)
        ring.append(Frame.OUT, bytes(fill))
        ring.append(Frame.RESIZED, b"[1000, 1000]")
        assert (Frame.RESIZED, fill, b"[1000, 1000]") in records(ring)


def test_an_old_lap_is_not_taken_for_the_present_one() -> None:
    ring = Ring(io.BytesIO(), SIZE)
    for number in range(400):
        ring.append(Frame.OUT, b"%06d\n" % number)
        kept = [data for _, _, data in records(ring)]
        assert b"".join(kept).endswith(b"%06d\n" % number)
        assert b"".join(kept) == b"".join(b"%06d\n" % n for n in range(number + 1))[ring.start :]


def test_a_ring_is_allocated_as_a_whole(tmp_path: Path) -> None:
    with allocate(str(tmp_path / "ring"), SIZE) as file:
        assert (tmp_path / "ring").stat().st_size == SIZE
        assert (tmp_path / "ring").stat().st_blocks * 512 >= SIZE
        assert file.readable()
        assert file.writable()


def test_a_ring_is_allocated_where_the_system_has_no_call_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.posix_fallocate")
    with allocate(str(tmp_path / "ring"), SIZE):
        assert (tmp_path / "ring").read_bytes() == bytes(SIZE)


def test_a_failed_allocation_keeps_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, at: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="full"):
        allocate(str(tmp_path / "ring"), SIZE)
    assert (tmp_path / "ring").stat().st_size == 0


def test_a_short_write_is_a_full_disk() -> None:
    class Short(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(data[:1])

    with pytest.raises(OSError, match="No space left"):
        write_all(Short(), b"two")


def test_only_the_kinds_of_the_log_are_items() -> None:
    assert log_item(Frame.ERR, 7, b"x") == Output(7, Stream.ERR, b"x")
    assert log_item(Frame.EXIT, 7, b"-9") == Exited(7, None, 9)
    assert log_item(Frame.EXIT, 7, b"3") == Exited(7, 3, None)
    assert log_item(Frame.WELCOME, 7, b"{}") is None
    assert log_item(200, 7, b"") is None
