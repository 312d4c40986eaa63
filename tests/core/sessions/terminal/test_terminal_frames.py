"""Synchronized output (mode 2026): a frame is shown when it is whole, or after a bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quarterdeck.core.base.clock import ManualClock
from quarterdeck.core.sessions.terminal import interpreter
from quarterdeck.core.sessions.terminal.factory import restore
from quarterdeck.core.sessions.terminal.interpreter import HOLD_SECONDS
from quarterdeck.core.sessions.terminal.port import Emulator
from quarterdeck.core.sessions.terminal.signals import Bell, TitleChanged

Open = Callable[..., Emulator]
BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"


def first(emulator: Emulator) -> str:
    return emulator.lines()[0]


def test_a_frame_is_shown_when_it_ends(terminal: Open) -> None:
    emulator = terminal(b"old")
    generation = emulator.generation
    emulator.feed(BEGIN + b"\r\x1b[Knew\x1b[?25l")
    assert first(emulator) == "old"
    assert emulator.cursor[:3] == (3, 0, True)
    assert emulator.generation == generation
    assert emulator.dirty_since(generation) == frozenset()
    emulator.feed(b" frame" + END)
    assert first(emulator) == "new frame"
    assert not emulator.cursor.visible
    assert emulator.generation > generation


def test_a_frame_in_one_piece(terminal: Open) -> None:
    assert first(terminal(BEGIN + b"ab" + END + b"c")) == "abc"


def test_what_precedes_a_frame_is_shown(terminal: Open) -> None:
    emulator = terminal(b"ab" + BEGIN + b"cd")
    assert first(emulator) == "ab"


def test_two_frames(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"ab" + END + BEGIN + b"cd")
    assert first(emulator) == "ab"
    emulator.feed(END)
    assert first(emulator) == "abcd"


def test_beginning_twice_is_beginning_once(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"ab" + BEGIN + b"cd")
    assert first(emulator) == ""
    emulator.feed(END + b"e")
    assert first(emulator) == "abcde"


def test_ending_without_a_beginning(terminal: Open) -> None:
    assert first(terminal(END + b"ab" + END)) == "ab"


def test_a_frame_that_never_ends_is_shown_after_a_while(terminal: Open, clock: ManualClock) -> None:
    emulator = terminal(BEGIN + b"ab")
    held_until = emulator.held_until
    assert held_until == HOLD_SECONDS
    clock.advance(HOLD_SECONDS * 0.9)
    emulator.feed(b"cd")
    assert first(emulator) == ""
    clock.advance(HOLD_SECONDS * 0.2)
    assert first(emulator) == "abcd"
    assert emulator.held_until is None
    emulator.feed(b"ef")
    assert first(emulator) == "abcdef", "the rest of it is shown as it comes"


def test_every_reader_sees_the_end_of_a_frame(terminal: Open, clock: ManualClock) -> None:
    readers: list[Callable[[Emulator], object]] = [
        lambda emulator: emulator.row(0)[0].text == "ab",
        lambda emulator: emulator.cursor.x == 2,
        lambda emulator: emulator.modes.bracketed_paste,
        lambda emulator: emulator.generation > 0,
        lambda emulator: emulator.search("ab"),
        lambda emulator: b"ab" in emulator.repaint(),
        lambda emulator: emulator.dirty_since(0),
    ]
    for read in readers:
        emulator = terminal(BEGIN + b"ab\x1b[?2004h")
        clock.advance(HOLD_SECONDS)
        assert read(emulator)


def test_a_giant_frame_is_not_kept(terminal: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "HOLD_BYTES", 10_000)
    emulator = terminal(BEGIN)
    for _ in range(9):
        emulator.feed(b"x" * 999 + b"\r")
        assert emulator.held_until is not None
    for _ in range(2):
        emulator.feed(b"x" * 999 + b"\r")
    assert emulator.held_until is None
    assert first(emulator) == "x" * 20


def test_modes_change_with_their_frame(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"\x1b[?1049h\x1b[?2004h\x1b[>1ualt")
    assert not emulator.modes.alt_screen
    assert not emulator.modes.bracketed_paste
    emulator.feed(END)
    assert emulator.modes.alt_screen
    assert emulator.modes.keyboard_flags == 1
    assert first(emulator) == "alt"


def test_order_is_kept_within_a_frame(terminal: Open) -> None:
    data = b"\x1b(0q\x1b(Bq\x1b[3b\x1b7\x1b[5;1Hx\x1b8!"
    emulator = terminal(BEGIN + data[:5])
    emulator.feed(data[5:] + END)
    assert first(emulator) == "─qqqq!"


def test_signals_do_not_wait(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"\x07\x1b]0;title\x07")
    assert emulator.take_signals() == [Bell(), TitleChanged("title")]


def test_queries_do_not_wait(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"ab\x1b[c")
    assert emulator.take_replies() == b"\x1b[?62;22c"
    assert first(emulator) == ""


def test_a_query_that_depends_on_the_frame_draws_it(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"ab\x1b[?2004h\x1b[6n\x1b[?2004$p\x1b[?2026$pcd")
    assert emulator.take_replies() == b"\x1b[1;3R\x1b[?2004;1$y\x1b[?2026;1$y"
    assert first(emulator) == "ab"
    emulator.feed(END)
    assert first(emulator) == "abcd"


def test_a_reset_ends_a_frame(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"ab\x1bccd")
    assert first(emulator) == "cd"
    assert emulator.held_until is None


def test_a_resize_ends_a_frame(terminal: Open) -> None:
    emulator = terminal(BEGIN + b"ab")
    emulator.resize(30, 5)
    assert first(emulator) == "ab"
    assert emulator.held_until is None


def test_2026_among_other_modes(terminal: Open) -> None:
    emulator = terminal(b"\x1b[?25;2026hab")
    assert first(emulator) == ""
    emulator.feed(b"\x1b[?2026;25l")
    assert first(emulator) == "ab"
    assert not emulator.cursor.visible


def test_an_open_frame_is_restored(terminal: Open, backend: str, clock: ManualClock) -> None:
    emulator = terminal(b"old" + BEGIN + b"\r\x1b[?1049hnew\x1b[?2004h")
    again, _ = restore(emulator.snapshot(), backend=backend, clock=clock)
    assert first(again) == "old"
    assert not again.modes.alt_screen
    assert again.held_until is not None
    again.feed(b"er" + END)
    assert first(again) == "newer"
    assert again.modes.alt_screen
