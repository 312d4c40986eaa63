"""Handlers of ``system.*`` and ``events.*``.

Results: ``{"health": view}``, ``{"state": view}``, ``{"stopping": True}``,
``{"events": [event, ...], "sequence": n}``, oldest first; all kept ones up to number n were looked at;
``{"audit": {"records": int, "broken": {"sequence", "what"} | null}}``.
"""

from __future__ import annotations

from ...protocol import commands as c
from ..audit_check import parse_head, verify
from ..context import Call, Context, Kept, Result, Route, routes_by_type
from ..past import kept_events


async def health(context: Context, _wish: c.HealthCheck, _call: Call) -> Result:
    """How the engine is, looked at now."""
    view = await context.health()
    return {"health": view.model_dump(mode="json")}


async def state(context: Context, _wish: c.GetState, _call: Call) -> Result:
    """The whole state."""
    return {"state": context.state().model_dump(mode="json")}


async def shutdown(context: Context, wish: c.Shutdown, _call: Call) -> Result:
    """Begin to stop the engine; the reply comes before it is gone."""
    context.stop(wish.stop_sessions)
    return {"stopping": True}


async def list_events(context: Context, wish: c.ListEvents, _call: Call) -> Result:
    """Kept events."""
    upto = context.journal.delivered
    found = await kept_events(
        context.store,
        wish.topic,
        after=wish.after,
        upto=upto,
        session_id=wish.session_id,
        limit=wish.limit,
    )
    return {"events": found, "sequence": upto}


async def verify_events(context: Context, wish: c.VerifyEvents, _call: Call) -> Result:
    """Check the audit log."""
    known = parse_head(wish.head) if wish.head else None
    return {"audit": (await verify(context.store, known)).dump()}


ROUTES = routes_by_type(
    Route(c.HealthCheck, health, kept=Kept.NOT),
    Route(c.GetState, state, kept=Kept.NOT),
    Route(c.Shutdown, shutdown),
    Route(c.ListEvents, list_events, kept=Kept.NOT),
    Route(c.VerifyEvents, verify_events, kept=Kept.NOT),
)
