"""Reads a session's status: turns what its terminal tells into observations for the detector."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol, assert_never

from ..base.errors import QuarterdeckError
from ..protocol.status import DialogKind, Status
from .agents.definition import AgentDefinition
from .records import SessionRecord
from .run import Run
from .screen import SessionScreen
from .services import Services
from .status.detector import StatusDetector
from .status.explain import Explanation
from .status.inputs import (
    AttentionSignal,
    ClearCause,
    FocusChanged,
    ForegroundSeen,
    Observation,
    OutputSeen,
    ProcessExited,
    ProcessStarted,
    ProgramReport,
    PromptSubmitted,
    ReportsCleared,
    ReportState,
    RequestAnswered,
    ScreenSettled,
    TimePassed,
    TitleSeen,
    TypedInput,
)
from .terminal.signals import (
    Bell,
    Notification,
    ProgramStatus,
    PromptMark,
    Signal,
    TerminalReset,
    TitleChanged,
    WorkingDirectory,
)

BOTTOM_LINES = 200


class Subject(Protocol):
    """The session that is read."""

    record: SessionRecord
    definition: AgentDefinition
    services: Services
    screen: SessionScreen
    run: Run | None
    title: str
    progress: int | None

    @property
    def living(self) -> bool:
        """Whether a process stands behind it."""
        ...

    @property
    def status(self) -> Status:
        """The status in force."""
        ...

    def on_status(self, status: Status) -> None:
        """Another status was read."""
        ...

    def on_progress(self, title: str, progress: int | None) -> None:
        """The program set its title or told its progress."""
        ...


class Reader:
    """One session's detector, fed and woken.

    The screen is read when the output has paused for ``settle`` seconds, and during a flood every
    ``settle_limit`` seconds. An agent without rules is asked for its foreground group then.
    """

    def __init__(self, session: Subject) -> None:
        self._session = session
        services = session.services
        kept = session.record.status if session.living else None
        self._detector = StatusDetector(session.definition, services.moment(), kept)
        self._settle: asyncio.TimerHandle | None = None
        self._unsettled_since: float | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def detector(self) -> StatusDetector:
        """The machine that decides."""
        return self._detector

    def explain(self) -> Explanation:
        """What says the status in force, and what was passed over."""
        return self._detector.explain()

    # The process

    def begin(self, *, resumed: bool = False) -> Status:
        """The process runs; unless it was taken up again, all seen before belongs to the past."""
        self._cancel()
        self._detector.feed(ProcessStarted(self._session.services.moment(), resumed=resumed))
        return self._take()

    def finish(self, how: str) -> Status:
        """The process is over; ``how`` says it in words."""
        self._cancel()
        self._detector.feed(ProcessExited(self._session.services.moment(), how))
        return self._take()

    def forget(self) -> None:
        """The screen is not to be trusted: what was read off it counts no more."""
        self._observe(ReportsCleared(self._session.services.moment(), ClearCause.RESET))

    def close(self) -> None:
        """Read no more."""
        self._cancel()

    def _cancel(self) -> None:
        for handle in (self._settle, self._wake, self._asking):
            if handle is not None:
                handle.cancel()
        self._settle = self._wake = self._asking = None
        self._unsettled_since = None

    # What happens

    def output(self) -> None:
        """The screen took output in."""
        moment = self._session.services.moment()
        for signal in self._session.screen.emulator.take_signals():
            self._signal(signal)
        self._observe(OutputSeen(moment))
        self._schedule_settle(moment.at)

    def typed(self) -> None:
        """A person typed."""
        self._observe(TypedInput(self._session.services.moment()))

    def submitted(self) -> None:
        """A prompt was delivered."""
        self._observe(PromptSubmitted(self._session.services.moment()))

    def answered(self, request_id: str) -> None:
        """The keys that answer a request were typed."""
        self._observe(RequestAnswered(self._session.services.moment(), request_id))

    def focused(self, focused: bool) -> None:
        """Whether anyone looks at the session now."""
        self._observe(FocusChanged(self._session.services.moment(), focused))

    def look(self) -> None:
        """Read the screen now."""
        if self._settle is not None:
            self._settle.cancel()
            self._settle = None
        self._unsettled_since = None
        emulator = self._session.screen.emulator
        cursor = emulator.cursor
        lines = tuple(emulator.lines()[-BOTTOM_LINES:])
        at = cursor.y - max(emulator.rows - BOTTOM_LINES, 0)
        cursor_line = at if cursor.visible and at >= 0 else None
        self._observe(ScreenSettled(self._session.services.moment(), lines, cursor_line))
        if not self._session.definition.readable:
            self._ask_foreground()

    def _signal(self, signal: Signal) -> None:
        moment = self._session.services.moment()
        match signal:
            case TitleChanged(title=title):
                self._session.on_progress(title, self._session.progress)
                self._observe(TitleSeen(moment, title))
            case ProgramStatus(report=report):
                self._session.on_progress(self._session.title, report.progress)
                kind = DialogKind(report.kind) if report.kind else None
                self._observe(
                    ProgramReport(
                        moment,
                        ReportState(report.state),
                        kind=kind,
                        message=report.msg,
                        id=report.id,
                        app=report.app,
                    )
                )
            case Bell():
                self._observe(AttentionSignal(moment, "bell"))
            case Notification(protocol=protocol, title=title, body=body):
                text = f"{title}: {body}" if title and body else title or body
                self._observe(AttentionSignal(moment, f"osc{protocol}", text))
            case PromptMark(kind=kind):
                if kind == "A":
                    self._observe(ReportsCleared(moment, ClearCause.PROMPT_MARK))
            case TerminalReset():
                self._observe(ReportsCleared(moment, ClearCause.RESET))
            case WorkingDirectory():
                pass  # where a program says it is changes nothing
            case _:
                assert_never(signal)

    # Timers: each is set by something that happened, none repeats by itself

    def _schedule_settle(self, now: float) -> None:
        options = self._session.services.options
        if self._unsettled_since is None:
            self._unsettled_since = now
        latest = self._unsettled_since + options.settle_limit
        delay = min(options.settle, max(latest - now, 0.0))
        if self._settle is not None:
            if latest - now <= options.settle:
                return  # the one that is set comes no later than the limit
            self._settle.cancel()
        self._settle = asyncio.get_running_loop().call_later(delay, self.look)

    def _observe(self, observation: Observation) -> None:
        self._detector.feed(observation)
        self._tell()

    def _tell(self) -> None:
        status = self._take()
        if status != self._session.status:
            self._session.on_status(status)

    def _take(self) -> Status:
        """The detector's status; the timer is set for when it wants to look again."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        wake_at = self._detector.wake_at
        if wake_at is not None:
            delay = max(wake_at - self._session.services.clock.monotonic(), 0.0)
            self._wake = asyncio.get_running_loop().call_later(delay, self._woken)
        return self._detector.status

    def _woken(self) -> None:
        self._wake = None
        self._observe(TimePassed(self._session.services.moment()))

    def _ask_foreground(self) -> None:
        if self._session.run is None or (self._asking is not None and not self._asking.done()):
            return
        self._asking = asyncio.create_task(self._foreground(), name="session-foreground")

    async def _foreground(self) -> None:
        run = self._session.run
        if run is None:
            return
        with contextlib.suppress(QuarterdeckError):  # the keeper's end is told by the run
            front = await run.link.foreground()
            moment = self._session.services.moment()
            self._observe(ForegroundSeen(moment, front.is_child, front.name))
