"""The session manager: every session by its id; what the engine's handlers call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import QuarterdeckError
from ..base.homes import expanded
from ..base.ids import new_id
from ..coordination.layer import CoordinationLayer
from ..protocol import commands as c
from ..protocol.attention import AttentionItem, AttentionKind
from ..protocol.events import Cause, SessionCreated, SessionDeleted
from ..protocol.status import Lifecycle, Status
from ..protocol.views import AgentView, Check, HealthStatus, SessionView
from ..protocol.wire import Input
from ..protocol.workspace import WorkspaceState
from ..telemetry.logs import logger
from .adoption import FIRST, epoch_above, strays
from .agents.definition import AgentDefinition
from .errands import Errands
from .faults import ItemNotAnswerable, SessionLiving
from .first_prompt import FirstPrompts
from .focus import FocusWatch
from .keyboard import press, take_input
from .prompting import answer_request, deliver_prompt
from .readings import Readings
from .records import RemoveSession, SessionRecord
from .register import Register
from .restore import Restorer
from .roster import Roster
from .services import Services
from .session import Session
from .starter import Starter
from .surroundings import repository_of
from .winding_up import WindingUp
from .workspaces.model import Plan, WorktreeOptions
from .workspaces.workspaces import Workspaces

_ANSWERED = frozenset({AttentionKind.APPROVAL, AttentionKind.QUESTION, AttentionKind.GATE})

_log = logger("sessions.manager")


def stranger(agent: str) -> AgentDefinition:
    """What stands for the agent of a kept session that no file defines any more."""
    return AgentDefinition(name="unknown", title=agent, command=(agent or "unknown",))


async def _each(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it, whatever fails of it."""
    for failure in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(failure, Exception):
            _log.error("a session could not be closed as wished", failure)


def _check_dead(session: Session, *, force: bool) -> None:
    if session.living and not force:
        raise SessionLiving(
            f"{session.record.name} is {session.view().shown}; stop it first, "
            "or delete it with --force.",
            lifecycle=str(session.record.lifecycle),
        )


async def _stop(starter: Starter, session: Session) -> None:
    """Stop a session, or go on with a stop that an earlier engine had begun."""
    async with session.busy:
        await starter.stop(session)


async def _let_go(winding_up: WindingUp, session: Session) -> None:
    try:
        await winding_up.keep_screen(session)
    finally:
        await winding_up.release(session)


