"""Sessions of agents, as the handlers of tasks are given them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .faults import ExecutionError


class SessionsMissing(ExecutionError):
    """A task's handler asks for a session, and there are none where it runs."""

    code = "task_sessions_missing"


@dataclass(frozen=True, slots=True)
class Turn:
    """What an agent gave for one prompt.

    ``text`` is what its screen gained; ``result`` what it left in the file ``$QUARTERDECK_RESULT``
    (JSON or text), and ``text`` where it left none.
    """

    result: Any
    text: str


class AgentSession(Protocol):
    """A session that works for one attempt: on the Deck like any other, its questions in the queue."""

    @property
    def id(self) -> str:
        """The session's id."""
        ...

    @property
    def name(self) -> str:
        """What it is called on the Deck."""
        ...

    async def prompt(self, text: str) -> Turn:
        """Give it a prompt, and wait until its turn is over.

        :raises ExecutionError: if the session ends before, or the agent says that it failed.
        """
        ...
