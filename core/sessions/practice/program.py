"""What the loop asks of every practice agent."""

from __future__ import annotations

from .keys import Key


class Program:
    """Keys and time go in, bytes for the terminal come out; no I/O, no clock of its own.

    ``exit_code`` is set when it is over, ``crashed`` when it died of its own doing. While
    ``pouring``, ``pour`` is wanted whenever the terminal takes more.
    """

    full_screen = False
    exit_code: int | None = None
    crashed = False
    pouring = False

    @property
    def due(self) -> float | None:
        """When ``tick`` is wanted next; None: not before a key."""
        return None

    @property
    def farewell(self) -> str:
        """What stays on the terminal when it is gone."""
        return ""

    def begin(self, prompt: str | None, turns: int) -> None:
        """Start with ``prompt``, if there is one; make ``turns`` turns without being asked."""

    def key(self, key: Key, now: float) -> None:
        """React to one key."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def pour(self) -> None:
        """Have another burst to write."""

    def resized(self) -> None:
        """Paint everything again: the terminal has another size."""

    def output(self, size: tuple[int, int]) -> str:
        """The bytes that bring a terminal of ``size`` (columns, lines) up to date."""
        raise NotImplementedError
