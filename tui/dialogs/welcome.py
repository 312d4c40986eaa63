"""The first start: which agents are there, and how to begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Static

from ...core.protocol.commands import CreateSession
from ...core.protocol.views import AgentView
from ..bridge import Bridge
from ..model.naming import free_name
from ..model.words import plural
from ..widgets.lines import Lines
from .base import Dialog, Offer
from .create import AgentList, CreateDialog, in_order

SHELL = "shell"
TEXT = (
    "Run your coding agents here, side by side, and see at a glance which one needs you.\n"
    "They outlive this window: leave whenever you like, and find them again as they stand."
)


class WelcomeDialog(Dialog[None]):
    """Lists the agents found on PATH; offers a first session, a shell, the practice crew."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__(bridge, "Welcome aboard", kind="welcome")
        self.agents = AgentList(id="welcome-agents")
        self.count = Static(classes="field-label", markup=False)

    def body(self) -> Iterable[Widget]:
        """Greeting and agents."""
        return (Static(TEXT, classes="dialog-text", markup=False), self.count, self.agents)

    def begin(self) -> None:
        """Show what was found."""
        agents = [a for a in in_order(self.bridge.view.agents) if not a.practice]
        found = sum(agent.found and agent.name != SHELL for agent in agents)
        self.count.update(f"{plural(found, 'agent') if found else 'No agent'} found on PATH:")
        place = next((n for n, agent in enumerate(agents) if agent.found), None)
        self.agents.show(tuple(agents), place)
        self.agents.focus()

    @property
    def _practice(self) -> Sequence[AgentView]:
        return [agent for agent in self.bridge.view.agents if agent.practice and agent.found]

    @property
    def _has_shell(self) -> bool:
        return any(agent.name == SHELL and agent.found for agent in self.bridge.view.agents)

    def offers(self) -> Sequence[Offer]:
        """Ways to begin."""
        chosen = self.agents.cursor is not None
        return (
            *((Offer(("enter", "c"), "start with it", self._create),) if chosen else ()),
            *((Offer(("s",), "shell", self._shell),) if self._has_shell else ()),
            *((Offer(("p",), "practice crew", self._crew),) if self._practice else ()),
            Offer(("down", "j"), "", lambda: self._step(1), repeatable=True),
            Offer(("up", "k"), "", lambda: self._step(-1), repeatable=True),
            self.escape("look around"),
        )

    def _step(self, by: int) -> None:
        index = self.agents.neighbour(by)
        if index is not None:
            self.agents.show(self.agents.rows, index)

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """An agent was clicked."""
        event.stop()
        self.agents.show(self.agents.rows, event.index)
        if event.double:
            self._create()

    def give_up(self) -> None:
        """Close; it is not shown again."""
        self.bridge.prefer("welcomed", value=True)
        self.dismiss(None)

    def _create(self) -> None:
        index = self.agents.cursor
        self.give_up()
        if index is not None:
            agent = self.agents.rows[index].name
            self.bridge.host.open(CreateDialog(self.bridge, agent=agent))

    def _shell(self) -> None:
        self._start(SHELL, SHELL)
        self.give_up()

    def _crew(self) -> None:
        for agent in self._practice:
            self._start(agent.name, agent.name.removeprefix("practice-"))
        self.give_up()

    def _start(self, agent: str, name: str) -> None:
        cols, lines = self.bridge.room
        taken = [session.name for session in self.bridge.view.sessions.values()]
        self.bridge.send(
            CreateSession(
                name=free_name(name, taken), agent=agent, cwd=self.bridge.directory,
                cols=cols, lines=lines,
            )
        )  # fmt: skip
