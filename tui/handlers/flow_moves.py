"""Moving through workflows, and through what is shown of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ...core.protocol.workflow_views import TaskView
from ..bridge import Bridge
from ..flow.feed import FlowFeed
from ..flow.showing import Showing
from ..going import show_about, show_item
from ..model.flow.desk import Desk, Mode
from ..model.flow.detail import emitted, payload_above
from ..widgets.flow_list import FlowList
from ..widgets.flow_panel import FlowPanel
from ..widgets.lines import Lines
from .base import Handler, Handlers
from .steps import EVERYTHING, row_steps

UP_DOWN = {-1: "up", 1: "down"}


@dataclass(frozen=True, slots=True)
class Place:
    """What the handlers of the workflows work on."""

    bridge: Bridge
    desk: Desk
    feed: FlowFeed
    flows: FlowList
    panel: FlowPanel


class FlowMoves:
    """The person's steps; the cursor moves first, what is shown of the workflow follows when it rests."""

    def __init__(self, place: Place, showing: Showing, switch: Callable[[str], object]) -> None:
        self._bridge = place.bridge
        self._desk = place.desk
        self._feed = place.feed
        self._list = place.flows
        self._panel = place.panel
        self._showing = showing
        self._switch = switch

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            **row_steps(self.step, self.page, self._no_rows),
            "nav.panel": Handler(partial(self.panel, 1), self._no_flow, repeatable=True),
            "nav.panel_back": Handler(partial(self.panel, -1), self._no_flow, repeatable=True),
            "nav.next_actionable": Handler(partial(self.to_item, backwards=False), self._nothing),
            "nav.previous_actionable": Handler(
                partial(self.to_item, backwards=True), self._nothing
            ),
            "flow.left": Handler(partial(self.walk, "left"), repeatable=True),
            "flow.right": Handler(partial(self.walk, "right"), repeatable=True),
            "flow.next_failed": Handler(partial(self.to_failed, 1), self._none_failed, repeatable=True),
            "flow.previous_failed": Handler(
                partial(self.to_failed, -1), self._none_failed, repeatable=True
            ),
            "flow.fold": Handler(self.fold, self._no_fold),
            "flow.go": Handler(self.go, self._nowhere),
        }  # fmt: skip

    # ---- steps

    def step(self, rows: int) -> None:
        """Move by so many rows of what has the focus."""
        panel = self._panel
        if self._list.has_focus or not panel.parts:
            self._step_flow(rows)
        elif panel.graph.has_focus:
            self._step_graph(rows)
        elif panel.log_lines.has_focus:
            self._scroll_log(rows)
        elif panel.facts.has_focus or panel.difference.has_focus:
            (panel.facts if panel.facts.has_focus else panel.difference).scroll_relative(
                y=rows, animate=False
            )
        elif panel.versions.has_focus:
            self._step_version(rows)
        else:
            self._step_task(rows)

    def page(self, way: int) -> None:
        """Move by a page."""
        focused = next((part for part in self._panel.parts if part.has_focus), self._list)
        self.step(way * focused.page)

    def _step_flow(self, rows: int) -> None:
        index = self._list.neighbour(rows)
        if index is None:
            return
        self._list.point(index)
        if self.pick_flow(index):
            self._bridge.stepped()
        else:
            self._bridge.moved()

    def pick_flow(self, index: int) -> bool:
        """Look at the workflow of a row; False if the row was the fold, which opens."""
        flow_id = self._list.flow_at(index)
        if flow_id is None:
            self._desk.folded = False
            return False
        self._desk.select(flow_id)
        return True

    def _step_graph(self, rows: int) -> None:
        picture = self._feed.picture
        if picture is None:
            return
        if abs(rows) == 1:
            self.walk(UP_DOWN[rows])
            return
        if abs(rows) == EVERYTHING:
            self._desk.point_box(picture, picture.order[0 if rows < 0 else -1])
        else:
            for _ in range(max(1, abs(rows) // 4)):
                self._walk(UP_DOWN[1 if rows > 0 else -1])
        self._bridge.moved()

    def walk(self, way: str) -> None:
        """Go to the box that lies ``up``, ``down``, ``left`` or ``right``."""
        self._walk(way)
        self._bridge.moved()

    def _walk(self, way: str) -> None:
        picture, box = self._feed.picture, self._desk.box
        found = picture.step(box, way) if picture is not None and box in picture.boxes else None
        if picture is not None and found is not None:
            self._desk.point_box(picture, found)

    def _step_task(self, rows: int) -> None:
        lines = self._panel.parts[0]
        index = lines.neighbour(rows)
        if index is not None and index < len(self._showing.listed):
            lines.point(index)
            self._desk.point(self._showing.listed[index].id)
            self._bridge.stepped()

    def _step_version(self, rows: int) -> None:
        index = self._panel.versions.neighbour(rows)
        if index is not None:
            self._panel.versions.point(index)
            self._feed.history.cursor = index
            self._bridge.stepped()

    def _scroll_log(self, rows: int) -> None:
        lines = self._panel.log_lines
        lines.move(rows)
        if lines.scroll_offset.y == 0 and rows < 0:
            self._feed.want_older_log()
        self._bridge.moved()

    def panel(self, way: int) -> None:
        """Give the focus to the next panel."""
        places: list[Lines] = [self._list, *self._panel.parts]
        here = next((at for at, place in enumerate(places) if place.has_focus), 0)
        places[(here + way) % len(places)].focus()

    # ---- jumps

    def to_item(self, *, backwards: bool) -> None:
        """Go to the next item that needs someone: its workflow here, its session on the deck, all else where it is."""
        deck = self._bridge.deck
        item = deck.next_actionable(backwards=backwards)
        if item is None:
            return
        deck.select_item(item.item_id, jump=True)
        if item.workflow_id in deck.view.workflows:
            self.look_at(item.workflow_id, item.task_id or None)
        elif item.session_id:
            self._switch("deck")
        else:
            show_item(self._bridge, item)
        self._bridge.moved()

    def look_at(self, flow_id: str, task_id: str | None) -> None:
        """Look at a workflow's task in the graph."""
        desk = self._desk
        desk.select(flow_id, task_id)
        desk.detail = False
        if desk.mode is Mode.HISTORY:
            desk.mode = Mode.GRAPH
        if desk.line is not None and not desk.query.admits(desk.line):
            desk.query = type(desk.query)()

    def to_failed(self, way: int) -> None:
        """Go to the next failed task, in the graph to the next box with one."""
        flow, desk, picture = self._feed.flow, self._desk, self._feed.picture
        if flow is None:
            return
        if desk.mode is Mode.GRAPH and not desk.detail and picture is not None:
            boxes = picture.failed(flow)
            desk.point_box(picture, _after(boxes, desk.box, picture.order, way))
        else:
            desk.point(_after(flow.failed(), desk.task_id, flow.order, way))
        self._bridge.moved()

    def to_match(self, way: int) -> None:
        """Go to the next match of what is searched for."""
        desk, picture = self._desk, self._feed.picture
        if desk.detail:
            self._log_match(way)
        elif picture is not None:
            boxes = picture.finds(desk.needle)
            if boxes:
                desk.point_box(picture, _after(boxes, desk.box, picture.order, way))
        self._bridge.moved()

    def _log_match(self, way: int) -> None:
        log, lines = self._feed.log, self._panel.log_lines
        found = sorted(log.find(self._desk.needle)) if log is not None else []
        if found:
            lines.follows = False
            middle = lines.scroll_offset.y + lines.page // 2
            beyond = [line for line in found if (line > middle if way > 0 else line < middle)]
            chosen = (beyond or found)[0 if way > 0 else -1]
            lines.to_line(chosen - lines.page // 2)

    def fold(self) -> None:
        """Unfold or fold: side by side tasks in the graph, workflows that ended in the list."""
        picture = self._feed.picture
        if self._list.has_focus or picture is None:
            self._desk.folded = not self._desk.folded
        else:
            self._desk.fold(picture)
        self._bridge.moved()

    def go(self) -> None:
        """Go to the session, or the nested workflow, that works on the task; or along the chain of causes."""
        task = self._task()
        deck = self._bridge.deck
        if task is None:
            return
        if task.session_id in deck.view.sessions:
            deck.select_session(task.session_id or "", jump=True)
            self._switch("deck")
        elif (child := task.child_workflow) is not None and child in deck.view.workflows:
            self.look_at(child, None)
        elif payload := self._payload(task):
            show_about(self._bridge, f"payload/{payload}")
        self._bridge.moved()

    def _payload(self, task: TaskView) -> str:
        """The payload that the task has emitted, else the one that the workflow is a part of; or none."""
        detail, flow = self._feed.detail, self._feed.flow
        known = detail if detail is not None and detail.task.id == task.id else None
        return emitted(task, known) or ("" if flow is None else payload_above(flow.line.parent))

    def _task(self) -> TaskView | None:
        flow = self._feed.flow
        return flow.tasks.get(self._desk.task_id or "") if flow is not None else None

    # ---- why not

    def _no_rows(self) -> str | None:
        return None if self._desk.line is not None else "There is nothing to move through."

    def _no_flow(self) -> str | None:
        return None if self._desk.line is not None else "There is one panel only."

    def _nothing(self) -> str | None:
        return None if self._bridge.deck.actionable() else "Nothing needs you."

    def _none_failed(self) -> str | None:
        flow = self._feed.flow
        return None if flow is not None and flow.failed() else "No task has failed."

    def _no_fold(self) -> str | None:
        if self._list.has_focus:
            return None if self._desk.listed() else "There is no workflow."
        foldable = self._desk.on_fold(self._feed.picture) or self._desk.unfolded
        in_graph = self._desk.mode is Mode.GRAPH and not self._desk.detail
        return None if foldable and in_graph else "Nothing here is folded."

    def _nowhere(self) -> str | None:
        task = self._task()
        if task is None:
            return "There is no task."
        if task.session_id and task.session_id in self._bridge.view.sessions:
            return None
        if task.child_workflow and task.child_workflow in self._bridge.view.workflows:
            return None
        if self._payload(task):
            return None
        return "No session and no workflow works on this task, and no payload belongs to it."


def _after(found: list[str], here: str | None, order: list[str], way: int) -> str:
    """The next one of ``found`` after ``here``, in ``order``; wraps."""
    places = {name: at for at, name in enumerate(order)}
    at = places.get(here or "", -1)
    ahead: Callable[[str], bool] = (
        (lambda name: places[name] > at) if way > 0 else (lambda name: places[name] < at)
    )
    beyond = [name for name in found if ahead(name)]
    return (beyond or found)[0 if way > 0 else -1]
