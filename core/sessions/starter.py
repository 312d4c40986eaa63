"""Starting and stopping sessions' processes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping

from ..base.errors import QuarterdeckError
from ..protocol.events import Cause, EnvError, EnvReady
from ..protocol.status import Lifecycle
from .adoption import about
from .agents.definition import AgentDefinition
from .faults import NotResumable, StopFailed
from .first_prompt import FirstPrompts
from .keeper.faults import KeeperEpoch, KeeperGone, KeeperTimeout
from .keeper.items import StopReport
from .keeper.places import KeeperPlaces
from .keeper.spec import ChildSpec
from .lifecycle import ProcessUp, StartAsked, StartFailed, StopAsked, decide
from .ports import Link, Prepared
from .records import SessionRecord
from .restore import Restorer
from .run import Run
from .screen import SessionScreen
from .services import Services
from .session import STOP_SIGNALS, Session
from .winding_up import WindingUp


class Starter:
    """Brings sessions' processes up and down; whoever calls holds the session's ``busy``."""

    def __init__(
        self,
        services: Services,
        winding_up: WindingUp,
        restorer: Restorer,
        first_prompts: FirstPrompts,
    ) -> None:
        self._services = services
        self._winding_up = winding_up
        self._restorer = restorer
        self._first_prompts = first_prompts

    def session(self, record: SessionRecord, definition: AgentDefinition) -> Session:
        """A session object for ``record``, with an empty screen."""
        screen = SessionScreen(record.id, self._services.new_emulator(record.cols, record.lines))
        session = Session(record, definition, self._services, screen)
        session.on_ended = self._winding_up.ended
        session.on_cut_loose = self._restorer.cut_loose
        return session

    async def start(self, session: Session, cause: Cause, *, resume: bool = False) -> None:
        """Start the session's process; one that is up is left as it is.

        :raises IllegalTransition: if it is being stopped.
        :raises NotResumable: if it can't be resumed.
        :raises QuarterdeckError: if it can't be started; the session is crashed, and says why.
        """
        if session.record.lifecycle in {Lifecycle.STARTING, Lifecycle.RUNNING}:
            return
        decide(session.record.lifecycle, StartAsked())
        ref = self._reference(session, resume=resume)
        try:
            await self._announce(session, cause, ref)
            await self._bring_up(session, self._command(session, resume=resume), cause)
        except QuarterdeckError as error:
            await self._failed(session, error.message, cause)
            raise
        except Exception as error:
            await self._failed(session, f"its start failed: {error!r}", cause)
            raise
        except BaseException:
            await self._failed(session, "its start was interrupted", cause)
            raise
        self._winding_up.erase_former(session)
        self._first_prompts.deliver(session)

    def _reference(self, session: Session, *, resume: bool) -> str | None:
        """The agent's id for the conversation that this start begins or goes on with."""
        record, definition = session.record, session.definition
        if not resume:
            return str(uuid.uuid4()) if definition.resume.assign else record.session_ref
        if not definition.resumable:
            raise NotResumable(f"{record.name} can't be resumed: {definition.shown} has no way to.")
        if not record.session_ref:
            raise NotResumable(
                f"{record.name} can't be resumed: {definition.shown} never told its own session id."
            )
        return record.session_ref

    def _command(self, session: Session, *, resume: bool) -> tuple[str, ...]:
        """The agent's command line for this start."""
        definition = session.definition
        own = definition.resume.args if resume else (*definition.args, *definition.resume.assign)
        ref = session.record.session_ref or ""
        return tuple(
            part.replace("{session_ref}", ref)
            for part in (*definition.command, *own, *(session.record.args or ()))
        )

    async def _announce(self, session: Session, cause: Cause, ref: str | None) -> None:
        session.sent_signals = frozenset()
        session.superseded = False
        session.ended.clear()
        session.offset = 0
        session.title, session.progress = "", None
        await session.move(
            StartAsked(),
            cause,
            generation=session.record.generation + 1,
            status=session.reader.begin(),
            session_ref=ref,
            title="",
            reason="",
            pid=None,
            keeper_pid=None,
            exit_code=None,
            exit_signal=None,
            started_at=None,
            ended_at=None,
        )

    async def _bring_up(self, session: Session, argv: tuple[str, ...], cause: Cause) -> None:
        record, places = session.record, session.places
        prepared = await self._prepare(session, cause)
        link = await self._reach(self._spec(session, prepared, argv), places)
        size = (record.cols, record.lines)
        session.screen.replace(self._services.new_emulator(*size))
        up = session.move(
            ProcessUp(),
            cause,
            status=session.reader.begin(),
            pid=link.welcome.child_pid,
            keeper_pid=link.welcome.keeper_pid,
            epoch=self._services.epoch,
            started_at=self._services.clock.now(),
        )
        session.run = Run(link, session.screen, session, size=size)
        await up

    async def _reach(self, spec: ChildSpec, places: KeeperPlaces) -> Link:
        """Start a keeper and connect to it; one that can't be reached is not left behind."""
        keepers, seconds = self._services.keepers, self._services.options.start_timeout
        keeper_pid = await keepers.spawn(spec, places, seconds=seconds)
        try:
            return await keepers.connect(places, epoch=self._services.epoch, offset=0)
        except BaseException:
            await keepers.end(keeper_pid)
            raise

    def _spec(self, session: Session, prepared: Prepared, argv: tuple[str, ...]) -> ChildSpec:
        options = self._services.options
        return ChildSpec(
            argv=prepared.exec(argv),
            cwd=prepared.cwd,
            env=self._environment(session, prepared.env),
            mode="pty",
            cols=session.record.cols,
            rows=session.record.lines,
            session_id=session.id,
            ring_bytes=options.ring_bytes,
            lag_rate=options.lag_rate,
            away_rate=options.away_rate,
            grace=options.stop_grace,
            about=about(session.record),
        )

    async def _prepare(self, session: Session, cause: Cause) -> Prepared:
        containers = self._services.containers
        try:
            prepared = await containers.prepare(session.id, session.record.cwd, session.record.env)
        except QuarterdeckError as error:
            failed = EnvError(session_id=session.id, error=error.info())
            self._services.recorder.record([], [failed], cause)
            raise
        ready = EnvReady(session_id=session.id, cwd=prepared.cwd, isolation=containers.isolation)
        self._services.recorder.record([], [ready], cause)
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
        session.screen.end()
        failed = session.move(
            StartFailed(),
            cause,
            reason=reason,
            ended_at=self._services.clock.now(),
            status=session.reader.finish(reason),
        )
        session.ended.set()
        with contextlib.suppress(QuarterdeckError):  # the first error is the one to tell
            await failed

    async def stop(
        self, session: Session, cause: Cause | None = None, *, grace: float | None = None
    ) -> None:
        """Stop the process tree; SIGKILL after ``grace`` seconds. An ended one is left as it is.

        :raises KeeperEpoch: if another engine holds it.
        :raises StopFailed: if processes are left.
        """
        if not session.living:
            return
        if session.superseded:
            raise KeeperEpoch(f"Another engine holds {session.record.name}; stop it there.")
        session.sent_signals = STOP_SIGNALS
        grace = self._services.options.stop_grace if grace is None else grace
        if session.record.lifecycle is not Lifecycle.STOPPING:
            asked = session.move(StopAsked(), cause)
            with contextlib.suppress(QuarterdeckError):  # a full disk must not keep it running
                await asked
        while session.living and not session.superseded:
            await self._end(session, grace)
        await session.settled()

    async def _end(self, session: Session, grace: float) -> None:
        """End the process, or find out that its keeper is gone or another link is there."""
        run, patience = session.run, self._services.options.start_timeout
        try:
            if run is not None:
                report = await run.stop(grace, patience)
                if report.left:  # they may write for ever
                    await asyncio.wait_for(session.ended.wait(), patience)
                else:
                    await run.behind_output(session.ended.wait(), patience)
                self._check(session, report)
        except (KeeperTimeout, TimeoutError) as error:
            raise StopFailed(
                f"Processes of {session.record.name} are left after SIGKILL, or its keeper hangs; "
                f"look for them with ps and the process id {session.record.pid}.",
                pid=session.record.pid,
            ) from error
        except KeeperGone:
            pass  # found out below
        await self._restorer.settled(session, run)

    @staticmethod
    def _check(session: Session, report: StopReport) -> None:
        if report.left:
            raise StopFailed(
                f"Processes of {session.record.name} are left after SIGKILL: "
                f"{', '.join(map(str, report.left))}. They may be another user's.",
                left=list(report.left),
            )
