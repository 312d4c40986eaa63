"""Practice agents that write on the main screen: idler and flooder."""

from __future__ import annotations

from .dice import Dice
from .editor import SECOND_PRESS, Editor
from .keys import Key
from .program import Program
from .signals import set_title
from .text import clean, fit

BURST = 1024
"""Bytes at most that the flooder writes at once, so that a key is seen between two bursts."""

BURSTS = 16
LEVELS = (
    "\x1b[32mINFO \x1b[0m",
    "\x1b[33mWARN \x1b[0m",
    "\x1b[1;31mERROR\x1b[0m",
    "\x1b[36mDEBUG\x1b[0m",
)
PARTS = ("reader", "session", "billing", "cache", "uploads", "scheduler")
EVENTS = ("accepted", "retried", "written", "expired", "flushed", "compacted", "rejected")


class LineAgent(Program):
    """A prompt on the last line; what was entered scrolls up and stands in ``line``."""

    role = ""
    prompt = ""

    def __init__(self, seed: int, place: str) -> None:
        self.line = ""
        self.outbox = (
            f"\x1b[36mPractice {self.role}\x1b[0m · seed {seed} · {clean(place)}\r\n"
            "\x1b[2mscripted: it pretends, and touches no file; /exit leaves\x1b[0m\r\n\r\n"
        )
        self._editor = Editor()
        self._shown = False
        self._pressed_at: float | None = None

    @property
    def farewell(self) -> str:
        """A new line where a signal left the prompt standing."""
        return "\r\n" if self.exit_code is None else ""

    def key(self, key: Key, now: float) -> None:
        """React to one key."""
        self._shown = False
        if key[0] == "ctrl-c":
            self._leave_on_second(now)
            return
        self._pressed_at = None
        if key[0] == "ctrl-d" and not self._editor.text:
            self.exit_code = 0
            return
        text = self._editor.key(key, now)
        if text is not None:
            self.enter(text)

    def resized(self) -> None:
        """Paint the prompt again: the terminal has another size."""
        self._shown = False

    def output(self, size: tuple[int, int]) -> str:
        """The bytes that bring a terminal of ``size`` (columns, lines) up to date."""
        told, self.outbox = self.outbox, ""
        if self.exit_code is not None:
            return f"\r\x1b[K{told}"
        if self._shown and not told:
            return ""
        self._shown = True
        text = self._editor.text.replace("\n", "⏎")
        room = max(size[0] - len(self.prompt) - 1, 1)
        shown = fit(text[::-1], room)[::-1]  # the end, where the cursor is
        return f"\r\x1b[K{told}\x1b[1m{self.prompt}\x1b[0m{shown}"

    def enter(self, text: str) -> None:
        """Take ``text`` as a line that was typed."""
        self.line = clean(text)
        self.outbox += self.prompt + self.line.replace("\n", "\r\n") + "\r\n"
        if self.line == "/exit":
            self.exit_code = 0
        else:
            self.react()

    def react(self) -> None:
        """Do what ``line`` asks for."""

    def _leave_on_second(self, now: float) -> None:
        if self._pressed_at is not None and now - self._pressed_at <= SECOND_PRESS:
            self.exit_code = 0
            return
        self._pressed_at = now
        self._editor.clear()
        self.outbox += "\x1b[2mPress Ctrl-C again to leave\x1b[0m\r\n"


class Idler(LineAgent):
    """Waits, and says again what it is told."""

    role = "idler"
    prompt = "idle> "

    def begin(self, prompt: str | None, turns: int) -> None:
        """Take ``prompt`` as typed; an idler makes no turns."""
        del turns
        if prompt is not None:
            self.enter(prompt)

    def react(self) -> None:
        """Say it again."""
        if self.line:
            self.outbox += self.line.replace("\n", "\r\n") + "\r\n"


def flood_line(dice: Dice) -> str:
    """One coloured line of a log that nobody needs."""
    clock = f"{dice.between(0, 23):02}:{dice.between(0, 59):02}:{dice.between(0, 59):02}"
    number = f"\x1b[35m{dice.roll() % 10**8:08}\x1b[0m"
    event = f"{dice.pick(EVENTS)} {number} in {dice.between(1, 900)} ms"
    return f"\x1b[2m{clock}\x1b[0m {dice.pick(LEVELS)} {dice.pick(PARTS):<10} {event}\r\n"


def flood_burst(dice: Dice) -> str:
    """Whole lines, ``BURST`` bytes at most."""
    burst = ""
    while len(burst) + len(line := flood_line(dice)) <= BURST:
        burst += line
    return burst


class Flooder(LineAgent):
    """Fills its screen until a key is pressed; ``rate`` in bytes a second, 0 for no limit."""

    role = "flooder"
    prompt = "flood> "

    def __init__(self, seed: int, place: str, rate: int) -> None:
        super().__init__(seed, place)
        dice = Dice(seed)
        self._bursts = [flood_burst(dice) for _ in range(BURSTS)]
        self._next = 0
        self._rate = rate
        self._flooding = False
        self._due: float | None = None

    @property
    def due(self) -> float | None:
        """When the next burst may follow, under a rate."""
        return self._due

    def begin(self, prompt: str | None, turns: int) -> None:
        """Flood, unless there is neither a prompt nor a turn to make."""
        if turns or prompt is not None:
            self.react()
        else:
            self.outbox += set_title("Flooder - ready")

    def react(self) -> None:
        """Flood, whatever the line says."""
        self.outbox += set_title("Flooder - working")
        self._flooding = True
        self.pouring = not self._rate
        self._due = 0.0 if self._rate else None

    def tick(self, now: float) -> None:
        """Enough time has passed for another burst."""
        self.pour()
        self._due = now + len(self._bursts[self._next]) / self._rate

    def pour(self) -> None:
        """Have another burst to write."""
        self._next = (self._next + 1) % BURSTS
        self.outbox += self._bursts[self._next]

    def key(self, key: Key, now: float) -> None:
        """Stop at any key; else as at any prompt."""
        if self._flooding:
            self._flooding = self.pouring = False
            self._due = None
            self.outbox += "\r\n" + set_title("Flooder - ready")
        else:
            super().key(key, now)

    def output(self, size: tuple[int, int]) -> str:
        """The bursts so far, or the prompt."""
        if not self._flooding:
            return super().output(size)
        told, self.outbox = self.outbox, ""
        return told
