"""The crew: who works, what waits and why, what is limited, locked, voted on, halted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from textual.containers import Container, Vertical
from textual.widget import Widget

from ...core.protocol.attention import AttentionItem
from ...core.protocol.crew_views import CrewView
from ..bridge import Bridge
from ..crew.feed import CrewFeed
from ..going import nowhere, show_about
from ..handlers.base import Handler, Handlers
from ..handlers.crew_control import CrewControl
from ..keys.actions import Context
from ..model.about import about
from ..model.cells import row_text
from ..model.crew.agents import agent_rows, work_rows
from ..model.crew.desk import TITLES, Found, Section, home_of, item_about
from ..model.crew.limits import limit_rows, rules_rows
from ..model.crew.locks import is_open, lock_rows
from ..model.table import AnyRow, Line, TableRow, lay_out, one
from ..widgets.input_bar import InputBar
from ..widgets.one_line import OneLine, tabs_layout
from ..widgets.table import Table
from .tables import TablesScreen

READ_AT = 200
LIVE = 1.0


class CrewScreen(TablesScreen):
    """One section at a time, or all side by side where there is room."""

    NAME = "crew"
    WIDE = 150
    CONTEXT = Context.CREW
    OPEN = "crew.go"
    HINTS = (
        "link.reconnect", "crew.reset_halt",
        "crew.approve", "crew.reject", "crew.abstain",
        "answer.allow_once", "answer.allow_always", "answer.reject", "attention.peek",
        "crew.grant", "crew.reset_breaker", "crew.resume_saga", "crew.release_lock", "crew.go",
        "nav.panel", "ui.filter", "nav.next_actionable", "crew.halt", "ui.palette", "app.quit",
    )  # fmt: skip

    def __init__(self, bridge: Bridge) -> None:
        self.feed = CrewFeed(bridge)
        self.section = Section.AGENTS
        self.needle = ""
        self.panels = {
            section: Table(title.upper(), id=f"crew-{section}") for section, title in TITLES.items()
        }
        super().__init__(bridge)
        self.tabs = OneLine(id="crew-tabs")
        left = (Section.AGENTS, Section.WORK)
        self.left = Vertical(*(self.panels[one] for one in left), id="crew-left")
        rest = (panel for section, panel in self.panels.items() if section not in left)
        self.right = Vertical(*rest, id="crew-right")
        self.middle = Container(self.left, self.right, id="crew-middle")
        self.control = CrewControl(bridge, self.found)

    def body(self) -> Iterable[Widget]:
        """Sections, the question that is open, the bar that opens at the bottom."""
        return (self.tabs, self.middle, self.asked, self.choices, self.filter_bar)

    def own_handlers(self) -> Handlers:
        """All that can be done here."""
        return {
            **super().own_handlers(),
            **self.control.handlers(),
            **{f"crew.{one}": Handler(partial(self.turn_to, one)) for one in Section},
            "crew.go": Handler(self.go, self._nowhere),
            "nav.panel": Handler(partial(self.panel_by, 1), repeatable=True),
            "nav.panel_back": Handler(partial(self.panel_by, -1), repeatable=True),
        }

    def begin(self) -> None:
        """The agents have the focus at first; everything that happens is heard."""
        self.bridge.taps.append(self.feed.event)
        self.panels[self.section].focus()

    def end(self) -> None:
        """Hear nothing more."""
        self.bridge.taps.remove(self.feed.event)
        self.feed.close()
        super().end()

    def contexts(self) -> Sequence[Context]:
        """On a proposal under vote, the keys of a vote win."""
        proposal = self.found().proposal
        voting = proposal is not None and is_open(proposal)
        return (*self.over(), *((Context.VOTE,) if voting else ()), *super().contexts())

    def tables(self) -> Sequence[Table]:
        """Those that are shown."""
        return [panel for panel in self.panels.values() if panel.display]

    @property
    def table(self) -> Table:
        """The section that is looked at."""
        return self.panels[self.section]

    def found(self) -> Found:
        """What the cursor stands on."""
        return Found(self.feed.crew, self.table.chosen)

    # ---- showing

    def show_tables(self) -> list[float | None]:
        """Bring the sections that can be seen up to date."""
        self.feed.want()
        self._arrange()
        crew = self.feed.crew
        for section, panel in self.panels.items():
            if panel.display:
                panel.show_rows(self._rows(section, crew))
        return [LIVE if crew is not None and _ticks(crew) else None]

    def _arrange(self) -> None:
        focused = self.focused
        here = next((one for one, panel in self.panels.items() if panel is focused), None)
        if here is not None:
            self.section = here
        wide = self.wide
        for section, panel in self.panels.items():
            panel.display = wide or section is self.section
        self.left.display = any(panel.display for panel in self.left.query(Table))
        self.right.display = any(panel.display for panel in self.right.query(Table))
        self.tabs.display = not wide
        label = self.bridge.keymap.label
        tabs = tuple((f"{label(f'crew.{one}')} {TITLES[one]}", f"crew.{one}") for one in Section)
        self.tabs.lay_out(partial(tabs_layout, tabs, f"crew.{self.section}", ()))

    def _rows(self, section: Section, crew: CrewView | None) -> list[AnyRow]:
        if crew is None:
            told = self.feed.fault or ("asking…" if self.bridge.ready else "Reaching the engine…")
            return [Line(one(told, "muted"))]
        now = self.bridge.clock.now()
        match section:
            case Section.AGENTS:
                rows = agent_rows(crew)
            case Section.WORK:
                rows = work_rows(crew, now)
            case Section.LIMITS:
                rows = limit_rows(crew, now, self._names())
            case Section.LOCKS:
                rows = lock_rows(crew, now)
            case Section.SAFETY:
                rows = rules_rows(crew, now)
        return [row for row in rows if self._fits(row)]

    def _names(self) -> dict[str, str]:
        """What sessions and workflows are called."""
        view = self.bridge.view
        sessions = {one.id: one.name for one in view.sessions.values()}
        return sessions | {one.id: one.name for one in view.workflows.values()}

    def _fits(self, row: AnyRow) -> bool:
        """Whether a row has what is looked for; headings stay."""
        if not self.needle or not row.key:
            return not self.needle or isinstance(row, TableRow)
        return self.needle in f"{row_text(lay_out(row, READ_AT))} {row.key}".casefold()

    def item(self) -> AttentionItem | None:
        """The open item about what the cursor stands on."""
        return item_about(self.bridge.view.open_items(), self.table.chosen)

    # ---- moving

    def turn_to(self, section: Section) -> None:
        """Show a section; the keys go to it."""
        self.section = section
        self.table.display = True
        self.table.parent.display = True  # type: ignore[union-attr]  # it has one
        self.table.focus()
        self.bridge.moved()

    def go_to(self, key: str) -> None:
        """Look at a line; from another screen."""
        self.needle = ""
        section = Section.SAFETY if about(key).kind == "halt" else home_of(key)
        self.panels[section].chosen = "halt/" if about(key).kind == "halt" else key
        self.turn_to(section)

    def panel_by(self, way: int) -> None:
        """Go to the next section; where one is shown at a time, show it."""
        sections = list(Section)
        self.turn_to(sections[(sections.index(self.section) + way) % len(sections)])

    def go(self) -> None:
        """Go to the workflow, the payload, behind the line."""
        show_about(self.bridge, self.table.chosen)

    def _nowhere(self) -> str | None:
        kind = about(self.table.chosen).kind
        if kind not in {"workflow", "payload", "session"}:
            return "This line leads nowhere; work in 7 leads to its workflow or payload."
        return nowhere(self.bridge, self.table.chosen)

    # ---- the filter

    def open_filter(self) -> None:
        """Ask what to show."""
        self.filter_bar.open(self.needle, "enter keeps it: lines with this text")

    def on_input_bar_typed(self, event: InputBar.Typed) -> None:
        """It works as it is typed."""
        self.needle = event.text.strip().casefold()
        self.bridge.moved()

    def on_input_bar_closed(self, event: InputBar.Closed) -> None:
        """It is kept, or given up."""
        self.needle = event.text.strip().casefold() if event.kept else ""
        self.bridge.moved()


def _ticks(crew: CrewView) -> bool:
    """Whether a time is shown that goes on by itself."""
    running = any(saga.ended_at is None for saga in crew.sagas)
    waits = any(breaker.retry_at or breaker.opened_at for breaker in crew.breakers)
    due = any(is_open(proposal) for proposal in crew.proposals)
    return bool(crew.waiting or crew.placed or crew.locks or running or waits or due or crew.halt)
