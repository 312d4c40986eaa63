"""Handlers of ``session.*`` and ``agent.*``.

Results: ``{"session": view}`` for what changes one session, ``{"sessions": [view, ...]}``,
``{"agents": [view, ...]}``; prompt, answer, screen, search, logs, explain and history give what
the session service gives; merge gives ``{"session": view, "merge": {...}}``, delete ``{"session_id": id}``, keys and resize nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ...base.errors import QuarterdeckError
from ...protocol import commands as c
from ...protocol.events import SessionListed
from ...protocol.views import SessionView
from ..context import Call, Context, Kept, Place, Result, Route, routes_by_type


def _session(view: SessionView) -> Result:
    return {"session": view.model_dump(mode="json")}


async def create(context: Context, wish: c.CreateSession, call: Call) -> Result:
    """Create a session; the reply comes after its start was tried."""
    if not wish.start:
        return _session(await context.sessions.create(wish, call.cause))
    made: str | None = None

    async def make() -> SessionView:
        nonlocal made
        if made is not None:  # it is there since the first try, and its name is taken
            return await context.sessions.start(c.StartAgent(session_id=made), call.cause)
        try:
            return await context.sessions.create(wish, call.cause)
        except QuarterdeckError:
            views = context.sessions.views()
            made = next((view.id for view in views if view.name == wish.name), None)
            raise

    return _session(await context.breakers.start(wish.agent, make))


async def delete(context: Context, wish: c.DeleteSession, call: Call) -> Result:
    """Remove a session."""
    await context.sessions.delete(wish, call.cause)
    return {"session_id": wish.session_id}


async def merge(context: Context, wish: c.MergeSession, call: Call) -> Result:
    """Merge the branch of a session's worktree."""
    view, done = await context.sessions.merge(wish, call.cause)
    return {**_session(view), "merge": dict(done)}


async def update(context: Context, wish: c.UpdateSession, call: Call) -> Result:
    """Change a session."""
    return _session(await context.sessions.update(wish, call.cause))


async def start(context: Context, wish: c.StartAgent, call: Call) -> Result:
    """Start a session's process."""
    return await _start(context, wish, lambda: context.sessions.start(wish, call.cause))


async def stop(context: Context, wish: c.StopAgent, call: Call) -> Result:
    """Stop a session's process."""
    return _session(await context.sessions.stop(wish, call.cause))


async def restart(context: Context, wish: c.RestartAgent, call: Call) -> Result:
    """Stop a session's process and start it anew."""
    return await _start(context, wish, lambda: context.sessions.restart(wish, call.cause))


async def _start(
    context: Context, wish: c.OnSession, begin: Callable[[], Awaitable[SessionView]]
) -> Result:
    agent = context.sessions.view(wish.session_id).agent
    return _session(await context.breakers.start(agent, begin))


async def list_sessions(context: Context, wish: c.ListSessions, call: Call) -> Result:
    """The sessions that pass every given filter."""
    needing = {item.session_id for item in context.sessions.items()}
    views = [view for view in context.sessions.views() if _passes(view, wish, needing)]
    context.journal.announce(SessionListed(count=len(views)), call.cause)
    return {"sessions": [view.model_dump(mode="json") for view in views]}


def _passes(view: SessionView, wish: c.ListSessions, needing: set[str]) -> bool:
    wanted = (
        (wish.lifecycle, view.lifecycle),
        (wish.activity, view.status.activity),
        (wish.agent, view.agent),
        (wish.needs_attention, view.id in needing),
    )
    if any(asked is not None and asked != found for asked, found in wanted):
        return False
    text = (wish.text or "").casefold()
    return any(text in part.casefold() for part in (view.name, view.agent, view.cwd, view.title))


async def prompt(context: Context, wish: c.Prompt, call: Call) -> Result:
    """Deliver a prompt."""
    async with context.safety.prompting(context.sessions.view(wish.session_id)):
        return dict(await context.sessions.prompt(wish, call.cause))


async def keys(context: Context, wish: c.SendKeys, call: Call) -> Result:
    """Press keys."""
    await context.sessions.keys(wish, call.cause)
    return {}


async def resize(context: Context, wish: c.Resize, call: Call) -> Result:
    """Change a terminal's size."""
    await context.sessions.resize(wish, call.cause)
    return {}


async def answer(context: Context, wish: c.Answer, call: Call) -> Result:
    """Answer an open request."""
    return dict(await context.sessions.answer(wish, call.cause))


def _reading(read: Callable[[Context, Any], Any]) -> Callable[[Context, Any, Call], Any]:
    """A handler of a command that only reads."""

    async def handler(context: Context, wish: Any, _call: Call) -> Result:
        return dict(await read(context, wish))

    return handler


async def explain(context: Context, wish: c.ExplainSession, _call: Call) -> Result:
    """What says a session's status."""
    return dict(context.sessions.explain(wish))


async def list_agents(context: Context, _wish: c.ListAgents, _call: Call) -> Result:
    """The agents that can be started."""
    return {"agents": [view.model_dump(mode="json") for view in context.sessions.agents()]}


def _changes(payload: type[c.Payload], handler: Any) -> Route:
    return Route(payload, handler, Place.MAILBOX, Kept.STORE)


def _reads(payload: type[c.Payload], handler: Any) -> Route:
    return Route(payload, handler, Place.WORKER, Kept.NOT)


ROUTES = routes_by_type(
    _changes(c.CreateSession, create),
    _changes(c.DeleteSession, delete),
    _changes(c.MergeSession, merge),
    _changes(c.UpdateSession, update),
    _changes(c.StartAgent, start),
    _changes(c.StopAgent, stop),
    _changes(c.RestartAgent, restart),
    _changes(c.Prompt, prompt),
    _changes(c.SendKeys, keys),
    _changes(c.Resize, resize),
    _changes(c.Answer, answer),
    _reads(c.ListSessions, list_sessions),
    _reads(c.ListAgents, list_agents),
    _reads(c.ReadScreen, _reading(lambda context, wish: context.sessions.screen(wish))),
    _reads(c.SearchScreen, _reading(lambda context, wish: context.sessions.search(wish))),
    _reads(c.ReadLog, _reading(lambda context, wish: context.sessions.logs(wish))),
    _reads(c.SessionHistory, _reading(lambda context, wish: context.sessions.history(wish))),
    _reads(c.ExplainSession, explain),
)