class SessionManager(Readings):
    """Owns the sessions; implements the engine's ``SessionService``.

    ``layer`` keeps what worktrees need to be made and merged safely; without one that lives as long as
    the manager.
    """

    def __init__(
        self,
        services: Services,
        roster: Roster,
        *,
        layer: CoordinationLayer | None = None,
        worktrees: WorktreeOptions | None = None,
    ) -> None:
        self._services = services
        self._roster = roster
        super().__init__(Register(roster, services.options.max_sessions))
        self._errands = Errands()
        self._first_prompts = FirstPrompts(self._errands)
        self._winding_up = WindingUp(services, self._errands)
        self._restorer = Restorer(services, self._errands)
        self._starter = Starter(services, self._winding_up, self._restorer, self._first_prompts)
        self._focus = FocusWatch(self._register.by_id)
        self._workspaces = Workspaces(
            services,
            self._starter,
            find=self._register.get,
            remove=self._undo,
            layer=layer,
            options=worktrees,
        )

    async def load(self, epoch: int) -> None:
        """Take up the kept sessions: reconnect keepers, call the others lost."""
        found = await self._services.keepers.found(self._services.state_dir)
        records = await self._services.store.sessions()
        self._services.epoch = epoch_above(epoch, found, records)
        self._services.desk.load(await self._services.store.open_items(), records)
        for record in records:
            definition = self._roster.get(record.agent) or stranger(record.agent)
            self._register.add(self._starter.session(record, definition))
        if epoch == FIRST:
            await self._adopt(strays(found, self._services.clock))
        await self._restorer.reconnect(list(self._register))
        for session in self._register:
            if session.record.lifecycle is Lifecycle.STOPPING:
                self._errands.run(_stop(self._starter, session), "session-stop")
            elif session.living:
                self._first_prompts.deliver(session)
            workspace = session.record.workspace
            if workspace is not None and workspace.state is WorkspaceState.PREPARING:
                self._errands.run(self._workspaces.settle(session), "session-worktree")
        await self._restorer.meet_strangers(self._register.by_id)
        self._errands.run(self._restorer.sweep(self._register.by_id), "keeper-sweep")

    async def _adopt(self, records: Iterable[SessionRecord]) -> None:
        """Enter sessions of which only their keepers tell; none is ended for a store that is lost."""
        for record in records:
            definition = self._roster.get(record.agent) or stranger(record.agent)
            session = self._starter.session(record, definition)
            self._register.add(session)
            with contextlib.suppress(QuarterdeckError):  # owed; it can be commanded all the same
                await session.change(Cause(), tell=[SessionCreated(session=session.view())])

    async def close(self, *, stop_sessions: bool) -> None:
        """Let go of every keeper, or stop every session; a last checkpoint either way."""
        self._focus.close()
        self._first_prompts.close()
        sessions = list(self._register)
        try:
            await self._workspaces.close()
            if stop_sessions:
                await _each(_stop(self._starter, session) for session in sessions)
            self._services.recorder.settle()
        finally:
            await _each(_let_go(self._winding_up, session) for session in sessions)
            await self._errands.close()
            self._services.desk.close()

    async def checkpoint(self) -> None:
        """Keep a snapshot of every screen that changed since the last one, and what is owed."""
        self._services.recorder.settle()
        self._services.desk.look()
        for session in self._register:
            if not self._winding_up.is_due(session):
                continue
            # One by one: a snapshot is some milliseconds' work, and others want their turn.
            await _each([self._winding_up.keep_screen(session)])
            await asyncio.sleep(0)

    async def tidy(self) -> None:
        """Remove stale keepers, sockets, rings and surroundings of sessions that are gone."""
        await self._restorer.tidy(self._register.by_id)
        living = frozenset(session.id for session in self._register if session.living)
        await self._services.containers.orphans(living)
        await self._workspaces.tidy(frozenset(self._register.by_id))

    async def checks(self) -> list[Check]:
        """The health of sessions and their keepers."""
        living = [session for session in self._register if session.living]
        starting = Lifecycle.STARTING
        cut_off = [
            session.record.name
            for session in living
            if session.run is None and session.record.lifecycle is not starting
        ]
        problems = [f"without a keeper: {', '.join(cut_off)}"] if cut_off else []
        if owed := self._services.recorder.owed:
            problems.append(f"changes of {owed} sessions or items are not on disk")
        status = HealthStatus.DEGRADED if problems else HealthStatus.HEALTHY
        message = "; ".join(problems) or f"{len(living)} living"
        return [Check(name="sessions", status=status, message=message)]

    async def hush(self, session_id: str, *, on: bool = True) -> None:
        """Ask for nobody's attention when this session or a turn of it ends; or do so again."""
        session = self._register.get(session_id)
        self._services.desk.hush(session_id, on=on)
        changes, events = self._services.desk.reconcile(session.record)
        if changes:
            await self._services.recorder.record(changes, events)

    def agents(self) -> list[AgentView]:
        """Every agent that is known."""
        return self._roster.views()

    def items(self, *, snoozed: bool = True) -> list[AttentionItem]:
        """The open attention items in the queue's order."""
        return self._services.desk.items(snoozed=snoozed)

    def next_actionable(self, wish: c.NextActionable) -> AttentionItem | None:
        """The next or previous item that needs a person."""
        return self._services.desk.next(wish.current, backwards=wish.backwards)

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

        A session whose start fails stays, crashed, with the reason; but one that was to have a worktree
        goes, with all that was made for it.

        :raises AgentUnknown: if no agent has this name.
        :raises NameTaken: if another session has this name.
        :raises SessionLimit: if as many sessions live as are allowed.
        """
        definition = self._register.definition(wish.agent)
        self._register.check_name(wish.name)
        place = str(expanded(wish.cwd or definition.cwd or Path.cwd()).absolute())
        plan = await self._workspaces.plan(wish, place)
        self._register.check_name(wish.name)
        session = self._enter(wish, definition, place, plan)
        async with session.busy:
            try:
                await self._introduce(session, cause)
                if plan is not None:
                    await self._workspaces.make(session, cause, start=wish.start)
                elif wish.start:
                    await self._starter.start(session, cause)
            finally:
                session.claimed = False
        return session.view()

    async def _introduce(self, session: Session, cause: Cause) -> None:
        """Journal a new session; one that can't be journalled never was."""
        told = False
        try:
            record = session.record
            seat = record.cwd if record.workspace is None else record.workspace.repository
            repo = await asyncio.to_thread(repository_of, seat)
            view = session.view().model_copy(update={"repo": repo})
            told = True
            await session.change(cause, tell=[SessionCreated(session=view)], repo=repo)
        except BaseException as error:
            self._register.remove(session)
            session.removed = True
            session.reader.close()
            self._services.recorder.forget(session.id)
            if told and not isinstance(error, QuarterdeckError):  # it is on its way to the disk
                self._services.recorder.record(
                    [RemoveSession(session.id)],
                    [SessionDeleted(session_id=session.id, name=session.record.name)],
                    cause,
                )
            raise

    def _enter(
        self, wish: c.CreateSession, definition: AgentDefinition, place: str, plan: Plan | None
    ) -> Session:
        now, options, session_id = self._services.clock.now(), self._services.options, new_id()
        workspace = None if plan is None else self._workspaces.place(plan, session_id)
        record = SessionRecord(
            id=session_id,
            name=wish.name,
            agent=wish.agent,
            cwd=place if plan is None or workspace is None else plan.seat(workspace),
            workspace=workspace,
            created_at=now,
            status=Status(since=now, evidence="not started yet"),
            args=wish.args,
            env=dict(wish.env),
            prompt=wish.prompt,
            priority=wish.priority,
            cols=wish.cols or options.cols,
            lines=wish.lines or options.lines,
            version=0,
        )
        session = self._starter.session(record, definition)
        if wish.start:
            self._register.claim(session)
        self._register.add(session)
        return session

    async def delete(self, wish: c.DeleteSession, cause: Cause) -> None:
        """Remove a session with its history; a living one only with force.

        :raises SessionLiving: if it lives, and force was not given.
        """
        session = self._register.get(wish.session_id)
        _check_dead(session, force=wish.force)
        async with session.busy:
            self._register.get(wish.session_id)
            _check_dead(session, force=wish.force)
            await self._workspaces.check_removal(session, wish)
            await self._starter.stop(session, cause)
            await self._workspaces.take_down(session, wish)
            await self._undo(session, cause)

    async def _undo(self, session: Session, cause: Cause) -> None:
        """Let a session be gone, with all that is left of it."""
        await self._remove(session, cause)
        await self._winding_up.erase(session)

    async def merge(
        self, wish: c.MergeSession, cause: Cause
    ) -> tuple[SessionView, Mapping[str, Any]]:
        """Merge the branch of a session's worktree; the session, and what was done."""
        session = self._register.get(wish.session_id)
        async with session.busy:
            self._register.get(wish.session_id)
            done = await self._workspaces.merge(session, wish, cause)
        return session.view(), done

    async def _remove(self, session: Session, cause: Cause) -> None:
        """Journal that a session is gone; until that is on disk it is still there."""
        session.removed = True
        session.waiting.changed()
        changes, events = self._services.desk.forget(session.id)
        gone = SessionDeleted(session_id=session.id, name=session.record.name)
        try:
            await self._services.recorder.record(
                [*changes, RemoveSession(session.id)], [*events, gone], cause
            )
        except QuarterdeckError:
            session.removed = False
            raise
        self._first_prompts.give_up(session)
        self._register.remove(session)

    async def update(self, wish: c.UpdateSession, cause: Cause) -> SessionView:
        """Change a session; arguments and environment hold from the next start on."""
        session = self._register.get(wish.session_id)
        given = {name: getattr(wish.updates, name) for name in wish.updates.model_fields_set}
        if given.get("name") not in {None, session.record.name}:
            self._register.check_name(given["name"])
        fields = {key: value for key, value in given.items() if value is not None}
        before = {key: getattr(session.record, key) for key in fields}
        try:
            await session.change(cause, **fields)
        except QuarterdeckError:
            # What is refused must not be in force, nor be kept later as a debt.
            if all(getattr(session.record, key) == value for key, value in fields.items()):
                session.change(cause, **before)
            raise
        return session.view()

    async def start(self, wish: c.StartAgent, cause: Cause) -> SessionView:
        """Start a session's process; a running one is left as it is.

        :raises AgentUnknown: if its agent is not there any more.
        :raises SessionLimit: if as many sessions live as are allowed.
        """
        session = self._register.get(wish.session_id)
        async with session.busy:
            await self._start(session, cause, resume=wish.resume)
        return session.view()

    async def _start(self, session: Session, cause: Cause, *, resume: bool = False) -> None:
        self._register.get(session.id)
        self._register.definition(session.record.agent)
        self._register.claim(session)
        try:
            await self._starter.start(session, cause, resume=resume)
        finally:
            session.claimed = False

    async def stop(self, wish: c.StopAgent, cause: Cause) -> SessionView:
        """Stop a session's process tree; an ended one is left as it is."""
        session = self._register.get(wish.session_id)
        async with session.busy:
            await self._starter.stop(session, cause, grace=wish.grace)
        return session.view()

    async def restart(self, wish: c.RestartAgent, cause: Cause) -> SessionView:
        """Stop and start; its place within the limit is kept meanwhile."""
        session = self._register.get(wish.session_id)
        async with session.busy:
            self._register.claim(session)
            try:
                await self._starter.stop(session, cause, grace=wish.grace)
                await self._start(session, cause)
            finally:
                session.claimed = False
        return session.view()

    async def prompt(self, wish: c.Prompt, cause: Cause) -> Mapping[str, Any]:
        """Deliver a prompt: ``{"delivery": "verified" | "unverified"}``."""
        return await deliver_prompt(
            self._register.get(wish.session_id),
            wish.text,
            verify=wish.verify,
            over_draft=wish.over_draft,
        )

    async def keys(self, wish: c.SendKeys, cause: Cause) -> None:
        """Press keys or type text, unguarded."""
        await press(self._register.get(wish.session_id), wish.keys, wish.text)

    async def resize(self, wish: c.Resize, cause: Cause) -> None:
        """Change the terminal's size."""
        session = self._register.get(wish.session_id)
        if session.run is not None:
            await session.run.typist.resize(wish.cols, wish.lines)
            await session.settled()
        elif (wish.cols, wish.lines) != (session.record.cols, session.record.lines):
            await session.change(cause, cols=wish.cols, lines=wish.lines)

    async def answer(self, wish: c.Answer, cause: Cause) -> Mapping[str, Any]:
        """Answer an open request, after detecting it again."""
        session = self._register.get(wish.session_id)
        return await answer_request(session, wish.request_id, wish.choice, wish.text, cause)

    async def answer_item(self, wish: c.AnswerItem, cause: Cause) -> Mapping[str, Any]:
        """Answer an attention item.

        :raises ItemNotAnswerable: if it asks nothing.
        """
        item = self._services.desk.get(wish.item_id)
        if item.kind not in _ANSWERED:
            raise ItemNotAnswerable(
                f"{item.title} asks nothing; resolve or snooze it.", item_id=item.item_id
            )
        session = self._register.get(item.session_id)
        return await answer_request(session, item.request_id, wish.choice, wish.text, cause)

    async def snooze(self, wish: c.SnoozeItem, cause: Cause) -> AttentionItem:
        """Put an item aside."""
        return await self._services.desk.snooze(wish.item_id, wish.seconds, cause)

    async def resolve(self, wish: c.ResolveItem, cause: Cause) -> AttentionItem:
        """Take an item off the queue."""
        desk = self._services.desk
        item = desk.get(wish.item_id)
        try:
            return await desk.resolve(wish.item_id, cause)
        except QuarterdeckError:
            # What it asks may have changed while the item seemed closed.
            session = self._register.by_id.get(item.session_id)
            outcome = desk.reconcile(session.record) if session else desk.forget(item.session_id)
            if outcome[0]:
                self._services.recorder.record(*outcome)
            raise

    def input(self, message: Input) -> None:
        """Pass input on, in order; dropped with a counter where the session can't take it."""
        session = self._register.by_id.get(message.session_id)
        if session is not None:
            take_input(session, message)
