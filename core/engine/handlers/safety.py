"""Handlers of ``safety.show``, and of what a person does about breakers, budgets and the halt.

Results: ``{"safety": view}``, ``{"breaker": view}``, ``{"budget": view}``, ``{"halt": view or None}``.
"""

from __future__ import annotations

from ...protocol import crew_commands as c
from ..context import Call, Context, Kept, Result, Route, routes_by_type


async def show(context: Context, _wish: c.ShowSafety, _call: Call) -> Result:
    """What work is held against."""
    return {"safety": context.safety.view().model_dump(mode="json")}


async def reset_breaker(context: Context, wish: c.ResetBreaker, _call: Call) -> Result:
    """Close a breaker now."""
    return {"breaker": context.safety.reset_breaker(wish.name).model_dump(mode="json")}


async def grant(context: Context, wish: c.GrantBudget, call: Call) -> Result:
    """Allow more of one account."""
    view = await context.safety.grant(wish.name, wish.key, wish.more, call.cause)
    return {"budget": view.model_dump(mode="json")}


async def halt(context: Context, wish: c.Halt, call: Call) -> Result:
    """Halt everything."""
    view = await context.safety.halt(wish.reason, call.cause)
    return {"halt": view.model_dump(mode="json")}


async def reset_halt(context: Context, _wish: c.ResetHalt, call: Call) -> Result:
    """Go on after a halt."""
    await context.safety.reset_halt(call.cause)
    return {"halt": None}


ROUTES = routes_by_type(
    Route(c.ShowSafety, show, kept=Kept.NOT),
    Route(c.ResetBreaker, reset_breaker, kept=Kept.STORE),
    Route(c.GrantBudget, grant, kept=Kept.STORE),
    Route(c.Halt, halt, kept=Kept.STORE),
    Route(c.ResetHalt, reset_halt, kept=Kept.STORE),
)
