"""The pipelines: their lanes, the payloads of one, its handlers, all about a payload."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from textual.containers import Container, Vertical
from textual.widget import Widget

from ...core.protocol.attention import AttentionItem
from ..bridge import Bridge
from ..going import nowhere, show_about
from ..handlers.base import Handler, Handlers
from ..handlers.lane_control import NO_PIPELINE, LaneControl
from ..keys.actions import Context
from ..lanes.feed import LanesFeed
from ..lanes.showing import LanesShowing, Panels
from ..model.about import about
from ..model.lanes.desk import LanesDesk
from ..model.lanes.detail import behind
from ..model.lanes.payloads import PAYLOAD_WORDS
from ..model.lanes.rows import lane_key
from ..model.query import parse
from ..model.words import plural
from ..widgets.input_bar import InputBar
from ..widgets.table import LinkedText, Table
from .tables import TablesScreen

OF_A_PAYLOAD = frozenset(
    f"pipeline.{name}" for name in ("retry", "replay", "discard", "cancel", "go")
)


class PipelinesScreen(TablesScreen):
    """Lanes above, or at the left; what goes through them below, or at the right."""

    NAME = "pipelines"
    WIDE = 150
    CONTEXT = Context.PIPELINES
    OPEN = "pipeline.open"
    HINTS = (
        "link.reconnect",
        "answer.allow_once", "answer.reject", "attention.peek",
        "pipeline.open", "pipeline.retry", "pipeline.replay", "pipeline.discard",
        "pipeline.propel", "pipeline.resume", "pipeline.handlers", "pipeline.payloads",
        "pipeline.cancel", "pipeline.go", "pipeline.pause", "ui.filter", "pipeline.load",
        "nav.next_actionable", "pipeline.unload", "ui.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, bridge: Bridge) -> None:
        self.desk = LanesDesk()
        self.feed = LanesFeed(bridge)
        self.lanes = Table("LANES", id="lanes")
        self.handler_list = Table("HANDLERS", id="handlers")
        self.payloads = Table("PAYLOADS", id="payloads")
        self.detail = LinkedText("PAYLOAD", id="payload")
        super().__init__(bridge)
        self.left = Vertical(self.lanes, self.handler_list, id="lanes-left")
        self.right = Vertical(self.payloads, self.detail, id="lanes-right")
        self.middle = Container(self.left, self.right, id="lanes-middle")
        panels = Panels(self.lanes, self.handler_list, self.payloads, self.detail)
        self.showing = LanesShowing(bridge, self.desk, self.feed, panels)
        self.control = LaneControl(bridge, self.desk, self.feed)

    def body(self) -> Iterable[Widget]:
        """Lists, the question that is open, the bar that opens at the bottom."""
        return (self.middle, self.asked, self.choices, self.filter_bar)

    def own_handlers(self) -> Handlers:
        """All that can be done here."""
        return {
            **super().own_handlers(),
            **self.control.handlers(),
            "pipeline.open": Handler(self.open, self._nothing_to_open),
            "pipeline.close": Handler(self.close_panel),
            "pipeline.payloads": Handler(partial(self.turn_to, handlers=False), self._none),
            "pipeline.handlers": Handler(partial(self.turn_to, handlers=True), self._none),
            "pipeline.go": Handler(self.go, self._nowhere),
            "ui.filter": Handler(self.open_filter, self._none),
        }

    def begin(self) -> None:
        """The lanes have the focus at first; everything that happens is heard."""
        self.bridge.taps.append(self.feed.event)
        self.lanes.focus()

    def end(self) -> None:
        """Hear nothing more."""
        self.bridge.taps.remove(self.feed.event)
        self.feed.close()
        super().end()

    def tables(self) -> Sequence[Table]:
        """Those that are shown and hold something."""
        if self.desk.pipeline is None:
            return ()
        shown = (self.lanes, self.handler_list, self.payloads, self.detail)
        return [table for table in shown if table.display and table.parent and table.parent.display]

    # ---- showing

    def show_tables(self) -> list[float | None]:
        """Bring lists and detail up to date."""
        self.desk.view = self.bridge.view
        self.desk.reconcile()
        self._follow_detail()
        self._arrange()
        return self.showing.show(wide=self.wide)

    def _follow_detail(self) -> None:
        """A payload that was gone to from elsewhere shows its own lane, once that is known."""
        detail = self.feed.detail
        if not self.desk.elsewhere or detail is None or detail.payload.id != self.desk.payload_id:
            return
        if detail.payload.pipeline in self.desk.view.pipelines:
            self.desk.name, self.desk.lane = detail.payload.pipeline, detail.payload.event
            self.desk.elsewhere = False

    def _arrange(self) -> None:
        """Show what has room: all four panels, or the lanes and a list, or a payload alone."""
        some, wide, desk = self.desk.pipeline is not None, self.wide, self.desk
        self.set_class(not some, "-empty")
        self.left.display = wide or not desk.detail
        self.handler_list.display = some and (wide or desk.handlers)
        self.right.display = (some or desk.elsewhere) and (wide or not desk.handlers)
        self.payloads.display = wide or not desk.detail
        self.detail.display = wide or desk.detail
        self.set_class(desk.handlers, "-handlers")
        focused = self.focused
        if isinstance(focused, Table) and focused not in self.tables() and some:
            self._main().focus()

    def _main(self) -> Table:
        """What is looked at beside the lanes."""
        if self.desk.handlers:
            return self.handler_list
        return self.detail if self.desk.detail else self.payloads

    def item(self) -> AttentionItem | None:
        """The open item about the payload that is looked at."""
        wanted = f"payload/{self.desk.payload_id}"
        items = self.bridge.view.open_items()
        return next((one for one in items if one.about == wanted), None)

    def moved_in(self, table: Table) -> None:
        """The cursor of ``table`` is elsewhere."""
        if table is self.lanes:
            self.desk.select(table.chosen)
        elif table is self.payloads:
            self.desk.payload_id, self.desk.elsewhere = about(table.chosen).id, False

    # ---- opening and closing

    def open(self) -> None:
        """From the lanes to what goes through them, to all about a payload, to what a line leads to."""
        focused = self.moves.focused
        if focused is self.lanes:
            self._main().focus()
        elif focused is self.handler_list:
            self.desk.select(lane_key(self.desk.name, about(self.handler_list.chosen).id))
            self.turn_to(handlers=False)
        elif focused is self.payloads:
            self._open_payload(about(self.payloads.chosen).id)
        elif focused is not None:
            kind, name, _ = about(focused.chosen)
            if kind == "payload":
                self._open_payload(name)
            else:
                show_about(self.bridge, focused.chosen)

    def _open_payload(self, payload_id: str) -> None:
        self.desk.payload_id, self.desk.detail, self.desk.handlers = payload_id, True, False
        self.detail.from_the_top()
        self.bridge.moved()
        self.detail.focus()

    def close_panel(self) -> None:
        """From a payload to the list, from there to the lanes."""
        if self.desk.detail and not self.lanes.has_focus:
            self.desk.detail = self.desk.elsewhere = False
            self.desk.payload_id = about(self.payloads.chosen).id
            self.bridge.moved()
            self.payloads.focus()
        else:
            self.lanes.focus()

    def turn_to(self, *, handlers: bool) -> None:
        """Show the handlers, or the payloads; the keys go to them."""
        self.desk.handlers = handlers
        self.desk.detail = self.desk.detail and not handlers
        self.bridge.moved()
        self._main().focus()

    def go(self) -> None:
        """Go to the session, or the workflow, behind the payload."""
        show_about(self.bridge, self._behind())

    def go_to(self, wanted: str) -> None:
        """Look at a payload, or a lane; from another screen."""
        kind, name, _ = about(wanted)
        if kind == "payload":
            self.desk.elsewhere = True
            self._open_payload(name)
        else:
            self.desk.select(wanted)
            self.bridge.moved()

    def _behind(self) -> str:
        detail = self.feed.detail
        known = detail is not None and detail.payload.id == self.desk.payload_id
        return behind(detail) if known and detail is not None else ""

    # ---- the filter

    def open_filter(self) -> None:
        """Ask which payloads to show."""
        self.turn_to(handlers=False)
        self.filter_bar.open(self.desk.query.text, PAYLOAD_WORDS.tokens())

    def on_input_bar_typed(self, event: InputBar.Typed) -> None:
        """The filter works as it is typed."""
        query = self.desk.query = parse(event.text, PAYLOAD_WORDS)
        found = plural(len(self.feed.payloads.listed(query)), "payload")
        note = query.faults[0] if query.faults else found if event.text else PAYLOAD_WORDS.tokens()
        self.filter_bar.show_note(note, fault=bool(query.faults))
        self.bridge.moved()

    def on_input_bar_closed(self, event: InputBar.Closed) -> None:
        """It is kept, or given up."""
        self.desk.query = parse(event.text if event.kept else "", PAYLOAD_WORDS)
        self.bridge.moved()

    # ---- footer, and why not

    def hint_names(self) -> Sequence[str]:
        """What can be done, by what the person is about."""
        hidden = {"pipeline.handlers" if self.desk.handlers else "pipeline.payloads"}
        if not (self.payloads.has_focus or self.detail.has_focus):
            hidden |= OF_A_PAYLOAD
        return [name for name in super().hint_names() if name not in hidden]

    def ending(self) -> Sequence[str]:
        """Out of a panel there is a way back."""
        return super().ending() if self.lanes.has_focus else ("pipeline.close", *super().ending())

    def _none(self) -> str | None:
        return NO_PIPELINE if self.desk.pipeline is None else None

    def _nothing_to_open(self) -> str | None:
        focused = self.moves.focused
        if focused is None:
            return NO_PIPELINE
        if not focused.chosen:
            return "There is nothing to open; a line with an arrow leads elsewhere."
        if about(focused.chosen).kind == "trigger":
            return "A trigger has nothing to open."
        return nowhere(self.bridge, focused.chosen) if focused is self.detail else None

    def _nowhere(self) -> str | None:
        target = self._behind()
        if not target:
            return "No session and no workflow is known to work on it; enter opens the payload."
        return nowhere(self.bridge, target)
