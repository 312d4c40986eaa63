"""Handlers of ``crew.*``, as far as they are about places, votes, locks and sagas.

Results: ``{"crew": view}`` for all of it; a vote gives ``{"proposal": view}``, releasing a lock
``{"lock": view}`` as it was, resuming a saga ``{"saga": view}``.
"""

from __future__ import annotations

from ...protocol import crew_commands as c
from ...protocol.crew_views import LockView
from ..context import Call, Context, Kept, Place, Result, Route, routes_by_type


async def show(context: Context, _wish: c.ShowCrew, _call: Call) -> Result:
    """All of the crew."""
    return {"crew": (await context.crew.view()).model_dump(mode="json")}


async def vote(context: Context, wish: c.CastVote, call: Call) -> Result:
    """A person's vote."""
    found = await context.crew.vote(
        wish.proposal_id, wish.choice, call.client.name, wish.reason, call.cause
    )
    return {"proposal": found.model_dump(mode="json")}


async def release_lock(context: Context, wish: c.ReleaseLock, _call: Call) -> Result:
    """Take a lock from its holder."""
    lock = await context.crew.release_lock(wish.resource)
    view = LockView(
        resource=lock.resource, holder=lock.holder, token=lock.token, ttl_seconds=lock.ttl
    )
    return {"lock": view.model_dump(mode="json")}


async def resume_saga(context: Context, wish: c.ResumeSaga, _call: Call) -> Result:
    """Undo again what could not be undone."""
    found = await context.crew.resume_saga(wish.saga_id)
    return {"saga": found.model_dump(mode="json")}


ROUTES = routes_by_type(
    Route(c.ShowCrew, show, kept=Kept.NOT),
    Route(c.CastVote, vote, Place.MAILBOX, Kept.STORE),
    Route(c.ReleaseLock, release_lock, Place.MAILBOX, Kept.STORE),
    Route(c.ResumeSaga, resume_saga, Place.MAILBOX, Kept.STORE),
)
"""Every command's route."""
