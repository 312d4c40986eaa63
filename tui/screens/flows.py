"""The workflows: the list of them, and the one that is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from textual.widget import Widget

from ...core.protocol.attention import AttentionItem
from ...core.protocol.commands import ToggleMinimal
from ...core.protocol.workflow_commands import ShowWorkflow
from ...core.protocol.workflow_views import WholeWorkflowView
from ..bridge import Bridge
from ..flow.feed import FlowFeed
from ..flow.showing import Showing
from ..handlers.answers import Answers
from ..handlers.base import Handler, Handlers
from ..handlers.flow_control import FlowControl
from ..handlers.flow_moves import FlowMoves, Place
from ..handlers.flow_views import FlowViews
from ..keys.actions import Context
from ..model.flow.desk import Desk
from ..model.flow.rows import flow_rows
from ..model.frame import NARROWEST, SHARE, WIDEST
from ..model.words import clean
from ..pace import Alarm
from ..widgets.boxes import AcrossBox, DownBox
from ..widgets.flow_graph import FlowGraph
from ..widgets.flow_list import FlowList
from ..widgets.flow_panel import FlowPanel
from ..widgets.input_bar import InputBar
from ..widgets.lines import Lines
from .beside import BesideScreen

STEPS = frozenset(("nav.down", "nav.up", "nav.page_down", "nav.page_up", "nav.first", "nav.last"))


class FlowsScreen(BesideScreen):
    """Workflows at the left, the one under the cursor at the right."""

    NAME = "flows"
    HINTS = (
        "link.reconnect",
        "answer.allow_once", "answer.reject", "attention.peek",
        "flow.mark", "flow.rollback",
        "flow.open", "flow.start", "flow.resume", "flow.pause", "flow.retry", "flow.cancel",
        "flow.next_failed", "flow.fold", "flow.alone", "flow.go", "flow.attempt", "nav.next_actionable",
        "flow.run", "ui.filter", "flow.rerun", "flow.delete", "flow.schedules", "ui.palette",
        "app.quit",
    )  # fmt: skip

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.desk = Desk(bridge.clock)
        self.feed = FlowFeed(bridge)
        self.flows = FlowList(id="flows")
        self.panel = FlowPanel(id="flow-panel")
        self.filter_bar = InputBar("filter ", id="filter")
        self.left = DownBox(self.flows, id="left")
        self.middle = AcrossBox(self.left, self.panel, id="middle")
        self.showing = Showing(bridge, self.desk, self.feed, self.panel)
        place = Place(bridge, self.desk, self.feed, self.flows, self.panel)
        self.moves = FlowMoves(place, self.showing, self._switch)
        self.views = FlowViews(place, self.filter_bar, self.moves)
        self._alarm = Alarm(bridge.changed)
        self._answered = False

    def body(self) -> Iterable[Widget]:
        """List, panel, and the bar that opens at the bottom."""
        self.flows.border_title = "WORKFLOWS"
        return (self.middle, self.filter_bar)

    def own_handlers(self) -> Handlers:
        """All that can be done here."""
        return {
            **self.moves.handlers(),
            **self.views.handlers(),
            **Answers(self.bridge, self._target).handlers(),
            **FlowControl(self.bridge, self.desk, self.feed).handlers(),
            "flow.alone": Handler(self.toggle_alone, self._no_flow),
            "ui.toggle_minimal": Handler(self.toggle_minimal),
            **self.width_handlers(),
        }

    def _switch(self, mode: str) -> object:
        return self.app.switch_mode(mode)

    def begin(self) -> None:
        """The list has the focus at first; everything that happens is heard."""
        self.bridge.taps.append(self.feed.event)
        self.flows.focus()

    def end(self) -> None:
        """Hear nothing more."""
        self.bridge.taps.remove(self.feed.event)
        self._alarm.set(None)

    def contexts(self) -> Sequence[Context]:
        """What has the focus decides what lies over the screen's own keys."""
        over: list[Context] = []
        if self.views.searching:
            over.append(Context.HISTORY)
        if self.panel.graph.has_focus:
            over.append(Context.GRAPH)
        if self.panel.versions.has_focus:
            over.append(Context.VERSIONS)
        return (*self.over(), *over, Context.FLOWS, Context.BOARD, Context.APP)

    def perform(self, name: str) -> None:
        """Carry out an action on what is shown: after a step, all is shown first."""
        if name not in STEPS:
            self.bridge.catch_up()
        super().perform(name)

    # ---- showing

    def show_state(self) -> None:
        """Bring list and panel up to date, and ask for what is seen."""
        if self.bridge.ready and not self._answered:
            self._answered = True
            self.bridge.deck.minimal |= bool(self.bridge.preferences["minimal"])
            self.desk.folded = self.bridge.deck.minimal
        self.desk.view = self.bridge.view
        self.desk.reconcile()
        self.lay_out()
        self._show_list()
        self.panel.show_focus(any(part.has_focus for part in self.panel.parts))
        self.feed.look_at(self.desk.flow_id)
        lasts = self.showing.show()
        item = self._follow_item()
        self.showing.ask(item, self.key_here, self.bridge.clock.now())
        self._wake_after(lasts, item)
        super().show_state()

    def _show_list(self) -> None:
        now, listed = self.bridge.clock.now(), self.desk.listed()
        rows = flow_rows(
            listed, now, tall=self.flows.tall, folded=self.desk.folded, keep=self.desk.flow_id
        )
        self.flows.show_flows(rows, self.desk.flow_id)
        text = self.desk.query.text
        count = f"{len(listed)} of {len(self.bridge.view.workflows)}"
        self.flows.show_foot(f" {clean(text, 40)} · {count} " if text else "")

    def _wake_after(self, lasts: float | None, item: AttentionItem | None) -> None:
        """Come back when something that is shown says something else by itself."""
        now = self.bridge.clock.now()
        found = [lasts, self.showing.list_lasts(self.desk.listed(), now), 1.0 if item else None]
        self._alarm.set(min((one for one in found if one is not None), default=None))

    def _follow_item(self) -> AttentionItem | None:
        """The item that is asked here, which answers go to."""
        item = self.desk.item()
        deck = self.bridge.deck
        if item is not None and deck.item_id != item.item_id:
            deck.select_item(item.item_id, by_hand=False)
        return item

    def _target(self) -> AttentionItem | None:
        """The item that answers go to, as it was shown last."""
        item, target = self.desk.item(), self.bridge.deck.target
        same = item is not None and target is not None and item.item_id == target.item_id
        return target if same else None

    def show_hints(self) -> None:
        """Show the keys that do something now; while the cursor moves on they stay."""
        if not self.bridge.stepping:
            super().show_hints()

    def hint_names(self) -> Sequence[str]:
        """What can be done, by what the person is about."""
        if self.views.searching and not self.selections:
            return ("search.next", "search.previous", "search.again", "history.close")
        names = super().hint_names()
        if self.panel.versions.has_focus:
            return names
        return [name for name in names if name not in {"flow.mark", "flow.rollback"}]

    def ending(self) -> Sequence[str]:
        """Out of the panel there is a way back."""
        return super().ending() if self.flows.has_focus else ("flow.close", *super().ending())

    # ---- layout

    def lay_out(self) -> None:
        """Show the list in its width, or alone, or not at all."""
        minimal = self.bridge.deck.minimal
        self.set_class(minimal, "-minimal")
        self.set_class(self.desk.alone and not self.flows.has_focus, "-solo")
        kept = self.kept_width
        # Its share is worked out with the layout: a width set after a resize would have all drawn twice.
        self.left.styles.width = "1fr" if minimal else kept or f"{SHARE:.0%}"
        self.left.styles.min_width = None if minimal or kept else NARROWEST
        self.left.styles.max_width = None if minimal or kept else WIDEST

    def toggle_alone(self) -> None:
        """Give the workflow all of the screen, or show the list beside it; the list's focus shows it, too."""
        self.desk.alone = not self.desk.alone
        if self.desk.alone and self.flows.has_focus:
            self.panel.parts[0].focus()
        self.bridge.moved()

    def _no_flow(self) -> str | None:
        return (
            None
            if self.desk.line is not None
            else "There is no workflow here; <flow.run> runs a file."
        )

    def toggle_minimal(self) -> None:
        """Minimal mode on or off; workflows that ended are folded in it."""
        deck = self.bridge.deck
        deck.minimal = not deck.minimal
        deck.folded = self.desk.folded = deck.minimal
        self.bridge.send(ToggleMinimal())
        self.bridge.moved()

    def go_to(self, workflow_id: str, task_id: str | None) -> None:
        """Look at a workflow and its task; from another screen.

        One that the list does not have, such as what runs a pipeline's handler, is asked for.
        """
        if workflow_id in self.bridge.view.workflows:
            self._look_at(workflow_id, task_id)
        else:
            self.bridge.send(
                ShowWorkflow(workflow_id=workflow_id), then=partial(self._take_guest, task_id)
            )

    def _take_guest(self, task_id: str | None, result: dict[str, Any]) -> None:
        guest = self.desk.guest = WholeWorkflowView.model_validate(result["whole"]).workflow
        self._look_at(guest.id, task_id)

    def _look_at(self, workflow_id: str, task_id: str | None) -> None:
        self.moves.look_at(workflow_id, task_id)
        self.bridge.moved()

    def on_descendant_focus(self) -> None:
        """Other keys hold elsewhere; a list that was hidden is shown for as long as it has the focus."""
        self.lay_out()
        self.bridge.changed()
        super().on_descendant_focus()

    # ---- what widgets say

    def on_resize(self) -> None:
        """There is another width to draw in."""
        self.bridge.changed()

    def on_virtual_lines_resized(self) -> None:
        """The same for what is shown in the panel."""
        self.bridge.changed()

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """A row was clicked; a second time quickly: open it."""
        event.stop()
        if event.lines is self.flows:
            self.moves.pick_flow(event.index)
        elif event.lines is self.panel.versions:
            self.feed.history.cursor = event.index
        elif event.index < len(self.showing.listed):
            self.desk.point(self.showing.listed[event.index].id)
        self.bridge.moved()
        if event.double:
            self.perform("flow.open")

    def on_flow_graph_pointed(self, event: FlowGraph.Pointed) -> None:
        """A box was clicked; a second time quickly: open it."""
        event.stop()
        if self.feed.picture is not None:
            self.desk.point_box(self.feed.picture, event.box)
        self.bridge.moved()
        if event.double:
            self.perform("flow.open")

    def on_input_bar_typed(self, event: InputBar.Typed) -> None:
        """The filter or the search works as it is typed."""
        self.views.typed(event.text)

    def on_input_bar_closed(self, event: InputBar.Closed) -> None:
        """It is kept, or given up."""
        self.views.closed(event.text, kept=event.kept)
