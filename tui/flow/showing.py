"""Puts on the panel what is known of the workflow that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from textual.widget import Widget

from ...core.protocol.attention import AttentionItem
from ...core.protocol.workflow_views import TaskView, WorkflowView
from ..bridge import Bridge
from ..model.asking import question_rows
from ..model.cells import Cell, Row, cut
from ..model.flow.desk import Desk, Mode
from ..model.flow.detail import detail_rows, summary
from ..model.flow.gantt import Chart, axis_row, gantt_row, make_chart
from ..model.flow.graph import graph_row
from ..model.flow.history import difference_rows, version_row
from ..model.flow.rows import rows_last
from ..model.flow.state import Flow
from ..model.flow.tasks import task_row
from ..model.flow.words import FLOW_SIGNS, bar, flow_state, flow_word, time_of
from ..model.words import clean, plural, short_path
from ..widgets.flow_panel import FlowPanel
from ..widgets.flow_tables import task_heading, version_heading
from ..widgets.virtual_lines import LazyRows
from .feed import VERSIONS, FlowFeed

MODES = {
    Mode.GRAPH: ("Graph", "flow.graph"),
    Mode.GANTT: ("Gantt", "flow.gantt"),
    Mode.TASKS: ("Tasks", "flow.tasks"),
    Mode.HISTORY: ("History", "flow.history"),
}
BAR = 12


class Showing:
    """Shows the view that the person chose, and asks for what it needs; nothing else is worked out."""

    def __init__(self, bridge: Bridge, desk: Desk, feed: FlowFeed, panel: FlowPanel) -> None:
        self._bridge = bridge
        self._desk = desk
        self._feed = feed
        self._panel = panel
        self.listed: list[TaskView] = []

    def show(self) -> float | None:
        """Bring the panel up to date; seconds until something in it says something else by itself."""
        line, flow = self._desk.line, self._feed.flow
        now = self._bridge.clock.now()
        self._title(line, now)
        self._panel.turn_to(self._view(), heading=self._has_heading())
        if flow is None:
            self._nothing(line)
            return None
        self._desk.settle(flow, self._feed.picture)
        lasts = self._show(flow, now)
        self._foot(flow, now)
        return lasts

    def _show(self, flow: Flow, now: datetime) -> float | None:
        if self._desk.detail:
            return self._show_detail(flow, now)
        match self._desk.mode:
            case Mode.GRAPH:
                return self._show_graph(flow, now)
            case Mode.GANTT:
                return self._show_gantt(flow, now)
            case Mode.TASKS:
                return self._show_tasks(flow, now)
            case Mode.HISTORY:
                return self._show_history()

    def _view(self) -> Widget:
        panel = self._panel
        if self._desk.detail:
            return panel.detail
        views: dict[Mode, Widget] = {
            Mode.GRAPH: panel.graph, Mode.GANTT: panel.gantt, Mode.TASKS: panel.tasks,
            Mode.HISTORY: panel.history,
        }  # fmt: skip
        return views[self._desk.mode]

    def _has_heading(self) -> bool:
        return not self._desk.detail and self._desk.mode is not Mode.GRAPH

    # ---- title, edges, question

    def _title(self, line: WorkflowView | None, now: datetime) -> None:
        if line is None:
            self._panel.top.show_titles(
                ((Cell("no workflow", "muted"),),), heavy=False, tone=self._panel.edge
            )
            self._panel.show_tabs((), "", ())
            return
        sign, tone = FLOW_SIGNS[flow_state(line)]
        time = time_of(line.started_at, line.ended_at, now)
        state = (Cell(f" · {sign} ", tone), Cell(flow_word(line), tone), Cell(f" {time}", "muted"))
        name = Cell(clean(line.name, 80), "head")
        place = Cell(f" · {short_path(line.file)}", "muted")
        error = (Cell(f" · {clean(line.error or '', 200)}", "error"),) if line.error else ()
        titles = (
            (name, place, *state, *error), (name, *state, *error), (name, *state),
        )  # fmt: skip
        self._panel.top.show_titles(titles, heavy=False, tone=self._panel.edge)
        label = self._bridge.keymap.label
        tabs = [(f"{label(action)} {name}", action) for name, action in MODES.values()]
        current = "" if self._desk.detail else MODES[self._desk.mode][1]
        progress = (
            Cell(bar(line.done, line.total, BAR), tone),
            Cell(f" {line.done}/{line.total} ", "muted"),
        )
        self._panel.show_tabs(tabs, current, progress)

    def _nothing(self, line: WorkflowView | None) -> None:
        """There is nothing to show yet, or at all: say why."""
        label = self._bridge.keymap.label
        if not self._bridge.ready:
            note = "Reaching the engine…"
        elif line is None:
            ways = (f"{label('flow.run')} runs a file", f"{label('ui.help')} shows all keys")
            note = "\n".join(("No workflow yet.", "", *ways))
        else:
            note = self._feed.fault or "Asking for it…"
        self._panel.turn_to(self._panel.graph, heading=False)
        self._panel.graph.show_note(note)
        self._panel.foot.show_words("", heavy=False, tone=self._panel.edge)

    def _foot(self, flow: Flow, now: datetime) -> None:
        task = flow.tasks.get(self._desk.task_id or "")
        words = summary(flow, task, now) if task is not None else ""
        if self._desk.on_fold(self._feed.picture):
            key = self._bridge.keymap.label("flow.fold")
            words = f" {key} unfolds · {words.strip()} "
        if self._desk.mode is Mode.HISTORY and not self._desk.detail:
            words = self._history_words()
        self._panel.foot.show_words(words, heavy=False, tone=self._panel.edge)

    def ask(self, item: AttentionItem | None, label: Callable[[str], str], now: datetime) -> None:
        """Show what a person is asked here, and the keys that answer it, as ``label`` gives them."""
        if item is None:
            self._panel.show_question((), ())
            return
        self._panel.show_question(*question_rows(item, label, now))

    # ---- the views

    def _show_graph(self, flow: Flow, now: datetime) -> float | None:
        graph, desk = self._panel.graph, self._desk
        width = graph.scrollable_content_region.width
        self._feed.want_drawing(width, frozenset(desk.unfolded))
        picture = self._feed.picture
        if picture is None:
            graph.show_note("Drawing it…")
            return None
        found = frozenset(picture.finds(desk.needle)) if desk.needle else frozenset[str]()
        make = partial(graph_row, picture, flow, now=now, cursor=desk.box, found=found)
        graph.show_picture(picture, LazyRows(len(picture.graph.lines), make), desk.box)
        boxes = {box.name: box for y in graph.seen for box in picture.on_line(y)}
        single = (flow.tasks.get(name) for name in boxes)
        return flow.lasts((task for task in single if task is not None), now)

    def _tasks(self, flow: Flow) -> list[TaskView]:
        """The tasks that pass the filter."""
        query = self._desk.task_query
        tasks = flow.tasks.values()
        return [task for task in tasks if query.admits(task)] if query else list(tasks)

    def _place(self) -> int | None:
        task_id, flow = self._desk.task_id, self._feed.flow
        if flow is not None and not self._desk.task_query:
            return flow.places.get(task_id or "")
        return next((at for at, task in enumerate(self.listed) if task.id == task_id), None)

    def _show_tasks(self, flow: Flow, now: datetime) -> float | None:
        table = self._panel.tasks
        self._panel.heading.lay_out(lambda width: (task_heading(width), ()))
        listed = self.listed = self._tasks(flow)
        rows = LazyRows(len(listed), lambda at: task_row(flow, listed[at], now))
        table.show(rows if listed else ("nothing fits the filter",), self._place())
        return flow.lasts((listed[at] for at in table.seen if at < len(listed)), now)

    def _show_gantt(self, flow: Flow, now: datetime) -> float | None:
        gantt = self._panel.gantt
        listed = self.listed = self._tasks(flow)
        chart = make_chart(flow, now, gantt.scrollable_content_region.width)
        if chart is None or not listed:
            self._panel.heading.show(())
            why = "nothing fits the filter" if chart is not None else "nothing has begun"
            gantt.show((why,), None)
            return None
        self._panel.heading.lay_out(lambda _width: (axis_row(chart.axis, chart.left), ()))
        rows = LazyRows(len(listed), lambda at: gantt_row(chart, flow, listed[at], now))
        gantt.show(rows, self._place())
        seen = [listed[at] for at in gantt.seen]
        self._feed.want_attempts(seen)
        return _grows(chart, flow, seen, now)

    def _show_history(self) -> float | None:
        history, versions = self._feed.history, self._panel.versions
        wanted = VERSIONS
        if not history.complete and history.cursor >= len(history.versions) - versions.page:
            wanted = max(VERSIONS, len(history.versions) * 2)
        self._feed.want_history(min(wanted, 10_000))
        self._panel.heading.lay_out(lambda width: (version_heading(width), ()))
        held, marked = history.versions, history.marked
        rows = LazyRows(len(held), lambda at: version_row(held[at], marked))
        versions.show(rows if held else ("no version yet",), history.cursor if held else None)
        if self._feed.difference is None:
            key = self._bridge.keymap.label("flow.open")
            self._panel.difference.show_rows(
                [(Cell(f"{key} shows what a version changed", "muted"),)]
            )
        else:
            self._panel.difference.show_rows(difference_rows(self._feed.difference))
        return None

    def _history_words(self) -> str:
        history = self._feed.history
        count = plural(len(history.versions), "version")
        more = "" if history.complete else " and older ones"
        mark = f" · version {history.marked} is marked" if history.marked else ""
        return f" {count}{more}{mark} "

    def _show_detail(self, flow: Flow, now: datetime) -> float | None:
        desk, panel = self._desk, self._panel
        task = flow.tasks.get(desk.task_id or "")
        if task is None:
            return None
        self._feed.want_detail(task.id)
        detail = self._feed.detail
        known = detail if detail is not None and detail.task.id == task.id else None
        panel.facts.show_rows(detail_rows(task, known, flow.line.waiting, now, flow.line.parent))
        self._show_log(task)
        return flow.lasts((task,), now)

    def _show_log(self, task: TaskView) -> None:
        panel, feed = self._panel, self._feed
        attempt = self._desk.attempt or task.attempt
        feed.want_log(task.id, attempt)
        log = feed.log
        top, feed.added_on_top = feed.added_on_top, 0
        lines = log.lines if log is not None else []
        panel.log_lines.needle = self._desk.needle
        if not attempt:
            told = ["it has not begun"]
        elif log is not None and log.begun and not lines:
            told = ["no output"]
        else:
            told = lines
        panel.log_lines.show_output(told, added_on_top=top)
        panel.log_heading.lay_out(partial(_log_heading, self._log_words(task, attempt)))

    def _log_words(self, task: TaskView, attempt: int) -> Row:
        lines = self._panel.log_lines
        which = f" attempt {attempt} of {task.attempt}" if task.attempt > 1 else ""
        held = "" if lines.follows else " · holding still"
        return (Cell("LOG", "head"), Cell(f"{which}{held}", "muted"))

    def list_lasts(self, listed: list[WorkflowView], now: datetime) -> float | None:
        """Seconds until a time in the list says something else."""
        return rows_last(listed, now)


def _log_heading(words: Row, width: int) -> tuple[Row, tuple[()]]:
    return cut(words, width), ()


def _grows(chart: Chart, flow: Flow, seen: list[TaskView], now: datetime) -> float | None:
    """Seconds until a bar that is seen grows, or a time beside it says something else."""
    lasts = flow.lasts(seen, now)
    return None if lasts is None else min(lasts, chart.axis.wake)
