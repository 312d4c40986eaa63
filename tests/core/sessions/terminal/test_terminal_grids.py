"""The grids behind the emulator, through the port that both implement."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.protocol.screen import Run, row_text
from quarterdeck.core.sessions.terminal.factory import _load
from quarterdeck.core.sessions.terminal.grid import (
    CLEAR,
    PLAIN_STATE,
    Grid,
    GridFactory,
    GridState,
    capture,
    default_tabs,
    draw_rows,
    move,
    redraw,
    set_tabs,
)
from quarterdeck.core.sessions.terminal.history import history_stream
from quarterdeck.core.sessions.terminal.modes import ModeTable
from quarterdeck.core.sessions.terminal.screens import Charsets, cut_row, line_drawing


@pytest.fixture
def make(backend: str) -> GridFactory:
    return _load(backend)[1]


@pytest.fixture
def grid(make: GridFactory) -> Grid:
    return make(10, 4, 20)


def shown(grid: Grid) -> list[str]:
    lines = grid.lines()
    while lines and not lines[-1]:
        lines.pop()
    return lines


def test_a_fresh_grid(grid: Grid) -> None:
    assert shown(grid) == []
    assert grid.cursor() == (0, 0)
    assert grid.cursor_visible()
    assert grid.margins() == (0, 3)
    assert grid.tab_stops() == default_tabs(10) == [0, 8]
    assert grid.history_length() == 0
    assert grid.pen().split(";")[0] == "0"


@pytest.mark.parametrize(
    ("data", "pen"),
    [
        ("\x1b[0m", "0"),
        ("\x1b[1;3m", "0;1;3"),
        ("\x1b[31;42m", "0;31;42"),
        ("\x1b[37m", "0;37"),
        ("\x1b[40m", "0;40"),
        ("\x1b[37;40m", "0;37;40"),
        ("\x1b[97;107m", "0;97;107"),
        ("\x1b[38;5;200m", "0;38;5;200"),
        ("\x1b[38;2;7;8;9m", "0;38;2;7;8;9"),
        ("\x1b[38;2;0;0;0;48;2;255;255;255m", "0;38;2;0;0;0;48;2;255;255;255"),
        ("\x1b[1;2;3;4;5;7;8;9m", "0;1;2;3;4;5;7;8;9"),
        ("\x1b[31m\x1b[39m", "0"),
    ],
)
def test_the_pen(grid: Grid, data: str, pen: str) -> None:
    grid.process(data.encode())
    assert grid.pen() == pen


def test_margins_and_tabs(grid: Grid) -> None:
    grid.process(b"\x1b[2;3r\x1b[3g\x1b[4G\x1bH")
    assert grid.margins() == (1, 2)
    assert grid.tab_stops() == [3]
    grid.process(set_tabs([1, 5]))
    assert grid.tab_stops() == [1, 5]
    grid.process(PLAIN_STATE)
    assert grid.margins() == (0, 3)


@pytest.mark.parametrize(
    ("data", "pending"),
    [
        (b"\r" + b"a" * 10, True),
        (b"\r" + b"a" * 9, False),
        (b"\r" + b"a" * 11, False),
        (b"\r" + b"a" * 10 + b"\x1b[1m", True),
        (b"\r" + b"a" * 10 + b"\x1b[K", True),
        (b"\r" + b"a" * 10 + b"\r", False),
        (b"\r" + b"a" * 10 + b"\x1b[10G", False),
        (b"\r" + b"a" * 8 + "漢".encode(), True),
        (b"\r" + b"a" * 7 + "漢".encode(), False),
        (b"\x1b[4;8Habc", True),
        (b"\x1b[4;8Hab\x1b[Cc", True),
        (b"\x1b[?7l\r" + b"a" * 10, False),
        (b"\x1b[4;1H" + b"a" * 30, True),
        (b"\x1b[20h\x1b[4h\ra\n" + b"a" * 10, True),
    ],
)
def test_a_pending_wrap_is_known(grid: Grid, data: bytes, pending: bool) -> None:
    grid.process(data)
    assert grid.pending_wrap(data) is pending


@pytest.mark.parametrize("cols", [2, 3])
def test_a_pending_wrap_on_the_narrowest_screens(make: GridFactory, cols: int) -> None:
    for size, pending in ((cols, True), (cols - 1, False)):
        grid = make(cols, 3, 0)
        data = b"\r" + b"a" * size
        grid.process(data)
        assert (grid.cursor()[0] == cols - 1 and grid.pending_wrap(data)) is pending


def test_damage_names_lines(grid: Grid) -> None:
    grid.process(b"1\r\n2\r\n3")
    damage = grid.damage()
    assert list(grid.damaged_since(damage)) == []
    grid.process(b"\x1b[1;1Hx")
    assert 0 in grid.damaged_since(damage)
    assert 3 not in grid.damaged_since(damage)
    damage = grid.damage()
    grid.process(b"\x1b[4;1H\n")
    assert set(grid.damaged_since(damage)) >= {0, 1, 2}


def test_history_comes_back_from_its_stream(make: GridFactory, grid: Grid) -> None:
    grid.process(b"".join(b"\x1b[3%dm%d\x1b[0m\r\n" % (n % 8, n) for n in range(15)))
    rows = grid.history(0, grid.history_length())
    other = make(10, 4, 20)
    other.process(history_stream(rows, 4))
    assert other.history(0, other.history_length()) == rows
    assert shown(other) == []
    assert history_stream([], 4) == b""


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 20, 25])
def test_every_length_of_history_scrolls_off(make: GridFactory, count: int) -> None:
    grid = make(10, 4, 20)
    grid.process(history_stream([(Run(str(n)),) for n in range(count)], 4))
    assert grid.history_lines() == [str(n) for n in range(count)][-20:]
    assert shown(grid) == []


def test_a_resized_grid_is_blank_and_has_its_history(grid: Grid) -> None:
    grid.process(b"x\r\n" * 9)
    before = grid.history_length()
    grid.resize(12, 5)
    assert (grid.cols, grid.rows) == (12, 5)
    assert shown(grid) == []
    assert grid.history_length() == before
    assert grid.tab_stops() == default_tabs(12)


@pytest.mark.parametrize("text", [b"x", b"\x1b[41m\x1b[2J"])
def test_clearing_the_history_spares_the_screen(grid: Grid, text: bytes) -> None:
    grid.process(b"x\r\n" * 9 + b"\x1b[2J\x1b[2;3r\x1b[2;5H" + text)
    before = [grid.row(y) for y in range(4)], grid.cursor(), grid.margins()
    state = capture(grid, b"")
    redrawn = grid.clear_history(lambda: redraw(state, grid, ModeTable()))
    assert ([grid.row(y) for y in range(4)], grid.cursor(), grid.margins()) == before
    assert grid.history_length() == 0
    assert not redrawn or text == b"x"


TEXT = st.text(alphabet="ab 漢─é", max_size=14)
STYLE = st.sampled_from(
    ["", "\x1b[1m", "\x1b[31m", "\x1b[44m", "\x1b[0m", "\x1b[38;5;99m", "\x1b[7m"]
)
PLACE = st.tuples(st.integers(0, 9), st.integers(0, 3)).map(lambda at: move(*at).decode())
LINES = st.sampled_from(
    ["\r\n", "\x1b[2;3r", "\x1b[r", "\x1b[?25l", "\x1b[3g", "\x1bH", "\x1b[K", "\x1b[2L"]
)


@given(parts=st.lists(st.one_of(TEXT, STYLE, PLACE, LINES), max_size=12))
@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
def test_a_captured_state_is_drawn_again(make: GridFactory, parts: list[str]) -> None:
    grid, other = make(10, 4, 20), make(10, 4, 20)
    data = b"\r" + "".join(parts).encode()
    grid.process(data)
    state = capture(grid, data)
    other.process(b"rubbish\x1b[1;2r\x1b[?7l\x1b[4h\x1b[?6h")
    drawn = redraw(state, other, ModeTable())
    other.process(drawn)
    assert capture(other, drawn) == state


def test_rows_are_drawn_where_they_stand() -> None:
    rows = [(Run("a"),), (), (Run("b", 1),)]
    assert draw_rows(rows) == b"\x1b[1;1Ha\x1b[3;1H\x1b[0;31mb\x1b[0m"


def test_clearing_needs_no_known_state(grid: Grid) -> None:
    grid.process(b"\x1b[2;3r\x1b[?6h\x1b[4h\x1b[41mrubbish" + CLEAR + b"x")
    assert shown(grid) == ["x"]
    assert grid.row(0) == (Run("x"),)


def test_states_compare_by_value() -> None:
    state = GridState([], 0, 0, pending=False, visible=True, pen="0", margins=(0, 3), tabs=None)
    assert state == state._replace()
    assert state != state._replace(x=1)


@pytest.mark.parametrize(
    ("row", "cols", "text"),
    [
        ((Run("abcdef"),), 3, "abc"),
        ((Run("ab"), Run("cd", 1)), 3, "abc"),
        ((Run("a漢字"),), 4, "a漢"),
        ((Run("a漢字", bg=1),), 4, "a漢 "),
        ((Run("e\u0332x"),), 1, "e\u0332"),
        ((Run("ab"),), 9, "ab"),
        ((), 3, ""),
    ],
)
def test_rows_are_cut(grid: Grid, row: tuple[Run, ...], cols: int, text: str) -> None:
    assert row_text(cut_row(row, cols, grid)) == text


@pytest.mark.parametrize(
    "char", ["a", "é", "─", "漢", "👍", "\u0301", "\u200b", "🇩", "ｱ", "　", "⚠", "✅"]
)
def test_back_ends_count_alike(both: tuple[str, str], char: str) -> None:
    rust, pyte = (_load(name)[1](10, 2, 0) for name in both)
    assert rust.width(char) == pyte.width(char)


def test_line_drawing_spares_sequences() -> None:
    assert line_drawing(b"q\x1b[1;31mx\x1b7q") == "─\x1b[1;31m│\x1b7─".encode()
    assert line_drawing("é".encode() + b"A") == "éA".encode()


def test_character_sets() -> None:
    assert not Charsets().lines
    assert Charsets((True, False, False, False)).lines
    assert Charsets((False, True, False, False), 1).lines
