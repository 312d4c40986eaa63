"""Handlers of ``attention.*`` and ``nav.*``.

Results: ``{"items": [item, ...]}``; ``{"item": item}`` for snoozing, resolving and the next
actionable one (``None`` if nothing needs a person); ``{"session_id": id}`` for focus.
"""

from __future__ import annotations

from ...protocol import commands as c
from ...protocol.attention import AttentionItem
from ..context import Call, Context, Kept, Place, Result, Route, routes_by_type


def _item(item: AttentionItem | None) -> Result:
    return {"item": None if item is None else item.model_dump(mode="json")}


async def list_items(context: Context, wish: c.ListAttention, _call: Call) -> Result:
    """The attention queue in its order."""
    items = context.sessions.items(snoozed=wish.snoozed)
    return {"items": [item.model_dump(mode="json") for item in items]}


async def answer(context: Context, wish: c.AnswerItem, call: Call) -> Result:
    """Answer an item: a session's, or that of whoever is registered for what it is about."""
    item = next((one for one in context.sessions.items() if one.item_id == wish.item_id), None)
    answerer = None if item is None else context.answerers.find(item)
    if item is not None and answerer is not None:
        return dict(await answerer(item, wish, call.client.name, call.cause))
    return dict(await context.sessions.answer_item(wish, call.cause))


async def snooze(context: Context, wish: c.SnoozeItem, call: Call) -> Result:
    """Put an item aside."""
    return _item(await context.sessions.snooze(wish, call.cause))


async def resolve(context: Context, wish: c.ResolveItem, call: Call) -> Result:
    """Take an item off the queue."""
    return _item(await context.sessions.resolve(wish, call.cause))


async def next_actionable(context: Context, wish: c.NextActionable, _call: Call) -> Result:
    """The next or previous item that needs a person."""
    return _item(context.sessions.next_actionable(wish))


async def focus(context: Context, wish: c.SetFocus, call: Call) -> Result:
    """Note what this client's person looks at."""
    if wish.session_id is not None:
        context.sessions.view(wish.session_id)
    call.client.focus = wish.session_id
    context.sessions.focus(call.client.client_id, wish.session_id)
    return {"session_id": wish.session_id}


ROUTES = routes_by_type(
    Route(c.ListAttention, list_items, kept=Kept.NOT),
    Route(c.AnswerItem, answer, Place.MAILBOX, Kept.STORE),
    Route(c.SnoozeItem, snooze, Place.MAILBOX, Kept.STORE),
    Route(c.ResolveItem, resolve, Place.MAILBOX, Kept.STORE),
    Route(c.NextActionable, next_actionable),
    Route(c.SetFocus, focus),
)
