"""What the executors of the file format need of others: people to ask, and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ...base.priority import Priority
from ...protocol import commands as c
from ...protocol.events import Cause
from ...protocol.views import SessionView

REJECT = "reject"
"""The choice that fails its task."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A question to a person. ``workflow_id``, ``task_id`` and ``attempt`` are its identity.

    ``choices`` are what is read for each key, in order. ``deadline`` is when the task times out.
    """

    workflow_id: str
    task_id: str
    attempt: int
    question: str
    choices: Mapping[str, str]
    workflow: str = ""
    description: str = ""
    deadline: datetime | None = None
    priority: Priority = Priority.NORMAL
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its identity as text: the same after a restart."""
        return f"{self.workflow_id}/{self.task_id}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The key of the choice that was taken; ``by`` says who, in words for people."""

    choice: str
    by: str = ""


class Gates(Protocol):
    """Puts questions to people."""

    async def ask(self, gate: Gate) -> GateAnswer:
        """The answer, however long it takes.

        A gate of the same ``key`` that stands already, of an earlier engine too, is the same
        question: there is never a second item for it, and an answer that came meanwhile counts.
        Cancelling the call only stops waiting; ``withdraw`` takes the question back.
        """
        ...

    async def withdraw(self, gate: Gate) -> None:
        """Nobody needs to answer any more; a gate that does not stand is left alone."""
        ...


class Sessions(Protocol):
    """Sessions, as agent tasks use them; ``core.sessions.SessionManager`` is one."""

    def view(self, session_id: str) -> SessionView:
        """One session.

        :raises SessionUnknown: if there is none of this id.
        """
        ...

    def views(self) -> list[SessionView]:
        """Every session, oldest first."""
        ...

    async def changed(self, session_id: str, version: int) -> SessionView:
        """The session as soon as its version is not ``version`` any more.

        :raises SessionUnknown: if there is none of this id, or it is removed meanwhile.
        """
        ...

    async def create(self, wish: c.CreateSession, cause: Cause) -> SessionView:
        """Create a session.

        :raises NameTaken: if another one has this name.
        """
        ...

    async def start(self, wish: c.StartAgent, cause: Cause) -> SessionView:
        """Start a session's process; a running one is left as it is.

        :raises SessionLimit: if as many sessions live as are allowed.
        """
        ...

    async def prompt(self, wish: c.Prompt, cause: Cause) -> Mapping[str, Any]:
        """Deliver a prompt: ``{"delivery": "verified" | "unverified"}``."""
        ...

    async def stop(self, wish: c.StopAgent, cause: Cause) -> SessionView:
        """Stop a session's process tree; an ended one is left as it is."""
        ...

    async def delete(self, wish: c.DeleteSession, cause: Cause) -> None:
        """Remove a session with its history."""
        ...

    async def screen(self, wish: c.ReadScreen) -> Mapping[str, Any]:
        """A screen, or a part of its history, as data."""
        ...

    async def history(self, wish: c.SessionHistory) -> Mapping[str, Any]:
        """Former statuses, newest first."""
        ...

    async def hush(self, session_id: str, *, on: bool = True) -> None:
        """Ask for nobody's attention when this session or a turn of it ends; or do so again."""
        ...
