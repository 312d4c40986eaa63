"""The session manager: every session by its id; what the engine's handlers call."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.ids import new_id
from ..protocol import commands as c
from ..protocol.attention import AttentionItem
from ..protocol.events import Cause, SessionCreated, SessionDeleted
from ..protocol.status import Status
from ..protocol.views import AgentView, Check, HealthStatus, SessionView
from ..protocol.wire import Input
from .agents.definition import AgentDefinition
from .faults import (
    AgentUnknown,
    ItemNotAnswerable,
    NameTaken,
    SessionLimit,
    SessionLiving,
    SessionUnknown,
)
from .focus import FocusWatch
from .inspection import explain, history_of, log_of, screen_of, search_in
from .keyboard import press, take_input
from .prompting import answer_request, deliver_prompt
from .records import RemoveSession, SessionRecord
from .restore import Restorer
from .roster import Roster
from .screen import SessionScreen
from .services import Services
from .session import Session
from .starter import Starter
from .surroundings import repository_of


class SessionManager:
    """Owns the sessions; implements the engine's ``SessionService``."""

    def __init__(self, services: Services, roster: Roster) -> None:
        self._services = services
        self._roster = roster
        self._sessions: dict[str, Session] = {}
        self._starter = Starter(services)
        self._restorer = Restorer(services)
        self._focus = FocusWatch(self._sessions)

    async def load(self, epoch: int) -> None:
        """Take up the kept sessions: reconnect keepers, call the others lost."""
        self._services.epoch = epoch
        self._services.desk.load(await self._services.store.open_items())
        for record in await self._services.store.sessions():
            definition = self._roster.get(record.agent) or AgentDefinition(
                name="unknown", command=(record.agent,)
            )
            self._sessions[record.id] = self._starter.session(record, definition)
        await self._restorer.reconnect(list(self._sessions.values()))

    async def close(self, *, stop_sessions: bool) -> None:
        """Let go of every keeper, or stop every session; a last checkpoint either way."""
        self._focus.close()
        sessions = list(self._sessions.values())
        if stop_sessions:
            await asyncio.gather(
                *(self._starter.stop(session) for session in sessions if session.living),
                return_exceptions=True,
            )
        await self.checkpoint()
        await asyncio.gather(*(self._starter.release(session) for session in sessions))
        await self._starter.close()
        self._services.desk.close()

    async def checkpoint(self) -> None:
        """Keep a snapshot of every screen that changed since the last one."""
        for session in list(self._sessions.values()):
            await self._starter.keep_screen(session)

    async def tidy(self) -> None:
        """Remove stale sockets, rings and surroundings of sessions that are gone."""
        await self._restorer.tidy(self._sessions)
        living = frozenset(session.id for session in self._sessions.values() if session.living)
        await self._services.containers.orphans(living)

    async def checks(self) -> list[Check]:
        """The health of sessions and their keepers."""
        living = [session for session in self._sessions.values() if session.living]
        cut_off = [session.record.name for session in living if session.run is None]
        if cut_off:
            text = f"without a keeper: {', '.join(cut_off)}"
            return [Check(name="sessions", status=HealthStatus.DEGRADED, message=text)]
        text = f"{len(living)} living"
        return [Check(name="sessions", status=HealthStatus.HEALTHY, message=text)]

    def views(self) -> list[SessionView]:
        """Every session, oldest first."""
        return [session.view() for session in self._sessions.values()]

    def view(self, session_id: str) -> SessionView:
        """One session.

        :raises SessionUnknown: if there is none of this id.
        """
        return self._get(session_id).view()

    def agents(self) -> list[AgentView]:
        """Every agent that is known."""
        return self._roster.views()

    def items(self, *, snoozed: bool = True) -> list[AttentionItem]:
        """The open attention items in the queue's order."""
        return self._services.desk.items(snoozed=snoozed)

    def next_actionable(self, wish: c.NextActionable) -> AttentionItem | None:
        """The next or previous item that needs a person."""
        return self._services.desk.next(wish.current, backwards=wish.backwards)

    def screen_source(self, session_id: str) -> SessionScreen:
        """A session's screen to watch."""
        return self._get(session_id).screen

    def focus(self, client_id: str, session_id: str | None) -> None:
        """Note what a client's person looks at; two seconds of it count as seen."""
        self._focus.look(client_id, session_id)

    async def owner(self, wish: c.Payload) -> str | None:
        """The session a command is about, directly or through an item; its mailbox runs it."""
        if isinstance(wish, c.OnSession):
            return wish.session_id
        if isinstance(wish, c.AnswerItem | c.SnoozeItem | c.ResolveItem):
            return self._services.desk.get(wish.item_id).session_id
        return None

    async def create(self, wish: c.CreateSession, cause: Cause) -> SessionView:
        """Create a session; its place within the limit is taken before anything is awaited.

        A session whose start fails stays, crashed, with the reason.

        :raises AgentUnknown: if no agent has this name.
        :raises NameTaken: if another session has this name.
        :raises SessionLimit: if as many sessions live as are allowed.
        """
        definition = self._definition(wish.agent)
        self._check_name(wish.name)
        session = self._enter(wish, definition)
        try:
            repo = await asyncio.to_thread(repository_of, session.record.cwd)
            view = session.view().model_copy(update={"repo": repo})
            await session.change(cause, tell=[SessionCreated(session=view)], repo=repo)
        except BaseException:  # never journalled, so it never was
            del self._sessions[session.id]
            raise
        if wish.start:
            await self._starter.start(session, cause)
        return session.view()

    def _enter(self, wish: c.CreateSession, definition: AgentDefinition) -> Session:
        now = self._services.clock.now()
        record = SessionRecord(
            id=new_id(),
            name=wish.name,
            agent=wish.agent,
            cwd=str(Path(wish.cwd or definition.cwd or Path.cwd()).expanduser().absolute()),
            created_at=now,
            status=Status(since=now, evidence="not started yet"),
            args=wish.args,
            env=dict(wish.env),
            prompt=wish.prompt,
            priority=wish.priority,
            cols=wish.cols,
            lines=wish.lines,
            version=0,
        )
        session = self._starter.session(record, definition)
        if wish.start:
            self._claim(session)
        self._sessions[session.id] = session
        return session

    async def delete(self, wish: c.DeleteSession, cause: Cause) -> None:
        """Remove a session with its history; a living one only with force.

        :raises SessionLiving: if it lives, and force was not given.
        """
        session = self._get(wish.session_id)
        if session.living:
            if not wish.force:
                raise SessionLiving(
                    f"{session.record.name} is {session.view().shown}; stop it first, "
                    "or delete it with force.",
                    lifecycle=str(session.record.lifecycle),
                )
            await self._starter.stop(session, cause)
        changes, events = self._services.desk.forget(session.id)
        gone = SessionDeleted(session_id=session.id, name=session.record.name)
        await self._services.recorder.record(
            [*changes, RemoveSession(session.id)], [*events, gone], cause
        )
        del self._sessions[session.id]
        await self._starter.erase(session)

    async def update(self, wish: c.UpdateSession, cause: Cause) -> SessionView:
        """Change a session; arguments and environment hold from the next start on."""
        session = self._get(wish.session_id)
        given = {name: getattr(wish.updates, name) for name in wish.updates.model_fields_set}
        if given.get("name") not in {None, session.record.name}:
            self._check_name(given["name"])
        await session.change(
            cause, **{key: value for key, value in given.items() if value is not None}
        )
        return session.view()

    async def start(self, wish: c.StartAgent, cause: Cause) -> SessionView:
        """Start a session's process; a running one is left as it is."""
        session = self._get(wish.session_id)
        if not session.living:
            self._claim(session)
        await self._starter.start(session, cause, resume=wish.resume)
        return session.view()

    async def stop(self, wish: c.StopAgent, cause: Cause) -> SessionView:
        """Stop a session's process tree; an ended one is left as it is."""
        session = self._get(wish.session_id)
        await self._starter.stop(session, cause, grace=wish.grace)
        return session.view()

    async def restart(self, wish: c.RestartAgent, cause: Cause) -> SessionView:
        """Stop and start."""
        session = self._get(wish.session_id)
        if not session.living:
            self._claim(session)
        await self._starter.stop(session, cause, grace=wish.grace)
        await self._starter.start(session, cause)
        return session.view()

    async def prompt(self, wish: c.Prompt, cause: Cause) -> Mapping[str, Any]:
        """Deliver a prompt: ``{"delivery": "verified" | "unverified"}``."""
        return await deliver_prompt(self._get(wish.session_id), wish.text, verify=wish.verify)

    async def keys(self, wish: c.SendKeys, cause: Cause) -> None:
        """Press keys or type text, unguarded."""
        await press(self._get(wish.session_id), wish.keys, wish.text)

    async def resize(self, wish: c.Resize, cause: Cause) -> None:
        """Change the terminal's size."""
        session = self._get(wish.session_id)
        if session.run is not None:
            await session.run.set_size(wish.cols, wish.lines)
        await session.change(cause, cols=wish.cols, lines=wish.lines)

    async def answer(self, wish: c.Answer, cause: Cause) -> Mapping[str, Any]:
        """Answer an open request, after detecting it again."""
        session = self._get(wish.session_id)
        return await answer_request(session, wish.request_id, wish.choice, wish.text, cause)

    async def answer_item(self, wish: c.AnswerItem, cause: Cause) -> Mapping[str, Any]:
        """Answer an attention item.

        :raises ItemNotAnswerable: if it asks nothing.
        """
        item = self._services.desk.get(wish.item_id)
        if not item.request_id:
            raise ItemNotAnswerable(
                f"{item.title} asks nothing; resolve or snooze it.", item_id=item.item_id
            )
        session = self._get(item.session_id)
        return await answer_request(session, item.request_id, wish.choice, wish.text, cause)

    async def snooze(self, wish: c.SnoozeItem, cause: Cause) -> AttentionItem:
        """Put an item aside."""
        return await self._services.desk.snooze(wish.item_id, wish.seconds, cause)

    async def resolve(self, wish: c.ResolveItem, cause: Cause) -> AttentionItem:
        """Take an item off the queue."""
        return await self._services.desk.resolve(wish.item_id, cause)

    async def screen(self, wish: c.ReadScreen) -> Mapping[str, Any]:
        """A screen or a part of its history as data."""
        return screen_of(self._get(wish.session_id), wish)

    async def search(self, wish: c.SearchScreen) -> Mapping[str, Any]:
        """Matches in scrollback and screen."""
        return search_in(self._get(wish.session_id), wish)

    async def logs(self, wish: c.ReadLog) -> Mapping[str, Any]:
        """The tail of the output."""
        return await log_of(self._get(wish.session_id), wish)

    def explain(self, wish: c.ExplainSession) -> Mapping[str, Any]:
        """What says the status."""
        return explain(self._get(wish.session_id))

    async def history(self, wish: c.SessionHistory) -> Mapping[str, Any]:
        """Former statuses."""
        return await history_of(self._get(wish.session_id), wish.limit)

    def input(self, message: Input) -> None:
        """Pass input on, in order; dropped with a counter where the session can't take it."""
        session = self._sessions.get(message.session_id)
        if session is not None:
            take_input(session, message)

    def _get(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise SessionUnknown(f"There is no session {session_id}.", session_id=session_id)
        return session

    def _definition(self, agent: str) -> AgentDefinition:
        definition = self._roster.get(agent)
        if definition is None:
            near = difflib.get_close_matches(agent, self._roster.names(), n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise AgentUnknown(f"There is no agent {agent}.{hint}", agent=agent)
        return definition

    def _check_name(self, name: str) -> None:
        if any(session.record.name == name for session in self._sessions.values()):
            raise NameTaken(f"Another session is called {name}.", name=name)

    def _claim(self, session: Session) -> None:
        """Take a place within the limit for ``session``, at once.

        :raises SessionLimit: if none is left.
        """
        limit = self._services.options.max_sessions
        taken = sum(1 for other in self._sessions.values() if other.living or other.claimed)
        if taken >= limit:
            raise SessionLimit(
                f"{taken} sessions live, as many as [engine] max_concurrent_sessions allows; "
                "stop one or raise the limit.",
                limit=limit,
            )
        session.claimed = True
