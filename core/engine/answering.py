"""Who takes the answers to attention items that are no session's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..protocol.attention import AttentionItem, AttentionKind
from ..protocol.commands import AnswerItem
from ..protocol.events import Cause
from .faults import AnswererMissing

Answerer = Callable[[AttentionItem, AnswerItem, str, Cause], Awaitable[Mapping[str, Any]]]
"""Given the item, the wish, who answers (in words for people) and the cause; the reply's result."""

GATE = "gate"
"""Under this name stands who takes the answers to the questions of workflows."""


class Answerers:
    """By the first word of what an item is about: ``budget``, ``proposal``, ``saga``, ``payload``."""

    def __init__(self) -> None:
        self._answerers: dict[str, Answerer] = {}

    def register(self, prefix: str, answerer: Answerer) -> None:
        """Let ``answerer`` take what is about ``PREFIX/...``; it replaces an earlier one."""
        self._answerers[prefix] = answerer

    def find(self, item: AttentionItem) -> Answerer | None:
        """Who takes the answer; ``None`` if the item is a session's.

        :raises AnswererMissing: if nobody does.
        """
        if item.about:
            prefix = item.about.partition("/")[0]
        elif item.kind is AttentionKind.GATE:
            prefix = GATE
        else:
            return None
        found = self._answerers.get(prefix)
        if found is None:
            raise AnswererMissing(
                f"“{item.title}” can't be answered here; resolve it, or answer where it comes from.",
                about=item.about,
            )
        return found
