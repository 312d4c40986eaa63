"""Sessions as the attempts of workflows use them: held against rules, halt and limits at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...protocol import commands as c
from ...protocol.events import Cause
from ...protocol.views import SessionView
from ...workflows.executors.ports import Sessions
from .admissions import Admissions
from .dispatch import START, Dispatch
from .gate import WorkflowGate

PROMPT = "session.prompt"
WORKFLOW_ID, TASK_ID = "QUARTERDECK_WORKFLOW_ID", "QUARTERDECK_TASK_ID"


class GuardedSessions:
    """The ``Sessions`` port of the executors. The attempt itself has asked its agent's breaker and paid."""

    def __init__(self, inner: Sessions, admissions: Admissions, gate: WorkflowGate) -> None:
        self._inner = inner
        self._admissions = admissions
        self._gate = gate

    def view(self, session_id: str) -> SessionView:
        """One session."""
        return self._inner.view(session_id)

    def views(self) -> list[SessionView]:
        """Every session, oldest first."""
        return self._inner.views()

    async def changed(self, session_id: str, version: int) -> SessionView:
        """The session as soon as its version is not ``version`` any more."""
        return await self._inner.changed(session_id, version)

    async def create(self, wish: c.CreateSession, cause: Cause) -> SessionView:
        """Create a session; it belongs to its attempt from now on."""
        view = await self._inner.create(wish, cause)
        workflow_id, task_id = wish.env.get(WORKFLOW_ID), wish.env.get(TASK_ID)
        if workflow_id and task_id:
            self._gate.bind(view.id, workflow_id, task_id)
        return view

    async def start(self, wish: c.StartAgent, cause: Cause) -> SessionView:
        """Start a session's process, as soon as it may be."""
        await self._may(START, wish.session_id, {})
        return await self._inner.start(wish, cause)

    async def prompt(self, wish: c.Prompt, cause: Cause) -> Mapping[str, Any]:
        """Deliver a prompt, as soon as it may be."""
        await self._may(PROMPT, wish.session_id, {"text": wish.text})
        return await self._inner.prompt(wish, cause)

    async def stop(self, wish: c.StopAgent, cause: Cause) -> SessionView:
        """Stop a session's process tree."""
        return await self._inner.stop(wish, cause)

    async def delete(self, wish: c.DeleteSession, cause: Cause) -> None:
        """Remove a session with its history."""
        await self._inner.delete(wish, cause)

    async def screen(self, wish: c.ReadScreen) -> Mapping[str, Any]:
        """A screen, or a part of its history, as data."""
        return await self._inner.screen(wish)

    async def history(self, wish: c.SessionHistory) -> Mapping[str, Any]:
        """Former statuses, newest first."""
        return await self._inner.history(wish)

    async def hush(self, session_id: str, *, on: bool = True) -> None:
        """Ask for nobody's attention when a turn of this session ends; or do so again."""
        await self._inner.hush(session_id, on=on)

    async def _may(self, operation: str, session_id: str, more: Mapping[str, Any]) -> None:
        agent = self._inner.view(session_id).agent
        wish = Dispatch(
            operation,
            f"session/{session_id}",
            agent,
            parameters={"agent": agent, **more},
            subjects={"session": session_id, "client": session_id},
        )
        ticket = await self._admissions.admitted(wish)
        self._admissions.release(ticket)
