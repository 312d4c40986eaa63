"""Chance that is the same everywhere for the same seed, and the speed of an agent."""

from __future__ import annotations

MASK = (1 << 64) - 1


class Dice:
    """A small generator (splitmix64): quicker to load than ``random``, and fixed by us."""

    def __init__(self, seed: int) -> None:
        self._state = seed & MASK

    def roll(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + self.roll() % (high - low + 1)

    def fraction(self) -> float:
        """A number from 0 up to, not including, 1."""
        return (self.roll() >> 11) / (1 << 53)

    def pick(self, texts: tuple[str, ...]) -> str:
        """One of ``texts``."""
        return texts[self.roll() % len(texts)]

    def order(self, count: int) -> list[int]:
        """The numbers from 0 to ``count`` - 1, shuffled."""
        numbers = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.between(0, last)
            numbers[last], numbers[other] = numbers[other], numbers[last]
        return numbers


class Pace:
    """How long things take, in seconds: ``fast``, ``person``, or a step's own length."""

    def __init__(self, name: str, dice: Dice) -> None:
        self._step = 0.008 if name == "fast" else 0.0 if name == "person" else float(name)
        self._person = name == "person"
        self._fast = name == "fast"
        self._dice = dice

    def step(self) -> float:
        """One piece of work: reading a file, running a command."""
        return 0.5 + 1.3 * self._dice.fraction() if self._person else self._step

    def word(self) -> float:
        """One word of streamed text."""
        return 0.02 + 0.05 * self._dice.fraction() if self._person else self._step / 20

    def rest(self) -> float:
        """Between two turns that an agent starts by itself."""
        if self._person:
            return 5 + 9 * self._dice.fraction()
        return self._step * (2 if self._fast else 4)
