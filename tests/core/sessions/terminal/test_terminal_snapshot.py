"""Snapshots: what they keep, how they fail, and that one can be taken at any moment."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.protocol.screen import row_text
from quarterdeck.core.sessions.terminal.factory import open_emulator, restore
from quarterdeck.core.sessions.terminal.port import Emulator, SnapshotUnreadable
from quarterdeck.core.sessions.terminal.signals import TitleChanged
from quarterdeck.core.sessions.terminal.snapshot import MAGIC, VERSION, _digest, read_snapshot

Open = Callable[..., Emulator]


@pytest.fixture
def again(backend: str, clock: ManualClock) -> Callable[[Emulator], Emulator]:
    def restored(emulator: Emulator) -> Emulator:
        return restore(emulator.snapshot(), backend=backend, clock=clock).emulator

    return restored


Again = Callable[[Emulator], Emulator]

CONTINUED: dict[str, tuple[str | bytes, str | bytes, list[str]]] = {
    "text": ("ab", "cd", ["abcd"]),
    "a pending wrap": ("a" * 20, "b", ["a" * 20, "b"]),
    "a pending wrap after a style": ("a" * 20 + "\x1b[1m", "b", ["a" * 20, "b"]),
    "a pending wrap after blanks": ("ab" + " " * 18, "c", ["ab", "c"]),
    "a pending wrap of a wide character": ("a" * 18 + "漢", "b", ["a" * 18 + "漢", "b"]),
    "a pending wrap far from any anchor": ("\x1b[1;18Habc", "d", [" " * 17 + "abc", "d"]),
    "no pending wrap in the last column": ("a" * 19, "b", ["a" * 19 + "b"]),
    "a cursor set to the last column": ("a" * 20 + "\x1b[20G", "b", ["a" * 19 + "b"]),
    "no autowrap": ("\x1b[?7l" + "a" * 20, "b", ["a" * 19 + "b"]),
    "insert mode": ("abc\x1b[4h\x1b[2G", "X", ["aXbc"]),
    "a pending wrap in insert mode": ("\x1b[4h" + "a" * 20, "b", ["a" * 20, "b"]),
    "new line mode": ("\x1b[20hab", "\nc", ["ab", "c"]),
    "origin mode": ("\x1b[2;4r\x1b[?6h\x1b[2;2H", "x\x1b[Hy", ["", "y", " x"]),
    "a scroll region": (
        "1\r\n2\r\n3\r\n4\r\n5\x1b[2;4r\x1b[4;1H",
        "\nX",
        ["1", "3", "4", "X", "5"],
    ),
    "a saved cursor": ("ab\x1b7\x1b[5;5H", "\x1b8X", ["abX"]),
    "a saved cursor with line drawing": ("\x1b(0\x1b7\x1b(B", "\x1b8q", ["─"]),
    "line drawing": ("\x1b(0", "q\x1b(Bq", ["─q"]),
    "shifted line drawing": ("\x1b)0\x0e", "q\x0fq", ["─q"]),
    "tab stops": ("\x1b[3g\x1b[5G\x1bH\r", "\tx", ["    x"]),
    "a character to repeat": ("ab", "\x1b[2b", ["abbb"]),
    "nothing to repeat": ("ab\r", "\x1b[2b", ["ab"]),
    "an unfinished sequence": ("ab\x1b[1", ";1Hx", ["xb"]),
    "an unfinished character": (b"ab\xe6\xbc", b"\xa2x", ["ab漢x"]),
    "an unfinished string": ("ab\x1b]0;ti", "tle\x07c", ["abc"]),
    "a swallowed string": ("ab\x1b]0;" + "t" * 9000, "tt\x1b\\c", ["abc"]),
    "the alternate screen": ("ab\x1b[?1049hxy", "z\x1b[?1049lc", ["abc"]),
    "in the alternate screen": ("ab\x1b[?1049h\x1b[Hxy", "z", ["xyz"]),
}


@pytest.mark.parametrize("name", CONTINUED)
def test_a_restored_terminal_goes_on(terminal: Open, again: Again, name: str) -> None:
    before, after, lines = CONTINUED[name]
    data = after.encode() if isinstance(after, str) else after
    emulator = terminal(before)
    other = again(again(emulator))
    for one in (emulator, other):
        one.feed(data)
        assert one.lines() == [*lines, *[""] * (5 - len(lines))]
    assert other.cursor == emulator.cursor


def test_styles_modes_and_titles_are_kept(terminal: Open, again: Again) -> None:
    emulator = terminal(
        "\x1b]0;one\x07\x1b[22t\x1b]0;two\x07\x1b[1;38;5;200;48;2;1;2;3mab\x1b[?1h\x1b=\x1b[?1003;1006;2004h"
        "\x1b[>1u\x1b[5 q\x1b[?25l\x1b]7501;state=blocked:kind=auth:id=a/b:progress=3\x07"
    )
    other = again(emulator)
    assert other.modes == emulator.modes
    assert other.cursor == emulator.cursor
    assert other.title == "two"
    assert other.status.records() == emulator.status.records()
    assert other.take_signals() == []
    other.feed(b"c\x1b[<u\x1b[23t")
    assert len(other.row(0)) == 1, "the style in force goes on"
    assert other.modes.keyboard_flags == 0
    assert other.take_signals() == [TitleChanged("one")]


def test_history_is_kept_up_to_a_bound(terminal: Open, backend: str) -> None:
    emulator = terminal("".join(f"\x1b[3{n % 8}mline {n}\r\n" for n in range(100)), scrollback=80)
    full = restore(emulator.snapshot(), backend=backend).emulator
    assert full.history(0, 100) == emulator.history(0, 100)
    some = restore(emulator.snapshot(history=10), backend=backend).emulator
    assert some.history(0, 100) == emulator.history(70, 10)
    assert some.lines() == emulator.lines()
    none = restore(emulator.snapshot(history=0), backend=backend).emulator
    assert none.history_length == 0
    small = restore(emulator.snapshot(), backend=backend, scrollback=5).emulator
    assert [row_text(row) for row in small.history(0, 100)] == [f"line {n}" for n in range(91, 96)]


def test_full_lines_in_history_stay_single_lines(terminal: Open, again: Again) -> None:
    emulator = terminal(("x" * 20 + "\r\n") * 8 + "y" * 50 + "\r\n" * 5)
    other = again(emulator)
    assert other.history(0, 99) == emulator.history(0, 99)


def test_lines_wider_than_the_screen_has_become_are_kept_in_full(
    terminal: Open, again: Again
) -> None:
    emulator = terminal("".join(f"\x1b[3{n}m{n}" + "漢" * 9 + "x\r\n" for n in range(8)))
    wide = [row_text(row) for row in emulator.history(0, 3)]
    emulator.resize(9, 4)
    emulator.feed(b"narrow\r\n\x1b[1mnow")
    for other in (again(emulator), again(again(emulator))):
        assert other.history(0, 99) == emulator.history(0, 99)
        assert [row_text(row) for row in other.history(0, 3)] == wide
        assert (other.lines(), other.cursor) == (emulator.lines(), emulator.cursor)
        other.feed(b" on\r\n" * 5)
        assert other.history_length == emulator.history_length + 5
    assert b"history_cols" not in zlib.decompress(terminal("ab").snapshot()[22:])
    assert b"history_cols" in zlib.decompress(emulator.snapshot()[22:])


def test_a_blank_terminal(terminal: Open, again: Again) -> None:
    other = again(terminal())
    assert other.lines() == [""] * 5
    assert (other.cols, other.rows) == (20, 5)


def test_the_offset_is_the_callers(terminal: Open) -> None:
    assert restore(terminal("x").snapshot(offset=2**50)).offset == 2**50


def sealed(packed: bytes, version: int = VERSION, magic: bytes = MAGIC) -> bytes:
    return struct.pack(">4sH16s", magic, version, _digest(packed)) + packed


def altered(emulator: Emulator, **changes: object) -> bytes:
    """A sound snapshot whose header says something else."""
    body = zlib.decompress(emulator.snapshot()[22:])
    (size,) = struct.unpack_from(">I", body)
    header = json.loads(body[4 : 4 + size])
    for name, value in changes.items():
        header[name] = {**header[name], **value} if isinstance(value, dict) else value
    head = json.dumps(header).encode()
    return sealed(zlib.compress(struct.pack(">I", len(head)) + head + body[4 + size :]))


DAMAGE: dict[str, Callable[[Emulator], bytes]] = {
    "empty": lambda _: b"",
    "foreign": lambda _: b"{}" * 30,
    "cut off": lambda emulator: emulator.snapshot()[:-1],
    "a newer version": lambda emulator: sealed(emulator.snapshot()[22:], version=VERSION + 1),
    "another magic": lambda emulator: sealed(emulator.snapshot()[22:], magic=b"QDXX"),
    "no zlib": lambda _: sealed(b"rubbish"),
    "no header": lambda _: sealed(zlib.compress(b"")),
    "a header beyond the end": lambda _: sealed(zlib.compress(struct.pack(">I", 99) + b"{}")),
    "a header that is no JSON": lambda _: sealed(zlib.compress(struct.pack(">I", 2) + b"{x")),
    "a header without values": lambda _: sealed(zlib.compress(struct.pack(">I", 2) + b"{}")),
    "a size of nothing": lambda emulator: altered(emulator, cols=0),
    "a giant size": lambda emulator: altered(emulator, rows=10**6),
    "an unknown value": lambda emulator: altered(emulator, extra=1),
    "a value of another kind": lambda emulator: altered(emulator, title=7),
    "streams cut off": lambda emulator: altered(emulator, lengths=[0, 9, 0, 0, 0]),
    "an unknown mouse mode": lambda emulator: altered(
        emulator,
        screens={"modes": {"private": [], "ansi": [], "mouse": "telepathy", "shape": "bar"}},
    ),
    "missing modes": lambda emulator: altered(emulator, screens={"modes": {}}),
    "a missing cursor": lambda emulator: altered(emulator, screens={"saved": [[], []]}),
    "an unknown state": lambda emulator: altered(emulator, status=[{"state": "bogus"}]),
    "an unknown scanner": lambda emulator: altered(emulator, swallowing="everything"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_refused(terminal: Open, backend: str, name: str) -> None:
    data = DAMAGE[name](terminal("some text"))
    with pytest.raises(SnapshotUnreadable) as refused:
        restore(data, backend=backend)
    assert refused.value.code == "snapshot_unreadable"
    assert refused.value.recoverable


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_flipped_bit_is_noticed(at: int, flip: int) -> None:
    data = bytearray(open_emulator(20, 5).snapshot())
    data[at % len(data)] ^= flip
    with pytest.raises(SnapshotUnreadable):
        read_snapshot(bytes(data))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotUnreadable):
        read_snapshot(data)


def test_a_snapshot_changes_nothing(terminal: Open) -> None:
    emulator = terminal("ab\x1b[1;31m\x1b[?1049hcd\x1b[6n")
    generation = emulator.generation
    emulator.snapshot()
    assert emulator.generation == generation
    emulator.feed(b"e")
    assert emulator.take_replies() == b"\x1b[1;5R"
    assert row_text(emulator.row(0)) == "  cde"
