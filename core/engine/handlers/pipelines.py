"""Handlers of ``pipeline.*``.

Results: ``{"pipeline": view}`` for what changes one pipeline, ``{"pipelines": [view, ...]}``, a whole one as
``{"whole": view}``; ``{"payload": view}`` for what changes one payload, ``{"payloads": [view, ...]}``, all
about one as ``{"detail": view}``; unloading gives ``{"name": name}``.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...protocol import pipeline_commands as c
from ...protocol.view import View
from ..context import Call, Context, Kept, Place, Result, Route, routes_by_type


def _of(name: str, view: View) -> Result:
    return {name: view.model_dump(mode="json")}


def _all(name: str, views: Iterable[View]) -> Result:
    return {name: [view.model_dump(mode="json") for view in views]}


async def load(context: Context, wish: c.LoadPipeline, call: Call) -> Result:
    """Load a pipeline from a file."""
    return _of("pipeline", await context.pipelines.load_file(wish, call.cause))


async def unload(context: Context, wish: c.UnloadPipeline, call: Call) -> Result:
    """Forget a pipeline."""
    await context.pipelines.unload(wish, call.cause)
    return {"name": wish.name}


async def list_pipelines(context: Context, _wish: c.ListPipelines, _call: Call) -> Result:
    """Every pipeline."""
    return _all("pipelines", context.pipelines.views())


async def show(context: Context, wish: c.ShowPipeline, _call: Call) -> Result:
    """One pipeline."""
    return _of("whole", context.pipelines.whole(wish.name))


async def pause(context: Context, wish: c.PausePipeline, _call: Call) -> Result:
    """Begin no more."""
    return _of("pipeline", await context.pipelines.pause(wish.name, on=True))


async def resume(context: Context, wish: c.ResumePipeline, _call: Call) -> Result:
    """Go on."""
    return _of("pipeline", await context.pipelines.pause(wish.name, on=False))


async def propel(context: Context, wish: c.PropelPayload, call: Call) -> Result:
    """Put a payload into a lane; the command's id is its id, so that it is propelled once."""
    return _of("payload", await context.pipelines.propel_asked(wish, call.command.id))


async def list_payloads(context: Context, wish: c.ListPayloads, _call: Call) -> Result:
    """Payloads, newest first."""
    return _all("payloads", context.pipelines.payloads(wish))


async def show_payload(context: Context, wish: c.ShowPayload, _call: Call) -> Result:
    """All about one payload."""
    return _of("detail", await context.pipelines.payload(wish.payload_id))


async def cancel(context: Context, wish: c.CancelPayload, _call: Call) -> Result:
    """End a payload."""
    return _of("payload", await context.pipelines.cancel(wish.payload_id))


async def retry(context: Context, wish: c.RetryPayload, _call: Call) -> Result:
    """Try a payload now."""
    return _of("payload", await context.pipelines.retry(wish.payload_id))


async def replay(context: Context, wish: c.ReplayPayload, _call: Call) -> Result:
    """Submit a dead payload anew."""
    return _of("payload", await context.pipelines.replay(wish.payload_id))


async def discard(context: Context, wish: c.DiscardPayload, _call: Call) -> Result:
    """Remove a dead payload."""
    return _of("payload", await context.pipelines.discard(wish.payload_id))


ROUTES = routes_by_type(
    Route(c.LoadPipeline, load, Place.MAILBOX, Kept.STORE),
    Route(c.UnloadPipeline, unload, Place.MAILBOX, Kept.STORE),
    Route(c.ListPipelines, list_pipelines, kept=Kept.NOT),
    Route(c.ShowPipeline, show, kept=Kept.NOT),
    Route(c.PausePipeline, pause, Place.MAILBOX, Kept.STORE),
    Route(c.ResumePipeline, resume, Place.MAILBOX, Kept.STORE),
    Route(c.PropelPayload, propel, Place.MAILBOX, Kept.STORE),
    Route(c.ListPayloads, list_payloads, kept=Kept.NOT),
    Route(c.ShowPayload, show_payload, kept=Kept.NOT),
    Route(c.CancelPayload, cancel, Place.MAILBOX, Kept.STORE),
    Route(c.RetryPayload, retry, Place.MAILBOX, Kept.STORE),
    Route(c.ReplayPayload, replay, Place.MAILBOX, Kept.STORE),
    Route(c.DiscardPayload, discard, Place.MAILBOX, Kept.STORE),
)
