"""Carries out a turn step by step in the time that its pace gives."""

from __future__ import annotations

from .dialog import Dialog
from .dice import Pace
from .screen import Transcript
from .signals import Announcer
from .spending import Spending
from .turns import Crash, Focus, Limit, Permission, Question, Say, Step, Turn, Use


class Runner:
    """One turn at a time; writes into the transcript, collects what is to be announced.

    ``due`` is when it wants to go on (None: no turn, or a dialog waits); ``crashed`` is set by a
    turn that ends the process.
    """

    def __init__(self, transcript: Transcript, announcer: Announcer, pace: Pace) -> None:
        self.focus = Focus("", 0)
        self.dialog: Dialog | None = None
        self.due: float | None = None
        self.crashed = False
        self.announced = ""
        self._transcript = transcript
        self._announcer = announcer
        self._pace = pace
        self._turn: Turn | None = None
        self._words: list[str] = []
        self._result: str | None = None
        self._steps = 0
        self._spending = Spending()

    @property
    def busy(self) -> bool:
        """Whether a turn is on, be it waiting in a dialog."""
        return self._turn is not None

    def start(self, turn: Turn, now: float) -> None:
        """Begin ``turn``."""
        self._turn = turn
        self._steps = 0
        self._spending.turn()
        self.due = now
        self._follow(now, None)

    def advance(self, now: float) -> None:
        """Do all that is due."""
        while self.due is not None and self.due <= now:
            if self._words:
                self._transcript.extend(self._words.pop(0))
                self.due += self._pace.word()
            elif self._result is not None:
                self._transcript.add("result", self._result)
                self._result = None
                self.due += self._pace.step() / 4
            else:
                self._follow(self.due, None)

    def answer(self, answer: str | None, now: float) -> None:
        """Close the open dialog with ``answer`` and go on."""
        self.dialog = None
        self.announced += self._announcer.working(self.focus)
        self._follow(now, answer)

    def interrupt(self) -> None:
        """Give the turn up."""
        self._end()
        self._transcript.add("fault", "Interrupted. What should be done instead?")
        self.announced += self._announcer.idle()

    def _end(self) -> None:
        if self._turn is not None:
            self._turn.close()
        self._turn = self._result = self.dialog = self.due = None
        self._words = []

    def _follow(self, now: float, answer: str | None) -> None:
        """Take the turn's next step."""
        if self._turn is None:
            return
        try:
            step = self._turn.send(answer)
        except StopIteration:
            self._end()
            self._transcript.add("note", f"Finished in {self._steps} steps")
            self.announced += self._announcer.done(self._spending)
        else:
            self.due = now
            self._take(step, now)

    def _take(self, step: Step, now: float) -> None:
        if isinstance(step, Focus):
            self.focus = step
            self.announced += self._announcer.working(step)
        elif isinstance(step, Say):
            self._spending.said(step.text)
            first, *rest = step.text.split(" ")
            self._transcript.add("say", first)
            self._words = [f" {word}" for word in rest]
        elif isinstance(step, Use):
            self._steps += 1
            self._spending.step()
            self._transcript.add("tool", step.headline)
            self._result = step.result
            self.due = now + self._pace.step()
        elif isinstance(step, Crash):
            self._end()
            self.crashed = True
        elif isinstance(step, Limit):
            self._end()
            self._transcript.add("fault", step.text)
            self.announced += self._announcer.limited(step)
        else:
            self._ask(step)

    def _ask(self, step: Permission | Question) -> None:
        self.due = None
        self.dialog = Dialog(step)
        self.announced += self._announcer.blocked(step)
