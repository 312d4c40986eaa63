"""What the deck says of an item that is of no session: there is no screen to show."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.protocol.attention import AttentionItem
from ..bridge import Bridge
from ..keys.keymap import Keymap
from ..model.cells import Cell, Row
from ..model.words import KIND_SIGNS, KIND_WORDS, clean, text_under

LINES = 8


def item_titles(item: AttentionItem, bridge: Bridge) -> Sequence[Row]:
    """The panel's title: what it is about, and what is needed; shorter ones after it."""
    sign, tone = KIND_SIGNS[item.kind]
    name = Cell(clean(bridge.owner(item)) or "something that is gone", "head")
    task = (Cell(f" · {clean(item.task_id, 80)}", "muted"),) if item.task_id else ()
    state = (Cell(" · ", "muted"), Cell(f"{sign} {KIND_WORDS[item.kind]}", tone))
    return ((name, *task, *state), (name, *state))


def item_note(item: AttentionItem, keymap: Keymap) -> str:
    """What is asked, and the keys that answer it."""
    lines = [clean(item.title, 300)]
    if below := text_under(item.title, item.text):
        lines += ["", *below[:LINES]]
    ways = [
        f"{keymap.label(f'answer.{choice.meaning}')} {clean(choice.label, 60)}"
        for choice in item.choices
        if choice.meaning
    ]
    ways += [
        f"{keymap.label('attention.peek')} looks closer",
        f"{keymap.label('attention.go')} goes there",
    ]
    return "\n".join([*lines, "", *ways])
