"""What a person is asked where they are: the question, and the keys that answer it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ...core.protocol.attention import AttentionItem
from .ages import age_of, age_text
from .cells import Cell, Row
from .words import KIND_SIGNS, clean


def question_rows(
    item: AttentionItem, label: Callable[[str], str], now: datetime
) -> tuple[Row, Row]:
    """The question, and its choices; ``label`` gives an action's key, empty if it has none now."""
    sign, tone = KIND_SIGNS[item.kind]
    age = age_text(age_of(item.created_at, now))
    question = (
        Cell(f" {sign} ", tone),
        Cell(f"{clean(item.task_id, 60)}: " if item.task_id else "", "muted"),
        Cell(clean(item.title or item.text, 300), tone),
        Cell(f"  {age}", "muted"),
    )
    return question, _choices(item, label)


def _choices(item: AttentionItem, label: Callable[[str], str]) -> Row:
    cells: list[Cell] = [Cell("   ")]
    for choice in item.choices:
        key = label(f"answer.{choice.meaning}") if choice.meaning else ""
        if key:
            cells += [Cell(f"{key} ", "key"), Cell(f"{clean(choice.label, 60)}   ")]
    more = "all choices" if len(cells) < 1 + 2 * len(item.choices) else "peek"
    peek = label("attention.peek")
    return (*cells, Cell(f"{peek} ", "key"), Cell(more)) if peek else tuple(cells)
