"""What is shown of a workflow: its views, a task, a search, two versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..model.flow.desk import Mode
from ..model.flow.rows import FLOWS
from ..model.flow.tasks import tasks_vocabulary
from ..model.query import parse
from ..model.words import clean, plural
from ..widgets.input_bar import InputBar
from .base import Handler, Handlers
from .flow_moves import FlowMoves, Place


class FlowViews:
    """Opening and closing, the filter and the search, the history's two versions."""

    def __init__(self, place: Place, bar: InputBar, moves: FlowMoves) -> None:
        self._bridge = place.bridge
        self._desk = place.desk
        self._feed = place.feed
        self._list = place.flows
        self._panel = place.panel
        self._bar = bar
        self._moves = moves
        self._keep: Callable[[str], None] = self._filter_flows
        self.tasks = tasks_vocabulary(self._waiting)

    def handlers(self) -> Handlers:
        """What can be done here."""
        return {
            **{
                f"flow.{mode}": Handler(partial(self.turn_to, mode), self._no_flow) for mode in Mode
            },
            "flow.open": Handler(self.open, self._no_flow),
            "flow.close": Handler(self.close),
            "flow.attempt": Handler(self.other_attempt, self._one_attempt),
            "flow.mark": Handler(self.mark, self._no_version),
            "ui.filter": Handler(self.ask, self._nothing_to_search),
            "search.next": Handler(partial(self._moves.to_match, 1), repeatable=True),
            "search.previous": Handler(partial(self._moves.to_match, -1), repeatable=True),
            "search.again": Handler(self.ask),
            "history.close": Handler(self.end_search),
        }

    # ---- views

    def turn_to(self, mode: Mode) -> None:
        """Show one of the views; the keys go to it."""
        self._desk.mode, self._desk.detail = mode, False
        self._bridge.moved()
        self._focus_view()

    def _focus_view(self) -> None:
        parts = self._panel.parts
        if parts:
            parts[0].focus()

    def open(self) -> None:
        """From the list to the workflow, from there to the task; a version's difference."""
        desk = self._desk
        if self._list.has_focus:
            index = self._list.cursor
            if index is not None and self._list.flow_at(index) is None:
                desk.folded = False
            else:
                self._focus_view()
        elif desk.mode is Mode.HISTORY and not desk.detail:
            self.compare()
        elif desk.on_fold(self._feed.picture):
            self._moves.fold()
        elif not desk.detail and desk.task_id is not None:
            self._show_detail()
        self._bridge.moved()

    def _show_detail(self) -> None:
        self._desk.detail, self._desk.needle = True, ""
        self._panel.log_lines.follows = True
        self._bridge.moved()
        self._panel.facts.focus()
        self._panel.facts.scroll_home(animate=False)

    def close(self) -> None:
        """Back to the workflow, then to the list."""
        if self._desk.detail:
            self._desk.detail, self._desk.needle = False, ""
            self._bridge.moved()
            self._focus_view()
        else:
            self._desk.alone = False
            self._bridge.moved()
            self._list.focus()

    def other_attempt(self) -> None:
        """Show the output of the attempt before; before the first comes the last."""
        task = self._task_attempts()
        here = self._desk.attempt or task
        self._desk.attempt = here - 1 if here > 1 else task
        self._panel.log_lines.follows = True
        self._bridge.moved()

    def _task_attempts(self) -> int:
        flow = self._feed.flow
        task = flow.tasks.get(self._desk.task_id or "") if flow is not None else None
        return task.attempt if task is not None else 0

    # ---- versions

    def mark(self) -> None:
        """Mark a version to compare others with; the same again: none."""
        history = self._feed.history
        if history.chosen is not None:
            version = history.chosen.version
            history.marked = None if history.marked == version else version
            self._bridge.moved()

    def compare(self) -> None:
        """Show what differs between the marked version, or the one before, and this one."""
        pair = self._feed.history.pair()
        if pair is None:
            self._bridge.host.tell("There is no version before the first one.")
        else:
            self._feed.want_difference(*pair)

    # ---- filter and search

    def ask(self) -> None:
        """Ask what to show: of the list, of the tasks; or what to look for."""
        desk = self._desk
        if self._list.has_focus:
            self._keep = self._filter_flows
            self._bar.open(desk.query.text, FLOWS.tokens())
        elif desk.mode in {Mode.TASKS, Mode.GANTT} and not desk.detail:
            self._keep = self._filter_tasks
            self._bar.open(desk.task_query.text, self.tasks.tokens())
        else:
            self._keep = self._search
            self._bar.open(desk.needle, "enter keeps it, n and N go to the matches")

    def typed(self, text: str) -> None:
        """It works as it is typed."""
        self._keep(text)
        self._bridge.moved()

    def closed(self, text: str, *, kept: bool) -> None:
        """It is kept, or given up."""
        self._keep(text if kept else "")
        self._bridge.moved()

    def _filter_flows(self, text: str) -> None:
        query = self._desk.query = parse(text, FLOWS)
        found = plural(len(self._desk.listed()), "workflow")
        note = query.faults[0] if query.faults else found if text else FLOWS.tokens()
        self._bar.show_note(note, fault=bool(query.faults))

    def _filter_tasks(self, text: str) -> None:
        query = self._desk.task_query = parse(text, self.tasks)
        note = query.faults[0] if query.faults else self.tasks.tokens()
        self._bar.show_note(note, fault=bool(query.faults))

    def _search(self, text: str) -> None:
        desk, picture = self._desk, self._feed.picture
        desk.needle = text.strip()
        if not desk.needle:
            return
        if desk.detail:
            found = len(self._feed.log.find(desk.needle)) if self._feed.log is not None else 0
            self._panel.log_lines.repaint()
        else:
            boxes = picture.finds(desk.needle) if picture is not None else []
            found = len(boxes)
            if picture is not None and boxes and desk.box not in boxes:
                desk.point_box(picture, boxes[0])
        self._bar.show_note(f"{plural(found, 'match', 'matches')} for “{clean(desk.needle, 30)}”")

    def end_search(self) -> None:
        """Look for nothing any more."""
        self._desk.needle = ""
        self._panel.log_lines.repaint()
        self._bridge.moved()

    @property
    def searching(self) -> bool:
        """Whether there may be matches to go through."""
        shown = self._desk.detail or self._desk.mode is Mode.GRAPH
        return bool(self._desk.needle) and shown and not self._list.has_focus

    def _waiting(self) -> tuple[str, ...]:
        line = self._desk.line
        return line.waiting if line is not None else ()

    # ---- why not

    def _no_flow(self) -> str | None:
        return (
            None
            if self._desk.line is not None
            else "There is no workflow here; <flow.run> runs a file."
        )

    def _nothing_to_search(self) -> str | None:
        history = self._desk.mode is Mode.HISTORY and not self._desk.detail
        if history and not self._list.has_focus:
            return "The history has no filter."
        return None

    def _one_attempt(self) -> str | None:
        if not self._desk.detail:
            return "enter opens the task first."
        return None if self._task_attempts() > 1 else "There was one attempt only."

    def _no_version(self) -> str | None:
        return None if self._feed.history.chosen is not None else "There is no version here."
