"""Which agents can do tasks, and their sessions: for agent tasks, and for handlers that want one."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...sessions.agents.definition import AgentDefinition
from ..agent_session import AgentSession, SessionsMissing, Turn
from ..context import TaskExecutionContext
from ..files.templates import Scope
from .attempt import Attempt
from .desk import Desk
from .faults import AgentUnusable
from .kept_sessions import KeptSessions
from .live_session import LiveSession
from .ports import Sessions
from .session_turn import SessionTurn, order_of

SESSION, ONE_SHOT = "session", "one-shot"


class AgentSessions:
    """The agents of one orchestrator, and its sessions if it has any."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sessions = desk.surroundings.sessions
        self.kept = None if self._sessions is None else KeptSessions(desk, self._sessions)

    def definition(self, name: str, mode: str, task_id: str) -> AgentDefinition:
        """The agent of this name.

        :raises AgentUnusable: if there is none, or it can't do tasks in this ``mode``.
        """
        agents = self._desk.surroundings.agents
        definition = agents.get(name)
        if definition is None:
            near = difflib.get_close_matches(name, agents, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise AgentUnusable(f"Task {task_id!r}: there is no agent {name}.{hint}", agent=name)
        why = unfit(definition, mode)
        if why:
            raise AgentUnusable(f"Task {task_id!r}: {definition.shown} {why}.", agent=name)
        return definition

    def turn(
        self, attempt: Attempt, definition: AgentDefinition, env: Mapping[str, str]
    ) -> SessionTurn:
        """An attempt as one turn in a session of its own.

        :raises SessionsMissing: if there are no sessions here.
        """
        sessions, kept = self._there(attempt.task.task_id)
        return SessionTurn(attempt, definition, sessions, kept, env)

    def check(self, task_id: str) -> None:
        """Nothing, if there are sessions.

        :raises AgentUnusable: if not.
        """
        if self._sessions is None:
            raise AgentUnusable(
                f"Task {task_id!r} wants a session (mode: session), and there are none here: "
                "run it from the dashboard or with a running engine, or say mode: one-shot.",
                task_id=task_id,
            )

    def _there(self, task_id: str) -> tuple[Sessions, KeptSessions]:
        if self._sessions is None or self.kept is None:
            raise SessionsMissing(
                f"Task {task_id!r} wants a session, and there are none where it runs. Run it with "
                "`quarterdeck run`, from the dashboard or in a running engine; a program of its own "
                "gives register_executors the sessions that are to be used.",
                task_id=task_id,
            )
        return self._sessions, self.kept

    # ---- for handlers --------------------------------------------------------------------------

    @asynccontextmanager
    async def open(
        self,
        context: TaskExecutionContext,
        *,
        agent: str,
        cwd: Path | None,
        env: Mapping[str, str],
        keep: bool,
    ) -> AsyncIterator[AgentSession]:
        """A session for an attempt of a kind of task that the program has registered.

        What its metadata says is the program's own, and none of our keys.
        """
        task = replace(context.task_def, metadata={})
        attempt = Attempt(self._desk, replace(context, task_def=task), Scope())
        try:
            async with self._opened(attempt, agent, cwd or Path.cwd(), env, keep=keep) as session:
                yield session
        finally:
            attempt.log.close()

    def of(self, attempt: Attempt) -> TaskExecutionContext:
        """The context of an attempt of a file's task, whose sessions are that attempt's."""
        return replace(attempt.context, opener=partial(self._open_in, attempt))

    @asynccontextmanager
    async def _open_in(
        self,
        attempt: Attempt,
        _: TaskExecutionContext,
        *,
        agent: str,
        cwd: Path | None,
        env: Mapping[str, str],
        keep: bool,
    ) -> AsyncIterator[AgentSession]:
        async with self._opened(attempt, agent, cwd or attempt.cwd, env, keep=keep) as session:
            yield session

    @asynccontextmanager
    async def _opened(
        self, attempt: Attempt, agent: str, cwd: Path, env: Mapping[str, str], *, keep: bool
    ) -> AsyncIterator[AgentSession]:
        task_id = attempt.task.task_id
        sessions, kept = self._there(task_id)
        definition = self.definition(agent, SESSION, task_id)
        order = order_of(attempt, definition, cwd=cwd, env=env)
        session = LiveSession(order, sessions, kept, attempt.desk.now)
        try:
            await session.create(adoptable=False)
            await session.hush()
            await session.start()
            yield Handle(attempt, session)
        except BaseException:  # whoever is cancelled is begun anew, with another session
            await session.stop(keep=False)
            raise
        await session.stop(keep=keep)


class Handle:
    """A session as a handler has it; what its screen gains is in the attempt's log."""

    def __init__(self, attempt: Attempt, session: LiveSession) -> None:
        self._attempt = attempt
        self._session = session
        self._prompts: list[str] = []

    @property
    def id(self) -> str:
        """The session's id."""
        return self._session.id

    @property
    def name(self) -> str:
        """What it is called."""
        return self._session.view.name

    async def prompt(self, text: str) -> Turn:
        """One turn."""
        attempt = self._attempt
        self._prompts.append(text)
        attempt.given.add({"prompts": list(self._prompts)})
        attempt.announce_log()
        await self._session.give(text)
        await self._session.end_of_turn()
        gained, result = await self._session.result()
        await attempt.write(gained.encode() + b"\n")
        return Turn(result, gained)


def unfit(definition: AgentDefinition, mode: str) -> str:
    """Why the agent can't do tasks in this way; empty if it can."""
    if mode == SESSION:
        told = definition.readable or definition.shell
        return "" if told else "can't do it in a session: nothing tells when its turn is over"
    if definition.oneshot is None:
        return "can't do it as one-shot: its definition has no [oneshot]"
    none = definition.oneshot.none
    return f"can't do it as one-shot: {none}" if none else ""
