"""Text in terminal cells: widths, wrapping, styled rows."""

from __future__ import annotations

from unicodedata import category, east_asian_width

Span = tuple[str, str]
"""A style's name and the text that has it."""

Row = list[Span]
"""One line of a screen, left to right."""

STYLES = {
    "": "",
    "accent": "36",
    "bad": "31",
    "bold": "1",
    "choice": "1;36",
    "dim": "2",
    "good": "32",
    "warn": "33",
}


def char_width(char: str) -> int:
    """Cells that ``char`` takes: 0, 1 or 2."""
    if " " <= char <= "~":
        return 1
    if category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in {"W", "F"} else 1


def text_width(text: str) -> int:
    """Cells that ``text`` takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def clean(text: str) -> str:
    """``text`` without control characters; tabs become blanks, all line ends alike."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(char for char in text if char == "\n" or category(char) != "Cc")


def fit(text: str, cols: int) -> str:
    """The part of ``text`` that ``cols`` cells hold."""
    if text.isascii():
        return text[:cols]
    used = 0
    for index, char in enumerate(text):
        used += char_width(char)
        if used > cols:
            return text[:index]
    return text


def clip(row: Row, cols: int) -> Row:
    """The part of ``row`` that ``cols`` cells hold."""
    clipped: Row = []
    for style, text in row:
        kept = fit(text, cols)
        clipped.append((style, kept))
        cols -= text_width(kept)
        if kept != text:
            break
    return clipped


def break_word(word: str, cols: int) -> list[str]:
    """``word`` in pieces of at most ``cols`` cells; a wide character in one cell stands alone."""
    pieces = []
    while text_width(word) > cols:
        piece = fit(word, cols) or word[0]
        pieces.append(piece)
        word = word[len(piece) :]
    return [*pieces, word] if word else pieces


def wrap_line(line: str, cols: int) -> list[str]:
    """One line without line ends, wrapped at blanks; its indentation stays on the first row."""
    rows = []
    words = line.split(" ")
    row = words[0]
    for word in words[1:]:
        if text_width(row) + 1 + text_width(word) <= cols:
            row += f" {word}"
        else:
            rows.append(row)
            row = word
    return [piece for wide in [*rows, row] for piece in break_word(wide, cols) or [""]]


def wrap(text: str, cols: int) -> list[str]:
    """``text`` in rows of at most ``cols`` cells (at least 1); an empty text is one empty row."""
    cols = max(cols, 1)
    return [row for line in text.split("\n") for row in wrap_line(line, cols)]


def paint(row: Row) -> str:
    """``row`` as terminal bytes; ends in the default style."""
    return "".join(
        f"\x1b[{STYLES[style]}m{text}\x1b[0m" if STYLES[style] else text for style, text in row
    )
