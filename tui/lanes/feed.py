"""What is fetched of the pipeline that is looked at: only what is seen, one question at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.base.errors import QuarterdeckError
from ...core.protocol.events import Event, StateSnapshot
from ...core.protocol.pipeline_commands import ListPayloads, ShowPayload, ShowPipeline
from ...core.protocol.pipeline_events import AboutPipeline, PayloadChanged, PayloadDied
from ...core.protocol.pipeline_views import (
    PayloadDetailView,
    PayloadStatus,
    PayloadView,
    WholePipelineView,
)
from ..bridge import Bridge
from ..flow.asking import Asking
from ..model.lanes.payloads import KEPT, Payloads
from ..pace import Alarm

HEARD = "pipeline."


class LanesFeed:
    """Handlers, the list of payloads, all about one of them.

    The list is kept true by what happens; handlers and a payload's detail are asked for anew when something of them changed,
    never twice at once and with a pause between. After a gap all is asked for again.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.payloads = Payloads()
        self.whole: WholePipelineView | None = None
        self.detail: PayloadDetailView | None = None
        self.fault = ""
        self._changes = 0
        self._gaps = 0
        self._touched = 0
        self._whole: Asking[tuple[str, int]] = Asking(self._ask_whole)
        self._list: Asking[tuple[str, str, tuple[PayloadStatus, ...], int]] = Asking(self._ask_list)
        self._detail: Asking[tuple[str, int]] = Asking(self._ask_detail)
        self._pause = Alarm(bridge.changed)

    def close(self) -> None:
        """Leave no timer behind."""
        self._pause.set(None)

    # ---- what is wanted

    def want_whole(self, name: str) -> None:
        """The handlers of a pipeline are seen."""
        if self.whole is not None and self.whole.pipeline.name != name:
            self.whole = None
        if self.whole is None or self._may_ask(self._whole):
            self._whole.want((name, self._changes))

    def want_payloads(self, name: str, event: str, statuses: tuple[PayloadStatus, ...]) -> None:
        """The payloads of a pipeline's lane are seen, or of all its lanes where ``event`` is empty."""
        self.payloads.begin(name, event)
        self._list.want((name, event, statuses, self._gaps))

    def want_detail(self, payload_id: str) -> None:
        """All about a payload is seen."""
        if self.detail is not None and self.detail.payload.id != payload_id:
            self.detail = None
        if self.detail is None or self._may_ask(self._detail):
            self._detail.want((payload_id, self._touched))

    def _may_ask(self, asking: Asking[Any]) -> bool:
        """What is there may be a moment old: nobody asks twice at once, nor without a pause."""
        return asking.asked is None and not self._pause.pending

    # ---- what happens

    def event(self, event: Event) -> None:
        """Take in what happened."""
        payload = event.payload
        if type(payload) is StateSnapshot:
            self.resync()
        if not event.type.startswith(HEARD):
            return
        match payload:
            case AboutPipeline():
                self._changes += 1
            case PayloadChanged(payload=changed) | PayloadDied(payload=changed):
                self.payloads.change(changed)
                if self.detail is None or _chain(changed) == _chain(self.detail.payload):
                    self._touched += 1
            case _:
                pass

    def resync(self) -> None:
        """Something was missed: nothing that is held is sure any more."""
        self._changes, self._gaps, self._touched = (
            self._changes + 1, self._gaps + 1, self._touched + 1,
        )  # fmt: skip
        for asking in (self._whole, self._list, self._detail):
            asking.forget()

    def gone(self, payload_id: str) -> None:
        """A payload was removed."""
        self.payloads.remove(payload_id)
        if self.detail is not None and self.detail.payload.id == payload_id:
            self.detail = None

    # ---- asking, and what is answered

    def _send(
        self, payload: Any, asking: Asking[Any], then: Callable[[dict[str, Any]], None]
    ) -> None:
        def answered(result: dict[str, Any]) -> None:
            then(result)
            self.fault = ""
            self._rest()
            asking.answered()
            self._bridge.changed()

        def failed(error: QuarterdeckError) -> None:
            self.fault = error.info().message
            self._rest()
            asking.answered()
            self._bridge.changed()

        self._bridge.send(payload, then=answered, failed=failed)

    def _rest(self) -> None:
        if self._bridge.pacing.pull:
            self._pause.set(self._bridge.pacing.pull)

    def _ask_whole(self, key: tuple[str, int]) -> None:
        self._send(ShowPipeline(name=key[0]), self._whole, self._take_whole)

    def _take_whole(self, result: dict[str, Any]) -> None:
        self.whole = WholePipelineView.model_validate(result["whole"])

    def _ask_list(self, key: tuple[str, str, tuple[PayloadStatus, ...], int]) -> None:
        name, event, statuses, _ = key
        wish = ListPayloads(name=name, event=event or None, statuses=statuses, limit=KEPT)
        self.payloads.settle()

        def take(result: dict[str, Any]) -> None:
            if self.payloads.of == (name, event):
                found = [PayloadView.model_validate(raw) for raw in result["payloads"]]
                self.payloads.take(found)

        self._send(wish, self._list, take)

    def _ask_detail(self, key: tuple[str, int]) -> None:
        self._send(ShowPayload(payload_id=key[0]), self._detail, self._take_detail)

    def _take_detail(self, result: dict[str, Any]) -> None:
        self.detail = PayloadDetailView.model_validate(result["detail"])


def _chain(payload: PayloadView) -> str:
    """The first payload of its chain."""
    return payload.root or payload.id
