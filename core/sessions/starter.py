"""Starting, stopping and letting go of sessions' processes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Coroutine, Mapping
from typing import Any

from ..base.errors import QuarterdeckError
from ..protocol.events import Cause, EnvError, EnvReady
from ..protocol.status import Lifecycle
from .agents.definition import AgentDefinition
from .faults import NotResumable, StopFailed
from .keeper.link import KeeperLink
from .keeper.places import erase_places
from .keeper.spawn import ChildSpec, spawn_keeper
from .lifecycle import ProcessUp, StartAsked, StartFailed, StopAsked
from .ports import Prepared
from .prompting import deliver_first_prompt
from .records import SaveSnapshot, ScreenSnapshot, SessionRecord
from .run import Run
from .screen import SessionScreen
from .services import Services
from .session import Session

FIRST_PROMPT = "session-first-prompt"

STOP_SIGNALS = frozenset({1, 9, 15})
"""What a keeper's stop may send: SIGHUP, SIGKILL, SIGTERM."""


class Starter:
    """Brings sessions' processes up and down; knows keepers, places and surroundings."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: set[asyncio.Task[None]] = set()

    def session(self, record: SessionRecord, definition: AgentDefinition) -> Session:
        """A session object for ``record``, with an empty screen."""
        screen = SessionScreen(record.id, self._services.new_emulator(record.cols, record.lines))
        session = Session(record, definition, self._services, screen)
        session.on_ended = self._ended
        return session

    async def start(self, session: Session, cause: Cause, *, resume: bool = False) -> None:
        """Start the session's process; one that is up is left as it is.

        :raises QuarterdeckError: if it can't be started; the session is crashed, and says why.
        """
        if session.record.lifecycle in {Lifecycle.STARTING, Lifecycle.RUNNING}:
            return
        try:
            argv = self._command(session, resume=resume)
            await self._announce(session, cause)
            await self._bring_up(session, argv, cause)
        except QuarterdeckError as error:
            await self._failed(session, error.message, cause)
            raise
        except BaseException:
            await self._failed(session, "its start was interrupted", cause)
            raise
        finally:
            session.claimed = False
        if session.record.prompt and session.record.generation == 1:
            self._later(deliver_first_prompt(session, session.record.prompt), FIRST_PROMPT)

    def _command(self, session: Session, *, resume: bool) -> tuple[str, ...]:
        """The agent's command line for this start."""
        record, definition = session.record, session.definition
        if resume:
            if not (record.session_ref and definition.resumable):
                raise NotResumable(
                    f"{record.name} can't be resumed: {definition.shown} "
                    + (
                        "never told its own session id."
                        if definition.resumable
                        else "has no way to."
                    )
                )
            args = definition.resume.args
        else:
            args = (*definition.args, *definition.resume.assign)
            if definition.resume.assign:
                session.change(session_ref=str(uuid.uuid4()))
        given = record.args or ()
        ref = session.record.session_ref or ""
        return tuple(
            part.replace("{session_ref}", ref) for part in (*definition.command, *args, *given)
        )

    async def _announce(self, session: Session, cause: Cause) -> None:
        session.sent_signals = frozenset()
        session.ended.clear()
        session.offset = 0
        status = session.reader.begin()
        await session.move(
            StartAsked(),
            cause,
            generation=session.record.generation + 1,
            status=status,
            reason="",
            exit_code=None,
            exit_signal=None,
            started_at=None,
            ended_at=None,
        )

    async def _bring_up(self, session: Session, argv: tuple[str, ...], cause: Cause) -> None:
        record = session.record
        prepared = await self._prepare(session, cause)
        options = self._services.options
        spec = ChildSpec(
            argv=prepared.exec(argv),
            cwd=prepared.cwd,
            env=self._environment(session, prepared.env),
            mode="pty",
            cols=record.cols,
            rows=record.lines,
            session_id=record.id,
            ring_bytes=options.ring_bytes,
            lag_rate=options.lag_rate,
            away_rate=options.away_rate,
            grace=options.stop_grace,
        )
        places = session.places
        await spawn_keeper(spec, places, timeout=options.start_timeout)
        link = await KeeperLink.connect(places, epoch=self._services.epoch, from_offset=0)
        session.screen.replace(self._services.new_emulator(record.cols, record.lines))
        up = session.move(
            ProcessUp(),
            cause,
            pid=link.welcome.child_pid,
            keeper_pid=link.welcome.keeper_pid,
            epoch=self._services.epoch,
            started_at=self._services.clock.now(),
        )
        session.run = Run(link, session.screen, session)
        await up

    async def _prepare(self, session: Session, cause: Cause) -> Prepared:
        containers = self._services.containers
        try:
            prepared = await containers.prepare(session.id, session.record.cwd, session.record.env)
        except QuarterdeckError as error:
            failed = EnvError(session_id=session.id, error=error.info())
            await self._services.recorder.record([], [failed], cause)
            raise
        ready = EnvReady(session_id=session.id, cwd=prepared.cwd, isolation=containers.isolation)
        await self._services.recorder.record([], [ready], cause)
        return prepared

    def _environment(self, session: Session, prepared: Mapping[str, str]) -> dict[str, str]:
        """The child's environment: ours, the terminal's facts, the agent's, the session's."""
        return {
            **self._services.environment,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **session.definition.env,
            **prepared,
            "QUARTERDECK_SESSION": session.id,
            "QUARTERDECK_NAME": session.record.name,
        }

    async def _failed(self, session: Session, reason: str, cause: Cause) -> None:
        """Record that there is no process."""
        if session.record.lifecycle is not Lifecycle.STARTING:
            return
        now = self._services.clock.now()
        status = session.reader.finish(reason)
        session.ended.set()
        with contextlib.suppress(QuarterdeckError):  # the first error is the one to tell
            await session.move(StartFailed(), cause, reason=reason, ended_at=now, status=status)

    async def stop(
        self, session: Session, cause: Cause | None = None, *, grace: float | None = None
    ) -> None:
        """Stop the process tree; SIGKILL after ``grace`` seconds. An ended one is left as it is.

        :raises StopFailed: if processes are left.
        """
        if not session.living:
            return
        grace = self._services.options.stop_grace if grace is None else grace
        session.sent_signals = STOP_SIGNALS
        if session.record.lifecycle is not Lifecycle.STOPPING:
            await session.move(StopAsked(), cause)
        if session.run is None:
            session.on_gone("its keeper is not there")
            return
        await session.run.stop(grace)
        try:
            async with asyncio.timeout(grace + self._services.options.start_timeout):
                await session.ended.wait()
        except TimeoutError as error:
            raise StopFailed(
                f"Processes of {session.record.name} are left after SIGKILL; look for them with ps "
                f"and the process id {session.record.pid}."
            ) from error

    def _ended(self, session: Session) -> None:
        """Keep an ended session's last screen, and let its keeper end."""
        self._later(self._wind_up(session))

    async def _wind_up(self, session: Session) -> None:
        run, session.run = session.run, None  # at once: a release meanwhile must not take it
        if run is not None:
            session.offset = run.offset
        with contextlib.suppress(QuarterdeckError):  # told by the journal; the ring is kept as well
            await self.keep_screen(session)
        if run is not None:
            with contextlib.suppress(QuarterdeckError):  # it is gone already
                await run.dismiss()

    async def keep_screen(self, session: Session) -> None:
        """Keep a snapshot of the screen, if it changed since the last one."""
        generation = session.screen.generation
        if generation == session.snapshot_generation or not session.record.generation:
            return
        snapshot = ScreenSnapshot(
            session_id=session.id,
            generation=session.record.generation,
            offset=session.offset,
            at=self._services.clock.now(),
            data=session.screen.emulator.snapshot(),
        )
        session.snapshot_generation = generation
        await self._services.recorder.record([SaveSnapshot(snapshot)], [])

    async def release(self, session: Session) -> None:
        """Let go of the session's keeper; its process goes on."""
        run, session.run = session.run, None
        session.reader.close()
        if run is not None:
            await run.close()

    async def erase(self, session: Session) -> None:
        """Remove the keeper's files of a session that is gone, and its surroundings."""
        await self.release(session)
        await asyncio.to_thread(erase_places, session.places)
        await self._services.containers.destroy(session.id)

    async def close(self) -> None:
        """Wait for what runs beside, and give up what waits for a person."""
        for task in self._tasks:
            if task.get_name() == FIRST_PROMPT:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, None], name: str = "session-wind-up") -> None:
        """Run ``work`` beside; it reports its own failures."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
