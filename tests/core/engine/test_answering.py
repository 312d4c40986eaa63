"""Who takes the answer to an attention item."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.ids import new_id
from quarterdeck.core.client.client import CommandRefused
from quarterdeck.core.engine.answering import GATE, Answerers
from quarterdeck.core.engine.faults import AnswererMissing
from quarterdeck.core.protocol.attention import AttentionItem, AttentionKind
from quarterdeck.core.protocol.commands import AnswerItem
from quarterdeck.core.protocol.events import Cause

from .ship import sailing, settle


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


async def test_of_two_answers_at_once_only_the_first_is_taken(place: Path) -> None:
    """Else both would be: two people, or two clients, grant twice what was asked for once."""
    taken: list[str] = []
    async with sailing(place) as ship:
        asked = item(about="budget/day/2026-01-01", item_id=new_id())
        ship.sessions.open_items[asked.item_id] = asked

        async def grant(
            found: AttentionItem, wish: AnswerItem, by: str, _: Cause
        ) -> Mapping[str, Any]:
            await settle()
            taken.append(by)
            ship.sessions.open_items.pop(found.item_id, None)
            return {"choice": wish.choice}

        ship.engine._parts.answerers.register("budget", grant)
        wish = AnswerItem(item_id=asked.item_id, choice="same")
        one, other = await ship.client("one"), await ship.client("other")
        found = await asyncio.gather(one.call(wish), other.call(wish), return_exceptions=True)
        assert len(taken) == 1
        assert sorted(isinstance(each, CommandRefused) for each in found) == [False, True]
        await one.close()
        await other.close()
