"""What the pinned Rust parser does on its own: the reason for each thing that is mended around it.

A test that fails after an upgrade names a workaround that may go; see ``rust.py``,
``rust_cells.py``, ``scanner.py`` and ``interpreter.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from quarterdeck.core.sessions.terminal.factory import open_emulator

parser = pytest.importorskip("par_term_emu_core_rust")
rust_cells = pytest.importorskip("quarterdeck.core.sessions.terminal.rust_cells")


def native(data: bytes | str = b"", cols: int = 10, rows: int = 4, scrollback: int = 20) -> Any:
    terminal = parser.Terminal(cols, rows, scrollback)
    terminal.process(data.encode() if isinstance(data, str) else data)
    return terminal


def cells(terminal: Any, y: int = 0) -> str:
    return "".join(cell[0] for cell in terminal.get_line_cells(y))


def cell(parameters: str) -> Any:
    return native(f"\x1b[{parameters}mx").get_line_cells(0)[0]


def test_it_knows_no_rep() -> None:
    assert cells(native("ab\x1b[3b")).rstrip() == "ab"


def test_it_knows_no_alignment_test() -> None:
    assert "E" not in cells(native("\x1b#8"))


def test_it_knows_no_relative_moves_of_iso() -> None:
    assert native("a\x1b[3a").cursor_position() == (1, 0)
    assert native("a\x1b[2e").cursor_position() == (1, 0)


def test_vertical_tab_and_form_feed_do_nothing() -> None:
    assert native("a\x0b\x0cb").cursor_position() == (2, 0)


def test_ed_3_clears_the_screen() -> None:
    assert cells(native("abc\x1b[3J")).strip() == ""


def test_margins_keep_a_pending_wrap() -> None:
    assert native("a" * 10 + "\x1b[rb").cursor_position() == (1, 1)


def test_a_wide_character_in_the_last_columns_leaves_no_pending_wrap() -> None:
    assert native("a" * 8 + "漢b").cursor_position() == (9, 0)


def test_halves_of_wide_characters_stay() -> None:
    assert cells(native("漢b\x1b[2GX"))[:3] == "漢Xb"


def test_marks_at_the_right_edge_go_to_the_cell_before() -> None:
    assert native("x" * 9 + "e\u0332").get_line_cells(0)[8][0] == "x\u0332"


def test_a_zero_width_character_stands_in_a_cell_until_that_is_drawn() -> None:
    assert native("\u200b").get_line_cells(0)[0][0] == "\u200b"


def test_an_emoji_after_a_joined_one_is_swallowed() -> None:
    assert native("👩‍🔧👍").cursor_position() == (2, 0)


def test_an_underline_colour_is_read_as_attributes() -> None:
    attributes = cell("58;2;1;2;3")[3]
    assert attributes.bold
    assert attributes.dim
    assert attributes.italic


def test_a_colour_space_shifts_a_direct_colour() -> None:
    assert cell("38:2::1:2:3")[1] == (0, 1, 2)


def test_palette_white_is_whatever_the_default_is() -> None:
    terminal = native()
    terminal.set_default_fg(9, 8, 7)
    terminal.process(b"\x1b[37mx")
    assert terminal.get_line_cells(0)[0][1] == (9, 8, 7)


def test_web_safe_colours_and_the_palette_look_alike() -> None:
    assert cell("38;5;196")[1] == cell("38;2;255;0;0")[1]


def test_bold_brightens_unless_told_not_to() -> None:
    assert cell("1;31")[1] == cell("91")[1]


def test_wrap_marks_are_never_taken_back() -> None:
    terminal = native("a" * 15 + "\x1b[1;1H\x1b[2Kb\r\n")
    assert terminal.is_line_wrapped(0)


def test_a_smaller_height_loses_the_lowest_lines() -> None:
    terminal = native("1\r\n2\r\n3\r\n4")
    terminal.resize(10, 2)
    assert [cells(terminal, y).strip() for y in range(2)] == ["1", "2"]
    assert terminal.scrollback_len() == 0


def test_a_smaller_width_loses_the_cursor() -> None:
    terminal = native("abcdefghij" * 2)
    terminal.resize(5, 4)
    assert terminal.cursor_position()[1] < 3


def test_the_content_joins_wrapped_lines() -> None:
    assert native("a" * 15).content().splitlines()[0] == "a" * 15


def test_every_toggle_of_the_cursor_leaves_an_event() -> None:
    terminal = native("\x1b[?25l\x1b[?25h" * 50)
    assert terminal.get_stats()["pending_terminal_events"] == 100


def test_our_emulator_leaves_no_events() -> None:
    emulator = open_emulator(20, 5, backend="rust")
    for _ in range(2000):
        emulator.feed(b"\x1b[?25l\x1b[2J\x1b[H\x1b[?25h")
    stats = emulator.screens.main._terminal.get_stats()  # type: ignore[attr-defined]  # the room's own test
    assert stats["pending_terminal_events"] < 300


def test_alternate_screens_have_cursors_of_their_own() -> None:
    assert native("abc\x1b[?1049h").cursor_position() == (0, 0)


@pytest.mark.parametrize(
    ("data", "rewritten"),
    [
        (b"\x1b[31mx", b"\x1b[31mx"),
        (b"\x1b[4:3mx", b"\x1b[4mx"),
        (b"\x1b[1;4:0mx", b"\x1b[1;24mx"),
        (b"\x1b[38:2::5:6:7mx", b"\x1b[38;2;5;6;7mx"),
        (b"\x1b[38:5:9;1mx", b"\x1b[91;1mx"),
        (b"\x1b[58;5;9mx", b"x"),
        (b"\x1b[1;58;2;1;2;3;3mx", b"\x1b[1;3mx"),
        (b"\x1b[38;2;0;0;0mx", b"\x1b[38;2;0;0;1mx"),
        (b"\x1b[1;48;2;255;255;255;3mx", b"\x1b[1;48;2;255;255;254;3mx"),
        (b"\x1b[38;2;8;8;8mx", b"\x1b[38;2;8;8;9mx"),
        (b"\x1b[38;2;1;2;16mx", b"\x1b[38;2;2;2;16mx"),
        (b"\x1b[38;2;1;2;20mx", b"\x1b[38;2;1;2;20mx"),
        (b"\x1b[38;2;9;9;9mx", b"\x1b[38;2;9;9;9mx"),
        (b"at 18:55 8:2 4:3m", b"at 18:55 8:2 4:3m"),
        (b"38;2;0;0;0m 58;5;1;m", b"38;2;0;0;0m 58;5;1;m"),
        (b"\x1b[58;10Hx", b"\x1b[58;10Hx"),
    ],
)
def test_styles_are_rewritten(data: bytes, rewritten: bytes) -> None:
    assert rust_cells.native_sgr(data) == rewritten
