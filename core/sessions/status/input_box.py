"""What stands in an agent's input box: a prompt must not be added to somebody's words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...base.errors import BusinessFault
from .bottom import is_ruled
from .matching import shorten

REACH = 20
"""How many lines a draft is followed upwards from the cursor."""


class DraftPresent(BusinessFault):
    """A prompt was refused because words stand in the agent's input box already."""

    code = "draft_present"


def draft_in(mark: re.Pattern[str] | None, lines: Sequence[str], x: int, y: int) -> str:
    """The words in the input box on a screen whose cursor stands at ``x``, ``y``; empty if none.

    ``mark`` matches the beginning of the box's first line. In an empty box the cursor stands right
    behind the mark, whatever the box shows as a hint. A draft of which the cursor stands at the
    beginning is not seen.
    """
    if mark is None or not 0 <= y < len(lines):
        return ""
    begun = mark.match(lines[y].ljust(x))
    if begun is not None:
        return lines[y][begun.end() :].strip() if x > begun.end() else ""
    for line in reversed(lines[max(0, y - REACH) : y]):
        if not line.strip() or is_ruled(line):
            return ""
        if (begun := mark.match(line)) is not None:
            return line[begun.end() :].strip()
    return ""


def guard_box(draft: str, name: str) -> None:
    """Let a prompt through only into an empty box.

    :raises DraftPresent: if ``draft`` stands in it.
    """
    if draft:
        raise DraftPresent(
            f"Words stand in the input box of {name}: “{shorten(draft)}”. The prompt would be "
            "added to them. Send or clear them in the session first, or send it with "
            "--over-draft.",
            draft=shorten(draft),
        )
