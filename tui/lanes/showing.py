"""Puts lanes, payloads and handlers on their panels, and asks for what they need."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ...core.protocol.pipeline_views import PayloadStatus, PayloadView
from ..bridge import Bridge
from ..model.about import about
from ..model.lanes.desk import LanesDesk
from ..model.lanes.detail import detail_lasts, detail_rows, title_words
from ..model.lanes.payloads import payload_rows, payloads_last, wanted_statuses
from ..model.lanes.rows import handler_rows, handlers_last, lane_rows, lanes_last
from ..model.table import AnyRow, Line, one
from ..model.words import clean, plural
from ..widgets.table import LinkedText, Table
from .feed import LanesFeed

EXAMPLE = "quarterdeck pipeline load examples/debate.yaml"


class Panels(NamedTuple):
    """The four panels."""

    lanes: Table
    handlers: Table
    payloads: Table
    detail: LinkedText


class LanesShowing:
    """Shows what can be seen; nothing else is asked for or worked out."""

    def __init__(self, bridge: Bridge, desk: LanesDesk, feed: LanesFeed, panels: Panels) -> None:
        self._bridge = bridge
        self._desk = desk
        self._feed = feed
        self._panels = panels

    def show(self, *, wide: bool) -> list[float | None]:
        """Bring the panels up to date; seconds until each says something else by itself."""
        desk, now = self._desk, self._bridge.clock.now()
        pipelines = desk.pipelines
        if desk.pipeline is None:
            self._panels.lanes.show_rows(self._nothing())
            return [self._show_detail(now)] if desk.elsewhere else []
        self._panels.lanes.show_rows(lane_rows(pipelines, now), desk.key)
        lasts = [lanes_last(pipelines, now)]
        if wide or desk.handlers:
            lasts.append(self._show_handlers(now))
        if wide or not (desk.handlers or desk.detail):
            lasts.append(self._show_payloads(now))
        if wide or desk.detail:
            lasts.append(self._show_detail(now))
        return lasts

    def _nothing(self) -> list[AnyRow]:
        """What to do where there is nothing."""
        if not self._bridge.ready:
            return [Line(one(" Reaching the engine…", "muted"))]
        label = self._bridge.keymap.label
        lines = (
            ("", ""),
            (" No pipeline yet.", "head"),
            ("", ""),
            (
                " A pipeline pushes work from agent to agent: what one hands on, the next takes up.",
                "",
            ),
            ("", ""),
            (f" {label('pipeline.load')} loads a file, as this does in a shell:", "muted"),
            ("", ""),
            (f"     {EXAMPLE}", "key"),
            ("", ""),
            (f" {label('ui.help')} shows all keys", "muted"),
        )
        return [Line(one(text, tone)) for text, tone in lines]

    def _show_handlers(self, now: datetime) -> float | None:
        desk, table = self._desk, self._panels.handlers
        self._feed.want_whole(desk.name)
        whole = self._feed.whole
        table.show_title(f"HANDLERS · {self._place()}")
        if whole is None or whole.pipeline.name != desk.name:
            table.show_rows([Line(one(self._feed.fault or "asking for them…", "muted"))])
            return None
        table.show_rows(handler_rows(whole, desk.lane, now))
        return handlers_last(whole, now)

    def _show_payloads(self, now: datetime) -> float | None:
        desk, feed, table = self._desk, self._feed, self._panels.payloads
        feed.want_payloads(desk.name, desk.lane, wanted_statuses(desk.query))
        listed = feed.payloads.listed(desk.query)
        table.show_title(f"PAYLOADS · {self._place()}")
        if listed:
            rows = payload_rows(listed, now, of_a_lane=bool(desk.lane))
            table.show_rows(rows, None if desk.payload_id else "")
        else:
            table.show_rows([Line(one(f" {self._no_payload()}", "muted"))])
        text = clean(desk.query.text, 40)
        table.show_foot(f" {text} · {plural(len(listed), 'payload')} " if text else "")
        following = not (desk.detail or desk.elsewhere or self._panels.detail.has_focus)
        if following:
            desk.payload_id = about(table.chosen).id
        return payloads_last(listed, now)

    def _place(self) -> str:
        desk = self._desk
        return clean(f"{desk.name} · {desk.lane}" if desk.lane else f"{desk.name}, all lanes", 80)

    def _no_payload(self) -> str:
        if not self._feed.payloads.known:
            return self._feed.fault or "asking for them…"
        if self._desk.query:
            return "nothing fits the filter"
        return f"no payload yet: {self._bridge.keymap.label('pipeline.propel')} propels one"

    def _unloaded(self, payload: PayloadView) -> list[AnyRow]:
        """That nothing goes on, and what to do."""
        label = self._bridge.keymap.label
        told = f"Its pipeline {clean(payload.pipeline, 60)} is not loaded: nothing of it goes on."
        ways = [f"{label('pipeline.load')} loads its file"]
        if payload.status is PayloadStatus.DEAD:
            ways.append(f"{label('pipeline.replay')} tries it again then")
            ways.append(f"{label('pipeline.discard')} forgets it now")
        return [
            Line(one(told, "needs")),
            Line(one(", ".join(ways) + ".", "muted")),
            Line(()),
        ]

    def _show_detail(self, now: datetime) -> float | None:
        desk, feed, text = self._desk, self._feed, self._panels.detail
        if not desk.payload_id:
            text.show_title("PAYLOAD")
            text.show_rows([Line(one("no payload", "muted"))])
            return None
        feed.want_detail(desk.payload_id)
        detail = feed.detail
        known = detail if detail is not None and detail.payload.id == desk.payload_id else None
        payload = feed.payloads.get(desk.payload_id) or (known.payload if known else None)
        if payload is None:
            text.show_rows([Line(one(feed.fault or "asking for it…", "muted"))])
            return None
        text.show_title(title_words(payload))
        unloaded = () if payload.pipeline in desk.view.pipelines else self._unloaded(payload)
        text.show_rows([*unloaded, *detail_rows(payload, known, now)])
        return detail_lasts(known, now)
