"""Which command answers an attention item, and which of its choices means what."""

from __future__ import annotations

from ...core.protocol.attention import AttentionItem, AttentionKind
from ...core.protocol.commands import Answer, AnswerItem, Payload
from ...core.protocol.status import Choice

OF_A_SESSION = frozenset((AttentionKind.APPROVAL, AttentionKind.QUESTION))
"""Kinds whose request is the session's own, so that an answer can name it by its id."""

WORDS = {"allow_once": "Allowed once", "allow_always": "Allowed always", "reject": "Rejected"}


def choice_for(item: AttentionItem | None, meaning: str) -> Choice | None:
    """The choice of ``item`` that means ``meaning``."""
    choices = item.choices if item is not None else ()
    return next((choice for choice in choices if choice.meaning == meaning), None)


def answer_to(item: AttentionItem, choice: str | None, text: str | None) -> Payload:
    """The command that answers ``item``: by its request's id wherever it has one of a session."""
    if item.session_id and item.kind in OF_A_SESSION:
        return Answer(
            session_id=item.session_id, request_id=item.request_id, choice=choice, text=text
        )
    return AnswerItem(item_id=item.item_id, choice=choice, text=text)
