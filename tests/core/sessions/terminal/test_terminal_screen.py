"""Resizing, changes, search, repaints, and opening a terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from quarterdeck.core.protocol.screen import Attr, Run, row_text
from quarterdeck.core.sessions.terminal import factory
from quarterdeck.core.sessions.terminal.clusters import SUSPECT, fold, trim
from quarterdeck.core.sessions.terminal.factory import available, open_emulator
from quarterdeck.core.sessions.terminal.history import Frozen, Segments
from quarterdeck.core.sessions.terminal.port import BackendMissing, Emulator, Match, SizeRefused
from quarterdeck.core.sessions.terminal.search import MAX_MATCHES
from quarterdeck.core.sessions.terminal.styles import apply_sgr, merge, row_ansi, sgr

Open = Callable[..., Emulator]
NUMBERS = "1\r\n2\r\n3\r\n4\r\n5"


# Sizes


def test_growing_pads(terminal: Open) -> None:
    emulator = terminal(NUMBERS + "\x1b[31mx")
    emulator.resize(30, 8)
    assert emulator.lines() == ["1", "2", "3", "4", "5x", "", "", ""]
    assert emulator.cursor[:2] == (2, 4)
    emulator.feed(b"y")
    assert emulator.row(4)[-1] == Run("xy", 1)


def test_shrinking_scrolls_the_cursor_into_sight(terminal: Open) -> None:
    emulator = terminal(NUMBERS)
    emulator.resize(20, 3)
    assert emulator.lines() == ["3", "4", "5"]
    assert emulator.cursor[:2] == (1, 2)
    assert [row_text(row) for row in emulator.history(0, 9)] == ["1", "2"]


def test_shrinking_cuts_what_is_below(terminal: Open) -> None:
    emulator = terminal(NUMBERS + "\x1b[2;1H")
    emulator.resize(20, 3)
    assert emulator.lines() == ["1", "2", "3"]
    assert emulator.history_length == 0


def test_narrower_cuts_and_does_not_wrap(terminal: Open) -> None:
    emulator = terminal("0123456789\r\nab漢字cd\r\n" + "漢" * 3)
    emulator.resize(5, 5)
    assert emulator.lines() == ["01234", "ab漢", "漢漢", "", ""]
    assert emulator.cursor[:2] == (4, 2)
    emulator.resize(12, 5)
    assert emulator.lines()[:3] == ["01234", "ab漢", "漢漢"]


def test_a_resize_keeps_modes_and_ends_the_scroll_region(terminal: Open) -> None:
    emulator = terminal("\x1b[2;3r\x1b[?2004h\x1b[4h\x1b[?25l" + "\x1b[5;1Hx")
    emulator.resize(20, 6)
    assert emulator.modes.bracketed_paste
    assert not emulator.cursor.visible
    emulator.feed(b"\x1b[6;1H\n\x1b[4l")
    assert emulator.lines()[3] == "x"


def test_tab_stops_follow_the_width(terminal: Open) -> None:
    emulator = terminal()
    emulator.resize(40, 5)
    emulator.feed(b"\t\t\tx")
    assert emulator.lines()[0] == " " * 24 + "x"
    own = terminal("\x1b[3g\x1b[5G\x1bH\x1b[15G\x1bH\r")
    own.resize(10, 5)
    own.feed(b"\tx\ty")
    assert own.lines()[0] == "    x    y"


def test_both_screens_are_resized(terminal: Open) -> None:
    emulator = terminal(NUMBERS + "\x1b[?1049h\x1b[Halt")
    emulator.resize(10, 3)
    assert emulator.lines() == ["alt", "", ""]
    emulator.feed(b"\x1b[?1049l")
    assert emulator.lines() == ["3", "4", "5"]


def test_the_same_size_changes_nothing(terminal: Open) -> None:
    emulator = terminal("x")
    generation = emulator.generation
    emulator.resize(20, 5)
    assert emulator.generation == generation


def test_a_pending_wrap_survives_only_in_the_same_width(terminal: Open) -> None:
    taller, wider = terminal("a" * 20), terminal("a" * 20)
    taller.resize(20, 6)
    wider.resize(30, 5)
    for emulator, lines in ((taller, ["a" * 20, "b"]), (wider, ["a" * 19 + "b", ""])):
        emulator.feed(b"b")
        assert emulator.lines()[:2] == lines


def test_history_survives_many_resizes(terminal: Open) -> None:
    emulator = terminal(scrollback=60)
    for n in range(12):
        emulator.feed("".join(f"{n}.{k}\r\n" for k in range(8)).encode())
        emulator.resize(20 + n % 3, 4 + n % 2)
    emulator.resize(20, 1)
    lines = [row_text(row) for row in emulator.history(0, 100)]
    assert emulator.history_length == len(lines) == 60
    kept = [f"{n}.{k}" for n in range(12) for k in range(8)]
    assert lines == kept[-60:]
    assert emulator.search("11.7")[0].line == 59


@pytest.mark.parametrize(
    ("cols", "rows"), [(1, 5), (0, 0), (20, 0), (1001, 5), (20, 1001), (-3, 5)]
)
def test_impossible_sizes(terminal: Open, backend: str, cols: int, rows: int) -> None:
    for attempt in (
        lambda: terminal().resize(cols, rows),
        lambda: open_emulator(cols, rows, backend=backend),
    ):
        with pytest.raises(SizeRefused) as refused:
            attempt()
        assert refused.value.code == "terminal_size"


@pytest.mark.parametrize(("cols", "rows"), [(2, 1), (1000, 2), (3, 1000)])
def test_sizes_at_the_bounds(terminal: Open, cols: int, rows: int) -> None:
    emulator = terminal("ab漢\r\n\x1b[5;5Hx", cols=cols, rows=rows)
    assert len(emulator.lines()) == rows


def test_saved_cursors_outside_a_smaller_screen(terminal: Open) -> None:
    emulator = terminal("\x1b[5;20H\x1b7\x1b[H")
    emulator.resize(10, 3)
    emulator.feed(b"\x1b8x")
    assert emulator.cursor[:2] == (9, 2)


# Changes


def test_generations_grow_with_what_is_shown(terminal: Open) -> None:
    emulator = terminal()
    seen = [emulator.generation]
    for data in (b"x", b"\x1b[2;2H", b"\x1b[?25l", b"\x1b[?2004h", b"\x1b]0;t\x07", b"\x1b[5 q", b"\x1b[>1u",
                 b"\x1b[?1049h", b"\x1b[?1049l", b"\x1bc"):  # fmt: skip
        emulator.feed(data)
        seen.append(emulator.generation)
    assert seen == sorted(set(seen))
    for data in (b"", b"\x07", b"\x1b[c", b"\x1b]52;c;aGk=\x07", b"\x1b[?9999h"[:0]):
        emulator.feed(data)
        assert emulator.generation == seen[-1]


def test_dirty_lines(terminal: Open) -> None:
    emulator = terminal("1\r\n2\r\n3")
    generation = emulator.generation
    assert emulator.dirty_since(generation) == frozenset()
    emulator.feed(b"\x1b[2;1Hx")
    dirty = emulator.dirty_since(generation)
    assert dirty is not None
    assert 1 in dirty
    assert 4 not in dirty
    assert emulator.dirty_since(generation + 99) == frozenset()
    assert emulator.dirty_since(-1) is None


@pytest.mark.parametrize("data", [b"\x1b[?1049h", b"\x1bc", b"\x1b[3J"])
def test_another_screen_is_dirty_as_a_whole(terminal: Open, data: bytes) -> None:
    emulator = terminal("x\r\n" * 9)
    generation = emulator.generation
    emulator.feed(data)
    dirty = emulator.dirty_since(generation)
    assert dirty is None or dirty == frozenset() or data == b"\x1b[3J"


def test_a_resize_is_dirty_as_a_whole(terminal: Open) -> None:
    emulator = terminal("x")
    generation = emulator.generation
    emulator.resize(30, 6)
    assert emulator.dirty_since(generation) is None


def test_a_follower_that_fell_far_behind_gets_everything(terminal: Open) -> None:
    emulator = terminal()
    seen = [emulator.generation]
    for n in range(2000):
        emulator.feed(str(n % 10).encode())
        seen.append(emulator.generation)
    assert seen == sorted(set(seen))
    assert emulator.dirty_since(seen[0]) is None
    assert emulator.dirty_since(seen[-5]) is not None


# Search


def test_search(terminal: Open) -> None:
    emulator = terminal("".join(f"line {n} Error\r\n" for n in range(6)) + "漢字 error error")
    assert emulator.history_length == 2
    assert emulator.search("Error")[0] == Match(0, 7, 5, "Error")
    assert [match.line for match in emulator.search("Error")] == [0, 1, 2, 3, 4, 5]
    assert [match[:3] for match in emulator.search("error")] == [(6, 5, 5), (6, 11, 5)]
    assert len(emulator.search("ERROR", ignore_case=True)) == 8
    assert emulator.search("字") == [Match(6, 2, 2, "字")]
    assert emulator.search("") == emulator.search("absent") == []
    assert emulator.search("line . E") == [], "no pattern, but text"


def test_search_is_bounded(terminal: Open) -> None:
    emulator = terminal(("x" * 19 + "\r\n") * 100)
    assert len(emulator.search("x")) == MAX_MATCHES


def test_wide_lines_are_found_in_history(terminal: Open) -> None:
    emulator = terminal("漢字x\r\n" * 9)
    assert emulator.search("字x")[0] == Match(0, 2, 3, "字x")


# Repaints


def test_a_repaint_on_another_terminal(terminal: Open) -> None:
    emulator = terminal(
        "\x1b[?1049h\x1b[1;31mab\x1b[0m漢\x1b[3;7H\x1b[?1002;1006;2004;1004h\x1b[?1h\x1b=\x1b[>1u\x1b[5 q\x1b[?25l"
    )
    other = terminal("x" * 100 + "\x1b[2;3r\x1b[?6h\x1b(0")
    other.feed(emulator.repaint())
    assert other.lines() == emulator.lines()
    assert [other.row(y) for y in range(5)] == [emulator.row(y) for y in range(5)]
    assert other.cursor == emulator.cursor
    assert other.modes == emulator.modes
    assert other.title == ""
    assert other.take_replies() == b""


def test_a_title_never_reaches_the_persons_terminal(terminal: Open) -> None:
    emulator = terminal("\x1b]0;evil\x07\x1b]52;c;aGk=\x07")
    assert b"\x1b]" not in emulator.repaint() + emulator.reset_modes()


def test_the_terminal_is_given_back(terminal: Open) -> None:
    emulator = terminal("shell$ ")
    before = emulator.lines(), emulator.modes
    agent = terminal(
        "\x1b[?1049h\x1b[?1003;1006;2004;1004h\x1b[?1h\x1b=\x1b[>1u\x1b[5 q\x1b[?25l\x1b[2;3r\x1b[?7l\x1b[4h"
    )
    emulator.feed(b"\x1b[?1049h" + agent.repaint() + b"more" + agent.reset_modes())
    assert (emulator.lines(), emulator.modes) == before
    assert emulator.cursor[:3] == (7, 0, True)
    emulator.feed(b"a" * 20)
    assert emulator.lines()[:2] == ["shell$ " + "a" * 13, "a" * 7], "wrapping, no insert mode"


# Output made to stall


@pytest.mark.parametrize(
    "sequence",
    [
        "x\x1bc",
        "\x1b[?1049h\x1b[?1049l",
        "\x1b#8",
        "\n\x1b[3J",
        "x\x1b[65535b",
        "\x1b[65535I",
        "\x1b[65535Z",
    ],
)
def test_heavy_sequences_are_bounded_in_one_feed(terminal: Open, sequence: str) -> None:
    emulator = terminal("x\r\n" * 9)
    emulator.feed(sequence.encode() * 5_000)
    emulator.feed(b"\x1bc\x1b[2;2Hy")
    assert emulator.lines() == ["", " y", "", "", ""], "the next feed is as good as any"


# Opening


def test_auto_takes_the_preferred_back_end() -> None:
    assert open_emulator(20, 5).backend == available()[0]


def test_an_asked_for_back_end_is_used(backend: str) -> None:
    assert open_emulator(20, 5, backend=backend).backend == backend


@pytest.mark.parametrize("name", ["rust", "vt100"])
def test_a_missing_back_end(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(
        factory, "find_spec", lambda package: object() if package == "pyte" else None
    )
    with pytest.raises(BackendMissing) as refused:
        open_emulator(20, 5, backend=name)
    assert refused.value.code == "backend_missing"
    assert refused.value.details == {"backend": name, "installed": ["pyte"]}
    assert open_emulator(20, 5).backend == "pyte"


def test_no_back_end_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "find_spec", lambda _: None)
    with pytest.raises(BackendMissing, match="installed: none"):
        open_emulator(20, 5)


def test_the_port_loads_no_back_end() -> None:
    program = (
        "import sys; from quarterdeck.core.sessions.terminal import port, factory, signals, keys; "
        "print([n for n in ('pyte', 'wcwidth', 'par_term_emu_core_rust') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# Parts


def test_every_wide_character_is_suspect() -> None:
    native = pytest.importorskip("par_term_emu_core_rust")
    missed = [
        hex(code)
        for code in range(0xA0, 0x20000)
        if not 0xD800 <= code < 0xE000
        and native.char_width(chr(code)) == 2
        and not SUSPECT.match(chr(code))
    ]
    assert missed == ["0x17a4"], "one Khmer letter, which no font draws"


def test_cells_fold_to_text() -> None:
    width = {"漢": 2}.get
    texts = fold(
        ["漢", "", "a", "漢", "b", ""],
        [False, True, False, False, False, True],
        lambda c: width(c, 1),
    )
    assert texts == ["漢", "", "a", " ", "b", " "]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a", "a"),
        ("❤️", "❤"),
        ("👩‍🔧", "👩"),
        ("🇩🇪", "🇩🇪"),
        ("👍🏽", "👍"),
        ("e\u0301", "e\u0301"),
        ("\ufe0f\ufe0f", " "),
    ],
)
def test_trimmed_cells(cell: str, text: str) -> None:
    assert trim(cell) == text


def test_rows_as_ansi() -> None:
    row = (Run("a"), Run("b", 1, attrs=Attr.BOLD), Run("c", 200, 9), Run("d"))
    assert row_ansi(row) == "a\x1b[0;1;31mb\x1b[0;38;5;200;101mc\x1b[0md"
    assert sgr(0x1010203, -1, 255) == "\x1b[0;1;2;3;4;5;7;8;9;38;2;1;2;3m"


def test_runs_are_merged() -> None:
    assert merge([Run("a"), Run("  ")]) == (Run("a"),)
    assert merge([Run("  ", bg=4)]) == (Run("  ", bg=4),)
    assert merge([Run(" ", attrs=Attr.UNDERLINE)]) == (Run(" ", attrs=Attr.UNDERLINE),)
    assert merge([Run(""), Run("a"), Run("b"), Run("", 3)]) == (Run("ab"),)


def test_blanks_around_palette_white_are_plain(terminal: Open) -> None:
    row = terminal("\x1b[37m  a b  \x1b[44m  c  ").row(0)
    assert row == (
        Run("  "),
        Run("a b", 7),
        Run("  "),
        Run("  ", bg=4),
        Run("c", 7, 4),
        Run("  ", bg=4),
    )


def test_odd_sgr_parameters() -> None:
    assert apply_sgr((1, 2, 3), "999999;38;2;1") == (1, 2, 3)
    assert apply_sgr((-1, -1, 0), "38:5;48:2:1;38:9:1;31") == (1, -1, 0)


def test_segments_show_the_newest_lines() -> None:
    segments = Segments(3, Frozen([(Run("a"),), (Run("b"),)]))
    segments.add(Frozen([(Run("c"),), (Run("d"),)]))
    assert len(segments) == 3
    assert segments.lines() == ["b", "c", "d"]
    for start in range(4):
        for count in range(5):
            rows = [row_text(row) for row in segments.rows(start, count)]
            assert rows == ["b", "c", "d"][start : start + count]


def test_history_read_often_is_always_right(terminal: Open) -> None:
    emulator = terminal(scrollback=30)
    wanted: list[tuple[Run, ...]] = []
    for n in range(200):
        colour = 1 + n % 6
        text = "same" if n % 50 < 25 else f"line {n}"
        emulator.feed(f"\x1b[3{colour}m{text}\x1b[0m\r\n".encode())
        wanted.append((Run(text, colour),))
        if n % 7 == 0 or n > 190:
            shown = wanted[: max(0, n - 3)][-30:]
            got = emulator.history(0, 99)
            assert [row_text(row) for row in got] == [row_text(row) for row in shown]
            if text != "same":
                assert got[-1] == shown[-1]
    emulator.feed(b"\x1b[3J\r\n" + b"new\r\n" * 9)
    assert {row_text(row) for row in emulator.history(0, 99)} <= {
        "new",
        "",
        *(f"line {n}" for n in range(200)),
    }
