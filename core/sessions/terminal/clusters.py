"""Cells as text: wide characters stand once, and every text is as wide as its cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

MAX_MARKS = 8
"""Code points kept of one cell: a letter with a tower of marks stays bounded."""

SUSPECT = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u0fff\u1100-\u11ff\u135d-\u135f\u17b4-\u17dd\u180b-\u180f"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20d0-\u20ff\u231a\u231b\u2329\u232a\u23e9-\u23f3"
    "\u25fd\u25fe\u2614\u2615\u2630-\u2637\u2648-\u2653\u267f\u268a-\u268f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b"
    "\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55"
    "\u2e80-\ud7ff\uf900-\uffff\U00010000-\U0010ffff]"
)
"""Characters that may take two cells or none; without any of these, cells are characters."""

_REGIONAL = range(0x1F1E6, 0x1F200)
_EXTRAS = re.compile("\u200d.*|[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]", re.DOTALL)


def is_flag(text: str) -> bool:
    """Whether ``text`` begins with a pair of regional indicators."""
    return len(text) > 1 and ord(text[0]) in _REGIONAL and ord(text[1]) in _REGIONAL


def trim(text: str) -> str:
    """A cell's text without what terminals disagree on the width of.

    Joined emoji show their first part, skin tones and presentation selectors go.
    """
    if len(text) == 1:
        return text
    return _EXTRAS.sub("", text)[:MAX_MARKS] or " "


def fold(cells: Sequence[str], spacers: Sequence[bool], width: Callable[[str], int]) -> list[str]:
    """What each cell adds to its line's text; ``spacers`` are second halves of wide characters.

    A wide character's second cell adds nothing. A half without its other half is blank, as on
    a terminal that blanks both when one is overwritten.
    """
    texts: list[str] = []
    second_half = False
    for at, cell in enumerate(cells):
        if spacers[at]:
            texts.append("" if second_half else " ")
            second_half = False
            continue
        cells_of = 2 if is_flag(cell) else width(cell[0]) if cell else 0
        second_half = cells_of == 2 and at + 1 < len(cells) and spacers[at + 1]
        texts.append(trim(cell) if second_half or cells_of == 1 else " ")
    return texts
