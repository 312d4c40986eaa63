"""Which key presses are repeats of a key that is held down."""

from __future__ import annotations

HELD_SECONDS = 0.3


class Repeats:
    """Remembers which key was pressed last, and when.

    Terminals don't tell a repeat from a press, so the same key again within 0.3 s counts as held,
    unless another one came between: a held key repeats every 20 to 100 ms, and alone.
    """

    def __init__(self) -> None:
        self._last = ""
        self._at = 0.0

    def press(self, key: str, at: float) -> bool:
        """Note that ``key`` was read ``at`` this time in seconds; whether it is held down."""
        held = key == self._last and at - self._at < HELD_SECONDS
        self._last, self._at = key, at
        return held

    def forget(self) -> None:
        """Keys went elsewhere: the next one is held by nobody."""
        self._last = ""
