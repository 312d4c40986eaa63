"""Who takes the answer to an attention item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from quarterdeck.core.engine.answering import GATE, Answerers
from quarterdeck.core.engine.faults import AnswererMissing
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.commands import AnswerItem
from quarterdeck.core.protocol.events import Cause


def item(**fields: Any) -> AttentionItem:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given = {"kind": AttentionKind.LIMIT, "item_id": "i", "request_id": "r", "title": "T"}
    return AttentionItem(**{**given, "created_at": now, **fields})


async def budget(_: AttentionItem, __: AnswerItem, ___: str, ____: Cause) -> Mapping[str, Any]:
    return {}


async def gate(_: AttentionItem, __: AnswerItem, ___: str, ____: Cause) -> Mapping[str, Any]:
    return {}


def answerers() -> Answerers:
    made = Answerers()
    made.register("budget", budget)
    made.register(GATE, gate)
    return made


def test_the_first_word_of_what_it_is_about_decides() -> None:
    assert answerers().find(item(about="budget/day/2026-01-01")) is budget
    assert answerers().find(item(about="budget/day", kind=AttentionKind.GATE)) is budget


def test_a_question_of_a_workflow_goes_to_the_workflows_and_an_item_of_a_session_to_nobody() -> (
    None
):
    assert answerers().find(item(kind=AttentionKind.GATE, workflow_id="w")) is gate
    assert answerers().find(item(kind=AttentionKind.APPROVAL, session_id="s")) is None


def test_an_item_that_nobody_takes_says_so() -> None:
    with pytest.raises(AnswererMissing, match="can't be answered here") as caught:
        answerers().find(item(about="payload/1"))
    assert caught.value.details == {"about": "payload/1"}
