"""One session: its record, its status, its run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from ..protocol.events import Cause, EventPayload, SessionUpdated, StatusChanged, StatusProgress
from ..protocol.status import Status
from ..protocol.views import SessionView
from .agents.definition import AgentDefinition
from .keeper.places import KeeperPlaces, places_for
from .lifecycle import LIVING, KeeperGone, LifecycleEvent, ProcessEnded, decide
from .reader import Reader
from .records import AddStatus, SaveSession, SessionChange, SessionRecord, StatusEntry
from .run import Run
from .screen import SessionScreen
from .services import Services


class Session:
    """A session's present; every change of it is journalled as it happens.

    ``run`` is there while a keeper is held.
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
        self.title = record.title
        self.progress: int | None = None
        self._offset = 0
        self.claimed = False
        self.ended = asyncio.Event()
        self.sent_signals: frozenset[int] = frozenset()
        self.snapshot_generation = -1
        self.repaint_wanted = False
        self.on_ended: Callable[[Session], None] = lambda _: None
        self._waiters: set[asyncio.Future[Status]] = set()
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
        """Where the keeper of the present start has its socket and files."""
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
            version=record.version,
        )

    # Changes

    def change(
        self,
        cause: Cause | None = None,
        *,
        also: Sequence[SessionChange] = (),
        tell: Sequence[EventPayload] | None = None,
        **fields: Any,
    ) -> Awaitable[None]:
        """Set ``fields`` of the record, journal it, tell the world; in force at once.

        ``tell`` replaces the event that tells of a mere update. The awaitable ends when all is on disk; it need not be awaited.
        """
        old = self.record
        self.record = replace(old, version=old.version + 1, **fields)
        changes: list[SessionChange] = [SaveSession(self.record), *also]
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
        self._wake_waiters()
        return done

    def move(
        self, event: LifecycleEvent, cause: Cause | None = None, **fields: Any
    ) -> Awaitable[None]:
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

    # What the reader and the run tell

    def on_status(self, status: Status) -> None:
        """The detector has come to another status."""
        self.change(status=status)

    def on_progress(self, title: str, progress: int | None) -> None:
        """The program set its title or told its progress."""
        if (title, progress) == (self.title, self.progress):
            return
        self.title, self.progress = title, progress
        event = StatusProgress(session_id=self.id, progress=progress, title=title)
        self.services.recorder.record([], [event])

    def on_output(self) -> None:
        """The screen took output in."""
        self.reader.output()

    def on_caught_up(self) -> None:
        """The screen is what the program shows now."""
        if self.repaint_wanted:
            self.ask_repaint()
        self.reader.look()

    def on_lost_output(self) -> None:
        """A part of the output is gone: start from an empty screen and ask for a repaint."""
        self.screen.replace(self.services.new_emulator(self.record.cols, self.record.lines))
        self.reader.forget()
        self.ask_repaint()

    def ask_repaint(self) -> None:
        """Make the program draw anew by a change of size and back."""
        self.repaint_wanted = False
        if self.run is not None:
            self.run.nudge(self.record.cols, self.record.lines)

    def on_exit(self, code: int | None, signal: int | None) -> None:
        """The process has ended."""
        self._end(ProcessEnded(code=code, signal=signal, sent=self.sent_signals), code, signal)

    def on_gone(self, reason: str) -> None:
        """The keeper is gone and left no record of an end."""
        self._end(KeeperGone(), None, None, reason)

    def on_superseded(self) -> None:
        """Another engine holds the session; this one lets go."""
        self.reader.close()

    def _end(
        self, event: LifecycleEvent, code: int | None, signal: int | None, reason: str = ""
    ) -> None:
        how = reason or describe_end(code, signal)
        ref = self._found_ref()
        status = self.reader.finish(how)
        self.move(
            event,
            status=status,
            exit_code=code,
            exit_signal=signal,
            ended_at=self.services.clock.now(),
            reason=how,
            pid=None,
            keeper_pid=None,
            title=self.title,
            session_ref=ref,
        )
        self.ended.set()
        self.on_ended(self)

    def _found_ref(self) -> str | None:
        """The agent's own session id, read off its last lines if it says one at its end."""
        pattern = self.definition.resume.found_by
        if pattern is None:
            return self.record.session_ref
        text = "\n".join(self.screen.emulator.lines())
        found = [match["ref"] for match in pattern.finditer(text)]
        return found[-1] if found else self.record.session_ref

    # Waiting

    async def until(self, wanted: Callable[[Session], bool], seconds: float) -> bool:
        """Whether ``wanted`` came true within ``seconds``; looked at after every change."""
        try:
            async with asyncio.timeout(seconds):
                while not wanted(self):
                    future: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
                    self._waiters.add(future)
                    try:
                        await future
                    finally:
                        self._waiters.discard(future)
        except TimeoutError:
            return wanted(self)
        return True

    def _wake_waiters(self) -> None:
        for future in self._waiters:
            if not future.done():
                future.set_result(self.record.status)


def _standing(record: SessionRecord) -> tuple[Any, ...]:
    return (record.lifecycle, record.status.activity, record.status.request)


def describe_end(code: int | None, signal: int | None) -> str:
    """How a process ended, in words."""
    if signal is not None:
        return f"ended by signal {signal}"
    if code is None:
        return "ended; nobody saw how"
    return f"exited with code {code}"
