"""One session: its record, its status, its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..protocol.events import (
    Cause,
    EventPayload,
    SessionUpdated,
    SessionUsage,
    StatusChanged,
    StatusProgress,
    SystemWarning,
)
from ..protocol.status import Lifecycle, Status
from ..protocol.views import SessionView
from .agents.definition import AgentDefinition
from .keeper.places import KeeperPlaces, places_for
from .lifecycle import LIVING, KeeperGone, LifecycleEvent, ProcessEnded, decide
from .reader import Reader
from .records import AddStatus, SaveSession, SessionChange, SessionRecord, StatusEntry
from .run import Run
from .screen import SessionScreen, possible
from .services import Services
from .waiting import Waiting

STOP_SIGNALS = frozenset({1, 9, 15})
"""What a keeper's stop may send: SIGHUP, SIGKILL, SIGTERM."""


class Session:
    """A session's present; every change of it is journalled as it happens.

    ``run`` is there while a keeper is held. ``busy`` is held by whoever starts, stops or removes
    it. ``on_ended`` and ``on_cut_loose`` get the run that is over, if there was one.
    """

    def __init__(
        self,
        record: SessionRecord,
        definition: AgentDefinition,
        services: Services,
        screen: SessionScreen,
    ) -> None:
        self.record = record
        self.definition = definition
        self.services = services
        self.screen = screen
        self.run: Run | None = None
        self.reader = Reader(self)
        self.busy = asyncio.Lock()
        self.waiting = Waiting()
        self.title = record.title
        self.progress: int | None = None
        self.claimed = False
        self.removed = False
        self.superseded = False
        self.ended = asyncio.Event()
        stopping = record.lifecycle is Lifecycle.STOPPING  # by an earlier engine
        self.sent_signals = STOP_SIGNALS if stopping else frozenset()
        self.kept_generation = -1
        self.linked_at: float | None = None
        self.dismissal: asyncio.Task[None] | None = None
        self.on_ended: Callable[[Session, Run | None], None] = lambda *_: None
        self.on_cut_loose: Callable[[Session, Run | None, str], None] = lambda *_: None
        self._offset = 0
        self._last = _done()
        self._told: tuple[str, int | None] = (self.title, None)
        if not self.living:
            self.ended.set()

    @property
    def id(self) -> str:
        """The session's ULID."""
        return self.record.id

    @property
    def living(self) -> bool:
        """Whether a process stands behind it, or may stand."""
        return self.record.lifecycle in LIVING

    @property
    def status(self) -> Status:
        """The status in force."""
        return self.record.status

    @property
    def offset(self) -> int:
        """How many bytes of this start's output the screen has taken in."""
        return self._offset if self.run is None else self.run.offset

    @offset.setter
    def offset(self, offset: int) -> None:
        self._offset = offset

    @property
    def places(self) -> KeeperPlaces:
        """Where the keeper of the present start has its socket and files.

        :raises QuarterdeckError: if there can't be a socket.
        """
        return places_for(self.services.state_dir, self.place_key)

    @property
    def place_key(self) -> str:
        """What names this start's keeper, socket and ring."""
        return f"{self.record.id}.{self.record.generation}"

    def view(self) -> SessionView:
        """The session as others see it."""
        record = self.record
        return SessionView(
            id=record.id,
            name=record.name,
            agent=record.agent,
            cwd=record.cwd,
            repo=record.repo,
            lifecycle=record.lifecycle,
            status=record.status,
            priority=record.priority,
            pid=record.pid,
            keeper_pid=record.keeper_pid,
            exit_code=record.exit_code,
            exit_signal=record.exit_signal,
            reason=record.reason,
            title=self.title,
            progress=self.progress,
            cols=record.cols,
            lines=record.lines,
            created_at=record.created_at,
            started_at=record.started_at,
            ended_at=record.ended_at,
            resumable=not self.living and bool(record.session_ref) and self.definition.resumable,
            workspace=record.workspace,
            version=record.version,
        )

    # Changes

    def change(
        self,
        cause: Cause | None = None,
        *,
        tell: Sequence[EventPayload] | None = None,
        **fields: Any,
    ) -> asyncio.Future[None]:
        """Set ``fields`` of the record, journal it, tell the world; in force at once.

        ``tell`` replaces the event that tells of a mere update. The awaitable ends when all is on
        disk; it need not be awaited. What the store can't keep is in force all the same, and owed.
        A session that was removed does not change any more.
        """
        if self.removed:
            return _done()
        old = self.record
        self.record = replace(old, version=old.version + 1, **fields)
        changes: list[SessionChange] = [SaveSession(self.record)]
        events: list[EventPayload] = []
        if _standing(old) != _standing(self.record):
            changes.append(AddStatus(self._entry()))
            events.append(self._status_changed(old))
        elif tell is None:
            events.append(SessionUpdated(session=self.view(), changed=tuple(fields)))
        more_changes, more_events = self.services.desk.reconcile(self.record)
        done = self.services.recorder.record(
            [*changes, *more_changes], [*events, *(tell or ()), *more_events], cause
        )
        self._last = done
        self.waiting.changed()
        return done

    async def settled(self) -> None:
        """Return once the last change is on disk, or could not be kept and is owed."""
        await asyncio.wait([self._last])

    def move(
        self, event: LifecycleEvent, cause: Cause | None = None, **fields: Any
    ) -> asyncio.Future[None]:
        """Let ``event`` change the lifecycle, and set ``fields`` with it.

        :raises IllegalTransition: if the present state knows no such move.
        """
        return self.change(cause, lifecycle=decide(self.record.lifecycle, event), **fields)

    def _entry(self) -> StatusEntry:
        status = self.record.status
        return StatusEntry(
            session_id=self.id,
            at=self.services.clock.now(),
            lifecycle=self.record.lifecycle,
            activity=status.activity,
            source=status.source,
            evidence=status.evidence,
        )

    def _status_changed(self, old: SessionRecord) -> StatusChanged:
        return StatusChanged(
            session_id=self.id,
            old_lifecycle=old.lifecycle,
            old_activity=old.status.activity,
            lifecycle=self.record.lifecycle,
            status=self.record.status,
            session=self.view(),
        )

    # What the reader tells

    def on_status(self, status: Status) -> None:
        """The detector has come to another status."""
        self.change(status=status)

    def tell_progress(self) -> None:
        """Tell title and progress, if they are others than those told last."""
        if self._told != (self.title, self.progress):
            self._told = (self.title, self.progress)
            event = StatusProgress(session_id=self.id, progress=self.progress, title=self.title)
            self.services.recorder.record([], [event])

    def tell_usage(self, cost: float, tokens: float) -> None:
        """Tell what the program says that it has spent since it began."""
        event = SessionUsage(
            session_id=self.id,
            cost=cost,
            tokens=tokens,
            started_at=self.record.started_at,
            session=self.view(),
        )
        self.services.recorder.record([], [event])

    def ask_repaint(self) -> None:
        """Make the program draw anew by a change of size and back."""
        if self.run is not None:
            self.run.typist.nudge()

    # What the run tells

    def on_output(self) -> None:
        """The screen took output in."""
        self.reader.output()

    def on_resized(self, cols: int, lines: int) -> None:
        """From here on the output is for this size."""
        self.reader.resized()

    def on_caught_up(self) -> None:
        """The screen is what the program shows now, unless output was lost."""
        self.reader.caught_up()

    def on_lost_output(self) -> None:
        """A part of the output is gone: start from an empty screen."""
        size = (self.record.cols, self.record.lines)
        if self.run is not None:
            size = (self.run.link.facts.cols, self.run.link.facts.rows)
        self.screen.replace(self.services.new_emulator(*possible(*size)))
        self.reader.lost()

    def on_sized(self, cols: int, lines: int) -> None:
        """The terminal was given this size, as someone wished."""
        if (cols, lines) != (self.record.cols, self.record.lines):
            self.change(cols=cols, lines=lines)

    def on_refused_input(self) -> None:
        """Input was dropped; told once for each run."""
        run = self.run
        if run is not None and run.typist.refused == 1:
            told = SystemWarning(
                code="input_dropped",
                message=f"{self.record.name} leaves its input unread; some of it was dropped.",
                details={"session_id": self.id},
            )
            self.services.recorder.record([], [told])

    def on_exit(self, code: int | None, signal: int | None) -> None:
        """The process has ended."""
        self._end(ProcessEnded(code=code, signal=signal, sent=self.sent_signals), code, signal)

    def on_gone(self, reason: str) -> None:
        """The keeper is gone for good and left no record of an end."""
        self._end(KeeperGone(), None, None, reason)

    def on_cut_off(self, reason: str) -> None:
        """The link is gone; whether keeper and process are as well has to be found out."""
        self.on_cut_loose(self, self.let_go(), reason)

    def on_superseded(self) -> None:
        """Another engine holds the session; this one lets go."""
        self.superseded = True
        self.reader.close()
        self.on_cut_loose(self, self.let_go(), "another engine holds it")

    def let_go(self) -> Run | None:
        """Have no run any more; the one that there was."""
        offset = self.offset
        run, self.run = self.run, None
        self._offset = offset
        return run

    def _end(
        self, event: LifecycleEvent, code: int | None, signal: int | None, reason: str = ""
    ) -> None:
        how = reason or describe_end(code, signal)
        run = self.let_go()
        self.progress = None
        self.move(
            event,
            status=self.reader.finish(how),
            exit_code=code,
            exit_signal=signal,
            ended_at=self.services.clock.now(),
            reason=how,
            pid=None,
            keeper_pid=None,
            title=self.title,
            session_ref=self._found_ref(),
        )
        self.ended.set()
        self.on_ended(self, run)

    def _found_ref(self) -> str | None:
        """The agent's own session id, read off its last lines if it says one at its end."""
        pattern = self.definition.resume.found_by
        if pattern is None:
            return self.record.session_ref
        text = "\n".join(self.screen.emulator.lines())
        found = [match["ref"] for match in pattern.finditer(text)]
        return found[-1] if found else self.record.session_ref

    async def until(self, wanted: Callable[[Session], bool], seconds: float | None) -> bool:
        """Whether ``wanted`` came true within ``seconds``; looked at after every change."""
        return await self.waiting.until(lambda: wanted(self), seconds)


def _standing(record: SessionRecord) -> tuple[Any, ...]:
    return (record.lifecycle, record.status.activity, record.status.request)


def describe_end(code: int | None, signal: int | None) -> str:
    """How a process ended, in words."""
    if signal is not None:
        return f"ended by signal {signal}"
    if code is None:
        return "ended; nobody saw how"
    return f"exited with code {code}"


def _done() -> asyncio.Future[None]:
    """What is left to wait for where nothing changed."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
