"""The panel of one workflow: title, views, a heading, the view itself, the question that is open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.css.types import EdgeType
from textual.widget import Widget

from ..model.cells import Row
from .flow_graph import FlowGraph
from .flow_tables import GanttLines, LogLines, TaskTable, VersionList
from .lines import Lines
from .one_line import OneLine, cut_layout, tabs_layout
from .panel import PanelFoot, PanelTop
from .text_lines import TextLines

WIDE = 100


class FlowPanel(Vertical):
    """Every view is there; one is shown. The one that takes keys is ``main``."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.edge = "edge"
        self._edged: tuple[bool, str] | None = None
        self.top = PanelTop(id="flow-top")
        self.tabs = OneLine(id="flow-tabs")
        self.heading = OneLine(id="flow-heading")
        self.graph = FlowGraph(id="graph")
        self.gantt = GanttLines(id="gantt")
        self.tasks = TaskTable(id="tasks")
        self.versions = VersionList(id="versions")
        self.difference = TextLines(id="difference")
        self.facts = TextLines(id="facts")
        self.log_heading = OneLine(id="log-heading")
        self.log_lines = LogLines(id="task-log")
        self.history = Vertical(self.versions, self.difference, id="flow-history")
        self.output = Vertical(self.log_heading, self.log_lines, id="flow-output")
        self.detail = Vertical(self.facts, self.output, id="flow-detail")
        self.asked = OneLine(id="flow-asked")
        self.choices = OneLine(id="flow-choices")
        self.foot = PanelFoot(id="flow-foot")
        self.body = Vertical(
            self.tabs, self.heading, self.graph, self.gantt, self.tasks, self.history, self.detail,
            self.asked, self.choices, id="flow-body",
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        """Title over body over foot."""
        yield self.top
        yield self.body
        yield self.foot

    def show_focus(self, focused: bool) -> None:
        """The edges say whether the keys go to the panel.

        By hand: a pseudo class of the panel would have every widget in it styled anew at each step.
        """
        state = focused, self.app.theme
        if state != self._edged:
            self._edged = state
            self.edge = "border" if focused else "edge"
            variables = self.app.theme_variables
            colour = Color.parse(variables["border" if focused else "foreground"])
            side: tuple[EdgeType, Color] = ("round", colour if focused else colour.with_alpha(0.3))
            self.body.styles.border_left = self.body.styles.border_right = side

    def turn_to(self, shown: Widget, *, heading: bool) -> None:
        """Show one view only."""
        self.heading.display = heading
        for view in (self.graph, self.gantt, self.tasks, self.history, self.detail):
            view.display = view is shown

    def show_tabs(self, tabs: Sequence[tuple[str, str]], current: str, right: Row) -> None:
        """Show the views there are; the one that is shown stands in brackets."""
        self.tabs.lay_out(partial(tabs_layout, tuple(tabs), current, right))

    def show_question(self, question: Row, choices: Row) -> None:
        """Show what a person is asked here, or nothing."""
        for line, row in ((self.asked, question), (self.choices, choices)):
            line.display = bool(row)
            line.lay_out(partial(cut_layout, row))

    def on_resize(self) -> None:
        """With room a log stands beside what is known of its task."""
        self.set_class(self.size.width >= WIDE, "-wide")

    @property
    def parts(self) -> Sequence[Lines]:
        """What can have the focus in the view that is shown."""
        if self.detail.display:
            return (self.facts, self.log_lines)
        if self.history.display:
            return (self.versions, self.difference)
        views: Sequence[Lines] = (self.graph, self.gantt, self.tasks)
        return [view for view in views if view.display]
