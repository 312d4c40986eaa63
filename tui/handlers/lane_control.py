"""Steering pipelines and payloads: a second key for what can't be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.protocol.commands import Payload
from ...core.protocol.pipeline_commands import (
    CancelPayload,
    DiscardPayload,
    PausePipeline,
    ReplayPayload,
    ResumePipeline,
    RetryPayload,
    UnloadPipeline,
)
from ...core.protocol.pipeline_views import PayloadStatus, PayloadView
from ..bridge import Bridge
from ..lanes.feed import LanesFeed
from ..model.about import short_id
from ..model.lanes.desk import LanesDesk
from ..model.lanes.rows import lane_key
from ..model.lanes.words import ENDED
from ..model.words import clean, plural
from .base import Handler, Handlers
from .sure import Question, make_sure

NO_PIPELINE = "There is no pipeline here; <pipeline.load> loads a file."
NO_PAYLOAD = "There is no payload here; <pipeline.propel> propels one."


class LaneControl:
    """What can be done to the pipeline, and to the payload, that is looked at."""

    def __init__(self, bridge: Bridge, desk: LanesDesk, feed: LanesFeed) -> None:
        self._bridge = bridge
        self._desk = desk
        self._feed = feed

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            "pipeline.load": Handler(self.load, self._not_reached),
            "pipeline.propel": Handler(self.propel, self._none),
            "pipeline.pause": Handler(self.pause, partial(self._unless_paused, wanted=False)),
            "pipeline.resume": Handler(self.resume, partial(self._unless_paused, wanted=True)),
            "pipeline.unload": Handler(self.unload, self._none),
            "pipeline.retry": Handler(self.retry, self._cant_retry),
            "pipeline.replay": Handler(self.replay, self._not_dead),
            "pipeline.discard": Handler(self.discard, self._not_dead),
            "pipeline.cancel": Handler(self.cancel, self._cant_cancel),
        }

    @property
    def payload(self) -> PayloadView | None:
        """The payload that is looked at, as it is known."""
        found = self._feed.payloads.get(self._desk.payload_id)
        detail = self._feed.detail
        if found is None and detail is not None and detail.payload.id == self._desk.payload_id:
            return detail.payload
        return found

    # ---- forms

    def load(self) -> None:
        """Open the form for a file."""
        from ..dialogs.load_file import LoadFileDialog  # noqa: PLC0415 - start-up time

        file = self._desk.pipeline.file if self._desk.pipeline is not None else ""
        self._bridge.host.open(LoadFileDialog(self._bridge, file), self._loaded)

    def _loaded(self, name: str | None) -> None:
        if name is not None:
            self._desk.select(lane_key(name))
            self._bridge.moved()

    def propel(self) -> None:
        """Open the form for a payload."""
        from ..dialogs.propel import PropelDialog  # noqa: PLC0415 - start-up time

        pipeline = self._desk.pipeline
        if pipeline is not None:
            dialog = PropelDialog(self._bridge, pipeline, self._desk.lane)
            self._bridge.host.open(dialog, partial(self._propelled, pipeline.name))

    def _propelled(self, pipeline: str, event: str | None) -> None:
        if event is not None and self._desk.lane not in {"", event}:
            self._desk.select(lane_key(pipeline, event))
            self._bridge.moved()

    # ---- the pipeline

    def pause(self) -> None:
        """Begin no more payloads."""
        name = self._desk.name
        self._send(PausePipeline(name=name), f"Pausing {clean(name)}.")

    def resume(self) -> None:
        """Go on with what waits."""
        name = self._desk.name
        self._send(ResumePipeline(name=name), f"Going on with {clean(name)}.")

    def unload(self) -> None:
        """Forget it, once confirmed."""
        pipeline = self._desk.pipeline
        if pipeline is None:
            return
        open_ones = sum(one.waiting + one.running + one.retrying for one in pipeline.lanes)
        lost = f" {plural(open_ones, 'payload')} not ended: cancelled." if open_ones else ""
        name = pipeline.name
        question = Question(
            "pipeline.unload", f"Unload {clean(name, 60)}?", f"Its file stays as it is.{lost}",
            "unload it",
        )  # fmt: skip
        wish = UnloadPipeline(name=name, force=bool(open_ones))
        make_sure(self._bridge, question, partial(self._send, wish, f"Unloading {clean(name)}."))

    # ---- the payload

    def retry(self) -> None:
        """Try it now."""
        self._do(lambda one: RetryPayload(payload_id=one.id), "Trying again")

    def replay(self) -> None:
        """Submit it anew."""
        self._do(lambda one: ReplayPayload(payload_id=one.id), "Replaying")

    def discard(self) -> None:
        """Remove it, once confirmed."""
        payload = self.payload
        if payload is not None:
            question = Question(
                "pipeline.discard", f"Discard {_name(payload)}?",
                "It goes with its data and its attempts, for good; <pipeline.replay> would replay it.", "discard it",
            )  # fmt: skip
            wish, gone = DiscardPayload(payload_id=payload.id), partial(self._gone, payload.id)
            said = f"Discarded {_name(payload)}."
            make_sure(self._bridge, question, partial(self._send, wish, said, gone))

    def _gone(self, payload_id: str) -> None:
        self._feed.gone(payload_id)
        self._desk.payload_id, self._desk.detail, self._desk.elsewhere = "", False, False

    def cancel(self) -> None:
        """End it, once confirmed."""
        payload = self.payload
        if payload is not None:
            question = Question(
                "pipeline.cancel", f"Cancel {_name(payload)}?",
                "What runs of it is stopped; what it led to goes on.", "cancel it",
            )  # fmt: skip
            wish, said = CancelPayload(payload_id=payload.id), f"Cancelling {_name(payload)}."
            make_sure(self._bridge, question, partial(self._send, wish, said))

    # ---- sending

    def _do(self, wish: Callable[[PayloadView], Payload], said: str) -> None:
        payload = self.payload
        if payload is not None:
            self._send(wish(payload), f"{said}: {_name(payload)}.")

    def _send(self, wish: Payload, said: str, then: Callable[[], None] | None = None) -> None:
        def done(_result: dict[str, Any]) -> None:
            if then is not None:
                then()
            self._bridge.host.tell(said)
            self._bridge.changed()

        self._bridge.send(wish, then=done)

    # ---- why not

    def _not_reached(self) -> str | None:
        return None if self._bridge.ready else "The engine has not answered yet; a moment."

    def _none(self) -> str | None:
        return NO_PIPELINE if self._desk.pipeline is None else None

    def _unless_paused(self, *, wanted: bool) -> str | None:
        pipeline = self._desk.pipeline
        if pipeline is None:
            return NO_PIPELINE
        if pipeline.paused == wanted:
            return None
        return f"{clean(pipeline.name)} is {'paused already' if pipeline.paused else 'not paused'}."

    def _is(self, wanted: frozenset[PayloadStatus], why: str) -> str | None:
        payload = self.payload
        if payload is None:
            return NO_PAYLOAD
        return None if payload.status in wanted else why.format(payload.status.value)

    def _cant_retry(self) -> str | None:
        retrying = frozenset((PayloadStatus.RETRYING,))
        return self._is(retrying, "It is {}; what waits for its next attempt can be tried now.")

    def _not_dead(self) -> str | None:
        dead = frozenset((PayloadStatus.DEAD,))
        return self._is(dead, "It is {}; only what is dead can be replayed or discarded.")

    def _cant_cancel(self) -> str | None:
        return self._is(frozenset(PayloadStatus) - ENDED, "It is {} already.")


def _name(payload: PayloadView) -> str:
    return f"{clean(payload.event, 40)} {short_id(payload.id)}"
