"""A practice agent with a full screen: worker, approver, asker, crasher, limited."""

from __future__ import annotations

from .dice import Dice, Pace
from .editor import SECOND_PRESS, Editor
from .keys import Key
from .phrases import STORIES, TRACEBACK
from .program import Program
from .runner import Runner
from .screen import Cursor, Painter, Transcript, box_rows, lay_out
from .signals import Announcer
from .text import Row, clean
from .turns import turn_of

QUEUE_LIMIT = 10
CRASH_CODE = 3
HINT = "Say what should be done"
FOOTER = "enter sends · ctrl+j new line · ctrl+c interrupts · /exit leaves"
ARMED_FOOTER = "Press Ctrl-C again to leave"
LOGO = """\
 ▗▄▄▖   Practice {role}
 ▐▘▝▌   seed {seed} · {place}
 ▝▀▀▘   scripted: it pretends, and touches no file"""


class Agent(Program):
    """One agent of the crew; ``role`` is a debater's or a key of ``TURNS``, ``place`` is shown only."""

    full_screen = True

    def __init__(self, role: str, seed: int, pace: Pace, place: str) -> None:
        self._role = role
        self._seed = seed
        self._pace = pace
        self._order = Dice(seed).order(len(STORIES))
        self._transcript = Transcript()
        self._transcript.add("logo", LOGO.format(role=role, seed=seed, place=clean(place)))
        announcer = Announcer(role)
        self._outbox = announcer.start()
        self._runner = Runner(self._transcript, announcer, pace)
        self._editor = Editor()
        self._painter = Painter()
        self._queue: list[str] = []
        self._turns = 0
        self._own_turns = 0
        self._rest_until: float | None = None
        self._pressed_at: float | None = None

    @property
    def due(self) -> float | None:
        """When ``tick`` is wanted next; None: not before a key."""
        if self._runner.busy:
            return self._runner.due
        waits = [] if self._rest_until is None else [self._rest_until]
        if self._pressed_at is not None:
            waits.append(self._pressed_at + SECOND_PRESS)
        return min(waits, default=None)

    @property
    def farewell(self) -> str:
        """How it died, or what it did."""
        if self.crashed:
            return TRACEBACK.replace("\n", "\r\n")
        turns = "1 turn" if self._turns == 1 else f"{self._turns} turns"
        return f"Practice {self._role} left after {turns}.\r\n"

    def begin(self, prompt: str | None, turns: int) -> None:
        """Start with ``prompt``; go on with prompts of its own until ``turns`` turns are made."""
        self._own_turns = turns
        if prompt is not None:
            self._queue.append(prompt)
        if prompt is not None or turns:
            self._rest_until = 0.0

    def key(self, key: Key, now: float) -> None:
        """React to one key."""
        name = key[0]
        if name == "ctrl-c":
            self._interrupt_or_leave(now)
            return
        self._pressed_at = None
        if self._runner.dialog is not None:
            if self._runner.dialog.key(key):
                self._runner.answer(self._runner.dialog.answer, now)
                self._settle(now)
        elif name == "esc" and self._runner.busy:
            self._interrupt(now)
        elif name == "ctrl-d" and not self._editor.text:
            self.exit_code = 0
        else:
            self._edit(key, now)

    def tick(self, now: float) -> None:
        """Go on with the turn, or begin one that is due."""
        if self._pressed_at is not None and self._pressed_at + SECOND_PRESS <= now:
            self._pressed_at = None
        if self._runner.busy:
            self._runner.advance(now)
            self._settle(now)
        elif self._rest_until is not None and self._rest_until <= now:
            if self._editor.text:  # somebody is typing: let him finish
                self._rest_until = now + self._pace.rest()
            else:
                self._begin(now)

    def resized(self) -> None:
        """Paint everything again: the terminal has another size."""
        self._painter.reset()

    def output(self, size: tuple[int, int]) -> str:
        """The bytes that bring a terminal of ``size`` (columns, lines) up to date."""
        cols, lines = size
        told = self._outbox + self._runner.announced
        self._outbox = self._runner.announced = ""
        bottom, cursor = self._bottom(cols)
        rows, start = lay_out(self._transcript, bottom, cols, lines)
        if cursor is not None:
            cursor = (min(cursor[0], cols - 1), max(start + cursor[1], 0))
        return told + self._painter.frame(rows, cursor)

    def _bottom(self, cols: int) -> tuple[list[Row], Cursor | None]:
        if self._runner.dialog is not None:
            return self._runner.dialog.rows(cols)
        above = self._working_rows()
        footer = FOOTER if self._pressed_at is None else ARMED_FOOTER
        rows, (column, line) = box_rows(self._editor.text, HINT, footer, cols)
        return above + rows, (column, line + len(above))

    def _working_rows(self) -> list[Row]:
        if not self._runner.busy:
            return [[]]
        message = self._runner.focus.message.capitalize()
        rows: list[Row] = [[], [("accent", f"✻ {message}…"), ("dim", " (esc to interrupt)")]]
        rows += [[("dim", f"  Queued: {prompt}".replace("\n", " "))] for prompt in self._queue]
        return [*rows, []]

    def _edit(self, key: Key, now: float) -> None:
        prompt = self._editor.key(key, now)
        if not prompt:
            return
        if prompt == "/exit":
            self.exit_code = 0
        elif len(self._queue) < QUEUE_LIMIT:
            self._queue.append(prompt)
            if not self._runner.busy:
                self._begin(now)

    def _begin(self, now: float) -> None:
        """Begin the next turn, with what was asked or else with a prompt of its own."""
        prompt = self._queue.pop(0) if self._queue else self._own_prompt()
        self._rest_until = None
        self._turns += 1
        self._transcript.add("you", clean(prompt))
        # Dice of its own, so that an interrupted turn doesn't change those that follow.
        dice = Dice(self._seed * 1_000_003 + self._turns)
        self._runner.start(turn_of(self._role, self._seed, dice, prompt), now)

    def _own_prompt(self) -> str:
        return STORIES[self._order[self._turns % len(STORIES)]].prompt

    def _settle(self, now: float) -> None:
        """What follows when the turn has just ended."""
        if self._runner.crashed:
            self.crashed = True
            self.exit_code = CRASH_CODE
        elif self._runner.busy:
            return
        elif self._queue:
            self._begin(now)
        elif self._turns < self._own_turns:
            self._rest_until = now + self._pace.rest()

    def _interrupt(self, now: float) -> None:
        self._queue.clear()
        self._runner.interrupt()
        self._settle(now)

    def _interrupt_or_leave(self, now: float) -> None:
        if self._runner.busy:
            self._interrupt(now)
        elif self._pressed_at is not None and now - self._pressed_at <= SECOND_PRESS:
            self.exit_code = 0
        else:
            self._editor.clear()
            self._pressed_at = now
