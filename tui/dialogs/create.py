"""The form for a new session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from textual import events
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from ...core.base.errors import ErrorInfo, QuarterdeckError
from ...core.protocol.commands import MAX_COLS, MAX_LINES, MIN_COLS, CreateSession
from ...core.protocol.validation import CommandFault, parse_payload
from ...core.protocol.views import AgentView
from ..bridge import Bridge
from ..keys.names import name_of
from ..model.cells import Column, Row, arrange
from ..model.directories import fault_of, full_path
from ..model.naming import suggest_name
from ..model.words import clean, short_path
from ..widgets.fault_line import FaultLine
from ..widgets.lines import Lines
from ..widgets.path_field import PathField
from ..widgets.prompt_area import PromptArea
from ..widgets.tick import Tick
from .base import Dialog, Offer

MOST_AGENTS, LEAST_AGENTS = 7, 2
"""Agents that are seen at once; the list scrolls."""

FIELD_OF_CODE = {
    "cwd": "directory",
    "no": "directory",
    "directory": "directory",
    "agent": "agent",
    "name": "name",
}
"""The field that an error belongs to, by the first word of its code or the field it names."""


def in_order(agents: Sequence[AgentView]) -> list[AgentView]:
    """Agents as the form offers them: those that are there, then practice, then the missing."""
    return sorted(agents, key=lambda agent: (not agent.found, agent.practice))


def field_of(error: ErrorInfo) -> str:
    """The form's field that an error belongs to; empty if it is about none."""
    named = str(error.details.get("field", "")).partition(".")[0]
    return FIELD_OF_CODE.get(named) or FIELD_OF_CODE.get(error.code.partition("_")[0], "")


class AgentList(Lines):
    """The agents to choose from."""

    def compose_row(self, row: Any, width: int) -> Row:
        """Name, and where it was found."""
        agent: AgentView = row
        kind = "practice, needs no key" if agent.practice else agent.path or "not found on PATH"
        tone = "" if agent.found else "muted"
        columns = (Column(f" {clean(agent.name)}", tone, 20), Column(short_path(kind), "muted"))
        return arrange(columns, width)

    def can_pick(self, index: int) -> bool:
        """What is not there can't be started."""
        return super().can_pick(index) and bool(self.rows[index].found)


