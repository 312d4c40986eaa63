"""Reads a session's status: turns what its terminal tells into observations for the detector."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum
from typing import Protocol

from ..base.errors import QuarterdeckError
from ..protocol.status import Status
from .agents.definition import AgentDefinition
from .records import SessionRecord
from .run import Run
from .screen import SessionScreen
from .services import Services
from .settling import Settling
from .signs import observed, program_report
from .status.detector import StatusDetector
from .status.explain import Explanation
from .status.inputs import (
    ClearCause,
    FocusChanged,
    ForegroundSeen,
    Moment,
    Observation,
    OutputSeen,
    ProcessExited,
    ProcessStarted,
    PromptSubmitted,
    ReportsCleared,
    RequestAnswered,
    ScreenSettled,
    TimePassed,
    TitleSeen,
    TypedInput,
)
from .terminal.signals import ProgramStatus, TitleChanged
from .terminal.status_protocol import Report

BOTTOM_LINES = 200

TELL_PAUSE = 0.05
"""Seconds between two statuses that output leads to: a program may claim thousands a second."""

BLIND_LIMIT = 2.0
"""Seconds after which a screen that lost output is drawn anew, even if the output never pauses."""


class Sight(Enum):
    """Whether the screen is what the program shows; if not, how far its repaint has come."""

    CLEAR = "clear"
    LOST = "lost"
    ASKED = "asked"
    SHRUNK = "shrunk"
    DUE = "due"
    DRAWN = "drawn"


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

    def tell_progress(self) -> None:
        """Title and progress may be others than those that were told."""
        ...

    def tell_usage(self, cost: float, tokens: float) -> None:
        """The program has spent so much since it began."""
        ...

    def ask_repaint(self) -> None:
        """Make the program draw its screen anew."""
        ...


class Reader:
    """One session's detector, fed and woken.

    The screen is read when the output has paused for ``settle`` seconds, and during a flood every
    ``settle_limit`` seconds. An agent without rules is asked for its foreground group then. After
    a loss of output nothing is read off the screen until the program has drawn it anew.
    """

    def __init__(self, session: Subject) -> None:
        self._session = session
        services = session.services
        self._detector = StatusDetector(
            session.definition,
            services.moment(),
            session.record.status if session.record.generation else None,
            seen_after=services.options.seen_after,
        )
        self._silent: Status | None = self._detector.status
        self._settling = Settling(
            self._settled, pause=services.options.settle, limit=services.options.settle_limit
        )
        self._resumed = False
        self._sight = Sight.CLEAR
        self._lost_at = 0.0
        self._told_at = float("-inf")
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def detector(self) -> StatusDetector:
        """The machine that decides."""
        return self._detector

    def explain(self) -> Explanation:
        """What says the status in force, and what was passed over."""
        return self._detector.explain()

    # The process

    def begin(self) -> Status:
        """A process starts; all that was seen before belongs to the past."""
        self.close()
        self._sight, self._silent, self._resumed = Sight.CLEAR, None, False
        return self._fed(ProcessStarted(self._now()))

    def resume(self) -> None:
        """A process is taken up again that has been running; its status is read anew."""
        self.close()
        self._resumed = True
        self._silent = self._fed(ProcessStarted(self._now(), resumed=True))

    def recall(self) -> None:
        """A process ended before this engine: what it left behind still stands."""
        self._session.screen.emulator.status.process_exited()
        ended = ProcessExited(self._now(), self._session.record.reason)
        self._silent = self._fed(*self._reports(), ended)

    def finish(self, how: str) -> Status:
        """The process is over; ``how`` says it in words."""
        self.close()
        self._session.screen.emulator.status.process_exited()
        return self._fed(ProcessExited(self._now(), how))

    def close(self) -> None:
        """Read no more."""
        self._settling.cancel()
        for handle in (self._wake, self._asking):
            if handle is not None:
                handle.cancel()
        self._wake = self._asking = None

    # Output

    def output(self) -> None:
        """The screen took output in."""
        if self._sight is Sight.DUE:
            self._sight = Sight.DRAWN
        moment = self._now()
        for signal in self._session.screen.emulator.take_signals():
            if isinstance(signal, TitleChanged):
                self._session.title = signal.title
            elif isinstance(signal, ProgramStatus):
                self._session.progress = signal.report.progress
                self._spent(signal.report)
            self._fed(*observed(signal, moment))
        self._fed(OutputSeen(moment))
        if moment.at - self._told_at >= TELL_PAUSE:
            self._tell()
        self._settling.disturbed()

    def _spent(self, report: Report) -> None:
        """Pass on what the program says of itself that it has spent."""
        if not report.id and (report.cost is not None or report.tokens is not None):
            self._session.tell_usage(report.cost or 0.0, report.tokens or 0.0)

    def lost(self) -> None:
        """A part of the output is gone: what was read of the session counts no more."""
        if self._sight is Sight.CLEAR:
            self._lost_at = self._now().at
        self._sight = Sight.LOST
        moment = self._now()
        if self._session.definition.readable:
            self._silent = None
            cleared = ReportsCleared(moment, ClearCause.RESET)
            self._observe(ProcessStarted(moment, resumed=True), cleared)

    def resized(self) -> None:
        """The terminal has another size from here on: the second one of a nudge ends it."""
        following = {Sight.ASKED: Sight.SHRUNK, Sight.SHRUNK: Sight.DUE}
        self._sight = following.get(self._sight, self._sight)

    def caught_up(self) -> None:
        """All output from before this link was taken in."""
        if self._sight is Sight.LOST:
            self._ask_repaint()
        if self._session.definition.readable:
            self._silent = None
        self.look(everything=True)

    def look(self, *, everything: bool = False) -> None:
        """Read the screen now; with ``everything``, the title and the program's reports, too."""
        self._settling.cancel()
        if self._sight is Sight.CLEAR:
            told = self._standing() if everything else [self._screen()]
            self._observe(*told)
        self._session.tell_progress()
        self._look_again()
        if not self._session.definition.readable:
            self._ask_foreground()

    def _settled(self, paused: bool) -> None:
        self._session.screen.refresh()
        blind = self._now().at - self._lost_at
        if self._sight is Sight.LOST and (paused or blind >= BLIND_LIMIT):
            self._ask_repaint()
        drawn = self._sight is Sight.DRAWN and (paused or blind >= BLIND_LIMIT)
        if drawn:
            self._sight = Sight.CLEAR
        self.look(everything=drawn)

    def _ask_repaint(self) -> None:
        self._sight = Sight.ASKED
        self._session.ask_repaint()

    def _look_again(self) -> None:
        """An open frame is shown when its time is over, whether more output comes or not."""
        held_until = self._session.screen.emulator.held_until
        if held_until is not None:
            self._settling.after(held_until - self._now().at)

    def _screen(self) -> Observation:
        emulator = self._session.screen.emulator
        cursor = emulator.cursor
        lines = tuple(emulator.lines()[-BOTTOM_LINES:])
        at = cursor.y - max(emulator.rows - BOTTOM_LINES, 0)
        return ScreenSettled(self._now(), lines, at if cursor.visible and at >= 0 else None)

    def _standing(self) -> list[Observation]:
        """What the terminal shows and was told, of which no signals come any more."""
        title = self._session.screen.emulator.title
        if title:
            self._session.title = title
        titles = [TitleSeen(self._now(), title)] if title else []
        return [*self._reports(), *titles, self._screen()]

    def _reports(self) -> list[Observation]:
        records = self._session.screen.emulator.status.records()
        return [program_report(record, self._now()) for record in records]

    # What a person does

    def typed(self) -> None:
        """A person typed."""
        self._observe(TypedInput(self._now()))

    def submitted(self) -> None:
        """A prompt was delivered."""
        self._observe(PromptSubmitted(self._now()))

    def answered(self, request_id: str) -> None:
        """The keys that answer a request were typed."""
        self._observe(RequestAnswered(self._now(), request_id))

    def focused(self, focused: bool) -> None:
        """Whether anyone looks at the session now."""
        self._observe(FocusChanged(self._now(), focused))

    # The detector and its timer

    def _now(self) -> Moment:
        return self._session.services.moment()

    def _observe(self, *observations: Observation) -> None:
        self._fed(*observations)
        self._tell()

    def _fed(self, *observations: Observation) -> Status:
        """Feed the detector, and set the timer for when it wants to look again; its status."""
        if observations:
            self._detector.feed_all(observations)
        wake_at = self._detector.wake_at
        if self._wake is None or wake_at != self._wake_at:
            self._set_wake(wake_at)
        return self._detector.status

    def _set_wake(self, wake_at: float | None) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        self._wake_at = wake_at
        if wake_at is not None:
            delay = max(wake_at - self._session.services.clock.monotonic(), 0.0)
            self._wake = asyncio.get_running_loop().call_later(delay, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self._observe(TimePassed(self._now()))

    def _tell(self) -> None:
        """Tell the status, unless it is one that says nothing against the kept one."""
        status = self._detector.status
        if status == self._silent:
            return
        kept = self._session.status
        self._told_at = self._now().at
        if self._resumed and status.model_copy(update={"since": kept.since}) == kept:
            self._silent = status
            return
        self._silent, self._resumed = None, False
        if status != kept:
            self._session.on_status(status)

    # The foreground

    def _ask_foreground(self) -> None:
        if self._session.run is None or (self._asking is not None and not self._asking.done()):
            return
        self._asking = asyncio.create_task(self._foreground(), name="session-foreground")

    async def _foreground(self) -> None:
        run = self._session.run
        if run is None:
            return
        with contextlib.suppress(QuarterdeckError):  # the keeper's end is told by the run
            front = await run.foreground()
            self._silent = None
            self._observe(ForegroundSeen(self._now(), front.is_child, front.name))
