"""What a terminal must do, on either back end. Screens are 20 by 5 unless said otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from quarterdeck.core.protocol.screen import (
    DEFAULT_COLOUR,
    RGB,
    Attr,
    CursorShape,
    Modes,
    MouseMode,
    Run,
    row_text,
)
from quarterdeck.core.sessions.terminal.port import Emulator

Open = Callable[..., Emulator]

NUMBERS = "1\r\n2\r\n3\r\n4\r\n5"

SCREENS = {
    "text": ("hello", ["hello"], (5, 0)),
    "carriage return overwrites": ("abc\rX", ["Xbc"], (1, 0)),
    "line feed keeps the column": ("ab\ncd", ["ab", "  cd"], (4, 1)),
    "vertical tab and form feed are line feeds": ("a\x0bb\x0cc", ["a", " b", "  c"], (3, 2)),
    "backspace": ("abc\b\bX", ["aXc"], (2, 0)),
    "backspace stops at the margin": ("\b\bX", ["X"], (1, 0)),
    "NUL, DEL and ENQ do nothing": ("a\x00b\x7fc\x05d", ["abcd"], (4, 0)),
    "a full line waits for the next character": ("a" * 20, ["a" * 20], (19, 0)),
    "wrap": ("a" * 21, ["a" * 20, "a"], (1, 1)),
    "a style does not end a pending wrap": ("a" * 20 + "\x1b[1m\x1b[0mb", ["a" * 20, "b"], (1, 1)),
    "carriage return ends a pending wrap": ("a" * 20 + "\rb", ["b" + "a" * 19], (1, 0)),
    "moving ends a pending wrap": ("a" * 20 + "\x1b[Ab", ["a" * 19 + "b"], (19, 0)),
    "margins end a pending wrap": ("a" * 20 + "\x1b[rb", ["b" + "a" * 19], (1, 0)),
    "no autowrap": ("\x1b[?7l" + "a" * 25 + "Z", ["a" * 19 + "Z"], (19, 0)),
    "scrolling at the bottom": (NUMBERS + "\r\n6", ["2", "3", "4", "5", "6"], (1, 4)),
    "tabs": ("a\tb\tc", ["a       b       c"], (17, 0)),
    "tab stops at the right edge": ("\t\t\t\tx\ty", [" " * 19 + "y"], (19, 0)),
    "own tab stops": ("\x1b[3g\x1b[5G\x1bH\r\tx", ["    x"], (5, 0)),
    "one tab stop cleared": ("\x1b[9G\x1b[g\r\tx", [" " * 16 + "x"], (17, 0)),
    "tabs forwards and backwards": ("\x1b[2Ix\x1b[2Zy", ["        y       x"], (9, 0)),
    "CUP and HVP": ("\x1b[2;3Hx\x1b[4;5fy", ["", "  x", "", "    y"], (5, 3)),
    "CUP beyond the edge": ("\x1b[99;99Hx", ["", "", "", "", " " * 19 + "x"], (19, 4)),
    "zero means one": ("\x1b[0;0Hx\x1b[0By", ["x", " y"], (2, 1)),
    "CUU CUD CUF CUB": ("\x1b[3;3H\x1b[Aa\x1b[2Bb\x1b[3Cc\x1b[3Dd", ["", "  a", "", "   b d c"], (6, 3)),
    "CNL and CPL": ("ab\x1b[2Ec\x1b[Fd", ["ab", "d", "c"], (1, 1)),
    "CHA, HPA and VPA": ("\x1b[5Ga\x1b[3`b\x1b[3dc", ["  b a", "", "   c"], (4, 2)),
    "HPR and VPR": ("\x1b[3ax\x1b[2ey", ["   x", "", "    y"], (5, 2)),
    "IND, NEL and RI": ("ab\x1bDc\x1bEd\x1bMe", ["ab", " ec", "d"], (2, 1)),
    "RI at the top scrolls down": (NUMBERS + "\x1b[H\x1bMx", ["x", "1", "2", "3", "4"], (1, 0)),
    "EL": ("abcdef\x1b[3D\x1b[K", ["abc"], (3, 0)),
    "EL to the left": ("abcdef\x1b[3D\x1b[1K", ["    ef"], (3, 0)),
    "EL of the whole line": ("abcdef\x1b[2K", [], (6, 0)),
    "ED": (NUMBERS + "\x1b[3;1H\x1b[J", ["1", "2"], (0, 2)),
    "ED upwards": (NUMBERS + "\x1b[3;1H\x1b[1J", ["", "", "", "4", "5"], (0, 2)),
    "ED of everything": (NUMBERS + "\x1b[2J", [], (1, 4)),
    "ED 3 spares the screen": (NUMBERS + "\r\n6\x1b[3J", ["2", "3", "4", "5", "6"], (1, 4)),
    "ED with an odd parameter": ("abc\x1b[3;0J", ["abc"], (3, 0)),
    "ECH": ("abcdef\r\x1b[3X", ["   def"], (0, 0)),
    "ICH": ("abcdef\x1b[3G\x1b[2@", ["ab  cdef"], (2, 0)),
    "ICH pushes cells off": ("a" * 20 + "\r\x1b[18@", [" " * 18 + "aa"], (0, 0)),
    "DCH": ("abcdef\x1b[3G\x1b[2P", ["abef"], (2, 0)),
    "IL": (NUMBERS + "\x1b[2;1H\x1b[2L", ["1", "", "", "2", "3"], (0, 1)),
    "DL": (NUMBERS + "\x1b[2;1H\x1b[2M", ["1", "4", "5"], (0, 1)),
    "SU": (NUMBERS + "\x1b[2S", ["3", "4", "5"], (1, 4)),
    "SD": (NUMBERS + "\x1b[2T", ["", "", "1", "2", "3"], (1, 4)),
    "REP": ("ab\x1b[3b", ["abbbb"], (5, 0)),
    "REP after a style": ("a\x1b[1m\x1b[2b", ["aaa"], (3, 0)),
    "REP after a move repeats nothing": ("ab\x1b[1;1H\x1b[3b", ["ab"], (0, 0)),
    "insert mode": ("12345\x1b[1;3H\x1b[4hXY\x1b[4lZ", ["12XYZ45"], (5, 0)),
    "new line mode": ("\x1b[20ha\nb\x1b[20l\nc", ["a", "b", " c"], (2, 2)),
    "scroll region": (NUMBERS + "\x1b[2;4r\x1b[4;1H\nX", ["1", "3", "4", "X", "5"], (1, 3)),
    "RI in a scroll region": (NUMBERS + "\x1b[2;4r\x1b[2;1H\x1bMX", ["1", "X", "2", "3", "5"], (1, 1)),
    "a region homes the cursor": ("abc\x1b[2;4rX", ["Xbc"], (1, 0)),
    "IL and DL keep to the region": (
        NUMBERS + "\x1b[2;4r\x1b[3;1H\x1b[L\x1b[2;1H\x1b[M", ["1", "", "3", "", "5"], (0, 1)
    ),
    "IL outside the region does nothing": (
        NUMBERS + "\x1b[2;3r\x1b[5;1H\x1b[L", ["1", "2", "3", "4", "5"], (0, 4)
    ),
    "line feed below the region does not scroll": (
        NUMBERS + "\x1b[1;3r\x1b[5;1H\n\nX", ["1", "2", "3", "4", "X"], (1, 4)
    ),
    "SU in a region": (NUMBERS + "\x1b[2;4r\x1b[S", ["1", "3", "4", "", "5"], (0, 0)),
    "an impossible region is none": (NUMBERS + "\x1b[4;2r\x1b[5;1H\nX", ["2", "3", "4", "5", "X"], (1, 4)),
    "an impossible region leaves the one before": (
        NUMBERS + "\x1b[2;3r\x1b[5;5r\x1b[3;1H\nX", ["1", "3", "X", "4", "5"], (1, 2)
    ),
    "origin mode": ("\x1b[2;4r\x1b[?6h\x1b[1;1Hx\x1b[9;1Hy", ["", "x", "", "y"], (1, 3)),
    "DECALN": ("\x1b[2;3r\x1b#8", ["E" * 20] * 5, (0, 0)),
    "DECSC and DECRC": ("abc\x1b7\x1b[5;5Hx\x1b8d", ["abcd", "", "", "", "    x"], (4, 0)),
    "DECRC twice": ("abc\x1b7\x1b[5;5H\x1b8d\x1b8e", ["abce"], (4, 0)),
    "DECRC without DECSC goes home": ("abc\x1b8d", ["dbc"], (1, 0)),
    "SCOSC and SCORC": ("abc\x1b[s\x1b[5;5H\x1b[ud", ["abcd"], (4, 0)),
    "mode 1048": ("abc\x1b[?1048h\x1b[5;5H\x1b[?1048ld", ["abcd"], (4, 0)),
    "line drawing": ("a\x1b(0lqk\x1b(Bb", ["a┌─┐b"], (5, 0)),
    "line drawing by shifts": ("\x1b)0a\x0eqx\x0fq", ["a─│q"], (4, 0)),
    "line drawing saved with the cursor": ("\x1b(0\x1b7\x1b(Bq\x1b8q", ["─"], (1, 0)),
    "soft reset": ("\x1b[2;3r\x1b[4h\x1b[?6hab\x1b[!p\x1b[1;1HX", ["X", "ab"], (1, 0)),
    "wide characters": ("a漢b", ["a漢b"], (4, 0)),
    "a wide character that does not fit wraps": ("a" * 19 + "漢b", ["a" * 19, "漢b"], (3, 1)),
    "a wide character in the last columns leaves a wrap": (
        "a" * 18 + "漢b", ["a" * 18 + "漢", "b"], (1, 1)
    ),
    "lines full of wide characters": ("漢" * 10 + "字x", ["漢" * 10, "字x"], (3, 1)),
    "overwriting the first half blanks the second": ("漢b\x1b[1GX", ["X b"], (1, 0)),
    "overwriting the second half blanks the first": ("漢b\x1b[2GX", [" Xb"], (2, 0)),
    "erasing half of a wide character": ("a漢b\x1b[3G\x1b[X", ["a  b"], (2, 0)),
    "combining marks": ("e\u0301x", ["éx"], (2, 0)),
    "marks that don't compose": ("x\u0332y", ["x\u0332y"], (2, 0)),
    "zero-width characters are left out": ("a\u200bb\u2060c\u00add\u202ee\ufefff", ["abcdef"], (6, 0)),
    "presentation selectors are left out": ("❤️b", ["❤b"], (2, 0)),
    "skin tones are left out": ("👍🏽x", ["👍x"], (3, 0)),
    "joined emoji show their first part": ("👩‍👩‍👧x", ["👩x"], (3, 0)),
    "flags": ("🇩🇪x", ["🇩🇪x"], (3, 0)),
    "keycaps": ("1️⃣x", ["1⃣x"], (2, 0)),
    "invalid UTF-8": (b"a\xff\xfeb\xe6\xbc|", ["a\ufffd\ufffdb\ufffd|"], (6, 0)),
    "a character cut off by a sequence": (b"\xe6\xbc\x1b[0mx", ["\ufffdx"], (2, 0)),
    "C1 controls in UTF-8 do nothing": ("a\x9b31mb\x85c", ["a31mbc"], (6, 0)),
    "strings leave no trace": (
        "a\x1bPqsixel\x1b\\b\x1b_Gi=1;AA\x1b\\c\x1b^pm\x1b\\d\x1bXsos\x1b\\e\x1b]1337;x\x07f", ["abcdef"], (6, 0)
    ),
    "hyperlinks keep their text": ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\!", ["link!"], (5, 0)),
    "unknown sequences leave no trace": (
        'a\x1b[>4;2mb\x1b[>7uc\x1b[?ud\x1b[=1ue\x1b[<uf\x1b[>1;2;3cg\x1b[5 ~h\x1b[1"qi\x1b[1 @j\x1b[?5nk', ["abcdefghijk"], (11, 0)
    ),
    "more unknown sequences leave no trace": (
        "a\x1b[#{b\x1b[?1;2rc\x1b[9;9;9yd\x1b%Ge\x1bZf", ["abcdef"], (6, 0)
    ),
    "CAN and SUB end a sequence": ("a\x1b[3\x18b\x1b]0;t\x1ac", ["abc"], (3, 0)),
    "ESC ends a sequence": ("a\x1b[3\x1b[1Cb\x1b]0;t\x1b[1Cc", ["a b c"], (5, 0)),
    "controls within a sequence act first": ("a\x1b[2\nCb", ["a", "   b"], (4, 1)),
    "a control within a private sequence": ("a\x1b[?2\r5lb", ["b"], (1, 0)),
    "an endless parameter is swallowed": ("a\x1b[" + "1;" * 300 + "mb", ["ab"], (2, 0)),
    "giant numbers": ("a\x1b[99999999999999999999Cb", ["a" + " " * 18 + "b"], (19, 0)),
    "full reset": ("abc\x1b[2;3r\x1b[?6h\x1b[1;31m\x1b(0\x1bcq", ["q"], (1, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", SCREENS)
def test_screen(terminal: Open, name: str) -> None:
    data, lines, cursor = SCREENS[name]
    emulator = terminal(data)
    padded = [*lines, *[""] * (5 - len(lines))]
    assert emulator.lines() == padded
    assert [row_text(emulator.row(y)).rstrip() for y in range(5)] == padded
    assert emulator.cursor[:2] == cursor


PLAIN = Run("x")
STYLES = {
    "bold": ("1", PLAIN._replace(attrs=Attr.BOLD)),
    "dim": ("2", PLAIN._replace(attrs=Attr.DIM)),
    "italic": ("3", PLAIN._replace(attrs=Attr.ITALIC)),
    "underline": ("4", PLAIN._replace(attrs=Attr.UNDERLINE)),
    "curly underline": ("4:3", PLAIN._replace(attrs=Attr.UNDERLINE)),
    "no underline": ("4;4:0", PLAIN),
    "blink": ("5", PLAIN._replace(attrs=Attr.BLINK)),
    "reverse": ("7", PLAIN._replace(attrs=Attr.REVERSE)),
    "hidden": ("8", PLAIN._replace(attrs=Attr.HIDDEN)),
    "strike": ("9", PLAIN._replace(attrs=Attr.STRIKE)),
    "all": ("1;2;3;4;5;7;8;9", PLAIN._replace(attrs=255)),
    "off again": ("1;2;3;4;5;7;8;9;22;23;24;25;27;28;29", PLAIN),
    "reset": ("1;31;44;0", PLAIN),
    "empty is reset": ("1;;3", PLAIN._replace(attrs=Attr.ITALIC)),
    "bold does not brighten": ("1;31", PLAIN._replace(fg=1, attrs=Attr.BOLD)),
    "red": ("31", PLAIN._replace(fg=1)),
    "bright green on bright blue": ("92;104", PLAIN._replace(fg=10, bg=12)),
    "default colours": ("31;41;39;49", PLAIN),
    "palette": ("38;5;200;48;5;3", PLAIN._replace(fg=200, bg=3)),
    "palette with colons": ("38:5:9", PLAIN._replace(fg=9)),
    "direct": ("38;2;1;2;3", PLAIN._replace(fg=RGB | 0x010203)),
    "direct with colons": ("38:2:4:5:6", PLAIN._replace(fg=RGB | 0x040506)),
    "direct with a colour space": ("48:2::7:8:9", PLAIN._replace(bg=RGB | 0x070809)),
    "direct and more": ("38;2;1;2;3;1", PLAIN._replace(fg=RGB | 0x010203, attrs=Attr.BOLD)),
    "underline colour goes unshown": ("58;5;9;1", PLAIN._replace(attrs=Attr.BOLD)),
    "direct underline colour": ("58;2;1;2;3;4", PLAIN._replace(attrs=Attr.UNDERLINE)),
    "underline colour with colons": ("4:3;58:2::1:2:3", PLAIN._replace(attrs=Attr.UNDERLINE)),
    "unknown ones": ("10;21;50;53;73;31", PLAIN._replace(fg=1)),
    "cut off": ("31;38;5", PLAIN._replace(fg=1)),
}


@pytest.mark.parametrize("name", STYLES)
def test_style(terminal: Open, name: str) -> None:
    parameters, run = STYLES[name]
    assert terminal(f"\x1b[{parameters}mx").row(0) == (run,)


def test_every_palette_colour_keeps_its_number(terminal: Open) -> None:
    data = "".join(f"\x1b[38;5;{n};48;5;{255 - n}m." for n in range(256))
    row = terminal(data, cols=256, rows=2).row(0)
    assert [(run.fg, run.bg) for run in row] == [(n, 255 - n) for n in range(256)]


def channels(colour: int) -> tuple[int, int, int]:
    assert colour & RGB, "a direct colour was taken for one of the palette or the default"
    return colour >> 16 & 255, colour >> 8 & 255, colour & 255


def test_direct_colours_are_never_taken_for_the_palette(terminal: Open) -> None:
    levels = (0, 1, 2, 3, 8, 16, 19, 51, 95, 102, 128, 153, 204, 238, 255)
    for red, green in itertools.product(levels, levels):
        data = "".join(f"\x1b[38;2;{red};{green};{blue}m." for blue in levels)
        runs = terminal(data).row(0)
        colours = [channels(run.fg) for run in runs for _ in run.text]
        for wanted, got in zip(levels, colours, strict=True):
            steps = (abs(a - b) for a, b in zip((red, green, wanted), got, strict=True))
            assert max(steps) <= 1, "a colour may be off by one step, to be told from the palette"


@pytest.mark.parametrize("colour", ["0;0;0", "255;255;255", "51;51;51", "8;8;8", "238;238;238"])
def test_common_direct_colours_are_exact(terminal: Open, colour: str) -> None:
    red, green, blue = map(int, colour.split(";"))
    row = terminal(f"\x1b[38;2;{colour};48;2;{colour}mx").row(0)
    assert row == (Run("x", *[RGB | red << 16 | green << 8 | blue] * 2),)


@pytest.mark.parametrize(
    ("data", "run"),
    [
        ("\x1b[37mx", Run("x", 7)),
        ("\x1b[38;5;7mx", Run("x", 7)),
        ("\x1b[40mx", Run("x", bg=0)),
        ("\x1b[37;40mx y", Run("x y", 7, 0)),
        ("x", Run("x")),
        ("\x1b[37;40m\x1b[39;49mx", Run("x")),
        ("\x1b[37;40m\x1b7\x1b[0m\x1b8x", Run("x", 7, 0)),
        ("\x1b[40m  \x1b[m", Run("  ", bg=0)),
        ("\x1bcx", Run("x")),
    ],
)
def test_palette_white_and_black_are_not_the_defaults(terminal: Open, data: str, run: Run) -> None:
    assert terminal(data).row(0) == (run,)


def test_text_that_looks_like_a_colour_is_text(terminal: Open) -> None:
    data = "38;2;0;0;0m 8;2;51;51;51;"
    assert terminal(data, cols=40).lines()[0] == data


def test_erasing_keeps_the_background(terminal: Open) -> None:
    emulator = terminal("ab\x1b[31;41m\x1b[K")
    assert emulator.row(0) == (Run("ab"), Run(" " * 18, DEFAULT_COLOUR, 1))


def test_scrolling_brings_plain_lines(terminal: Open) -> None:
    assert terminal("\x1b[41m\x1b[5;1H\n").row(4) == ()


def test_runs_join_and_trailing_blanks_go(terminal: Open) -> None:
    emulator = terminal("ab\x1b[1mcd\x1b[1mef\x1b[0m   ")
    assert emulator.row(0) == (Run("ab"), Run("cdef", attrs=Attr.BOLD))
    assert emulator.row(1) == ()


def test_reversed_blanks_stay(terminal: Open) -> None:
    assert terminal("\x1b[7m  \x1b[0m").row(0) == (Run("  ", attrs=Attr.REVERSE),)


def test_a_saved_cursor_keeps_its_style(terminal: Open) -> None:
    emulator = terminal("\x1b[1;31m\x1b7\x1b[0m\x1b8x")
    assert emulator.row(0) == (Run("x", 1, DEFAULT_COLOUR, Attr.BOLD),)


def test_a_tower_of_marks_is_bounded(terminal: Open) -> None:
    assert len(terminal("a" + "\u0332" * 500).lines()[0]) <= 8


# Modes


def test_modes_as_agents_set_them(terminal: Open) -> None:
    emulator = terminal(
        "\x1b[?1049h\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[?1004h"
    )
    emulator.feed(b"\x1b[?1h\x1b=\x1b[>5u")
    assert emulator.modes == Modes(
        alt_screen=True,
        mouse=MouseMode.MOTION,
        mouse_sgr=True,
        bracketed_paste=True,
        application_cursor=True,
        application_keypad=True,
        focus_events=True,
        keyboard_flags=1,
    )
    emulator.feed(b"\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?1l\x1b>\x1b[<u\x1b[?1049l")
    assert emulator.modes == Modes()


@pytest.mark.parametrize(
    ("number", "mode"),
    [
        (9, MouseMode.PRESS),
        (1000, MouseMode.CLICK),
        (1002, MouseMode.DRAG),
        (1003, MouseMode.MOTION),
    ],
)
def test_mouse_modes(terminal: Open, number: int, mode: MouseMode) -> None:
    emulator = terminal(f"\x1b[?{number}h")
    assert emulator.modes.mouse is mode
    emulator.feed(f"\x1b[?{number}l".encode())
    assert emulator.modes.mouse is MouseMode.OFF


def test_several_modes_in_one_sequence(terminal: Open) -> None:
    modes = terminal("\x1b[?1;2004;9999;1006h").modes
    assert modes.application_cursor
    assert modes.bracketed_paste
    assert modes.mouse_sgr


@pytest.mark.parametrize(
    ("data", "flags"),
    [
        ("\x1b[>1u", 1),
        ("\x1b[>31u", 25),  # what is not honoured is not claimed
        ("\x1b[>1u\x1b[>8u\x1b[<u", 1),
        ("\x1b[>1u\x1b[<5u", 0),
        ("\x1b[=1u", 1),
        ("\x1b[=1;1u\x1b[=8;2u", 9),
        ("\x1b[=9u\x1b[=8;3u", 1),
        ("\x1b[=9u\x1b[=8;7u", 9),
        ("\x1b[>1u" * 40 + "\x1b[<16u", 0),
        ("\x1b[>1u\x1b[?1049h", 0),
        ("\x1b[>1u\x1b[?1049h\x1b[>8u\x1b[?1049l", 1),
    ],
)
def test_keyboard_flags(terminal: Open, data: str, flags: int) -> None:
    assert terminal(data).modes.keyboard_flags == flags


def test_the_cursor_can_be_hidden(terminal: Open) -> None:
    emulator = terminal("\x1b[?25l")
    assert not emulator.cursor.visible
    emulator.feed(b"x\x1b[?25h")
    assert emulator.cursor.visible
    emulator.feed(b"\x1b[?1;25l")
    assert not emulator.cursor.visible


@pytest.mark.parametrize(
    ("style", "shape"),
    [("0", CursorShape.BLOCK), ("2", CursorShape.BLOCK), ("3", CursorShape.UNDERLINE),
     ("4", CursorShape.UNDERLINE), ("5", CursorShape.BAR), ("6", CursorShape.BAR), ("9", CursorShape.BLOCK)],
)  # fmt: skip
def test_cursor_shapes(terminal: Open, style: str, shape: CursorShape) -> None:
    assert terminal(f"\x1b[{style} q").cursor.shape is shape


# The alternate screen


def test_1049_saves_clears_and_brings_back(terminal: Open) -> None:
    emulator = terminal("one\r\ntwo\x1b[31m\x1b[?1049h")
    assert emulator.lines() == [""] * 5
    assert emulator.cursor[:2] == (3, 1)
    emulator.feed(b"alt\x1b[0;1m\x1b[5;5H\x1b[?1049lx")
    assert emulator.lines()[:2] == ["one", "twox"]
    assert emulator.row(1)[-1] == Run("x", 1)


def test_47_and_1047_keep_the_cursor(terminal: Open) -> None:
    for number in (47, 1047):
        emulator = terminal(f"one\x1b[?{number}hX")
        assert emulator.lines()[0] == "   X"
        emulator.feed(f"\x1b[3;1H\x1b[?{number}lY".encode())
        assert emulator.lines()[:3] == ["one", "", "Y"]


def test_the_alternate_screen_is_always_blank_at_first(terminal: Open) -> None:
    emulator = terminal("\x1b[?1049halt\x1b[?1049l\x1b[?1049h")
    assert emulator.lines() == [""] * 5


def test_switching_twice_changes_nothing(terminal: Open) -> None:
    emulator = terminal("one\x1b[?1049h\x1b[?1049halt")
    assert emulator.lines()[0] == "   alt"
    emulator.feed(b"\x1b[?1049l\x1b[?1049l!")
    assert emulator.lines()[0] == "one!"


def test_the_alternate_screen_has_no_history(terminal: Open) -> None:
    emulator = terminal("\x1b[?1049h" + "x\r\n" * 50)
    assert emulator.history_length == 0


def test_modes_outlive_the_alternate_screen(terminal: Open) -> None:
    emulator = terminal("\x1b[?1049h\x1b[?7l\x1b[4h\x1b[?25l\x1b[?1049l")
    emulator.feed(b"ab\rX")
    assert emulator.lines()[0] == "Xab"
    assert not emulator.cursor.visible
    emulator.feed(b"\x1b[4l" + b"a" * 30)
    assert emulator.cursor[:2] == (19, 0)


def test_tab_stops_and_line_drawing_go_along(terminal: Open) -> None:
    emulator = terminal("\x1b[3g\x1b[4G\x1bH\x1b(0\x1b[?1049h\r\tq")
    assert emulator.lines()[0] == "   ─"


# History


def test_lines_that_scroll_off_are_kept(terminal: Open) -> None:
    emulator = terminal("".join(f"\x1b[3{n}mline {n}\r\n" for n in range(8)))
    assert emulator.history_length == 4
    assert [row_text(row) for row in emulator.history(0, 9)] == [f"line {n}" for n in range(4)]
    assert emulator.history(1, 1) == [(Run("line 1", 1),)]
    assert emulator.history(3, 0) == emulator.history(9, 1) == []
    assert emulator.history(-2, 3) == emulator.history(0, 1)


def test_the_oldest_lines_go_first(terminal: Open) -> None:
    emulator = terminal("".join(f"{n}\r\n" for n in range(50)), scrollback=10)
    assert emulator.history_length == 10
    assert row_text(emulator.history(0, 1)[0]) == "36"


def test_a_region_at_the_top_scrolls_into_history(terminal: Open) -> None:
    emulator = terminal(NUMBERS + "\x1b[1;3r\x1b[3;1H\nX\x1b[2S")
    assert [row_text(row) for row in emulator.history(0, 9)] == ["1", "2", "3"]


def test_a_region_below_the_top_scrolls_into_nothing(terminal: Open) -> None:
    assert terminal(NUMBERS + "\x1b[2;3r\x1b[3;1H\n\n\n").history_length == 0


def test_deleted_lines_are_no_history(terminal: Open) -> None:
    assert terminal(NUMBERS + "\x1b[H\x1b[3M").history_length == 0


def test_ed_3_forgets_the_history(terminal: Open) -> None:
    emulator = terminal("x\r\n" * 10 + "\x1b[31;2;3r\x1b[2;3rab\x1b[3J")
    assert emulator.history_length == 0
    assert emulator.lines()[0] == "ab"
    emulator.feed(b"c")
    assert emulator.lines()[0] == "abc"


def test_ed_3_in_the_alternate_screen(terminal: Open) -> None:
    emulator = terminal("x\r\n" * 10 + "\x1b[?1049hab\x1b[3J")
    assert emulator.history_length == 0
    assert emulator.lines()[4] == "ab"
    emulator.feed(b"\x1b[?1049l")
    assert emulator.lines()[3] == "x"


def test_a_full_reset_forgets_the_history(terminal: Open) -> None:
    assert terminal("x\r\n" * 10 + "\x1bc").history_length == 0