class CreateDialog(Dialog[str]):
    """Ends with the new session's id; errors stand at the field that they belong to."""

    def __init__(self, bridge: Bridge, *, agent: str = "") -> None:
        super().__init__(bridge, "Create a session", kind="create")
        self._wanted = agent or str(bridge.preferences["last_agent"])
        self.agents = AgentList(id="create-agents")
        self.directory = PathField(
            short_path(bridge.directory), bridge.directory, id="create-directory"
        )
        self.worktree = Tick(
            "in a git worktree, on a branch of its own", id="create-worktree", compact=True
        )
        self.name_field = Input(id="create-name", compact=True, select_on_focus=False)
        self.prompt = PromptArea(id="create-prompt", placeholder="may stay empty")
        self.faults = {field: FaultLine() for field in ("agent", "directory", "name", "")}
        self._suggested = ""
        self._sending = False

    def body(self) -> Iterable[Widget]:
        """The fields, each with its fault under it."""
        return (
            Static("Agent", classes="field-label"), self.agents, self.faults["agent"],
            Static("Directory", classes="field-label"), self.directory, self.faults["directory"],
            Static("First prompt", classes="field-label"), self.prompt,
            Static("Name", classes="field-label"), self.name_field, self.faults["name"],
            self.worktree, self.faults[""],
        )  # fmt: skip

    def begin(self) -> None:
        """Fill the form in."""
        agents = in_order(self.bridge.view.agents)
        names = [agent.name for agent in agents if agent.found]
        first = self._wanted if self._wanted in names else next(iter(names), None)
        place = next((n for n, agent in enumerate(agents) if agent.name == first), None)
        self.agents.show(tuple(agents), place)
        self._suggest()
        if first is None:
            self.faults["agent"].say("No agent was found on PATH; install one and start again.")
        (self.agents if first is None or not self._wanted else self.prompt).focus()

    @property
    def agent(self) -> str:
        """The chosen agent's name."""
        index = self.agents.cursor
        return str(self.agents.rows[index].name) if index is not None else ""

    def drafted(self) -> Sequence[Input | TextArea]:
        """What a person wrote."""
        written = not self._suggested or self.name_field.value != self._suggested
        return (self.prompt, self.directory, *((self.name_field,) if written else ()))

    def offers(self) -> Sequence[Offer]:
        """Create, move between fields, leave."""
        return (
            Offer(("enter",), "create", self.submit),
            Offer(("tab",), "next field", self._next, repeatable=True),
            Offer(("shift+tab",), "", self._previous, repeatable=True),
            *((Offer(("down", "j"), "", lambda: self._step(1), repeatable=True),
               Offer(("up", "k"), "", lambda: self._step(-1), repeatable=True))
              if self.agents.has_focus else ()),
            *((Offer(("space",), "worktree or not", self._tick),)
              if self.worktree.has_focus else ()),
            self.escape("keep for later"),
        )  # fmt: skip

    def take_key(self, event: events.Key) -> None:
        """The end of a directory's name is filled in by tab."""
        if name_of(event) == "tab" and self.directory.complete():
            event.stop()
            event.prevent_default()
            return
        super().take_key(event)

    def _next(self) -> None:
        self.focus_next()

    def _tick(self) -> None:
        self.worktree.toggle()

    def _previous(self) -> None:
        self.focus_previous()

    def _step(self, by: int) -> None:
        index = self.agents.neighbour(by)
        if index is not None:
            self._pick(index)

    def _pick(self, index: int) -> None:
        self.agents.show(self.agents.rows, index)
        self.faults["agent"].say("")
        self._suggest()

    def on_lines_picked(self, event: Lines.Picked) -> None:
        """An agent was clicked."""
        event.stop()
        self._pick(event.index)

    def on_descendant_focus(self) -> None:
        """What stands in the directory's field before the person writes is no beginning."""
        self.directory.note()

    def on_text_area_changed(self) -> None:
        """The name follows the prompt until the person writes one."""
        self._suggest()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was wrong with the field may be mended."""
        event.stop()
        field = "directory" if event.input is self.directory else "name"
        self.faults[field].say("")

    def _suggest(self) -> None:
        if self.name_field.value == self._suggested:
            taken = [session.name for session in self.bridge.view.sessions.values()]
            self._suggested = suggest_name(self.prompt.text, self.agent, taken)
            self.name_field.value = self._suggested
            self.name_field.cursor_position = len(self._suggested)

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        """Enter in the prompt creates the session, too."""
        event.stop()
        self.submit()

    def submit(self) -> None:
        """Check the directory, then ask the engine."""
        if not self._sending:
            self._sending = True
            self.bridge.host.spawn(self._submit())

    async def _submit(self) -> None:
        for line in self.faults.values():
            line.say("")
        self.agents.styles.max_height = MOST_AGENTS
        path = full_path(self.directory.value, self.bridge.directory)
        fault = await asyncio.to_thread(fault_of, path)
        if fault:
            self._refuse("directory", fault)
            return
        try:
            wish = self._wish(path)
            result = await self.bridge.call(wish)
        except QuarterdeckError as error:
            self._refuse(field_of(error.info()), f"{error.info().message}")
            return
        self.forget_drafts()
        self.bridge.prefer("last_agent", wish.agent)
        if self.is_attached:
            self.dismiss(str(result["session"]["id"]))

    def _wish(self, path: str) -> CreateSession:
        """The command that the form stands for.

        :raises CommandFault: naming what is wrong in it.
        """
        if not self.agent:
            raise CommandFault("field_missing", "Choose an agent.", field="agent")
        cols, lines = self.bridge.room
        raw: dict[str, Any] = {
            "name": self.name_field.value.strip(),
            "agent": self.agent,
            "cwd": path,
            "prompt": self.prompt.text.strip() or None,
            "worktree": {} if self.worktree.value else None,
            "cols": min(max(cols, MIN_COLS), MAX_COLS),
            "lines": min(max(lines, 1), MAX_LINES),
        }
        wish = parse_payload(CreateSession.type, raw)
        if not isinstance(wish, CreateSession):
            raise TypeError(wish.type)
        return wish

    def _refuse(self, field: str, text: str) -> None:
        self._sending = False
        if not self.is_attached:
            self.bridge.host.tell(text, "error")
            return
        self.faults[field].say(text)
        self.call_after_refresh(self._make_room)
        places: dict[str, Widget] = {
            "agent": self.agents, "directory": self.directory, "name": self.name_field,
        }  # fmt: skip
        if field in places:
            places[field].focus()

    def _make_room(self) -> None:
        """In a small terminal a long error has its lines from the list of agents, so that the keys stay in sight."""
        beyond = self.key_line.virtual_region.bottom - self.frame.content_size.height
        if beyond > 0:
            self.agents.styles.max_height = max(LEAST_AGENTS, self.agents.size.height - beyond)
