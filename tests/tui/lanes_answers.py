"""What the scripted engine does with commands about pipelines and the crew."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from quarterdeck.core.base.priority import Priority
from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol import crew_commands as k
from quarterdeck.core.protocol import pipeline_commands as p
from quarterdeck.core.protocol import pipeline_events as pe
from quarterdeck.core.protocol.pipeline_views import LaneView, PayloadStatus

if TYPE_CHECKING:
    from tests.tui.crew import Crew

Result = dict[str, Any]
Do = Callable[["Crew"], "Result | None"]
S = PayloadStatus


@singledispatch
def lane_answer(_payload: c.Payload) -> Do | None:
    """What to do; ``None`` for a command that is about neither."""
    return None


@lane_answer.register(p.LoadPipeline)
def _(wish: p.LoadPipeline) -> Do:
    def load(crew: Crew) -> Result:
        name = wish.file.rpartition("/")[2].partition(".")[0]
        view = crew.lanes.add(name, [LaneView(event="begun"), LaneView(event="done")])
        crew.tell(pe.PipelineLoaded(pipeline=view))
        return {"pipeline": view.model_dump(mode="json")}

    return load


@lane_answer.register(p.UnloadPipeline)
def _(wish: p.UnloadPipeline) -> Do:
    return lambda crew: crew.lanes.unload(wish.name)


def _paused(*, paused: bool) -> Callable[[p.OnPipeline], Do]:
    def make(wish: p.OnPipeline) -> Do:
        def do(crew: Crew) -> Result:
            view = crew.lanes.change(wish.name, paused=paused)
            return {"pipeline": view.model_dump(mode="json")}

        return do

    return make


lane_answer.register(p.PausePipeline, _paused(paused=True))
lane_answer.register(p.ResumePipeline, _paused(paused=False))


@lane_answer.register(p.ShowPipeline)
def _(wish: p.ShowPipeline) -> Do:
    return lambda crew: {"whole": crew.lanes.whole(wish.name).model_dump(mode="json")}


@lane_answer.register(p.PropelPayload)
def _(wish: p.PropelPayload) -> Do:
    def propel(crew: Crew) -> Result:
        payload = crew.lanes.payload(
            wish.event, age=0, pipeline=wish.name, summary=str(wish.data),
            priority=wish.priority or Priority.NORMAL, deadline=wish.deadline,
        )  # fmt: skip
        crew.lanes.move(payload, S.QUEUED)
        return {"payload": payload.model_dump(mode="json")}

    return propel


@lane_answer.register(p.ListPayloads)
def _(wish: p.ListPayloads) -> Do:
    def found(crew: Crew) -> Result:
        payloads = [
            one.model_dump(mode="json")
            for one in crew.lanes.payloads.values()
            if wish.name in {None, one.pipeline}
            and wish.event in {None, one.event}
            and (not wish.statuses or one.status in wish.statuses)
        ]
        return {"payloads": payloads[::-1][: wish.limit]}

    return found


@lane_answer.register(p.ShowPayload)
def _(wish: p.ShowPayload) -> Do:
    return lambda crew: {"detail": crew.lanes.detail(wish.payload_id).model_dump(mode="json")}


def _moves(status: PayloadStatus) -> Callable[[p.OnPayload], Do]:
    def make(wish: p.OnPayload) -> Do:
        def do(crew: Crew) -> Result:
            payload = crew.lanes.move(crew.lanes.payloads[wish.payload_id], status)
            return {"payload": payload.model_dump(mode="json")}

        return do

    return make


lane_answer.register(p.CancelPayload, _moves(S.CANCELLED))
lane_answer.register(p.RetryPayload, _moves(S.RUNNING))
lane_answer.register(p.ReplayPayload, _moves(S.QUEUED))


@lane_answer.register(p.DiscardPayload)
def _(wish: p.DiscardPayload) -> Do:
    def discard(crew: Crew) -> None:
        del crew.lanes.payloads[wish.payload_id]

    return discard


@lane_answer.register(k.ShowCrew)
def _(_wish: k.ShowCrew) -> Do:
    return lambda crew: {"crew": crew.lanes.load.model_dump(mode="json")}


@lane_answer.register(k.Halt)
def _(wish: k.Halt) -> Do:
    return lambda crew: crew.lanes.halt(wish.reason)


@lane_answer.register(k.ResetHalt)
def _(_wish: k.ResetHalt) -> Do:
    return lambda crew: crew.lanes.go_on()


@lane_answer.register(k.ResetBreaker)
def _(wish: k.ResetBreaker) -> Do:
    def reset(crew: Crew) -> None:
        breakers = tuple(
            one.changed(state="closed", failures=0, opened_at=None, retry_at=None)
            if one.name == wish.name
            else one
            for one in crew.lanes.load.breakers
        )
        crew.lanes.crew_is(breakers=breakers)

    return reset


@lane_answer.register(k.GrantBudget)
def _(wish: k.GrantBudget) -> Do:
    def grant(crew: Crew) -> None:
        budgets = tuple(
            one.changed(limit=one.limit + wish.more, left=one.left + wish.more, asked=False)
            if (one.name, one.key) == (wish.name, wish.key)
            else one
            for one in crew.lanes.load.budgets
        )
        crew.lanes.crew_is(budgets=budgets)

    return grant


@lane_answer.register(k.ReleaseLock)
def _(wish: k.ReleaseLock) -> Do:
    def release(crew: Crew) -> None:
        locks = tuple(one for one in crew.lanes.load.locks if one.resource != wish.resource)
        crew.lanes.crew_is(locks=locks)

    return release


@lane_answer.register(k.CastVote)
def _(_wish: k.CastVote) -> Do:
    def vote(crew: Crew) -> None:
        decided = tuple(one.changed(status="achieved") for one in crew.lanes.load.proposals)
        crew.lanes.crew_is(proposals=decided)

    return vote
