"""Styles of runs as SGR parameters: written for repaints and snapshots, read by the pyte grid."""

from __future__ import annotations

from functools import lru_cache

from ...protocol.screen import DEFAULT_COLOUR, RGB, Attr, Row, Run

_ATTRIBUTES = (
    (Attr.BOLD, "1"),
    (Attr.DIM, "2"),
    (Attr.ITALIC, "3"),
    (Attr.UNDERLINE, "4"),
    (Attr.BLINK, "5"),
    (Attr.REVERSE, "7"),
    (Attr.HIDDEN, "8"),
    (Attr.STRIKE, "9"),
)
PLAIN = (DEFAULT_COLOUR, DEFAULT_COLOUR, 0)

Style = tuple[int, int, int]
"""Foreground, background, attributes, as in a ``Run``."""


@lru_cache(maxsize=4096)
def sgr(fg: int, bg: int, attrs: int) -> str:
    """The SGR sequence that gives exactly this style, whatever was in force."""
    parts = ["0", *(code for attribute, code in _ATTRIBUTES if attrs & attribute)]
    parts += _colour(fg, 30, 90, "38")
    parts += _colour(bg, 40, 100, "48")
    return f"\x1b[{';'.join(parts)}m"


def _colour(colour: int, base: int, bright: int, extended: str) -> list[str]:
    if colour == DEFAULT_COLOUR:
        return []
    if colour & RGB:
        channels = (colour >> 16 & 0xFF, colour >> 8 & 0xFF, colour & 0xFF)
        return [f"{extended};2;{channels[0]};{channels[1]};{channels[2]}"]
    if colour < 8:
        return [str(base + colour)]
    if colour < 16:
        return [str(bright + colour - 8)]
    return [f"{extended};5;{colour}"]


def row_ansi(row: Row) -> str:
    """``row`` as text with SGR sequences; ends in the default style if it left it."""
    text = "".join(
        run.text if run[1:] == PLAIN else f"{sgr(*run[1:])}{run.text}\x1b[0m" for run in row
    )
    return text.replace("\x1b[0m\x1b[0", "\x1b[0")


_ON = {
    1: Attr.BOLD, 2: Attr.DIM, 3: Attr.ITALIC, 4: Attr.UNDERLINE, 5: Attr.BLINK,
    7: Attr.REVERSE, 8: Attr.HIDDEN, 9: Attr.STRIKE,
}  # fmt: skip
_OFF = {
    22: Attr.BOLD | Attr.DIM, 23: Attr.ITALIC, 24: Attr.UNDERLINE, 25: Attr.BLINK,
    27: Attr.REVERSE, 28: Attr.HIDDEN, 29: Attr.STRIKE,
}  # fmt: skip
_ATTRIBUTE_CODES = frozenset({0, *_ON, *_OFF})


@lru_cache(maxsize=4096)
def apply_sgr(style: Style, parameters: str) -> Style:
    """``style`` after SGR ``parameters``."""
    fg, bg, attrs = style
    for code, colour in operations(parameters):
        if code == 38:
            fg = colour
        elif code == 48:
            bg = colour
        elif code == 0:
            fg, bg, attrs = PLAIN
        elif code in _ON:
            attrs |= int(_ON[code])
        else:
            attrs &= ~int(_OFF[code])
    return fg, bg, attrs


@lru_cache(maxsize=4096)
def plain_parameters(parameters: str) -> str:
    """SGR ``parameters`` in the oldest notation: ``;`` only, and nothing that goes unshown."""
    codes = []
    for code, colour in operations(parameters):
        if code == 38:
            codes += _colour(colour, 30, 90, "38") or ["39"]
        elif code == 48:
            codes += _colour(colour, 40, 100, "48") or ["49"]
        else:
            codes.append(str(code))
    return ";".join(codes)


def operations(parameters: str) -> list[tuple[int, int]]:
    """SGR ``parameters`` as steps: an attribute's code, or 38 or 48 with a colour.

    Every kind of underline is 4. What has no place in a ``Run`` is left out: the underline's
    colour, overline, fonts, and 21, which ends bold here and underlines doubly there.
    """
    steps: list[tuple[int, int]] = []
    groups = [group.split(":") for group in parameters.split(";")]
    at = 0
    while at < len(groups):
        group = groups[at]
        code = _number(group[0])
        at += 1
        if code in {38, 48, 58}:
            colour, used = _extended(group, groups[at:])
            at += used
            if colour is not None and code != 58:
                steps.append((code, colour))
        else:
            steps += _simple(code, group)
    return steps


def _simple(code: int, group: list[str]) -> list[tuple[int, int]]:
    if code == 4 and len(group) > 1 and _number(group[1]) == 0:
        return [(24, 0)]
    if code in _ATTRIBUTE_CODES:
        return [(code, 0)]
    tens, ones = divmod(code, 10)
    layer = {3: 38, 4: 48, 9: 38, 10: 48}.get(tens)
    if layer is None or ones == 8 or (ones == 9 and tens > 4):
        return []
    return [(layer, DEFAULT_COLOUR if ones == 9 else ones + (8 if tens > 4 else 0))]


def _number(text: str) -> int:
    if not text:
        return 0
    return int(text) if len(text) < 6 else 65535


def _extended(group: list[str], following: list[list[str]]) -> tuple[int | None, int]:
    """The colour of 38, 48 or 58 in either notation, and how many groups after it belong to it."""
    if len(group) > 1:
        return _colon_colour(group), 0
    kind = _number(following[0][0]) if following else 0
    if kind == 5 and len(following) > 1:
        return _number(following[1][0]) & 0xFF, 2
    if kind == 2 and len(following) > 3:
        return _direct([part[0] for part in following[1:4]]), 4
    return None, len(following)


def _colon_colour(group: list[str]) -> int | None:
    if group[1] == "5" and len(group) > 2:
        return _number(group[2]) & 0xFF
    if group[1] == "2" and len(group) > 4:
        # With six parts the third is a colour space, mostly empty.
        return _direct(group[3:6] if len(group) > 5 else group[2:5])
    return None


def _direct(channels: list[str]) -> int:
    red, green, blue = (_number(channel) & 0xFF for channel in channels)
    return RGB | red << 16 | green << 8 | blue


def merge(runs: list[Run]) -> Row:
    """``runs`` as a row: neighbours of one style joined, trailing default blanks left out."""
    merged: list[Run] = []
    for run in runs:
        if merged and merged[-1][1:] == run[1:]:
            merged[-1] = merged[-1]._replace(text=merged[-1].text + run.text)
        elif run.text:
            merged.append(run)
    while merged and merged[-1][1:] == PLAIN:
        text = merged[-1].text.rstrip(" ")
        if text:
            merged[-1] = Run(text)
            break
        merged.pop()
    return tuple(merged)


WHITE, BLACK = 7, 0


def white_runs(text: str, bg: int) -> list[Run]:
    """``text`` in palette white, without attributes; blanks around it in the default colour.

    The Rust parser does not tell white from the default on blanks, so that none is told at all.
    """
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" ")) if inner else len(text)
    after = len(text) - before - len(inner)
    return [Run(" " * before, bg=bg), Run(inner, WHITE, bg), Run(" " * after, bg=bg)]
