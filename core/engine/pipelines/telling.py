"""What happens to payloads and pipelines, told as events: gathered for a moment, the newest counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ...pipelines.entries import Entry
from ...protocol.pipeline_events import PayloadChanged, PayloadDied, PipelineChanged
from ...protocol.pipeline_views import PayloadStatus, PayloadView, PipelineView
from ...telemetry.ports import MetricsCollector
from ..journal import Journal

PAUSE = 0.03
"""Seconds for which changes are gathered."""


class Telling:
    """Hears of every payload, and tells the journal.

    ``died`` is called with payloads that have failed for good, once each time.
    """

    def __init__(
        self,
        journal: Journal,
        metrics: MetricsCollector,
        *,
        payload: Callable[[Entry], PayloadView],
        reason: Callable[[Entry], str],
        pipeline: Callable[[str], PipelineView | None],
        died: Callable[[Entry], None],
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._payload = payload
        self._reason = reason
        self._pipeline = pipeline
        self._died = died
        self._payloads: dict[str, Entry] = {}
        self._reasons: dict[str, str] = {}
        self._pipelines: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def heard(self, entry: Entry) -> None:
        """Something has become of a payload."""
        self._payloads[entry.id] = entry
        if entry.ended:
            self._reasons.pop(entry.id, None)
            origin = entry.origin
            tags = {
                "pipeline": origin.pipeline,
                "event": origin.event,
                "status": entry.status.value,
            }
            self._metrics.increment_counter("pipeline_payloads", tags)
            if entry.status is PayloadStatus.DEAD:
                self._journal.record([], [PayloadDied(payload=self._payload(entry))])
                self._died(entry)
        self.stirred(entry.origin.pipeline)

    def waits(self, entries: Iterable[Entry]) -> None:
        """What these payloads wait for may have changed: tell of those that do so otherwise than told."""
        for entry in entries:
            known = self._reasons.get(entry.id, "")
            if not entry.ended and self._reason(entry) != known:
                self._payloads[entry.id] = entry
                self._soon()

    def stirred(self, pipeline: str) -> None:
        """Something has become of a pipeline."""
        self._pipelines[pipeline] = None
        self._soon()

    def _soon(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self.flush)

    def flush(self) -> None:
        """Tell what was gathered."""
        self._stop()
        payloads, self._payloads = self._payloads, {}
        pipelines, self._pipelines = self._pipelines, {}
        for entry in payloads.values():
            payload = self._payload(entry)
            self._note(payload)
            self._journal.announce(PayloadChanged(payload=payload))
        for name in pipelines:
            view = self._pipeline(name)
            if view is not None:
                self._journal.announce(PipelineChanged(pipeline=view))

    def _note(self, view: PayloadView) -> None:
        if view.reason and view.ended_at is None:
            self._reasons[view.id] = view.reason
        else:
            self._reasons.pop(view.id, None)

    def close(self) -> None:
        """Tell what was gathered, and no more."""
        self._closed = True
        self.flush()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
